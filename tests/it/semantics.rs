//! Any stream of ops means to the engine what it means to a naive model.

use std::collections::BTreeMap;

use livetree::op::{Intent, OpKind};
use livetree::testing::generate::{self, Dice};
use livetree::testing::model::{Model, nodes_of};
use livetree::{Document, Op, Outcome};
use proptest::prelude::*;

use crate::generate::{cases, document, ops};

fn follow(document: &mut Document, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    let before = document.to_json();
    let outcome = document.apply(op);
    prop_assert_eq!(&outcome, &model.apply(op), "{:?}", op);
    prop_assert_eq!(&nodes_of(document), model.nodes(), "{:?}", op);
    prop_assert_eq!(document.check(), Ok(()), "{:?}", op);
    prop_assert_eq!(document.to_json(), model.to_json());
    if !outcome.is_accepted() {
        prop_assert_eq!(document.to_json(), before);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn ops_on_an_empty_document(ops in ops(40)) {
        let (mut document, mut model) = (Document::new(), Model::new());
        for op in &ops {
            follow(&mut document, &mut model, op)?;
        }
    }

    #[test]
    fn ops_on_any_document(mut document in document(), ops in ops(20), seed: u64) {
        let mut model = Model::of(&document);
        let mut dice = Dice::seeded(seed).with_clock(1000);
        for op in &ops {
            follow(&mut document, &mut model, op)?;
            let fitting = generate::op_for(&mut dice, &document);
            follow(&mut document, &mut model, &fitting)?;
        }
    }
}

/// Who hears the corrected op ends up with the same nodes as who corrected it.
#[test]
fn corrected_ops_lead_to_the_same_document() {
    for seed in 0..500 {
        let mut dice = Dice::seeded(seed);
        let mut sent = generate::document(&mut dice);
        let mut heard = generate::document(&mut Dice::seeded(seed));
        for _ in 0..60 {
            let op = generate::op_for(&mut dice, &sent);
            let Outcome::Accepted { corrected, .. } = sent.apply(&op) else { continue };
            let fan_out = corrected.map_or(op, |corrected| *corrected).without_op_id();
            assert!(matches!(heard.apply(&fan_out), Outcome::Accepted { corrected: None, .. }));
            assert_eq!(nodes_of(&sent), nodes_of(&heard), "seed {seed}: {fan_out:?}");
        }
    }
}

#[test]
fn long_streams() {
    for seed in 0..12 {
        let mut dice = Dice::seeded(seed);
        let (mut document, mut model) = (Document::new(), Model::new());
        for step in 0..1500 {
            let op = if step % 3 == 0 {
                generate::op(&mut dice)
            } else {
                generate::op_for(&mut dice, &document)
            };
            assert_eq!(document.apply(&op), model.apply(&op), "seed {seed}: {op:?}");
            if step % 25 == 0 {
                assert_eq!(&nodes_of(&document), model.nodes(), "seed {seed}, step {step}");
                assert_eq!(document.check(), Ok(()));
            }
        }
    }
}

/// The generators reach what the properties are about, or these would promise nothing.
#[test]
fn streams_reach_every_outcome() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..400 {
        let mut dice = Dice::seeded(seed);
        let mut document = Document::new();
        for step in 0..60 {
            let op = match step % 5 {
                0 | 1 => generate::op(&mut dice),
                2 | 3 => generate::op_for(&mut dice, &document),
                _ => generate::text_op(&mut dice),
            };
            let before = document.node_count();
            let text = matches!(op.kind, OpKind::UpdateText(_));
            let set = matches!(&op.kind, OpKind::Create(c) if c.intent == Intent::Set);
            let name = match document.apply(&op) {
                Outcome::Accepted { .. } if text => "text updated",
                Outcome::Accepted { corrected: Some(_), fix: Some(_) } => "corrected",
                Outcome::Accepted { fix: Some(_), .. } => "replaced what was not expected",
                Outcome::Accepted { .. } if set => "set",
                Outcome::Accepted { .. } if document.node_count() + 1 < before => "subtree gone",
                Outcome::Accepted { .. } => "accepted",
                Outcome::Ignored => "ignored",
                Outcome::Rectified { .. } => "rectified",
                Outcome::Rejected(_) => "rejected",
            };
            *seen.entry(name).or_default() += 1;
        }
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert!(seen.values().all(|times| *times >= 20), "{seen:?}");
}

/// Nothing lies between `!` and `! `, a key that only `set` can bring in: the room is further on.
#[test]
fn two_items_never_hold_one_position() {
    let op = |text: &str| serde_json::from_str::<Op>(text).unwrap();
    let create = |id: &str, key: &str, intent: &str| {
        op(&format!(
            r#"{{"type":8,"id":"{id}","opId":"1:0","parentId":"1:0","parentKey":"{key}"{intent},"data":0}}"#
        ))
    };
    let (mut document, mut model) = (Document::new(), Model::new());
    for op in [
        op(r#"{"type":2,"id":"1:0","opId":"1:0","parentId":"root","parentKey":"l"}"#),
        create("1:1", "!", ""),
        create("1:2", "! ", r#","intent":"set""#),
        create("1:3", "!  ", r#","intent":"set""#),
        create("1:4", "!", ""),
        create("1:5", "!", ""),
        op(r#"{"type":1,"id":"1:5","opId":"1:0","parentKey":"! "}"#),
    ] {
        follow(&mut document, &mut model, &op).unwrap();
    }
    assert_eq!(document.node_count(), 7);
}
