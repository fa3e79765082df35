//! An op of somebody else that is put beneath the pending ops comes to the same as if those had been taken
//! back for it and applied again.
//!
//! Two clients in one seat make the same edits of one short list and take the same messages; one takes no
//! shortcuts. They show, report and send the same, and what lies beneath is what the server has.

use std::sync::Arc;

use livetree::client::{Shortcuts, Status};
use livetree::op::{Create, Intent, NodeContent, OpKind};
use livetree::server::{ServerOptions, SessionOptions};
use livetree::{
    Actor, Client, ClientMessage, Document, Json, Lson, NodeId, Op, OpId, Position, Server,
    ServerMessage, SmallStr, lson,
};
use proptest::prelude::*;

use crate::generate::cases;

/// A client and its twin, which takes no shortcuts, as one session of a server.
struct Pair {
    server: Server,
    one: Client,
    twin: Client,
    actor: Actor,
    /// What the two have said and the server has not heard.
    said: Vec<Vec<Op>>,
    /// Somebody else.
    other: Actor,
    clock: u64,
    list: NodeId,
    /// All nodes below it that ever were, as far as they were seen.
    known: Vec<NodeId>,
}

impl Pair {
    fn new(json: &str) -> Self {
        let document = Document::from_json(json.as_bytes()).unwrap();
        let list = document.at("/l").unwrap().id().unwrap();
        let mut server = Server::new(document, ServerOptions::default().check_ids(false));
        let [actor, other] = [(); 2].map(|()| server.connect(SessionOptions::default()).unwrap());
        let [one, mut twin] = [(); 2].map(|()| Client::new());
        twin.set_shortcuts(Shortcuts::None);
        let (said, known) = (Vec::new(), Vec::new());
        let mut pair = Self { server, one, twin, actor, said, other, clock: 0, list, known };
        pair.connect(false);
        pair
    }

    /// Both connect and load the document; before it comes they send again what is pending, or not.
    fn connect(&mut self, at_once: bool) {
        self.one.connected(self.actor);
        self.twin.connected(self.actor);
        let fetch = self.poll();
        assert_eq!(fetch, Some(ClientMessage::FetchStorage));
        if at_once {
            self.say();
        }
        let reply = self.server.receive(self.actor, fetch.unwrap(), 0).unwrap();
        self.hear(reply.sender);
    }

    /// The connection is lost. The server has heard so many of the messages that were under way.
    fn lose(&mut self, heard: usize, at_once: bool) {
        for ops in std::mem::take(&mut self.said).into_iter().take(heard) {
            let message = ClientMessage::UpdateStorage { ops };
            let _ = self.server.receive(self.actor, message, 0).unwrap();
        }
        self.one.disconnected();
        self.twin.disconnected();
        self.server.disconnect(self.actor);
        self.actor = self.server.connect(SessionOptions::default()).unwrap();
        self.connect(at_once);
    }

    /// Both make an edit, or none if it is not possible.
    fn act(&mut self, act: impl Fn(&mut Client)) {
        act(&mut self.one);
        act(&mut self.twin);
        self.compare();
    }

    fn poll(&mut self) -> Option<ClientMessage> {
        let message = self.one.poll_message();
        assert_eq!(self.twin.poll_message(), message);
        message
    }

    /// Both say what there is to say; the server hears it later.
    fn say(&mut self) {
        while let Some(ClientMessage::UpdateStorage { ops }) = self.poll() {
            self.said.push(ops);
        }
    }

    fn hear(&mut self, messages: impl IntoIterator<Item = ServerMessage>) {
        for message in messages {
            let received = self.one.receive(message.clone()).unwrap();
            let other = self.twin.receive(message.clone()).unwrap();
            assert_eq!(received, other, "{message:?}");
            self.compare();
        }
    }

    /// The server hears the next message, but refuses some of its ops.
    fn answer(&mut self, refused: u32) {
        if self.said.is_empty() {
            return;
        }
        let ops = self.said.remove(0).into_iter().enumerate();
        let (refused, ops): (Vec<_>, Vec<_>) =
            ops.partition(|(number, _)| refused >> (number % 32) & 1 == 1);
        let op_ids: Vec<OpId> = refused.into_iter().filter_map(|(_, op)| op.op_id).collect();
        if !op_ids.is_empty() {
            self.hear([ServerMessage::RejectOps { op_ids, reason: "no".into() }]);
        }
        let ops = ops.into_iter().map(|(_, op)| op).collect();
        let reply = self.server.receive(self.actor, ClientMessage::UpdateStorage { ops }, 0);
        self.hear(reply.unwrap().sender);
    }

