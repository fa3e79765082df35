//! One place among the nodes of a document is held by all kinds of them in turn: what one of them leaves
//! behind must not be seen by the next.

use std::sync::Arc;

use livetree::op::{Create, Intent, NodeContent, OpKind, UpdateText};
use livetree::testing::model::{Model, nodes_of};
use livetree::testing::probe::watch_ops;
use livetree::text::{Segment, TextOp};
use livetree::{
    Actor, Document, FileMeta, IdSource, Json, Lson, NodeId, Op, OpId, Outcome, SmallStr, lson,
};
use serde_json::Value;

/// What happens to what is left.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// It is gone at once.
    Plain,
    /// It is kept until the changes are reported.
    Watched,
    /// It is kept while a savepoint is open.
    Kept,
    /// It comes back, for a while.
    TakenBack,
}

fn fields(count: usize) -> Arc<livetree::json::JsonObject> {
    Arc::new(
        (0..count).map(|n| (format!("k{n}").as_str().into(), Json::from("x".repeat(n)))).collect(),
    )
}

/// All kinds of nodes, in all forms that they have.
fn contents() -> Vec<NodeContent> {
    let register = |value: &str| NodeContent::Register(value.into());
    let segments = vec![Segment { text: "Hello".into(), attributes: None }];
    let file = FileMeta::new("fl_0123456789abcdefghijk", "a.png", 1, "image/png").unwrap();
    vec![
        NodeContent::Object(fields(0)),
        NodeContent::Object(fields(9)),
        NodeContent::Object(fields(65)),
        NodeContent::List,
        NodeContent::Map,
        register("short"),
        register("a text of thirty-six bytes, as UUIDs"),
        register("a text that is too long to lie in a cell"),
        NodeContent::Text { segments, version: 0 },
        NodeContent::File(Arc::new(file)),
    ]
}

struct World {
    document: Document,
    model: Model,
    clock: u64,
}

impl World {
    /// A list and a map.
    fn new() -> Self {
        let document = Document::from_lson(&lson!({ "l": [], "m": (Lson::map::<&str, Lson>([])) }));
        let document = document.unwrap();
        Self { model: Model::of(&document), document, clock: 0 }
    }

    fn op(&mut self, id: &NodeId, kind: OpKind) -> Op {
        self.clock += 1;
        Op::new(id.clone(), kind).with_op_id(OpId::minted(Actor(9), self.clock))
    }

    fn create(&mut self, id: &NodeId, parent: &NodeId, key: &str, content: NodeContent) -> Op {
        let create = Create {
            parent_id: parent.clone(),
            parent_key: key.into(),
            intent: Intent::Insert,
            deleted_id: None,
            content,
        };
        self.op(id, OpKind::Create(create))
    }

    /// Something in a container, or another content.
    fn fill(&mut self, id: &NodeId, content: &NodeContent) -> Option<Op> {
        let child = NodeId::from("3:1");
        let kind = match content {
            NodeContent::Object(_) => OpKind::UpdateObject { data: (*fields(3)).clone() },
            NodeContent::List => {
                return Some(self.create(&child, id, "!", NodeContent::Object(fields(2))));
            }
            NodeContent::Map => {
                return Some(self.create(&child, id, "k", NodeContent::Register(7.into())));
            }
            NodeContent::Text { .. } => {
                let ops = vec![TextOp::Insert { index: 2, text: "!".into(), attributes: None }];
                OpKind::UpdateText(UpdateText { base_version: 0, version: None, ops })
            }
            NodeContent::Register(_) | NodeContent::File(_) => return None,
        };
        Some(self.op(id, kind))
    }

    fn apply(&mut self, op: &Op, mode: Mode) {
        if mode == Mode::Watched {
            let mut mirror = Value::from(&self.document.to_json());
            watch_ops(&mut self.document, std::slice::from_ref(op)).apply_to(&mut mirror).unwrap();
            assert_eq!(Json::from(mirror), self.document.to_json());
        } else {
            assert!(matches!(self.document.apply(op), Outcome::Accepted { fix: None, .. }));
        }
        if let OpKind::UpdateText(_) = op.kind {
            // The model knows nothing of these.
            assert!(self.document.to_json().to_string().contains("He!llo"));
            self.model = Model::of(&self.document);
        } else {
            let _ = self.model.apply(op);
        }
        self.check();
    }

    fn check(&self) {
        self.document.check().unwrap();
        assert_eq!(&nodes_of(&self.document), self.model.nodes());
        assert_eq!(self.document.to_json(), self.model.to_json());
    }

