//! What a client should show, computed in the plainest way: fold what the server said, as this
//! client has heard it, then apply what is still pending.
//!
//! It shares nothing with [`Client`](crate::Client) but the meaning of an op.

use std::collections::BTreeSet;

use crate::document::ValueRef;
use crate::op::OpKind;
use crate::text::Incarnation;
use crate::{Document, Op, OpId, SerializedNode, ServerMessage};

/// The naive replica of one client.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// What the server ordered, as far as this client has heard.
    confirmed: Option<Document>,
    /// Own ops that are not answered.
    pending: BTreeSet<OpId>,
    loading: Option<Loading>,
}

#[derive(Clone, Debug, Default)]
struct Loading {
    begun: bool,
    nodes: Vec<SerializedNode>,
    later: Vec<Op>,
}

impl Oracle {
    /// A connection was opened: the document will come anew.
    pub fn connected(&mut self) {
        self.loading = Some(Loading::default());
    }

    pub fn disconnected(&mut self) {
        self.loading = None;
    }

    /// The client made an op.
    pub fn made(&mut self, op_id: OpId) {
        self.pending.insert(op_id);
    }

    /// The client made one op of two that it had not sent.
    pub fn merged(&mut self, op_id: &OpId) {
        self.pending.remove(op_id);
    }

    pub fn is_pending(&self, op_id: &OpId) -> bool {
        self.pending.contains(op_id)
    }

    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Takes a message of the server.
    pub fn hear(&mut self, message: &ServerMessage) -> Result<(), String> {
        match (message, &mut self.loading) {
            (ServerMessage::UpdateStorage { ops }, Some(loading)) if loading.begun => {
                loading.later.extend(ops.iter().cloned());
            }
            (ServerMessage::UpdateStorage { .. }, Some(_)) => {}
            (ServerMessage::UpdateStorage { ops }, None) => {
                return ops.iter().try_for_each(|op| self.order(op));
            }
            (ServerMessage::StorageChunk { nodes }, Some(loading)) => {
                loading.begun = true;
                loading.nodes.extend(nodes.iter().cloned());
            }
            (ServerMessage::StorageState { nodes }, Some(_)) => {
                return self.load(nodes.clone(), &[]);
            }
            (ServerMessage::StorageEnd, Some(loading)) => {
                let Loading { nodes, later, .. } = std::mem::take(loading);
                return self.load(nodes, &later);
            }
            (ServerMessage::RejectOps { op_ids, .. }, None) => {
                for op_id in op_ids {
                    if !self.pending.remove(op_id) {
                        return Err(format!("{op_id} is rejected and was not pending"));
                    }
                }
            }
            (message, _) => return Err(format!("an honest server said {message:?}")),
        }
        Ok(())
    }

    fn load(&mut self, nodes: Vec<SerializedNode>, later: &[Op]) -> Result<(), String> {
        let (document, report) = Document::from_nodes(nodes).map_err(|error| error.to_string())?;
        if !report.is_clean() {
            return Err(format!("the server's nodes need repairs: {report:?}"));
        }
        self.confirmed = Some(document);
        self.loading = None;
        later.iter().try_for_each(|op| self.order(op))
    }

    fn order(&mut self, op: &Op) -> Result<(), String> {
        if let Some(op_id) = &op.op_id {
            if !self.pending.remove(op_id) {
                return Err(format!("{op_id} is answered and was not pending"));
            }
            if op.is_acknowledgement() {
                return Ok(());
            }
        }
        let confirmed = self.confirmed.as_mut().ok_or("an op came before the document")?;
        // A server that only knows a text update by its name repeats what it said then.
        if let (OpKind::UpdateText(update), Some(ValueRef::Text(text))) =
            (&op.kind, confirmed.get(&op.id))
        {
            if update.version.is_some_and(|version| version <= text.version()) {
                return Ok(());
            }
        }
        let _ = confirmed.hear(op);
        Ok(())
    }

    /// The nodes that the client must show, given its pending ops. `None` before the first load.
    pub fn shown<'a>(&self, pending: impl Iterator<Item = &'a Op>) -> Option<Vec<SerializedNode>> {
        let (mut document, _) = Document::from_nodes(self.confirmed.as_ref()?.nodes()).ok()?;
        for op in pending {
            let mut op = op.clone();
            // Where a pending update applies is said by its place in the order, not by a version; the
            // version says only to which of the texts that had the id, one after another.
            if let (OpKind::UpdateText(update), Some(ValueRef::Text(text))) =
                (&mut op.kind, document.get(&op.id))
            {
                if Incarnation::of(update.base_version) == Incarnation::of(text.version()) {
                    update.base_version = text.version();
                }
            }
            let _ = document.apply(&op);
        }
        Some(document.nodes().collect())
    }

    /// The nodes that the server ordered, as far as heard.
    pub fn confirmed(&self) -> Option<Vec<SerializedNode>> {
        Some(self.confirmed.as_ref()?.nodes().collect())
    }
}
