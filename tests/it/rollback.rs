//! What was changed since a savepoint can be taken back exactly, at any nesting.

use livetree::document::Savepoint;
use livetree::testing::generate::{self, Dice};
use livetree::testing::model::{Model, nodes_of};
use livetree::testing::probe::{apply_all, commit_oldest};
use livetree::{Document, Op};
use proptest::prelude::*;

use crate::generate::{cases, dice, document, ops_and_text};

#[derive(Clone, Debug)]
enum Step {
    Apply(Box<Op>),
    Savepoint,
    /// Of the savepoint this far from the innermost.
    Rollback(usize),
    Commit(usize),
    CommitOldest,
    /// Of a savepoint that is closed: nothing may happen.
    UseClosed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => dice(14).prop_map(|mut dice| Step::Apply(Box::new(generate::op(&mut dice)))),
        3 => Just(Step::Savepoint),
        2 => (0..3_usize).prop_map(Step::Rollback),
        1 => (0..3_usize).prop_map(Step::Commit),
        1 => Just(Step::CommitOldest),
        1 => Just(Step::UseClosed),
    ]
}

proptest! {
    #![proptest_config(cases(4000))]

    #[test]
    fn a_copy_goes_its_own_way(
        mut document in document(), first in ops_and_text(12), second in ops_and_text(12),
    ) {
        let before = document.clone();
        let savepoint = document.savepoint();
        apply_all(&mut document, &first);
        let mut copy = document.clone();
        prop_assert_eq!(&copy, &document);
        let between = nodes_of(&document);
        apply_all(&mut copy, &second);
        prop_assert_eq!(nodes_of(&document), between);
        prop_assert_eq!(copy == document, nodes_of(&copy) == nodes_of(&document));
        for mut document in [copy, document] {
            document.rollback(savepoint);
            prop_assert_eq!(&document, &before);
        }
    }

    #[test]
    fn apply_then_rollback_is_identity(mut document in document(), ops in ops_and_text(30)) {
        let before = nodes_of(&document);
        let order: Vec<_> = document.nodes().collect();
        let savepoint = document.savepoint();
        apply_all(&mut document, &ops);
        document.rollback(savepoint);
        prop_assert_eq!(nodes_of(&document), before);
        prop_assert_eq!(document.nodes().collect::<Vec<_>>(), order);
        prop_assert_eq!(document.check(), Ok(()));
    }

    #[test]
    fn savepoints_nest(
        mut document in document(),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut model = Model::of(&document);
        let mut open: Vec<(Savepoint, Model)> = Vec::new();
        let mut closed: Vec<Savepoint> = Vec::new();
        for step in &steps {
            match step {
                Step::Apply(op) => prop_assert_eq!(document.apply(op), model.apply(op)),
                Step::Savepoint => open.push((document.savepoint(), model.clone())),
                Step::Rollback(depth) if *depth < open.len() => {
                    let at = open.len() - 1 - depth;
                    let (savepoint, snapshot) = open[at].clone();
                    closed.extend(open.drain(at..).map(|(savepoint, _)| savepoint));
                    document.rollback(savepoint);
                    model = snapshot;
                }
                Step::Commit(depth) if *depth < open.len() => {
                    let at = open.len() - 1 - depth;
                    document.commit(open[at].0);
                    closed.extend(open.drain(at..).map(|(savepoint, _)| savepoint));
                }
                Step::CommitOldest if !open.is_empty() => {
                    let (savepoint, _) = open.remove(0);
                    prop_assert!(commit_oldest(&mut document, savepoint));
                    closed.push(savepoint);
                }
                Step::UseClosed => {
                    for savepoint in &closed {
                        document.rollback(*savepoint);
                        document.commit(*savepoint);
                        prop_assert!(!commit_oldest(&mut document, *savepoint));
                    }
                    if let [_, (second, _), ..] = open[..] {
                        prop_assert!(!commit_oldest(&mut document, second));
                    }
                }
                Step::Rollback(_) | Step::Commit(_) | Step::CommitOldest => {}
            }
            prop_assert_eq!(&nodes_of(&document), model.nodes());
            prop_assert_eq!(document.check(), Ok(()));
        }
        while let Some((savepoint, snapshot)) = open.pop() {
            document.rollback(savepoint);
            prop_assert_eq!(&nodes_of(&document), snapshot.nodes());
        }
        prop_assert_eq!(document.check(), Ok(()));
    }
}

#[test]
fn long_histories_are_taken_back() {
    for seed in 0..20 {
        let mut dice = Dice::seeded(seed);
        let mut document = generate::document(&mut dice);
        let mut snapshots = Vec::new();
        for _ in 0..20 {
            snapshots.push((nodes_of(&document), document.savepoint()));
            for _ in 0..50 {
                let op = generate::op_for(&mut dice, &document);
                let _ = document.apply(&op);
            }
        }
        while let Some((nodes, savepoint)) = snapshots.pop() {
            document.rollback(savepoint);
            assert_eq!(nodes_of(&document), nodes, "seed {seed}");
        }
        assert_eq!(document.check(), Ok(()));
    }
}

#[test]
fn committing_frees_what_was_kept() {
    let mut document = Document::new();
    let mut dice = Dice::seeded(1);
    for _ in 0..50 {
        let savepoint = document.savepoint();
        for _ in 0..20 {
            let op = generate::op_for(&mut dice, &document);
            let _ = document.apply(&op);
        }
        document.commit(savepoint);
        // Nothing leaks: the check counts the places of the arena.
        assert_eq!(document.check(), Ok(()));
    }
}
