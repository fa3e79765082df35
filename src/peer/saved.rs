//! A peer as bytes: what is settled, and the log.

use serde::{Deserialize, Serialize};

use super::{END, Peer, Turn, Version};
use crate::restore::{self, RestoreError};
use crate::{Actor, Document, IdSource};

const KIND: &str = "peer";

/// All of a peer but the settled document, with the names that serde gives to it.
#[derive(Serialize, Deserialize)]
struct Saved {
    ids: IdSource,
    settled: Version,
    turns: Vec<Turn>,
}

impl Peer {
    /// The peer as bytes, to be [restored](Self::restore) as it is, or as another one that joins. Undo steps,
    /// cursors and options are not part of it.
    ///
    /// Who goes on with an actor must have all that was ever sent in its name: save before sending. To tell one's
    /// version is to send it: others may [settle](Self::settle) what this peer has said that it has.
    ///
    /// O(n) for n nodes and ops, and for the actors of whom each turn has seen ops: these are told with every turn,
    /// so a log of very many actors is best settled often.
    ///
    /// ```
    /// use livetree::{Actor, Document, Peer};
    /// let mut ann = Peer::new(Actor(1), Document::new());
    /// ann.edit(|root| root.set("title", "Roadmap"))?;
    /// let mut ben = Peer::restore(Actor(2), &ann.save())?;
    /// ben.edit(|root| root.set("draft", true))?;
    /// ann.receive(ben.turns_since(ann.version())?)?;
    /// assert_eq!(ann.document().to_json().to_string(), r#"{"draft":true,"title":"Roadmap"}"#);
    /// # Ok::<(), livetree::Error>(())
    /// ```
    #[must_use]
    pub fn save(&mut self) -> Vec<u8> {
        let turns = self.turns_since(&self.settled).unwrap_or_default();
        let saved = Saved { ids: self.ids.clone(), settled: self.settled.clone(), turns };
        let snapshot = self.settled_document(Document::to_snapshot);
        restore::write(KIND, &saved, &snapshot)
    }

    /// A peer with what was saved, and this actor: the one that it was saved as, or one that joins. Its document
    /// has the default [`Limits`](crate::Limits).
    ///
    /// # Errors
    /// If the bytes are not a saved peer as a whole.
    pub fn restore(actor: Actor, bytes: &[u8]) -> Result<Self, RestoreError> {
        let (Saved { ids, settled, turns }, document) = restore::read(KIND, bytes)?;
        if settled.end() > END {
            return Err(RestoreError::malformed("a counter is too large"));
        }
        let ids = if ids.actor() == actor { ids } else { IdSource::new(actor) };
        let mut peer = Self::with_ids(ids, document);
        peer.begin_with(settled.clone());
        // Their authors need not have seen all that is settled.
        peer.receive(turns).map_err(|error| RestoreError::malformed(error.to_string()))?;
        if peer.log.first().is_some_and(|first| Some(first.stamp) <= settled.last()) {
            return Err(RestoreError::malformed("an op comes before one that is settled"));
        }
        peer.settled = settled;
        Ok(peer)
    }
}
