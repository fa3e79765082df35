//! Reconciling makes a subtree equal to a value, with few ops and the same nodes.

use std::collections::BTreeMap;

use livetree::edit::{EditError, NodeMut};
use livetree::op::OpKind;
use livetree::testing::generate::{self, Dice};
use livetree::testing::model::nodes_of;
use livetree::testing::probe::apply_all;
use livetree::{Actor, Document, IdSource, Json, Lson, NodeId, Op, lson};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

use crate::generate::{cases, document, ops, state};

fn ids() -> IdSource {
    IdSource::new(Actor(1))
}

fn json(text: &str) -> Json {
    text.parse().unwrap()
}

fn live(text: &str) -> Document {
    Document::from_json(text.as_bytes()).unwrap()
}

/// Reconciles the root, checks that it worked, and returns the ops.
fn reconcile(document: &mut Document, ids: &mut IdSource, target: &Json) -> Vec<Op> {
    let mut mirror = Value::from(&document.to_json());
    let (mut copy, _) = Document::from_nodes(document.nodes()).unwrap();
    let edited = document.edit(ids, |root| root.reconcile(target.clone())).unwrap();
    assert_eq!(&document.to_json(), target);
    assert_eq!(document.check(), Ok(()));
    edited.changes.apply_to(&mut mirror).unwrap();
    assert_eq!(mirror, Value::from(target));
    apply_all(&mut copy, &edited.ops);
    assert_eq!(nodes_of(&copy), nodes_of(document));
    let again = document.edit(ids, |root| root.reconcile(target.clone())).unwrap();
    assert_eq!(again.ops, [], "what is equal is left alone");
    edited.ops
}

