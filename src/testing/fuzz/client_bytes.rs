//! A client that gets anything from its server stays whole, and reports what it shows.

use arbitrary::{Arbitrary, Unstructured};
use serde_json::Value;

use super::words::Change;
use crate::server::{ServerOptions, SessionOptions};
use crate::testing::world::script::{Edit, Supply, first_document};
use crate::{Actor, Changes, Client, Document, Json, OpId, Server, ServerMessage};

#[derive(Arbitrary, Clone, Debug)]
enum Input {
    /// Bytes that may be no frame at all.
    Bytes(Vec<u8>),
    /// Ops, each perhaps as the answer to one that is pending.
    Ops(Vec<(Change, Name)>),
    /// Answers to pending ops as they were sent.
    Echo(Vec<u8>),
    /// Refusals of pending ops.
    Reject(Vec<u8>),
    /// Nodes, made by ops.
    Chunk(Vec<Change>),
    State(Vec<Change>),
    End,
    Edit(Edit),
    Undo,
    Redo,
    Pause,
    Resume,
    Flush,
    Disconnect,
    Connect(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    None,
    Pending(u8),
    Unknown,
}

struct Lone {
    client: Client,
    /// The document as a subscriber has it.
    mirror: Value,
    clock: usize,
}

/// Feeds a client with pending edits arbitrary frames of a server; checks its document and the
/// changes that it reports after each.
pub fn client_bytes(bytes: &[u8]) {
    let Ok(inputs) = Vec::<Input>::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let mut server = Server::new(first_document(), ServerOptions::default());
    let actor = server.connect(SessionOptions::default()).unwrap();
    let mut lone = Lone { client: Client::new(), mirror: Value::Object(<_>::default()), clock: 0 };
    lone.client.connected(actor);
    while let Some(message) = lone.client.poll_message() {
        for answer in server.receive(actor, message, 0).unwrap().sender {
            lone.hear(answer);
        }
    }
    let mut values = 1000_u32..;
    for input in inputs.iter().take(64) {
        lone.step(input, &mut values);
    }
    // Whatever it has been told, an honest server sets it right.
    lone.client.connected(Actor(77));
    let _ = lone.client.poll_message();
    let nodes: Vec<_> = server.document().nodes().collect();
    lone.hear(ServerMessage::StorageState { nodes: nodes.clone() });
    assert_eq!(lone.client.confirmed_nodes(), nodes, "the server's document, once it is loaded");
}

impl Lone {
    fn step(&mut self, input: &Input, values: &mut std::ops::RangeFrom<u32>) {
        match input {
            Input::Bytes(bytes) => {
                for message in ServerMessage::read_frame(bytes).unwrap_or_default() {
                    self.hear(message);
                }
            }
            Input::Ops(changes) => {
                let ops = changes.iter().take(16).map(|(change, name)| {
                    self.clock += 1;
                    let op = change.op(self.clock);
                    match name {
                        Name::Unknown => op,
                        Name::None => op.without_op_id(),
                        Name::Pending(which) => {
                            let op_id = self.pending(*which);
                            op_id.map_or(op.clone(), |op_id| op.with_op_id(op_id))
                        }
                    }
                });
                let ops = ops.collect();
                self.hear(ServerMessage::UpdateStorage { ops });
            }
            Input::Echo(which) => {
                let pending: Vec<_> = self.client.pending().cloned().collect();
                let echo = |which: &u8| {
                    let at = usize::from(*which).checked_rem(pending.len())?;
                    pending.get(at).cloned()
                };
                let ops = which.iter().take(8).filter_map(echo).collect();
                self.hear(ServerMessage::UpdateStorage { ops });
            }
            Input::Reject(which) => {
                let op_ids = which.iter().take(8).filter_map(|which| self.pending(*which));
                let op_ids = op_ids.collect();
                self.hear(ServerMessage::RejectOps { op_ids, reason: "no".to_owned() });
            }
            Input::Chunk(changes) => {
                let nodes = nodes_by(changes);
                self.hear(ServerMessage::StorageChunk { nodes });
            }
            Input::State(changes) => {
                let nodes = nodes_by(changes);
                self.hear(ServerMessage::StorageState { nodes });
            }
            Input::End => self.hear(ServerMessage::StorageEnd),
            Input::Edit(edit) => {
                let first = values.nth(8).unwrap_or_default();
                let edited =
                    self.client.edit(|root| edit.make(root, &mut Supply::new(first.., false)));
                self.shows(&edited.map(|edited| edited.changes).unwrap_or_default());
            }
            Input::Undo => {
                let changes = self.client.undo().unwrap_or_default();
                self.shows(&changes);
            }
            Input::Redo => {
                let changes = self.client.redo().unwrap_or_default();
                self.shows(&changes);
            }
            Input::Pause => self.client.pause_history(),
            Input::Resume => self.client.resume_history(),
            Input::Flush => while self.client.poll_message().is_some() {},
            Input::Disconnect => self.client.disconnected(),
            Input::Connect(actor) => self.client.connected(Actor(u32::from(*actor))),
        }
    }

    fn pending(&self, which: u8) -> Option<OpId> {
        let at = usize::from(which).checked_rem(self.client.pending().len())?;
        self.client.pending().nth(at)?.op_id.clone()
    }

    fn hear(&mut self, message: ServerMessage) {
        let received = self.client.receive(message);
        self.shows(&received.map(|received| received.changes).unwrap_or_default());
    }

    /// The document is whole, and is what the changes made of the one before.
    fn shows(&mut self, changes: &Changes) {
        let document = self.client.document();
        document.check().unwrap();
        let before = self.mirror.clone();
        changes.apply_to(&mut self.mirror).unwrap();
        let after = document.to_json();
        assert_eq!(Json::from(self.mirror.clone()), after, "{changes:?} over {before}");
        self.mirror = Value::from(&after);
    }
}

/// The nodes of a document that ops make of nothing, without its root if that is all there is.
fn nodes_by(changes: &[Change]) -> Vec<crate::SerializedNode> {
    let mut document = Document::new();
    for (clock, change) in changes.iter().take(16).enumerate() {
        let _ = document.apply(&change.op(clock));
    }
    document.nodes().collect()
}
