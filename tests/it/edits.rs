//! An edit happens whole or not at all, its ops mean the same elsewhere, and its changes are net.

use std::collections::BTreeMap;

use livetree::edit::EditError;
use livetree::server::{ServerOptions, SessionOptions};
use livetree::testing::generate::{self, Dice};
use livetree::testing::model::nodes_of;
use livetree::testing::probe::{apply_all, watch, watch_ops};
use livetree::{Actor, Changes, Client, Document, IdSource, Json, Limits, Lson, Op, Server, lson};
use proptest::prelude::*;
use serde_json::Value;

use crate::generate::{cases, dice, document, ops_and_text};

/// A copy with the same nodes.
fn copy(document: &Document) -> Document {
    let (copy, report) = Document::from_nodes(document.nodes()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    copy
}

fn json(document: &Document) -> Value {
    Value::from(&document.to_json())
}

fn replayed(changes: &Changes, mut over: Value) -> Result<Value, TestCaseError> {
    changes.apply_to(&mut over).map_err(|error| TestCaseError::fail(error.to_string()))?;
    Ok(over)
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn an_edit_that_fails_changes_nothing(
        mut document in document(),
        dice in prop::collection::vec(dice(40), 0..10),
    ) {
        let before: Vec<_> = document.nodes().collect();
        let mut ids = IdSource::new(Actor(1));
        let failed = document.edit(&mut ids, |root| {
            for mut dice in dice {
                let _ = generate::edit(&mut dice, root);
            }
            Err::<(), _>(EditError::aborted("no"))
        });
        prop_assert_eq!(failed, Err(EditError::aborted("no")));
        prop_assert_eq!(document.nodes().collect::<Vec<_>>(), before);
        prop_assert_eq!(document.check(), Ok(()));
    }

    #[test]
    fn ops_of_an_edit_do_the_same_to_a_copy_and_changes_to_the_json(
        mut document in document(),
        dice in prop::collection::vec(dice(40), 0..8),
    ) {
        let mut other = copy(&document);
        let before = json(&document);
        let mut ids = IdSource::new(Actor(1));
        let edited = document
            .edit(&mut ids, |root| {
                dice.into_iter().try_for_each(|mut dice| generate::edit(&mut dice, root))
            })
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(document.check(), Ok(()));
        for op in &edited.ops {
            prop_assert!(other.apply(op).is_accepted(), "{:?}", op);
        }
        prop_assert_eq!(nodes_of(&other), nodes_of(&document));
        prop_assert_eq!(replayed(&edited.changes, before.clone())?, json(&document));
        if edited.ops.is_empty() {
            prop_assert!(edited.changes.is_empty());
        }
    }

    #[test]
    fn without_reports_an_edit_is_the_same(
        mut document in document(),
        dice in prop::collection::vec(dice(40), 0..8),
        fails in any::<bool>(),
    ) {
        let mut silent = document.clone();
        silent.set_change_reports(false);
        let mut edited = [&mut document, &mut silent].map(|document| {
            document.edit(&mut IdSource::new(Actor(1)), |root| {
                dice.iter().cloned().try_for_each(|mut dice| generate::edit(&mut dice, root))?;
                if fails { Err(EditError::aborted("no")) } else { Ok(()) }
            })
        });
        if let Ok(edited) = &mut edited[0] {
            edited.changes = Changes::default();
        }
        let [edited, silently] = edited;
        prop_assert_eq!(edited, silently);
        prop_assert_eq!(silent.check(), Ok(()));
        prop_assert!(document.nodes().eq(silent.nodes()));
    }

    #[test]
    fn changes_of_any_ops_replay_over_the_json(mut document in document(), ops in ops_and_text(30)) {
        let before = json(&document);
        let changes = watch_ops(&mut document, &ops);
        prop_assert_eq!(replayed(&changes, before)?, json(&document), "{:?}", changes);
        prop_assert_eq!(document.check(), Ok(()));
    }

    #[test]
    fn what_is_taken_back_and_done_again_is_no_change(
        mut document in document(),
        prefix in ops_and_text(6),
        pending in ops_and_text(16),
    ) {
        apply_all(&mut document, &prefix);
        let savepoint = document.savepoint();
        apply_all(&mut document, &pending);
        let before = nodes_of(&document);
        let changes = watch(&mut document, |document| {
            document.rollback(savepoint);
            let _ = document.savepoint();
            apply_all(document, &pending);
        });
        prop_assert_eq!(nodes_of(&document), before);
        prop_assert!(changes.is_empty(), "{:?}", changes);
    }

    /// Savepoints opened before and during the watch are rolled back and committed in it.
    #[test]
    fn changes_replay_whatever_is_taken_back_meanwhile(
        mut document in document(),
        before in prop::collection::vec((any::<bool>(), ops_and_text(6)), 0..4),
        during in prop::collection::vec((0..4_u8, ops_and_text(6)), 0..6),
    ) {
        let mut open = Vec::new();
        for (savepoint, ops) in &before {
            if *savepoint {
                open.push(document.savepoint());
            }
            apply_all(&mut document, ops);
        }
        let json_before = json(&document);
        let changes = watch(&mut document, |document| {
            for (step, ops) in &during {
                match (step, open.len()) {
                    (0, _) => open.push(document.savepoint()),
                    (1, 1..) => document.rollback(open.remove(open.len() - 1)),
                    (2, 1..) => document.commit(open.remove(open.len() - 1)),
                    _ => {}
                }
                apply_all(document, ops);
            }
        });
        prop_assert_eq!(replayed(&changes, json_before)?, json(&document), "{:?}", changes);
        prop_assert_eq!(document.check(), Ok(()));
        if let Some(outermost) = open.first() {
            document.rollback(*outermost);
        }
        prop_assert_eq!(document.check(), Ok(()));
    }

    /// As a client does with every message of its server.
    #[test]
    fn a_rebase_reports_what_differs(
        mut document in document(),
        pending in ops_and_text(12),
        remote in ops_and_text(4),
        kept in any::<prop::sample::Index>(),
    ) {
        let savepoint = document.savepoint();
        apply_all(&mut document, &pending);
        let before = json(&document);
        let changes = watch(&mut document, |document| {
            document.rollback(savepoint);
            apply_all(document, &remote);
            let savepoint = document.savepoint();
            apply_all(document, &pending[kept.index(pending.len() + 1)..]);
            document.commit(savepoint);
        });
        prop_assert_eq!(replayed(&changes, before)?, json(&document), "{:?}", changes);
        prop_assert_eq!(document.check(), Ok(()));
    }

    /// The remote ops and the pending ones touch different halves of the document.
    #[test]
    fn a_rebase_over_disjoint_ops_reports_those_alone(
        throws in prop::collection::vec(dice(30), 2..12),
        remote in 1..6_usize,
    ) {
        let mut document = Document::from_json(br#"{"mine":{},"theirs":{}}"#).unwrap();
        let (mut mine, mut theirs) = (IdSource::new(Actor(1)), IdSource::new(Actor(2)));
        let mut plain = copy(&document);
        let mut throws = throws.into_iter();
        let edit = |document: &mut Document, ids: &mut IdSource, key: &str, dice: &mut Dice| {
            document.edit(ids, |root| generate::edit_below(dice, root, key)).unwrap().ops
        };
        let mut remote_ops = Vec::new();
        let mut remote_doc = copy(&document);
        for mut dice in throws.by_ref().take(remote) {
            remote_ops.extend(edit(&mut remote_doc, &mut theirs, "/theirs", &mut dice));
        }
        let savepoint = document.savepoint();
        let mut pending = Vec::new();
        for mut dice in throws {
            pending.extend(edit(&mut document, &mut mine, "/mine", &mut dice));
        }
        let alone = watch_ops(&mut plain, &remote_ops);
        let changes = watch(&mut document, |document| {
            document.rollback(savepoint);
            apply_all(document, &remote_ops);
            let savepoint = document.savepoint();
            apply_all(document, &pending);
            document.commit(savepoint);
        });
        prop_assert_eq!(changes, alone);
    }
}

#[test]
fn a_watched_prefix_is_not_reported() {
    let mut document = Document::from_json(br#"{"list":[1,2,3]}"#).unwrap();
    let mut ids = IdSource::new(Actor(1));
    document.edit(&mut ids, |root| root.set("a", 1)).unwrap();
    let savepoint = document.savepoint();
    let edit = document.edit(&mut ids, |root| {
        root.set("a", 2)?;
        root.list("list")?.move_item(0, 2)?;
        root.list("list")?.push(lson!({ "x": 1 }))?;
        root.list("list")?.object(3)?.set("x", 2)
    });
    let pending = edit.unwrap().ops;
    let remote: Op =
        serde_json::from_str(r#"{"type":3,"id":"root","opId":"2:0","data":{"b":1}}"#).unwrap();
    let changes = watch(&mut document, |document| {
        document.rollback(savepoint);
        let _ = document.apply(&remote);
        apply_all(document, &pending);
    });
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes.iter().next().unwrap().path.to_string(), "");
    let mut expected = json(&document);
    expected.as_object_mut().unwrap().remove("b");
    changes.apply_to(&mut expected).unwrap();
    assert_eq!(expected, json(&document));
}

/// The pending ops delete a node and create another of the same id, as an undo does.
#[test]
fn an_id_that_is_deleted_and_created_again_is_no_change() {
    let text =
        br#"{"liveblocksType":"LiveObject","data":{"m":{"liveblocksType":"LiveMap","data":{}}}}"#;
    let mut document = Document::from_plain_lson(text).unwrap();
    let pending: Vec<Op> = serde_json::from_str(
        r#"[
            {"type":8,"id":"1:0","opId":"1:0","parentId":"si:1","parentKey":"k","data":0},
            {"type":5,"id":"si:1","opId":"1:1"},
            {"type":4,"id":"si:1","opId":"1:2","parentId":"root","parentKey":"n","data":{}}
        ]"#,
    )
    .unwrap();
    let savepoint = document.savepoint();
    apply_all(&mut document, &pending);
    let changes = watch(&mut document, |document| {
        document.rollback(savepoint);
        apply_all(document, &pending);
    });
    assert!(changes.is_empty(), "{changes:?}");
}

/// What is created, changed and taken back while watched leaves no trace on the one before it.
#[test]
fn an_id_that_was_used_again_meanwhile_is_no_change() {
    let mut document = Document::from_json(br#"{"o":{"a":5,"c":7}}"#).unwrap();
    let again: Vec<Op> = serde_json::from_str(
        r#"[
            {"type":5,"id":"si:1","opId":"1:0"},
            {"type":4,"id":"si:1","opId":"1:1","parentId":"root","parentKey":"o","data":{"a":1}},
            {"type":3,"id":"si:1","opId":"1:2","data":{"c":2}}
        ]"#,
    )
    .unwrap();
    let changes = watch(&mut document, |document| {
        let savepoint = document.savepoint();
        apply_all(document, &again);
        document.rollback(savepoint);
    });
    assert!(changes.is_empty(), "{changes:?}");
}

/// Text operations normalise; so what is not normalised can only be reported whole.
#[test]
fn a_text_that_is_not_normalised_is_reported_whole() {
    let mut document = Document::new();
    let create: Op = serde_json::from_str(
        r#"{"type":9,"id":"0:0","opId":"1:0","parentId":"root","parentKey":"t","data":[["a"],["b"]],"version":0}"#,
    )
    .unwrap();
    let update: Op = serde_json::from_str(
        r#"{"type":10,"id":"0:0","opId":"1:1","baseVersion":0,"ops":[{"type":"insert","index":2,"text":"c"}]}"#,
    )
    .unwrap();
    let _ = document.apply(&create);
    let savepoint = document.savepoint();
    let before = json(&document);
    let changes = watch_ops(&mut document, &[update]);
    let after = json(&document);
    assert_eq!(after.to_string(), r#"{"t":[["abc"]]}"#);
    assert_eq!(replayed(&changes, before.clone()).unwrap(), after);
    let changes = watch(&mut document, |document| document.rollback(savepoint));
    assert_eq!(json(&document), before);
    assert_eq!(replayed(&changes, after).unwrap(), before);
}

#[test]
fn an_object_may_be_just_as_large_as_its_limit() {
    let mut doc = Document::from_json(br#"{"x":1}"#).unwrap();
    let mut ids = IdSource::new(Actor(1));
    // The size is that of keys and values: "x" and a number of 8 digits.
    doc.set_limits(Limits::default().object_size(9));
    doc.edit(&mut ids, |root| root.set("x", 12_345_678)).unwrap();
    let error = doc.edit(&mut ids, |root| root.set("x", 123_456_789)).unwrap_err();
    assert!(error.is_limit(), "{error}");
    assert_eq!(doc.to_json().to_string(), r#"{"x":12345678}"#);
}

/// What makes room for a field goes first, and of two values for one key the later counts.
#[test]
fn several_slots_are_set_at_once() {
    let mut doc = Document::from_json(br#"{"large":"12345678"}"#).unwrap();
    let mut ids = IdSource::new(Actor(1));
    doc.set_limits(Limits::default().object_size(20));
    doc.edit(&mut ids, |root| {
        root.update([("large", lson!({ "x": {} })), ("other", Lson::from("12345678"))])
    })
    .unwrap();
    assert_eq!(doc.to_json().to_string(), r#"{"large":{"x":{}},"other":"12345678"}"#);
    doc.edit(&mut ids, |root| {
        root.update([("large", lson!([])), ("other", lson!([])), ("large", lson!(1))])
    })
    .unwrap();
    assert_eq!(doc.to_json().to_string(), r#"{"large":1,"other":[]}"#);
}

#[test]
fn no_attribute_is_null() {
    let mut doc = Document::from_lson(&lson!({ "t": (Lson::text("ab")) })).unwrap();
    let mut ids = IdSource::new(Actor(1));
    doc.edit(&mut ids, |root| {
        root.text("t")?.insert_formatted(1, "1", [("bold", Json::Null)])?;
        root.text("t")?.insert_formatted(1, "2", [("bold", Json::Null), ("size", Json::from(3))])
    })
    .unwrap();
    assert_eq!(doc.to_json().to_string(), r#"{"t":[["a"],["2",{"size":3}],["1b"]]}"#);
}

proptest! {
    /// An object tells the size of its fields by a bound, while that is within the limit.
    #[test]
    fn fields_are_refused_just_when_they_pass_the_limit(
        steps in prop::collection::vec((0..90_u8, 0..60_usize, 0..7_u8), 1..120),
        limit in 1_usize..3_000,
    ) {
        let (mut doc, mut ids) = (Document::new(), IdSource::new(Actor(1)));
        doc.set_limits(Limits::default().object_size(limit));
        let mut model = BTreeMap::<String, Json>::new();
        for (key, len, kind) in steps {
            let text = "x".repeat(len);
            let value = match kind {
                0 => Json::from(false),
                1 => Json::from(0.1),
                2 => Json::from(7),
                3 => Json::array([Json::from(text.as_str()), Json::Null]),
                4 => Json::object([(text.as_str().into(), Json::from(-1.5e-300))]),
                _ => Json::from(text.as_str()),
            };
            let key = format!("k{key}");
            let mut wanted = model.clone();
            wanted.insert(key.clone(), value.clone());
            let size: usize = wanted.iter().map(|(key, value)| key.len() + value.json_len()).sum();
            let edited = doc.edit(&mut ids, |root| root.set(key.as_str(), value));
            prop_assert_eq!(edited.is_ok(), size <= limit, "{} of {}", size, limit);
            if edited.is_ok() {
                model = wanted;
            }
            prop_assert_eq!(doc.check(), Ok(()));
        }
    }
}

/// A closure that panics is as one that fails, for a host that catches it.
#[test]
fn an_edit_that_panics_changes_nothing() {
    let panics = |edit: &mut dyn FnMut()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(edit));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "half done");
    };
    let half = |root: &mut livetree::ObjectMut<'_>| -> Result<(), EditError> {
        root.set("a", lson!([{ "x": [1] }, "y"]))?;
        root.delete("t")?;
        panic!("half done")
    };
    let (mut document, mut ids) =
        (Document::from_json(br#"{"t":{}}"#).unwrap(), IdSource::new(Actor(1)));
    let before = document.clone();
    panics(&mut || _ = document.edit(&mut ids, half));
    assert_eq!((&document, document.check()), (&before, Ok(())));
    let edited = document.edit(&mut ids, |root| root.set("b", 1)).unwrap();
    assert_eq!((edited.ops.len(), edited.changes.iter().count()), (1, 1));

    let mut server = Server::new(before, ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let mut client = Client::new();
    client.connected(actor);
    let mut pump = |client: &mut Client| {
        while let Some(message) = client.poll_message() {
            for answer in server.receive(actor, message, 0).unwrap().sender {
                client.receive(answer).unwrap();
            }
        }
        server.document().clone()
    };
    pump(&mut client);
    panics(&mut || _ = client.edit(half));
    assert_eq!(client.pending().len(), 0);
    client.edit(|root| root.set("b", 1)).unwrap();
    assert_eq!(pump(&mut client), *client.document());
    assert_eq!(client.document().to_json().to_string(), r#"{"b":1,"t":{}}"#);
    client.undo().unwrap();
    assert_eq!(pump(&mut client).to_json().to_string(), r#"{"t":{}}"#);
}

proptest! {
    #[test]
    fn a_text_reads_as_it_was_set_to(
        before in "[abé😀]{0,12}",
        target in "[abé😀]{0,12}",
        bold in (0..8_usize, 0..8_usize),
    ) {
        let start = lson!({ "t": (Lson::text(before.as_str())) });
        let mut document = Document::from_lson(&start).unwrap();
        let edited = document.edit(&mut IdSource::new(Actor(1)), |root| {
            let mut text = root.text("t")?;
            text.format(bold.0, bold.1, [("bold", true)])?;
            text.set_text(&target)
        });
        prop_assert!(edited.unwrap().ops.len() <= 2);
        let text = document.at("/t").unwrap().as_text().unwrap();
        prop_assert_eq!(text.to_string(), target);
        prop_assert_eq!(document.check(), Ok(()));
    }
}
