//! A peer as bytes: what is settled, and the log.

use serde::{Deserialize, Serialize};

use super::{Peer, PeerError, Turn, Version};
use crate::json::to_json;
use crate::{Actor, Document, IdSource, Json, ReadLimits};

const MAGIC: &[u8; 8] = b"livepeer";
const VERSION: u8 = 1;

/// All of a peer but the settled document, with the names that serde gives to it.
#[derive(Serialize, Deserialize)]
struct Saved {
    ids: IdSource,
    settled: Version,
    turns: Vec<Turn>,
}

impl Peer {
    /// The peer as bytes, to be [restored](Self::restore) as it is, or as another one that joins.
    ///
    /// Who goes on with an actor must have all that was ever sent in its name: save before sending.
    ///
    /// O(n) for n nodes and ops.
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
        let saved = to_json(&saved).unwrap_or_else(|error| {
            debug_assert!(false, "all of it can be written: {error}");
            Json::Null
        });
        let saved = saved.to_vec();
        let snapshot = self.settled_document(Document::to_snapshot);
        let len = (saved.len() as u64).to_le_bytes();
        [MAGIC.as_slice(), &[VERSION], &len, &saved, &snapshot].concat()
    }

    /// A peer with what was saved, and this actor: the one that it was saved as, or one that joins.
    ///
    /// # Errors
    /// If the bytes are not a saved peer as a whole.
    pub fn restore(actor: Actor, bytes: &[u8]) -> Result<Self, PeerError> {
        let malformed = |reason: &dyn ToString| PeerError::Unreadable(reason.to_string());
        let rest = bytes.strip_prefix(MAGIC).ok_or(malformed(&"this is no saved peer"))?;
        let cut = || malformed(&"the saved peer is cut off");
        let (version, rest) = rest.split_first().ok_or_else(cut)?;
        if *version != VERSION {
            return Err(malformed(&format!(
                "a peer saved in version {version} cannot be restored"
            )));
        }
        let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| cut())?;
        let (saved, snapshot) = rest.split_at_checked(len).ok_or_else(cut)?;

        let saved =
            Json::from_slice_with(saved, ReadLimits::wrapped()).map_err(|e| malformed(&e))?;
        let Saved { ids, settled, turns } =
            Saved::deserialize(&saved).map_err(|error| malformed(&error))?;
        let mut peer = Self::new(actor, Document::from_snapshot(snapshot)?);
        if ids.actor() == actor {
            peer.ids = ids;
        }
        peer.set_settled(settled);
        _ = peer.receive(turns)?;
        Ok(peer)
    }
}
