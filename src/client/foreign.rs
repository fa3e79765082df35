//! What of a message others have written, for undo that leaves that alone.

use std::collections::{BTreeMap, BTreeSet};

use super::pending::Pending;
use crate::history::{History, Place, places};
use crate::op::OpKind;
use crate::prediction::Anchor;
use crate::{Document, NodeId, Op};

/// Moves of items that are yet to be looked at: a server that spreads out positions moves many, and all of them
/// stay where they are.
pub(super) struct Moves {
    /// Each with the neighbours that the item had.
    items: Vec<(NodeId, Option<Anchor>)>,
    /// The places that pending ops write, and when the first of those was made.
    own: BTreeMap<Place, u64>,
}

impl Moves {
    /// Before a message is taken in: tells `history` what others write with it. What is overwritten by own ops that
    /// are pending was written before those.
    pub(super) fn heard_with(
        ops: &[Op],
        document: &mut Document,
        pending: &mut Pending,
        history: &mut History,
    ) -> Self {
        let theirs: Vec<&Op> =
            ops.iter().filter(|op| !pending.is_own(op) && !pending.may_be_own(op)).collect();
        let is_move = |op: &&Op| matches!(op.kind, OpKind::SetParentKey { .. });
        let moved = theirs.iter().copied().filter(is_move);
        let items = moved.map(|op| (op.id.clone(), neighbours(document, &op.id))).collect();
        // With an answer come ops that repair the prediction; what they say is foreign only if it is news.
        let repaired = ops.iter().any(|op| pending.is_own(op));
        let is_apart = !repaired && !theirs.iter().any(|op| pending.meets(document, op));
        if !is_apart {
            pending.roll_back(document);
        }
        let news = theirs.into_iter().filter(|op| !repaired || document.would_change(op));
        let (moved, others): (Vec<&Op>, Vec<&Op>) = news.partition(is_move);
        let written: Vec<Place> = others.into_iter().flat_map(|op| places(document, op)).collect();
        let mut this = Self { items, own: BTreeMap::new() };
        let moved: BTreeSet<&NodeId> = moved.into_iter().map(|op| &op.id).collect();
        this.items.retain(|(id, _)| moved.contains(id));
        if !is_apart {
            this.own = pending.replay_and_tell_writes(document);
        }
        history.written_by_others(written, &this.own);
        this
    }

    /// After it was taken in: tells `history` of the items that have gone elsewhere.
    pub(super) fn heard(self, document: &Document, history: &mut History) {
        let Self { items, own } = self;
        let moved = items.into_iter().filter(|(id, before)| neighbours(document, id) != *before);
        history.written_by_others(moved.map(|(id, _)| Place::Item(id)), &own);
    }
}

/// Between which items one is; `None` if it is in no list.
fn neighbours(document: &Document, id: &NodeId) -> Option<Anchor> {
    Anchor::of(document, &document.put_back(document.find(id)?))
}
