//! How backends change a room's storage: by JSON Patch, as a whole, and by messages of their own.

use json_patch::PatchOperation;
use json_patch::jsonptr::PointerBuf;
use livetree::op::OpKind;
use livetree::patch::PatchError;
use livetree::server::{ServerError, SessionOptions};
use livetree::{ClientMessage, Op, ServerMessage};
use serde_json::Value;
use thiserror::Error;

use super::message::Messages;
use super::{Actor, Room};
use crate::journal;
use crate::record::now;

/// Why a backend's change of the storage is not carried out.
#[derive(Debug, Error)]
pub enum MutationError {
    /// The JSON Patch cannot be applied.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// No actor number is left.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// There would be too much in the room.
    #[error("the room may hold {0} nodes, and would hold more")]
    Full(usize),
    /// Some of the ops cannot be carried out; the others are.
    #[error("refused: {0}")]
    Refused(String),
}

impl Room {
    /// Applies a JSON Patch; everybody hears of it who may.
    pub fn patch(&mut self, patch: &[PatchOperation]) -> Result<(), MutationError> {
        let (_, reply) = self.server.patch(patch, now())?;
        self.note();
        self.metrics.patches.add(1);
        self.tell_update(None, Messages::default(), &reply.others);
        Ok(())
    }

    /// Makes the storage that of a plain LSON object, new nodes throughout; everybody hears of it who may.
    pub fn replace(&mut self, content: Value) -> Result<(), MutationError> {
        let path = PointerBuf::default();
        self.patch(&[PatchOperation::Replace(json_patch::ReplaceOperation {
            path,
            value: content,
        })])
    }

    /// How many nodes a message may make. Those that it makes again are there already.
    fn creations(&self, message: &ClientMessage) -> usize {
        let ClientMessage::UpdateStorage { ops } = message else { return 0 };
        let is_new =
            |op: &&Op| matches!(op.kind, OpKind::Create(_)) && !self.document().contains(&op.id);
        ops.iter().filter(is_new).count()
    }

    fn check_nodes(&self, nodes: usize) -> Result<(), MutationError> {
        let limit = self.config.max_nodes;
        if nodes <= limit { Ok(()) } else { Err(MutationError::Full(limit)) }
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
    ) -> Result<Vec<ServerMessage>, MutationError> {
        let new = messages.iter().map(|message| self.creations(message)).sum();
        if new > 0 {
            self.check_nodes(self.document().node_count().saturating_add(new))?;
        }
        let backend = self.backend()?;
        let reply = self.storage(backend, messages);
        self.tell_update(None, Messages::default(), &reply.others);
        match reply.sender.iter().find_map(refusal) {
            Some(reason) => Err(MutationError::Refused(reason.clone())),
            None => Ok(reply.sender),
        }
    }

    fn backend(&mut self) -> Result<Actor, ServerError> {
        if let Some(backend) = self.backend {
            return Ok(backend);
        }
        let options = SessionOptions::default().take_back_rejected(false);
        let backend = self.open_session(options)?;
        self.backend = Some(backend);
        Ok(backend)
    }
}

fn refusal(message: &ServerMessage) -> Option<&String> {
    if let ServerMessage::RejectOps { reason, .. } = message { Some(reason) } else { None }
}
