//! How backends change a room's storage: by JSON Patch, as a whole, and by messages of their own.

use json_patch::PatchOperation;
use json_patch::jsonptr::PointerBuf;
use livetree::patch::PatchError;
use livetree::server::{ServerError, SessionOptions};
use livetree::{ClientMessage, ServerMessage};
use serde_json::Value;

use super::message::Messages;
use super::{Actor, Room};
use crate::journal;
use crate::record::now;

impl Room {
    /// Applies a JSON Patch; everybody hears of it who may.
    pub fn patch(&mut self, patch: &[PatchOperation]) -> Result<(), PatchError> {
        let (_, reply) = self.server.patch(patch, now())?;
        self.note();
        self.metrics.patches.add(1);
        self.tell_update(None, Messages::default(), &reply.others);
        Ok(())
    }

    /// Makes the storage that of a plain LSON object, new nodes throughout; everybody hears of it who may.
    pub fn replace(&mut self, content: Value) -> Result<(), PatchError> {
        let path = PointerBuf::default();
        self.patch(&[PatchOperation::Replace(json_patch::ReplaceOperation {
            path,
            value: content,
        })])
    }

    /// Whether there is nothing in the storage.
    pub fn is_storage_empty(&self) -> bool {
        self.document().root().is_empty()
    }

    /// Gives a backend an actor number under which it may make ids, and the storage: lines of JSON.
    pub fn begin_mutation(&mut self) -> Result<Vec<u8>, ServerError> {
        let actor = self.open_session(SessionOptions::default())?;
        self.server.disconnect(actor);
        let mut lines = format!("{{\"actor\":{actor}}}\n").into_bytes();
        journal::nodes_by_line(self.document(), &mut lines);
        Ok(lines)
    }

    /// Takes messages of a backend as those of a member who has no connection. Returns the answers.
    pub fn receive_from_backend(
        &mut self,
        messages: Vec<ClientMessage>,
    ) -> Result<Vec<ServerMessage>, ServerError> {
        let backend = self.backend()?;
        let reply = self.storage(backend, messages);
        self.tell_update(None, Messages::default(), &reply.others);
        Ok(reply.sender)
    }

    fn backend(&mut self) -> Result<Actor, ServerError> {
        if let Some(backend) = self.backend {
            return Ok(backend);
        }
        let backend = self.open_session(SessionOptions::default())?;
        self.backend = Some(backend);
        Ok(backend)
    }
}
