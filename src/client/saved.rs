//! A client as bytes, from which it goes on after the app was closed: with its edits that the server has not
//! acknowledged.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Client;
use super::pending::{Pending, SavedPending};
use crate::document::SnapshotError;
use crate::json::to_json;
use crate::{Document, IdSource, Json, ReadLimits};

const MAGIC: &[u8; 10] = b"liveclient";
const VERSION: u8 = 1;

/// Why bytes are no saved client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// They do not begin as a saved client does.
    #[error("this is no saved client")]
    NotSaved,
    /// It is of a version that this crate does not know, perhaps a later one.
    #[error("a client saved in version {0} cannot be restored, only in version {VERSION}")]
    UnknownVersion(u8),
    /// What is said of its edits cannot be read.
    #[error("saved client: {0}")]
    Malformed(String),
    /// Its document cannot be read.
    #[error("saved client: {0}")]
    Document(#[from] SnapshotError),
}

/// All of a client but its document, with the names that serde gives to it.
#[derive(Default, Serialize, Deserialize)]
struct Saved {
    ids: Option<IdSource>,
    loaded: bool,
    pending: SavedPending,
}

impl Client {
    /// The client as bytes, to be [restored](Self::restore) when the app starts again, with or without a
    /// connection: its document, and the edits that the server has not acknowledged. Undo steps, cursors and
    /// options are not part of it.
    ///
    /// Save *between* [`poll_message`](Self::poll_message) and sending what that returned, so that all that was
    /// ever sent is saved. Then the restored client is as one that lost its connection: no edit that was saved
    /// is lost, and none is made twice. What was edited later is gone with the app.
    ///
    /// O(n) for n nodes, as [`Document::to_snapshot`].
    ///
    /// ```
    /// # use livetree::server::{ServerOptions, SessionOptions};
    /// # use livetree::{Client, Document, Server};
    /// # let mut server = Server::new(Document::new(), ServerOptions::default());
    /// # let mut client = Client::new();
    /// # let actor = server.connect(SessionOptions::default())?;
    /// # client.connected(actor);
    /// # while let Some(message) = client.poll_message() {
    /// #     for answer in server.receive(actor, message, 0)?.sender { client.receive(answer)?; }
    /// # }
    /// client.edit(|root| root.set("title", "Roadmap"))?;
    /// let messages: Vec<_> = std::iter::from_fn(|| client.poll_message()).collect();
    /// let bytes = client.save();
    /// // Now they may be sent; but the app is closed before that.
    /// drop((client, messages));
    ///
    /// let mut client = Client::restore(&bytes)?;
    /// client.edit(|root| root.set("draft", true))?;
    /// assert_eq!(client.document().to_json().to_string(), r#"{"draft":true,"title":"Roadmap"}"#);
    /// assert_eq!(client.pending().len(), 2);
    /// # Ok::<(), livetree::Error>(())
    /// ```
    #[must_use]
    pub fn save(&mut self) -> Vec<u8> {
        let Self { document, ids, loaded, pending, .. } = self;
        let saved = Saved { ids: ids.clone(), loaded: *loaded, pending: pending.saved() };
        let saved = to_json(&saved).unwrap_or_else(|error| {
            debug_assert!(false, "all of it can be written: {error}");
            Json::Null
        });
        let saved = saved.to_vec();
        pending.roll_back(document);
        let snapshot = document.to_snapshot();
        pending.replay(document);
        let len = (saved.len() as u64).to_le_bytes();
        [MAGIC.as_slice(), &[VERSION], &len, &saved, &snapshot].concat()
    }

    /// A client as it was when it was [saved](Self::save), without a connection. Its document has the default
    /// [`Limits`](crate::Limits).
    ///
    /// Restore it once: two clients that go on from one save give the same names to different edits.
    ///
    /// # Errors
    /// If the bytes are not a saved client as a whole.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(RestoreError::NotSaved)?;
        let cut = || RestoreError::Malformed("it is cut off".to_owned());
        let (version, rest) = rest.split_first().ok_or_else(cut)?;
        if *version != VERSION {
            return Err(RestoreError::UnknownVersion(*version));
        }
        let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| cut())?;
        let (saved, snapshot) = rest.split_at_checked(len).ok_or_else(cut)?;

        let malformed = |reason: &dyn ToString| RestoreError::Malformed(reason.to_string());
        let saved =
            Json::from_slice_with(saved, ReadLimits::wrapped()).map_err(|e| malformed(&e))?;
        let Saved { ids, loaded, pending } =
            Saved::deserialize(&saved).map_err(|error| malformed(&error))?;
        let mut document = Document::from_snapshot(snapshot)?;
        let pending =
            Pending::restored(pending, &mut document).map_err(|reason| malformed(&reason))?;
        Ok(Self { document, ids, loaded, pending, ..Self::default() })
    }
}