    /// Somebody else sends ops, of which the two hear in one message.
    fn others_send(&mut self, ops: Vec<Op>) {
        let named = ops.into_iter().map(|op| {
            self.clock += 1;
            op.with_op_id(OpId::from(format!("{}:{}", self.other, self.clock).as_str()))
        });
        let message = ClientMessage::UpdateStorage { ops: named.collect() };
        let reply = self.server.receive(self.other, message, 0).unwrap();
        self.hear(reply.others);
    }

    fn compare(&mut self) {
        self.one.document().check().unwrap();
        let [shown, other] = [&self.one, &self.twin].map(|client| client.document().nodes());
        assert!(
            shown.eq(other),
            "{} {}",
            self.one.document().to_json(),
            self.twin.document().to_json()
        );
        assert!(self.one.pending().eq(self.twin.pending()), "{:?}", self.pending());
    }

    /// What lies beneath the pending ops is what the server has.
    fn look_beneath(&mut self) {
        let confirmed = self.one.confirmed_nodes();
        let server: Vec<_> = self.server.document().nodes().collect();
        assert_eq!(confirmed, server);
        self.compare();
    }

    /// All is said and answered.
    fn settle(&mut self, refused: u32) {
        while self.one.status() != Status::Synchronized {
            self.say();
            assert!(!self.said.is_empty(), "{:?} wait", self.pending());
            self.answer(refused);
        }
        self.look_beneath();
        assert!(self.one.document().nodes().eq(self.server.document().nodes()));
    }

    fn pending(&self) -> Vec<&Op> {
        self.one.pending().collect()
    }

    /// Notes down which nodes there are.
    fn note_known(&mut self) {
        let shown = [self.server.document(), self.one.document()];
        let shown = shown.into_iter().flat_map(|document| document.nodes().map(|node| node.id));
        let pending = self.one.pending().map(|op| op.id.clone());
        for id in shown.chain(pending).collect::<Vec<_>>() {
            if id != NodeId::ROOT && id != self.list && !self.known.contains(&id) {
                self.known.push(id);
            }
        }
    }
}

/// Ids and positions of the items of a list.
fn items(document: &Document, list: &NodeId) -> Vec<(NodeId, SmallStr)> {
    let nodes = document.nodes().filter_map(|node| Some((node.id, node.parent?)));
    nodes.filter(|(_, (parent, _))| parent == list).map(|(id, (_, key))| (id, key)).collect()
}

/// One of several; none if there are none.
fn some<T>(of: &[T], number: usize) -> Option<&T> {
    of.get(number.checked_rem(of.len())?)
}

/// An edit of the list; numbers are of items.
#[derive(Clone, Debug)]
enum Mine {
    Insert(usize, u8),
    Push(u8),
    Set(usize, u8),
    Move(usize, usize),
    Delete(usize),
    SetField(usize, u8),
    DeleteField(usize),
    Undo,
    Redo,
}

impl Mine {
    fn make(&self, client: &mut Client) {
        let value = |value: u8| match value % 3 {
            0 => lson!({ "k": (u32::from(value)) }),
            1 => lson!([(u32::from(value))]),
            _ => Lson::from(u32::from(value)),
        };
        // What is not possible does nothing.
        let _ = match self {
            Self::Undo => return drop(client.undo()),
            Self::Redo => return drop(client.redo()),
            mine => client.edit(|root| {
                let mut list = root.list("l")?;
                let len = list.len();
                let at = |number: usize| number % len.max(1);
                match *mine {
                    Self::Insert(index, new) => list.insert(index % (len + 1), value(new)),
                    Self::Push(new) => list.push(value(new)),
                    Self::Set(index, new) => list.set(at(index), value(new)),
                    Self::Move(from, to) => list.move_item(at(from), at(to)),
                    Self::Delete(index) => list.delete(at(index)),
                    Self::SetField(index, new) => list.object(at(index))?.set("k", u32::from(new)),
                    Self::DeleteField(index) => list.object(at(index))?.delete("k").map(drop),
                    Self::Undo | Self::Redo => Ok(()),
                }
            }),
        };
    }
}

fn mine() -> impl Strategy<Value = Mine> {
    let item = || 0..9_usize;
    prop_oneof![
        3 => (item(), any::<u8>()).prop_map(|(index, new)| Mine::Insert(index, new)),
        3 => any::<u8>().prop_map(Mine::Push),
        3 => (item(), any::<u8>()).prop_map(|(index, new)| Mine::Set(index, new)),
        3 => (item(), item()).prop_map(|(from, to)| Mine::Move(from, to)),
        3 => item().prop_map(Mine::Delete),
        1 => (item(), any::<u8>()).prop_map(|(index, new)| Mine::SetField(index, new)),
        1 => item().prop_map(Mine::DeleteField),
        2 => Just(Mine::Undo),
        1 => Just(Mine::Redo),
    ]
}

