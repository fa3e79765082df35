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
//!
//! A branch is of one [`Incarnation`] of a text. While that is deleted the branch waits: its updates
//! are answered one by one, and should the server say that the text is there all the same, it is shown
//! again as it was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::incarnation;
use crate::document::TextNode;
use crate::op::{OpKind, UpdateText};
use crate::text::{Incarnation, Order, TextOp, difference, transform};
use crate::{Document, NodeId, Op, OpId};

/// A server keeps 1,000 versions of a text. A branch is given up when this many of them are gone
/// already, since more will come before an update arrives.
const REACH: u64 = 500;

/// A text that has branched off.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Branch {
    /// The version at which it did.
    base: u64,
    /// The op id by which its updates go, once one was sent.
    op_id: Option<OpId>,
    /// What the server has answered under that name.
    answered: Vec<TextOp>,
    /// The text as it is here, without what is not answered; once it was there.
    pub(super) own: Option<TextNode>,
    /// The server's text, as far as it is known. That is not stored: it is not certain any more when the
    /// document is loaded again.
    #[serde(skip)]
    server: Option<TextNode>,
    /// What leads from the text as it is here to the server's. Of equal letters it says which are whose, as far as
    /// that is known: what happened while the connection was lost is guessed, but not where own letters went.
    #[serde(skip)]
    lead: Vec<TextOp>,
}

/// The texts that have branched off. Each has pending updates.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Branches {
    texts: BTreeMap<NodeId, Branch>,
}

/// How a text with pending updates stands to the document that was loaded.
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

impl Branch {
    fn at(base: u64, op_id: Option<OpId>) -> Self {
        Self { base, op_id, answered: Vec::new(), own: None, server: None, lead: Vec::new() }
    }

    fn is_of(&self, of: Incarnation) -> bool {
        Incarnation::of(self.base) == of
    }

    /// The server's text, if it is known, and what leads there from the one that is `here`.
    pub(super) fn way_on(self, here: &TextNode) -> Option<(TextNode, Vec<TextOp>)> {
        let server = self.server?;
        let ops = lead_or_guess(self.lead, here, &server);
        Some((server, ops))
    }
}

impl Branches {
    /// The texts that are shown as they are on their branches.
    pub(super) fn shown_in(&self, document: &Document) -> impl Iterator<Item = &NodeId> {
        self.texts
            .iter()
            .filter(|(id, branch)| {
                document.find_text_of(id, Incarnation::of(branch.base)).is_some()
            })
            .map(|(id, _)| id)
    }

    /// Whether a text with this id has a branch.
    pub(super) fn contains(&self, id: &NodeId) -> bool {
        self.texts.contains_key(id)
    }

    /// What was known of the server is no longer certain.
    pub(super) fn connection_lost(&mut self) {
        for branch in self.texts.values_mut() {
            branch.server = None;
            branch.lead.clear();
        }
    }

    /// An update was under way when the connection was lost: its text branches off where the
    /// update is expressed.
    pub(super) fn open_for(&mut self, op: &Op) {
        if let OpKind::UpdateText(update) = &op.kind {
            self.texts
                .entry(op.id.clone())
                .or_insert_with(|| Branch::at(update.base_version, op.op_id.clone()));
        }
    }

    /// A document was loaded: where a text is on a branch, or has to be, `fresh` gets it as it is
    /// there. `created` is the text as a pending op creates it.
    pub(super) fn load(
        &mut self,
        document: &Document,
        fresh: &mut Document,
        id: &NodeId,
        of: Incarnation,
        created: Option<TextNode>,
    ) -> Loaded {
        let Some(server) = fresh.find_text_of(id, of).cloned() else {
            return if created.is_some() { Loaded::Same } else { Loaded::Gone };
        };
        let open = self.texts.get(id).filter(|branch| branch.is_of(of));
        let here = open.and_then(|branch| branch.own.as_ref()).or(document.find_text_of(id, of));
        let Some(own) = here.cloned().or(created) else { return Loaded::Gone };
        let same = own.version() == server.version() && own.text() == server.text();
        if open.is_none() && same {
            return Loaded::Same;
        }
        let base = open.map_or(own.version(), |branch| branch.base);
        if server.version().checked_sub(base).is_none_or(|behind| behind > REACH) {
            return Loaded::OutOfReach;
        }
        let branch = self.texts.entry(id.clone()).or_insert_with(|| Branch::at(base, None));
        if !branch.is_of(of) {
            // One of a text that is gone; nothing of it was sent since.
            *branch = Branch::at(base, None);
        }
        branch.lead = lead_or_guess(Vec::new(), &own, &server);
        branch.own = Some(own.clone());
        branch.server = Some(server);
        fresh.replace_text(id, own);
        Loaded::OnBranch
    }