    /// A node comes and goes, and one of another kind comes and goes in its place.
    fn pass(&mut self, ids: [&NodeId; 2], parent: &NodeId, of: [&NodeContent; 2], mode: Mode) {
        for (id, content) in ids.into_iter().zip(of) {
            let create = self.create(id, parent, "!", content.clone());
            self.apply(&create, mode);
            if let Some(op) = self.fill(id, content) {
                self.apply(&op, mode);
            }
            let delete = self.op(id, OpKind::DeleteCrdt);
            self.apply(&delete, mode);
        }
    }
}

fn every_kind_follows_every_other(mode: Mode) {
    let all = contents();
    for parent in ["l", "m"] {
        let mut world = World::new();
        let parent = world.document.at(&format!("/{parent}")).unwrap().id().unwrap().clone();
        for of in all.iter().flat_map(|one| all.iter().map(move |other| [one, other])) {
            for second in ["2:1", "2:2"] {
                let ids = [&NodeId::from("2:1"), &NodeId::from(second)];
                if matches!(mode, Mode::Plain | Mode::Watched) {
                    world.pass(ids, &parent, of, mode);
                    continue;
                }
                let before = world.model.clone();
                let savepoint = world.document.savepoint();
                world.pass(ids, &parent, of, mode);
                if mode == Mode::Kept {
                    world.document.commit(savepoint);
                } else {
                    world.document.rollback(savepoint);
                    world.model = before;
                }
                world.check();
            }
        }
        assert_eq!(world.document.node_count(), 3);
    }
}

#[test]
fn a_place_is_used_again_at_once() {
    every_kind_follows_every_other(Mode::Plain);
}

#[test]
fn a_place_is_used_again_while_changes_are_watched() {
    every_kind_follows_every_other(Mode::Watched);
}

#[test]
fn a_place_is_used_again_after_a_savepoint() {
    every_kind_follows_every_other(Mode::Kept);
}

#[test]
fn a_place_is_used_again_after_a_rollback() {
    every_kind_follows_every_other(Mode::TakenBack);
}

/// What is in the tree goes and comes back, while others take places and leave them.
#[test]
fn what_comes_back_is_what_it_was() {
    let all = contents();
    for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
        let mut world = World::new();
        let list = world.document.at("/l").unwrap().id().unwrap().clone();
        let (id, second) = (NodeId::from("2:1"), NodeId::from("2:2"));
        let create = world.create(&id, &list, "!", one.clone());
        world.apply(&create, Mode::Plain);
        if let Some(op) = world.fill(&id, one) {
            world.apply(&op, Mode::Plain);
        }
        let before = world.model.clone();
        let savepoint = world.document.savepoint();
        let delete = world.op(&id, OpKind::DeleteCrdt);
        world.apply(&delete, Mode::Watched);
        world.pass([&id, &second], &list, [other, other], Mode::Watched);
        let create = world.create(&id, &list, "!", other.clone());
        world.apply(&create, Mode::Watched);
        world.document.rollback(savepoint);
        world.model = before;
        world.check();
    }
}

/// The same by the calls that applications make: a value replaces another under one key.
#[test]
fn values_of_all_kinds_replace_each_other() {
    let file = FileMeta::new("fl_0123456789abcdefghijk", "a.png", 1, "image/png").unwrap();
    let wide = (0..65).map(|n| (SmallStr::from(format!("k{n}").as_str()), lson!(n)));
    let values = [
        lson!({ "a": 1, "b": [2, { "c": 3 }] }),
        Lson::object(wide),
        lson!([1, "two", { "three": 3 }]),
        Lson::map([("a", lson!(1)), ("b", lson!([2]))]),
        lson!("a register"),
        lson!("a register that is too long to lie in a cell"),
        Lson::text("Hello"),
        Lson::File(file),
    ];
    let mut document = Document::from_lson(&lson!({ "m": (Lson::map::<&str, Lson>([])) })).unwrap();
    let mut ids = IdSource::new(Actor(1));
    let alone = |value: &Lson| {
        Document::from_lson(&lson!({ "m": (Lson::map([("k", value.clone())])) })).unwrap()
    };
    let pairs = values.iter().flat_map(|one| values.iter().map(move |other| [one, other]));
    for (turn, pair) in pairs.enumerate() {
        let before = document.to_json();
        let savepoint = (turn % 3 > 0).then(|| document.savepoint());
        for value in pair {
            document.edit(&mut ids, |root| root.map("m")?.set("k", value.clone())).unwrap();
            document.check().unwrap();
            assert_eq!(document.to_json(), alone(value).to_json());
        }
        match savepoint {
            Some(savepoint) if turn % 3 == 1 => document.commit(savepoint),
            Some(savepoint) => {
                document.rollback(savepoint);
                assert_eq!(document.to_json(), before);
            }
            None => {}
        }
        document.check().unwrap();
    }
}
