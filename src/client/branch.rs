//! Texts whose pending updates hang on an earlier version than the one the server has told of.
//!
//! After a connection was lost the server's text comes whole, without the updates that led to it.
//! How pending updates are to be expressed on it cannot be told by looking at the two texts, not
//! even whether one that was under way has arrived. The server can tell: it has the updates. So the
//! text branches off. It is shown as it was, with what is typed on top; everything goes to the
//! server expressed on the version where the branch begins; and what the server says of the text is
//! kept beside it. When the last pending update is answered, the text becomes that of the server.
//!
//! All updates of a branch go by one name. An update of which the server knows the beginning is
//! taken as the author's earlier state with more in it
//! ([`rectify_resent`](crate::text::History::rectify_resent)), which is exactly what it is: an op
//! that refers to what the author saw, its own earlier ops included, however often acknowledgements
//! were lost.

use std::collections::BTreeMap;

use super::text::text;
use crate::document::TextNode;
use crate::op::{OpKind, UpdateText};
use crate::text::TextOp;
use crate::{Document, NodeId, Op, OpId};

/// A server keeps 1,000 versions of a text. A branch is given up when this many of them are gone
/// already, since more will come before an update arrives.
const REACH: u64 = 500;

/// A text that has branched off.
#[derive(Debug)]
struct Branch {
    /// The version at which it did.
    base: u64,
    /// The name by which its updates go, once one was sent.
    name: Option<OpId>,
    /// What the server has answered under that name.
    answered: Vec<TextOp>,
    /// The server's text, as far as it is known.
    server: Option<TextNode>,
}

/// The texts that have branched off. Each has pending updates.
#[derive(Debug, Default)]
pub(super) struct Branches {
    texts: BTreeMap<NodeId, Branch>,
}

/// How a text with pending updates stands to the one that was loaded.
pub(super) enum Loaded {
    /// It is on a branch.
    OnBranch,
    /// Nothing has happened to it, or it has yet to be created.
    Same,
    /// The server has no such text.
    Gone,
    /// The server cannot lead from the one to the other.
    OutOfReach,
}

impl Branches {
    pub(super) fn iter(&self) -> impl Iterator<Item = &NodeId> {
        self.texts.keys()
    }

    pub(super) fn contains(&self, id: &NodeId) -> bool {
        self.texts.contains_key(id)
    }

    /// What was known of the server is no longer certain.
    pub(super) fn connection_lost(&mut self) {
        for branch in self.texts.values_mut() {
            branch.server = None;
        }
    }

    /// An update was under way when the connection was lost: its text branches off where the
    /// update is expressed.
    pub(super) fn open_for(&mut self, op: &Op) {
        if let OpKind::UpdateText(update) = &op.kind {
            self.texts.entry(op.id.clone()).or_insert_with(|| Branch {
                base: update.base_version,
                name: op.op_id.clone(),
                answered: Vec::new(),
                server: None,
            });
        }
    }

    /// A document was loaded: where a text is on a branch, or has to be, `fresh` gets it as it is
    /// there. `created` is the text as a pending op creates it.
    pub(super) fn load(
        &mut self,
        document: &Document,
        fresh: &mut Document,
        id: &NodeId,
        created: Option<TextNode>,
    ) -> Loaded {
        let Some(server) = text(fresh, id).cloned() else {
            return if created.is_some() { Loaded::Same } else { Loaded::Gone };
        };
        let Some(own) = text(document, id).cloned().or(created) else { return Loaded::Gone };
        let open = self.texts.get(id);
        let same = own.version() == server.version() && own.text() == server.text();
        if open.is_none() && same {
            return Loaded::Same;
        }
        let base = open.map_or(own.version(), |branch| branch.base);
        if server.version().checked_sub(base).is_none_or(|behind| behind > REACH) {
            return Loaded::OutOfReach;
        }
        let branch = self.texts.entry(id.clone()).or_insert_with(|| Branch {
            base,
            name: None,
            answered: Vec::new(),
            server: None,
        });
        branch.server = Some(server);
        fresh.replace_text(id, own);
        Loaded::OnBranch
    }

    /// Whether a text of the document is on a branch. If it is deleted the branch ends.
    pub(super) fn has(&mut self, document: &Document, id: &NodeId) -> bool {
        let Some(branch) = self.texts.get(id) else { return false };
        if text(document, id).is_some() {
            return true;
        }
        // Unless it has yet to be created.
        if branch.server.is_some() {
            self.texts.remove(id);
        }
        false
    }

    /// The server has spoken of a node: perhaps it was a text's creation.
    pub(super) fn heard(&mut self, document: &Document, id: &NodeId) {
        if let Some(branch) = self.texts.get_mut(id) {
            if branch.server.is_none() {
                branch.server = text(document, id).cloned();
            }
        }
    }

    /// An update as it goes to the server.
    pub(super) fn message(&mut self, op: &Op) -> Op {
        let mut message = op.clone();
        if let (OpKind::UpdateText(update), Some(branch)) =
            (&mut message.kind, self.texts.get_mut(&op.id))
        {
            update.base_version = branch.base;
            update.ops = [&branch.answered, update.ops.as_slice()].concat();
            if branch.name.is_none() {
                branch.name.clone_from(&op.op_id);
            }
            message.op_id.clone_from(&branch.name);
        }
        message
    }

    /// Takes what the server says of a text. False if it was known already, so that nothing which
    /// is new in a pending update was taken.
    pub(super) fn hear(&mut self, op: &Op) -> bool {
        let OpKind::UpdateText(update) = &op.kind else { return true };
        let branch = self.texts.get_mut(&op.id);
        let Some(server) = branch.and_then(|branch| branch.server.as_mut()) else { return true };
        let UpdateText { base_version, version, ops } = update;
        let after = version.unwrap_or(base_version.saturating_add(1));
        if after <= server.version() {
            return after == *base_version && ops.is_empty();
        }
        let _ = server.hear(update);
        true
    }

    /// An update was answered.
    pub(super) fn answered(&mut self, op: &Op) {
        if let (OpKind::UpdateText(update), Some(branch)) = (&op.kind, self.texts.get_mut(&op.id)) {
            branch.answered.extend(update.ops.iter().cloned());
        }
    }

    /// An update was answered with nothing but an acknowledgement: under its name, nothing else is
    /// ever taken.
    pub(super) fn ignored(&mut self, id: &NodeId) {
        if let Some(branch) = self.texts.get_mut(id) {
            branch.name = None;
        }
    }

    /// Whether an update of the branch was answered before.
    pub(super) fn has_answers(&self, id: &NodeId) -> bool {
        self.texts.get(id).is_some_and(|branch| !branch.answered.is_empty())
    }

    /// The version of the server's text, as far as it is known.
    pub(super) fn version(&self, document: &Document, id: &NodeId) -> Option<u64> {
        match self.texts.get(id) {
            Some(branch) => branch.server.as_ref().map(TextNode::version),
            None => text(document, id).map(TextNode::version),
        }
    }

    /// Ends a branch; the server's text.
    pub(super) fn close(&mut self, id: &NodeId) -> Option<TextNode> {
        self.texts.remove(id)?.server
    }

    pub(super) fn forget(&mut self, id: &NodeId) {
        self.texts.remove(id);
    }
}