    /// Whether a text is shown as it is on its branch.
    pub(super) fn has(&self, document: &Document, id: &NodeId, of: Incarnation) -> bool {
        self.texts.get(id).is_some_and(|branch| branch.is_of(of))
            && document.find_text_of(id, of).is_some()
    }

    /// The server has created a text: if it is one that has a branch, that is shown.
    pub(super) fn created(&mut self, document: &mut Document, op: &Op) {
        let Some(branch) = self.texts.get_mut(&op.id) else { return };
        let Some(server) = document.find_text_of(&op.id, Incarnation::of(branch.base)).cloned()
        else {
            return;
        };
        let own = branch.own.get_or_insert_with(|| server.clone());
        branch.lead = lead_or_guess(Vec::new(), own, &server);
        branch.server = Some(server);
        document.replace_text(&op.id, own.clone());
    }

    /// An update as it goes to the server.
    pub(super) fn message(&mut self, op: &Op) -> Op {
        let mut message = op.clone();
        let branch = self.texts.get_mut(&op.id);
        let branch = branch.filter(|branch| incarnation(op) == Some(Incarnation::of(branch.base)));
        if let (OpKind::UpdateText(update), Some(branch)) = (&mut message.kind, branch) {
            update.base_version = branch.base;
            update.ops = [&branch.answered, update.ops.as_slice()].concat();
            if branch.op_id.is_none() {
                branch.op_id.clone_from(&op.op_id);
            }
            message.op_id.clone_from(&branch.op_id);
        }
        message
    }

    /// Takes what the server says of a text. False if it was known already, so that nothing which
    /// is new in a pending update was taken.
    pub(super) fn hear(&mut self, op: &Op) -> bool {
        let OpKind::UpdateText(update) = &op.kind else { return true };
        let Some(Branch { server: Some(server), lead, .. }) = self.texts.get_mut(&op.id) else {
            return true;
        };
        let UpdateText { base_version, version, ops } = update;
        let after = version.unwrap_or(base_version.saturating_add(1));
        if after <= server.version() {
            return after == *base_version && ops.is_empty();
        }
        let _ = server.hear(update);
        // What is the own of it, the text as it is here has too.
        if op.op_id.is_none() {
            lead.extend_from_slice(ops);
        }
        true
    }

    /// An update was answered: the text is `document`'s now.
    pub(super) fn answered(&mut self, document: &Document, op: &Op) {
        if let (OpKind::UpdateText(update), Some(branch)) = (&op.kind, self.texts.get_mut(&op.id)) {
            branch.answered.extend(update.ops.iter().cloned());
            branch.own = document.find_text_of(&op.id, Incarnation::of(branch.base)).cloned();
            if let (Some(own), Some(server)) = (&branch.own, &branch.server) {
                // As the server did: what it had accepted comes first.
                let (_, over) = transform(&update.ops, &branch.lead, Order::After);
                branch.lead = lead_or_guess(over, own, server);
            }
        }
    }

    /// An update was answered with nothing but an acknowledgement, or rejected for good: under its
    /// name, unless something was accepted under that before, nothing else is ever taken.
    pub(super) fn came_to_nothing(&mut self, id: &NodeId, of: Incarnation) {
        let branch = self.texts.get_mut(id).filter(|branch| branch.is_of(of));
        if let Some(branch) = branch.filter(|branch| branch.answered.is_empty()) {
            branch.op_id = None;
        }
    }

    /// Whether an update of the branch was answered before.
    pub(super) fn has_answers(&self, id: &NodeId) -> bool {
        self.texts.get(id).is_some_and(|branch| !branch.answered.is_empty())
    }

    /// The version of the server's text, as far as it is known.
    pub(super) fn version(&self, document: &Document, id: &NodeId, of: Incarnation) -> Option<u64> {
        match self.texts.get(id).filter(|branch| branch.is_of(of)) {
            Some(branch) => branch.server.as_ref().map(TextNode::version),
            None => document.find_text_of(id, of).map(TextNode::version),
        }
    }

    /// Ends a branch, if there is one.
    pub(super) fn close(&mut self, id: &NodeId, of: Incarnation) -> Option<Branch> {
        self.texts.get(id).filter(|branch| branch.is_of(of))?;
        self.texts.remove(id)
    }
}

/// The operations, if they lead from one text to the other; else a comparison of the two.
fn lead_or_guess(ops: Vec<TextOp>, from: &TextNode, to: &TextNode) -> Vec<TextOp> {
    let mut text = from.text().clone();
    text.apply(&ops);
    if text == *to.text() { ops } else { difference(&from.segments(), &to.segments()) }
}