/// The node ids of the list's items, by the items' `id`.
fn nodes_by_id(document: &Document, pointer: &str) -> BTreeMap<String, NodeId> {
    let list = document.at(pointer).unwrap().as_list().unwrap();
    let named = (0..list.len()).map(|at| {
        let name = list.get(at).unwrap().to_json().get("id").unwrap().to_string();
        (name, list.id_at(at).unwrap())
    });
    named.collect()
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn from_any_state_to_any_other(from in state(), to in state(), last in state()) {
        let mut document = live(&from.to_string());
        let mut ids = ids();
        reconcile(&mut document, &mut ids, &to);
        reconcile(&mut document, &mut ids, &last);
        reconcile(&mut document, &mut ids, &from);
    }

    /// Maps, texts, files, opaque values, and positions that are not canonical.
    #[test]
    fn from_any_document(mut document in document(), ops in ops(20), to in state()) {
        apply_all(&mut document, &ops);
        reconcile(&mut document, &mut ids(), &to);
    }

    #[test]
    fn to_the_projection_of_any_document(mut from in document(), ops in ops(20), to in document()) {
        apply_all(&mut from, &ops);
        let mut ids = ids();
        reconcile(&mut from, &mut ids, &to.to_json());
        reconcile(&mut from, &mut ids, &json("{}"));
        prop_assert_eq!(from.node_count(), 1);
    }

    /// Items with names keep their nodes however they move, and change inside.
    #[test]
    fn named_items_keep_their_nodes(
        before in prop::collection::btree_set(0..20_u8, 1..12),
        after in Just((0..20_u8).collect::<Vec<_>>()).prop_shuffle(),
        shuffled in any::<u64>(),
        len in 0..15_usize,
    ) {
        let item = |id: &u8, x: u8| format!(r#"{{"id":{id},"x":{x},"in":{{"y":{x}}}}}"#);
        let mut dice = Dice::seeded(shuffled);
        let list = |ids: &[u8], x: u8| {
            let items: Vec<_> = ids.iter().map(|id| item(id, x)).collect();
            format!(r#"{{"list":[{}]}}"#, items.join(","))
        };
        let before: Vec<u8> = before.into_iter().collect();
        let after = &after[..len];
        let mut document = live(&list(&before, 0));
        let old = nodes_by_id(&document, "/list");
        let x = u8::from(dice.one_in(2));
        let ops = reconcile(&mut document, &mut ids(), &json(&list(after, x)));
        let new = nodes_by_id(&document, "/list");
        for (id, node) in &new {
            if let Some(old) = old.get(id) {
                prop_assert_eq!(old, node);
            }
        }
        let kept = new.keys().filter(|id| old.contains_key(*id)).count();
        let creates = 2 * (new.len() - kept);
        let most = (old.len() - kept) + creates + kept * (1 + 2 * usize::from(x));
        prop_assert!(ops.len() <= most, "{} ops for {old:?} to {new:?}", ops.len());
    }

    /// One item moved anywhere is one op, whatever the items are.
    #[test]
    fn a_moved_item_is_one_op(len in 2..30_usize, from: prop::sample::Index, to: prop::sample::Index, plain: bool) {
        let mut items: Vec<Value> = (0..len)
            .map(|n| if plain { n.into() } else { serde_json::json!({ "n": n }) })
            .collect();
        let mut document = Document::from_json(serde_json::json!({ "l": items }).to_string().as_bytes()).unwrap();
        let (from, to) = (from.index(len), to.index(len));
        let item = items.remove(from);
        items.insert(to, item);
        let ops = reconcile(&mut document, &mut ids(), &Json::from(serde_json::json!({ "l": items })));
        prop_assert_eq!(ops.len(), usize::from(from != to));
        let moves = ops.iter().all(|op| matches!(op.kind, OpKind::SetParentKey { .. }));
        prop_assert!(moves, "{:?}", ops);
    }
}

#[test]
fn few_ops_do() {
    let start = r#"{"a":1,"b":2,"o":{"x":1,"deep":{"y":[1,2,3]}},"l":["a","b","c","d"],"k":[{"key":"p","n":1},{"key":"q","n":2}]}"#;
    for (target, wanted) in [
        (start.to_owned(), ""),
        (start.replace(r#""a":1"#, r#""a":9"#), "update"),
        (start.replace(r#""a":1,"b":2"#, r#""a":9,"b":null,"c":true"#), "update"),
        (start.replace(r#""x":1"#, r#""x":2"#), "update"),
        (start.replace(r#""a":1,"#, ""), "delete key"),
        (start.replace("[1,2,3]", "[1,5,3]"), "create"),
        (start.replace("[1,2,3]", "[1,2,3,4]"), "create"),
        (start.replace("[1,2,3]", "[1,3]"), "delete"),
        (start.replace("[1,2,3]", "[3,1,2]"), "move"),
        (start.replace(r#"["a","b","c","d"]"#, r#"["b","c","d","a"]"#), "move"),
        (start.replace(r#"["a","b","c","d"]"#, r#"["d","b","c","a"]"#), "move move"),
        (start.replace(r#""p","n":1"#, r#""p","n":7"#), "update"),
        (
            start.replace(
                r#"{"key":"p","n":1},{"key":"q","n":2}"#,
                r#"{"key":"q","n":3},{"key":"p","n":1}"#,
            ),
            "move update",
        ),
        (start.replace(r#"{"key":"p","n":1},"#, ""), "delete"),
        (start.replace(r#"{"key":"p""#, r#"{"key":"z""#), "create"),
        (start.replace(r#""a":1"#, r#""a":{"n":[]}"#), "create create"),
    ] {
        let mut document = live(start);
        let ops = reconcile(&mut document, &mut ids(), &json(&target));
        let names: Vec<_> = ops
            .iter()
            .map(|op| match op.kind {
                OpKind::UpdateObject { .. } => "update",
                OpKind::DeleteObjectKey { .. } => "delete key",
                OpKind::DeleteCrdt => "delete",
                OpKind::SetParentKey { .. } => "move",
                OpKind::Create(_) => "create",
                OpKind::UpdateText(_) => "text",
            })
            .collect();
        assert_eq!(names.join(" "), wanted, "{target}");
    }
}

#[test]
fn new_values_are_live_and_opaque_ones_stay_opaque() {
    let start = Lson::object([
        ("opaque", Lson::json(json(r#"{"x":1}"#))),
        ("live", lson!({ "x": 1 })),
        ("map", Lson::map([("e", Lson::json(json("[1]"))), ("f", lson!(1))])),
        ("list", Lson::list([Lson::json(json(r#"{"x":1}"#)), lson!(1)])),
    ]);
    let mut document = Document::from_lson(&start).unwrap();
    let target = json(
        r#"{"opaque":{"x":2},"live":{"x":{"y":[1]}},"map":{"e":[2],"f":[3]},"list":[{"x":2},1],"new":[{}]}"#,
    );
    reconcile(&mut document, &mut ids(), &target);
    let expected = Lson::object([
        ("opaque", Lson::json(json(r#"{"x":2}"#))),
        ("live", lson!({ "x": { "y": [1] } })),
        ("map", Lson::map([("e", Lson::json(json("[2]"))), ("f", lson!([3]))])),
        ("list", Lson::list([Lson::json(json(r#"{"x":2}"#)), lson!(1)])),
        ("new", lson!([{}])),
    ]);
    let expected = Document::from_lson(&expected).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&document.to_plain_lson()).unwrap(),
        serde_json::from_slice::<Value>(&expected.to_plain_lson()).unwrap(),
    );
}

#[test]
fn the_wrong_kind_is_an_error_and_changes_nothing() {
    let mut document = live(r#"{"l":[1]}"#);
    let before: Vec<_> = document.nodes().collect();
    let mut ids = ids();
    let error = document.edit(&mut ids, |root| root.reconcile(1)).unwrap_err();
    assert_eq!(error.to_string(), "the root is a LiveObject, not a plain value");
    let error = document
        .edit(&mut ids, |root| {
            root.set("x", 1)?;
            root.list("l")?.reconcile(json("{}"))
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "/l is a LiveList, not an object");
    assert!(matches!(error, EditError::WrongKind { .. }));
    let unwritable = BTreeMap::from([((1, 2), 3)]);
    let error = document.edit(&mut ids, |root| root.reconcile_with(&unwritable)).unwrap_err();
    assert!(matches!(error, EditError::Serialize(_)), "{error}");
    assert_eq!(document.nodes().collect::<Vec<_>>(), before);
}

#[test]
fn any_serialisable_value_will_do() {
    #[derive(Serialize)]
    struct Todo<'a> {
        id: u32,
        text: &'a str,
        done: bool,
    }
    let mut document = live(r#"{"todos":[{"id":1,"text":"a","done":false}],"m":{}}"#);
    let mut ids = ids();
    let todos = [Todo { id: 2, text: "b", done: false }, Todo { id: 1, text: "a", done: true }];
    let edited = document
        .edit(&mut ids, |root| match root.at("/todos")? {
            NodeMut::List(mut list) => list.reconcile_with(&todos),
            _ => Err(EditError::aborted("no list")),
        })
        .unwrap();
    assert_eq!(edited.ops.len(), 2);
    assert_eq!(document.at("/todos").unwrap().to_json(), livetree::json::to_json(&todos).unwrap());
    document.edit(&mut ids, |root| root.at("/m")?.reconcile_with(&todos[0])).unwrap();
    assert_eq!(document.at("/m/text").unwrap().to_json(), Json::from("b"));
}

#[test]
fn long_lists_take_few_ops() {
    let numbers: Vec<Value> = (0..10_000).map(|n| serde_json::json!({ "id": n, "x": n })).collect();
    let start = serde_json::json!({ "l": numbers });
    let fresh = || Document::from_json(start.to_string().as_bytes()).unwrap();
    let mut changed = start.clone();
    changed["l"][5_000]["x"] = (-1).into();
    let mut reversed = start.clone();
    reversed["l"].as_array_mut().unwrap().reverse();
    let mut moved = start.clone();
    let items = moved["l"].as_array_mut().unwrap();
    let item = items.remove(0);
    items.push(item);
    let mut dropped = start.clone();
    dropped["l"].as_array_mut().unwrap().retain(|item| item["id"].as_u64().unwrap() % 3 > 0);
    let mut grown = start.clone();
    let middle: Vec<Value> = (0..5_000).map(|n| serde_json::json!({ "id": -n - 1 })).collect();
    grown["l"].as_array_mut().unwrap().splice(5_000..5_000, middle);
    let nothing = serde_json::json!({ "l": [] });
    for (name, target, wanted) in [
        ("one field changed", changed, 1),
        ("first moved to the end", moved, 1),
        ("every third dropped", dropped, 3_334),
        ("5,000 more in the middle", grown, 5_000),
        ("all reversed", reversed, 9_999),
        ("all gone", nothing, 10_000),
    ] {
        let mut document = fresh();
        let target = Json::from(target);
        let edited = document.edit(&mut ids(), |root| root.reconcile(target.clone())).unwrap();
        assert_eq!(edited.ops.len(), wanted, "{name}");
        assert_eq!(document.to_json(), target, "{name}");
        let list = document.at("/l").unwrap().as_list().unwrap();
        let longest = (0..list.len())
            .map(|at| document.parent_key_of(&list.id_at(at).unwrap()).unwrap().len())
            .max();
        assert!(longest <= Some(8), "{name}: positions of {longest:?} characters");
    }
}

/// Neither recursion nor repeated work grows with the nesting.
#[test]
fn deep_structures_are_reconciled() {
    let deep = |n: usize, inside: &str| {
        let text = format!("{}{inside}{}", r#"{"a":["#.repeat(n), "]}".repeat(n));
        text
    };
    let mut document = live(&deep(120, "1"));
    let ops = reconcile(&mut document, &mut ids(), &json(&deep(120, "2")));
    assert_eq!(ops.len(), 1);
    let ops = reconcile(&mut document, &mut ids(), &json("{}"));
    assert_eq!(ops.len(), 1);
}

#[test]
fn seeded_states_reconcile() {
    for seed in 0..300 {
        let mut dice = Dice::seeded(seed);
        let mut document = generate::document(&mut dice);
        let mut ids = ids();
        for _ in 0..6 {
            let target = Json::object([
                ("a".into(), generate::state(&mut dice, 4)),
                ("b".into(), generate::state(&mut dice, 4)),
            ]);
            reconcile(&mut document, &mut ids, &target);
        }
    }
}
