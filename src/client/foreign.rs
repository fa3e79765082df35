//! What of a message others have written, for undo that leaves that alone.

use std::collections::{BTreeMap, BTreeSet};

use super::pending::Pending;
use super::sides::{Sides, sides};
use crate::history::{History, Place, places};
use crate::op::OpKind;
use crate::{Document, NodeId, Op};

/// Moves of items that are yet to be looked at: a server that spreads out positions moves many, and all of them
/// stay where they are.
pub(super) struct Moves {
    /// Each with the neighbours that the item had.
    items: Vec<(NodeId, Sides)>,
    /// Items that come or go with the message: they are nobody's neighbours, or those beside them would count as moved.
    passing: BTreeSet<NodeId>,
    /// The places that pending ops write, and when the first of those was made.
    own: BTreeMap<Place, u64>,
}

impl Moves {
    /// Before a message is taken in: tells `history` what others write with it. What is overwritten by own ops that
    /// are pending was written before those.
    pub(super) fn before_message(
        ops: &[Op],
        document: &mut Document,
        pending: &mut Pending,
        history: &mut History,
    ) -> Self {
        let theirs: Vec<&Op> =
            ops.iter().filter(|op| !pending.is_own(op) && !pending.may_be_own(op)).collect();
        let is_move = |op: &&Op| matches!(op.kind, OpKind::SetParentKey { .. });
        let passing: BTreeSet<NodeId> = ops.iter().flat_map(passing).cloned().collect();
        let is_passing = |id: &NodeId| passing.contains(id);
        let moved = theirs.iter().copied().filter(|op| is_move(op) && !is_passing(&op.id));
        let items = moved.map(|op| (op.id.clone(), sides(document, &op.id, is_passing))).collect();
        // With an answer come ops that repair the prediction. Those that change nothing in the confirmed document
        // say nothing of others.
        let repaired = ops.iter().any(|op| pending.is_own(op));
        let is_apart = !repaired && !theirs.iter().any(|op| pending.meets(document, op));
        if !is_apart {
            pending.roll_back(document);
        }
        let news = theirs.into_iter().filter(|op| !repaired || document.would_change(op));
        let (moved, others): (Vec<&Op>, Vec<&Op>) = news.partition(is_move);
        let written: Vec<Place> = others.into_iter().flat_map(|op| places(document, op)).collect();
        let mut this = Self { items, passing, own: BTreeMap::new() };
        let moved: BTreeSet<&NodeId> = moved.into_iter().map(|op| &op.id).collect();
        this.items.retain(|(id, _)| moved.contains(id));
        if !is_apart {
            this.own = pending.replay_and_tell_writes(document);
        }
        history.written_by_others(written, &this.own);
        this
    }

    /// After it was taken in: tells `history` of the items that have gone elsewhere.
    pub(super) fn after_message(self, document: &Document, history: &mut History) {
        let Self { items, passing, own } = self;
        let is_passing = |id: &NodeId| passing.contains(id);
        let moved =
            items.into_iter().filter(|(id, before)| sides(document, id, is_passing) != *before);
        history.written_by_others(moved.map(|(id, _)| Place::Item(id)), &own);
    }
}

/// The items that an op creates or takes out by name.
fn passing(op: &Op) -> impl Iterator<Item = &NodeId> {
    let (id, other) = match &op.kind {
        OpKind::Create(create) => (Some(&op.id), create.deleted_id.as_ref()),
        OpKind::DeleteCrdt => (Some(&op.id), None),
        _ => (None, None),
    };
    id.into_iter().chain(other)
}
