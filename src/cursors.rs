//! Places in texts that stay put while the texts change: cursors and selections.

use std::collections::BTreeMap;

use crate::change::UpdateDetail;
use crate::text::{Anchor, Bias};
use crate::{Changes, Document, NodeId};

/// Names a place in a text that a [`Client`](crate::Client) or [`Peer`](crate::Peer) keeps track of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CursorId(u64);

/// The places that a replica keeps track of.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// By text and name.
    places: BTreeMap<NodeId, BTreeMap<CursorId, Anchor>>,
    next: u64,
}

impl Cursors {
    /// A place in a text, if there is such a text.
    pub(crate) fn add(
        &mut self,
        document: &Document,
        text: &NodeId,
        index: usize,
        bias: Bias,
    ) -> Option<CursorId> {
        let len = document.get(text)?.as_text()?.len();
        let name = CursorId(self.next);
        self.next += 1;
        let index = i64::try_from(index.min(len)).unwrap_or(i64::MAX);
        self.places.entry(text.clone()).or_default().insert(name, Anchor { index, bias });
        Some(name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The text and the index, if the text is there.
    pub(crate) fn get(&self, document: &Document, name: CursorId) -> Option<(&NodeId, usize)> {
        let mut found = self.places.iter().map(|(text, places)| (text, places.get(&name)));
        let (text, anchor) = found.find_map(|(text, anchor)| Some((text, anchor?)))?;
        let len = document.get(text)?.as_text()?.len();
        Some((text, usize::try_from(anchor.index).unwrap_or(0).min(len)))
    }

    pub(crate) fn remove(&mut self, name: CursorId) {
        self.places.retain(|_, places| {
            places.remove(&name);
            !places.is_empty()
        });
    }

    /// Takes the places along with what changed.
    pub(crate) fn follow(&mut self, changes: &Changes) {
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
