//! Any stream of ops and savepoints keeps the document whole.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;

use super::words::Change;
use crate::apply::Outcome;
use crate::document::Savepoint;
use crate::node::SerializedNode;
use crate::op::Sender;
use crate::{Document, Json, Op, ReadLimits};

#[derive(Arbitrary, Clone, Debug)]
enum Step {
    Apply(Change),
    /// The latest op once more, as after a lost acknowledgement.
    Again,
    Savepoint,
    /// Back to one of the open savepoints, counted from the innermost.
    Rollback(u8),
    Commit(u8),
}

/// An open savepoint and what the document was like there.
struct Mark {
    savepoint: Savepoint,
    nodes: Vec<SerializedNode>,
    /// How many ops had been applied.
    ops: usize,
}

/// Applies ops; checks the invariants, the outcome, the net changes, rollback, replay and all
/// round trips.
pub fn ops(bytes: &[u8]) {
    let Ok(steps) = Vec::<Step>::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let mut document = Document::new();
    let mut marks: Vec<Mark> = Vec::new();
    let mut log: Vec<(Op, Outcome)> = Vec::new();
    for (clock, step) in steps.iter().take(128).enumerate() {
        match step {
            Step::Apply(change) => {
                let op = change.op(clock);
                let outcome = apply(&mut document, &op);
                log.push((op, outcome));
            }
            Step::Again => {
                if let Some((op, _)) = log.last().cloned() {
                    let outcome = apply(&mut document, &op);
                    log.push((op, outcome));
                }
            }
            Step::Savepoint => marks.push(Mark {
                savepoint: document.savepoint(),
                nodes: nodes_of(&document),
                ops: log.len(),
            }),
            Step::Rollback(depth) => {
                if let Some(at) = innermost(&marks, *depth) {
                    let mark = marks.drain(at..).next().unwrap();
                    document.rollback(mark.savepoint);
                    assert_eq!(nodes_of(&document), mark.nodes, "rollback is exact");
                    log.truncate(mark.ops);
                }
            }
            Step::Commit(depth) => {
                if let Some(at) = innermost(&marks, *depth) {
                    let before = nodes_of(&document);
                    document.commit(marks.drain(at..).next().unwrap().savepoint);
                    assert_eq!(nodes_of(&document), before, "commit changes nothing");
                }
            }
        }
        document.check().unwrap();
    }
    replays(&document, &log);
    round_trips(&document);
    if let Some(mark) = marks.into_iter().next() {
        document.rollback(mark.savepoint);
        document.check().unwrap();
        assert_eq!(nodes_of(&document), mark.nodes, "rollback of all that was open");
    }
}

fn innermost(marks: &[Mark], depth: u8) -> Option<usize> {
    marks.len().checked_sub(1 + usize::from(depth) % marks.len().max(1))
}

fn nodes_of(document: &Document) -> Vec<SerializedNode> {
    document.nodes().collect()
}

/// Applies one op and checks its outcome and the net changes against before and after.
fn apply(document: &mut Document, op: &Op) -> Outcome {
    assert_eq!(Op::from_json(&op.to_json(), Sender::Server).unwrap().as_ref(), Some(op), "wire");
    let before = nodes_of(document);
    let mut mirror = Value::from(&document.to_json());
    let (outcome, changes) = document.watch(|document| document.apply(op));
    changes.apply_to(&mut mirror).unwrap();
    assert_eq!(Json::from(mirror), document.to_json(), "changes of {op:?}: {changes:?}");
    if !outcome.is_accepted() {
        assert!(changes.is_empty(), "{outcome:?} but {changes:?}");
        assert_eq!(nodes_of(document), before, "{outcome:?} changes nothing");
    }
    outcome
}

/// The same ops give the same document and outcomes, and so do the ops that others are told.
fn replays(document: &Document, log: &[(Op, Outcome)]) {
    let (mut again, mut others) = (Document::new(), Document::new());
    for (op, outcome) in log {
        assert_eq!(&again.apply(op), outcome, "replay of {op:?}");
        if let Outcome::Accepted { corrected, .. } = outcome {
            let told = corrected.as_deref().unwrap_or(op).clone().without_op_id();
            assert!(others.apply(&told).is_accepted(), "{told:?}");
        }
    }
    assert_eq!(nodes_of(&again), nodes_of(document), "replay");
    assert_eq!(nodes_of(&others), nodes_of(document), "the ops as others hear them");
}

/// Out and in again, in every notation.
pub(super) fn round_trips(document: &Document) {
    let nodes = nodes_of(document);
    assert_eq!(nodes.len(), document.node_count());
    let (loaded, report) = Document::from_nodes(nodes.clone()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    loaded.check().unwrap();
    assert_eq!(nodes_of(&loaded), nodes, "nodes");
    for node in &nodes {
        assert_eq!(SerializedNode::from_json(&node.to_json()).as_ref(), Ok(node));
        assert_eq!(SerializedNode::from_compact(&node.to_compact()).as_ref(), Ok(node));
    }
    let snapshot = document.to_snapshot();
    let again = Document::from_snapshot(&snapshot).unwrap();
    again.check().unwrap();
    assert_eq!(nodes_of(&again), nodes, "snapshot");
    assert_eq!(loaded.to_snapshot(), snapshot);
    let json = document.to_json();
    let deepest = ReadLimits::default().max_depth(ReadLimits::DEEPEST);
    let read = Json::from_slice_with(&document.to_json_text(), deepest).unwrap();
    assert_eq!(read, json, "JSON text");
    assert_eq!(loaded.to_json(), json);
    let plain = document.to_plain_lson();
    assert_eq!(loaded.to_plain_lson(), plain);
    let again = Document::from_plain_lson(&plain).unwrap();
    again.check().unwrap();
    assert_eq!(again.to_plain_lson(), plain, "plain LSON");
    assert_eq!(again.to_json(), json);
    assert_eq!(again.node_count(), nodes.len());
}
