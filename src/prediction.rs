//! Ops that are applied before it is known where they come in the order.
//!
//! A client's edits are shown ahead of the server, and a peer's ahead of what others may have made before. Each op
//! is applied under a savepoint of its own, and what it will take to take it back, or to tell that another op does
//! not meet it, is noted at that moment.

mod footprint;
pub(crate) mod neighbours;

use std::collections::BTreeSet;
use std::mem;

use smallvec::SmallVec;

pub(crate) use self::footprint::{Footprint, Touches};
pub(crate) use self::neighbours::Neighbours;
use crate::document::Savepoint;
use crate::op::OpKind;
use crate::{Document, Op, OpId, Outcome};

/// The ops that take one op back: one, mostly.
pub(crate) type Inverse = SmallVec<[InverseOp; 1]>;

/// An op that takes another back, or is part of what does; with the neighbours of the list item that it brings
/// back, if it does. They say where that belongs should they have got other positions.
#[derive(Clone, Debug)]
pub(crate) struct InverseOp {
    /// What it takes back.
    pub(crate) of: Option<OpId>,
    pub(crate) op: Op,
    pub(crate) neighbours: Option<Neighbours>,
}

/// What takes `op` back, were it applied now.
pub(crate) fn inverse_of(document: &Document, op: &Op) -> Inverse {
    let ops = document.inverse_of(op).into_iter();
    ops.map(|inverse| {
        let neighbours = Neighbours::of(document, &inverse);
        InverseOp { of: op.op_id.clone(), op: inverse, neighbours }
    })
    .collect()
}

/// What is noted of an op that is applied before its place in the order is known.
#[derive(Debug)]
pub(crate) struct Prediction {
    pub(crate) savepoint: Savepoint,
    pub(crate) touches: Touches,
    pub(crate) inverse: Inverse,
    pub(crate) neighbours: Option<Neighbours>,
    /// The op as the server is expected to echo it, if that is not as it is.
    pub(crate) corrected: Option<Box<Op>>,
}

impl Prediction {
    /// Before `op` is applied: opens its savepoint and notes what will be needed to take it back.
    pub(crate) fn of(document: &mut Document, op: &Op) -> Self {
        let inverse = inverse_of(document, op);
        let neighbours = Neighbours::of(document, op);
        let touches = document.touches(op, neighbours.as_ref());
        let savepoint = document.savepoint();
        Self { savepoint, touches, inverse, neighbours, corrected: None }
    }

    /// After it was applied: whether it had an effect. If not there is nothing to take back.
    pub(crate) fn came_true(&mut self, document: &mut Document, outcome: &Outcome) -> bool {
        let Outcome::Accepted { corrected, .. } = outcome else {
            document.rollback(self.savepoint);
            return false;
        };
        self.corrected.clone_from(corrected);
        true
    }
}

/// What takes back ops that were applied in one edit.
pub(crate) fn take_inverse(ops: &[Op], predictions: &mut [Prediction]) -> Inverse {
    let mut created = BTreeSet::new();
    let mut inverses: SmallVec<[Inverse; 1]> = SmallVec::new();
    for (op, prediction) in ops.iter().zip(predictions) {
        // What lies in a node that the same step created goes with it.
        let within = match &op.kind {
            OpKind::Create(create) => {
                // Nothing follows a lone one that could lie in it.
                if ops.len() > 1 {
                    created.insert(op.id.clone());
                }
                created.contains(&create.parent_id)
            }
            // Others may be where the item is to be, or come back in its place.
            OpKind::SetParentKey { .. } => false,
            _ => created.contains(&op.id),
        };
        let inverse = mem::take(&mut prediction.inverse);
        if !within || matches!(op.kind, OpKind::DeleteCrdt) {
            inverses.push(inverse);
        }
    }
    match inverses.len() {
        1 => inverses.pop().unwrap_or_default(),
        _ => inverses.into_iter().rev().flatten().collect(),
    }
}
