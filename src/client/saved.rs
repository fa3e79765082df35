//! A client as bytes, from which it goes on after the app was closed: with its edits that the server has not
//! acknowledged.

use serde::{Deserialize, Serialize};

use super::Client;
use super::pending::{Pending, SavedPending};
use crate::restore::{self, RestoreError};
use crate::{Document, IdSource};

const KIND: &str = "client";

/// All of a client but its document, with the names that serde gives to it.
#[derive(Serialize, Deserialize)]
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
        pending.roll_back(document);
        let snapshot = document.to_snapshot();
        pending.replay(document);
        restore::write(KIND, &saved, &snapshot)
    }

    /// A client as it was when it was [saved](Self::save), without a connection. Its document has the default
    /// [`Limits`](crate::Limits).
    ///
    /// Restore it once: two clients that go on from one save give the same names to different edits.
    ///
    /// # Errors
    /// If the bytes are not a saved client as a whole.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        let (saved, mut document): (Saved, Document) = restore::read(KIND, bytes)?;
        let Saved { mut ids, loaded, pending } = saved;
        let pending = Pending::restored(pending, &mut document).map_err(RestoreError::malformed)?;
        if !pending.is_empty() && ids.is_none() {
            return Err(RestoreError::malformed("nobody has made the pending ops"));
        }
        if !pending.is_empty() && !loaded {
            return Err(RestoreError::malformed("no document was there for the pending ops"));
        }
        // Whatever the clocks say, no name is given again, also when they count on for another actor.
        if let Some(ids) = &mut ids {
            for op in pending.iter() {
                ids.skip_made(op);
            }
            ids.skip_nodes_of(&document);
        }
        Ok(Self { document, ids, loaded, pending, ..Self::default() })
    }
}
