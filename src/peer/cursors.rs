//! Places in texts that a peer keeps track of.

use super::Peer;
use crate::text::Bias;
use crate::{CursorId, NodeId};

impl Peer {
    /// Keeps track of a place in a text, such as a cursor or an end of a selection: of the index (in UTF-16 units),
    /// whoever changes the text, until it is [removed](Self::remove_cursor). `None` if there is no such text.
    ///
    /// ```
    /// use livetree::text::Bias;
    /// use livetree::{Actor, Document, Lson, Peer, lson};
    /// let board = Document::from_lson(&lson!({ "t": (Lson::text("Hello world")) }))?;
    /// let mut ann = Peer::new(Actor(1), board.clone());
    /// let mut ben = Peer::new(Actor(2), board);
    /// let text = ann.document().at("/t")?.id().unwrap();
    /// let cursor = ann.add_cursor(&text, 6, Bias::After).unwrap();
    /// ben.edit(|root| root.text("t")?.insert(0, "Oh! "))?;
    /// ann.receive(ben.turns_since(ann.version())?)?;
    /// assert_eq!(ann.cursor(cursor), Some((&text, 10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_cursor(&mut self, text: &NodeId, index: usize, bias: Bias) -> Option<CursorId> {
        self.cursors.add(&self.document, text, index, bias)
    }

    /// The text and the index, in UTF-16 units, of a place that is kept track of. `None` if it was removed, or the
    /// text is gone.
    pub fn cursor(&self, cursor: CursorId) -> Option<(&NodeId, usize)> {
        self.cursors.get(&self.document, cursor)
    }

    /// Keeps track of a place no longer.
    pub fn remove_cursor(&mut self, cursor: CursorId) {
        self.cursors.remove(cursor);
    }
}