/// A position that somebody else's op names.
#[derive(Clone, Debug)]
enum Place {
    /// That of an item, as the server has it or as it is shown.
    Of(usize, bool),
    /// Right behind an item.
    Behind(usize),
    /// One that a pending op names.
    OfPending(usize),
    Odd(usize),
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        3 => (0..9_usize, any::<bool>()).prop_map(|(item, shown)| Place::Of(item, shown)),
        4 => (0..9_usize).prop_map(Place::Behind),
        3 => (0..9_usize).prop_map(Place::OfPending),
        1 => (0..9_usize).prop_map(Place::Odd),
    ]
}

impl Place {
    fn key(&self, pair: &Pair) -> SmallStr {
        let list = &pair.list;
        let key = match *self {
            Self::Of(item, shown) => {
                let document = if shown { pair.one.document() } else { pair.server.document() };
                some(&items(document, list), item).map(|(_, key)| key.clone())
            }
            Self::Behind(item) => {
                let items = items(pair.server.document(), list);
                let position = |key: &SmallStr| Position::verbatim(key.clone());
                let mut keys =
                    items.iter().map(|(_, key)| position(key)).skip(item % (items.len() + 1));
                let (this, next) = (keys.next(), keys.next());
                Some(Position::make(this.as_ref(), next.as_ref()).as_str().into())
            }
            Self::OfPending(number) => {
                let keys = pair.one.pending().filter_map(|op| match &op.kind {
                    OpKind::Create(create) => Some(create.parent_key.clone()),
                    OpKind::SetParentKey { parent_key } => Some(parent_key.clone()),
                    _ => None,
                });
                some(&keys.collect::<Vec<_>>(), number).cloned()
            }
            Self::Odd(number) => some(&["", " ", "! ", "\u{e9}", "\u{1F600}", "\u{ffff}"], number)
                .map(|key| (*key).into()),
        };
        key.unwrap_or_else(|| "O".into())
    }
}

/// An op of somebody else; numbers are of known nodes.
#[derive(Clone, Debug)]
enum Theirs {
    Create {
        known: Option<usize>,
        within: Option<usize>,
        intent: Intent,
        place: Place,
        meant: Option<usize>,
        content: u8,
    },
    Move(usize, Place),
    Delete(usize),
    DeleteKey(Place),
    SetField(usize, u8),
}

fn theirs() -> impl Strategy<Value = Theirs> {
    let node = || 0..20_usize;
    let intent = prop::sample::select(vec![Intent::Insert, Intent::Push, Intent::Set, Intent::Set]);
    let some = prop::option::weighted;
    prop_oneof![
        6 => (some(0.2, node()), some(0.1, node()), intent, place(), some(0.7, node()), any::<u8>()).prop_map(
            |(known, within, intent, place, meant, content)| {
                Theirs::Create { known, within, intent, place, meant, content }
            }
        ),
        4 => (node(), place()).prop_map(|(item, place)| Theirs::Move(item, place)),
        2 => node().prop_map(Theirs::Delete),
        1 => place().prop_map(Theirs::DeleteKey),
        1 => (node(), any::<u8>()).prop_map(|(item, value)| Theirs::SetField(item, value)),
    ]
}

impl Theirs {
    fn op(&self, pair: &mut Pair) -> Op {
        pair.note_known();
        pair.clock += 1;
        let known = |number| some(&pair.known, number).cloned().unwrap_or(NodeId::ROOT);
        match self {
            Self::Create { known: id, within, intent, place, meant, content } => {
                let new = || NodeId::from(format!("{}:{}", pair.other, pair.clock).as_str());
                let create = Create {
                    parent_id: within.map_or_else(|| pair.list.clone(), known),
                    parent_key: place.key(pair),
                    intent: *intent,
                    deleted_id: meant.map(known),
                    content: match content % 3 {
                        0 => NodeContent::Object(Arc::default()),
                        1 => NodeContent::List,
                        _ => NodeContent::Register(Json::from(u32::from(*content))),
                    },
                };
                Op::new(id.map_or_else(new, known), OpKind::Create(create))
            }
            Self::Move(item, place) => {
                Op::new(known(*item), OpKind::SetParentKey { parent_key: place.key(pair) })
            }
            Self::Delete(item) => Op::new(known(*item), OpKind::DeleteCrdt),
            Self::DeleteKey(place) => {
                Op::new(pair.list.clone(), OpKind::DeleteObjectKey { key: place.key(pair) })
            }
            Self::SetField(item, value) => {
                let data = [("k".into(), Json::from(u32::from(*value)))].into_iter().collect();
                Op::new(known(*item), OpKind::UpdateObject { data })
            }
        }
    }
}

