//! Places in texts that stay put while the texts change: cursors and selections.

use std::collections::BTreeMap;

use crate::change::UpdateDetail;
use crate::text::{Anchor, Bias};
use crate::{Changes, NodeId};

/// Names a place in a text that a [`Client`](crate::Client) keeps track of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CursorId(u64);

/// The places that a client keeps track of.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// By text and name.
    places: BTreeMap<NodeId, BTreeMap<CursorId, Anchor>>,
    next: u64,
}

impl Cursors {
    pub(super) fn add(&mut self, text: NodeId, index: usize, bias: Bias) -> CursorId {
        let name = CursorId(self.next);
        self.next += 1;
        let index = i64::try_from(index).unwrap_or(i64::MAX);
        self.places.entry(text).or_default().insert(name, Anchor { index, bias });
        name
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The text and the index.
    pub(super) fn get(&self, name: CursorId) -> Option<(&NodeId, usize)> {
        let mut found = self.places.iter().map(|(text, places)| (text, places.get(&name)));
        let (text, anchor) = found.find_map(|(text, anchor)| Some((text, anchor?)))?;
        Some((text, usize::try_from(anchor.index).unwrap_or(0)))
    }

    pub(super) fn remove(&mut self, name: CursorId) {
        self.places.retain(|_, places| {
            places.remove(&name);
            !places.is_empty()
        });
    }

    /// Takes the places along with what changed.
    pub(super) fn follow(&mut self, changes: &Changes) {
        if self.is_empty() {
            return;
        }
        for update in changes {
            let UpdateDetail::Text(ops) = &update.detail else { continue };
            for anchor in self.places.get_mut(&update.node).into_iter().flatten() {
                anchor.1.advance(ops);
            }
        }
    }
}
