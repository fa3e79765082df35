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
    texts: BTreeMap<CursorId, NodeId>,
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
        self.texts.insert(name, text.clone());
        Some(name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text and the index, if the text is there.
    pub(crate) fn get(&self, document: &Document, name: CursorId) -> Option<(&NodeId, usize)> {
        let text = self.texts.get(&name)?;
        let anchor = self.places.get(text)?.get(&name)?;
        let len = document.get(text)?.as_text()?.len();
        Some((text, usize::try_from(anchor.index).unwrap_or(0).min(len)))
    }

    pub(crate) fn remove(&mut self, name: CursorId) {
        let Some(text) = self.texts.remove(&name) else { return };
        let Some(places) = self.places.get_mut(&text) else { return };
        places.remove(&name);
        if places.is_empty() {
            self.places.remove(&text);
        }
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