/// What happens one after the other.
#[derive(Clone, Debug)]
enum Step {
    Mine(Mine),
    Say,
    /// Ops of somebody else, in one message.
    Theirs(Vec<Theirs>),
    Answer(u32),
    Look,
    Lose(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let refused = prop_oneof![Just(0), any::<u32>()];
    prop_oneof![
        8 => mine().prop_map(Step::Mine),
        3 => Just(Step::Say),
        8 => prop::collection::vec(theirs(), 1..4).prop_map(Step::Theirs),
        2 => refused.prop_map(Step::Answer),
        2 => Just(Step::Look),
        1 => (0..3_usize, any::<bool>()).prop_map(|(heard, at_once)| Step::Lose(heard, at_once)),
    ]
}

/// My replacement was said of an item that has moved since, and pushes out another. Somebody else replaces
/// that one, somewhere else: it has to go beneath as well, or it stands in the way of who comes to its place.
#[test]
fn what_a_replacement_finds_in_its_place_can_be_replaced_elsewhere() {
    let mut pair = Pair::new(r#"{"l":["a","b","c"]}"#);
    let list = pair.list.clone();
    let [(a, at_a), (b, at_b), (_, at_c)] =
        items(pair.server.document(), &list).try_into().unwrap();
    pair.act(|client| drop(client.edit(|root| root.list("l")?.set(0, "mine")).unwrap()));
    pair.say();
    let step =
        |id: &NodeId, to: &str| Op::new(id.clone(), OpKind::SetParentKey { parent_key: to.into() });
    pair.others_send(vec![step(&a, &format!("{at_c}O")), step(&b, &at_a)]);
    let create = |id: &str, key: &SmallStr, intent, deleted_id| {
        let (parent_id, parent_key) = (list.clone(), key.clone());
        let content = NodeContent::Register(Json::from(id));
        let create = Create { parent_id, parent_key, intent, deleted_id, content };
        Op::new(NodeId::from(id), OpKind::Create(create))
    };
    pair.others_send(vec![create("1:100", &at_b, Intent::Set, Some(b))]);
    pair.look_beneath();
    pair.others_send(vec![create("1:101", &at_a, Intent::Insert, None)]);
    pair.settle(0);
    assert_eq!(pair.one.document().to_json().to_string(), r#"{"l":["mine","1:100","c"]}"#);
}

/// Nothing lies before an item at the empty position, so what is inserted there goes behind the next one. It
/// went elsewhere when it was applied again.
#[test]
fn an_item_without_room_stays_where_it_is_shown() {
    let mut pair = Pair::new(r#"{"l":["a",{}],"n":0}"#);
    let [(_, first), (object, _)] = items(pair.server.document(), &pair.list).try_into().unwrap();
    assert_eq!(first, "!");
    let create = Create {
        parent_id: pair.list.clone(),
        parent_key: SmallStr::default(),
        intent: Intent::Set,
        deleted_id: None,
        content: NodeContent::Register(Json::from("odd")),
    };
    pair.others_send(vec![Op::new(NodeId::from("1:100"), OpKind::Create(create))]);
    pair.act(|client| drop(client.edit(|root| root.list("l")?.insert(0, "mine")).unwrap()));
    let shown = pair.one.document().to_json();
    assert_eq!(shown.to_string(), r#"{"l":["odd","a","mine",{}],"n":0}"#);
    let data = [("k".into(), Json::from(1_u32))].into_iter().collect();
    pair.others_send(vec![Op::new(object, OpKind::UpdateObject { data })]);
    pair.settle(0);
    assert_eq!(
        pair.one.document().to_json().to_string(),
        r#"{"l":["odd","a","mine",{"k":1}],"n":0}"#
    );
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn beneath_is_as_taken_back_and_applied_again(
        steps in prop::collection::vec(step(), 1..20),
        refused: u32,
    ) {
        let mut pair = Pair::new(r#"{"l":[0,{"k":1},2,[3],4,{"k":5}]}"#);
        for step in steps {
            match step {
                Step::Mine(mine) => pair.act(|client| mine.make(client)),
                Step::Say => pair.say(),
                Step::Theirs(theirs) => {
                    let ops = theirs.iter().map(|theirs| theirs.op(&mut pair)).collect();
                    pair.others_send(ops);
                }
                Step::Answer(refused) => pair.answer(refused),
                Step::Look => pair.look_beneath(),
                Step::Lose(heard, at_once) => pair.lose(heard, at_once),
            }
        }
        pair.settle(refused);
    }
}
