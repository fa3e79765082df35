//! Pending text updates after a lost connection: on their branches, and how those end.

use std::collections::BTreeSet;

use super::super::branch::Loaded;
use super::super::history::History;
use super::super::text::{created, expected, lead, rebase, text};
use super::{Delivery, Entry, Pending, is_text_update};
use crate::op::OpKind;
use crate::text::{Refusal, TextOp, difference};
use crate::{Document, NodeId, Op, OpId};

impl Pending {
    /// Takes in an op on a text that is shown as it is on its branch: what the server says goes to
    /// the server's text, and an answer ends the branch unless more hangs on it.
    pub(super) fn confirm_on_branch(
        &mut self,
        document: &mut Document,
        history: &mut History,
        op: &Op,
        own: Option<Op>,
    ) {
        let news = self.branches.hear(op);
        let Some(mut own) = own else { return };
        let id = own.id.clone();
        if !news && self.branches.has_answers(&id) {
            // A server that knows the op by name only has not taken what was new in it.
            return self.rejoin(document, history, &id);
        }
        if let Some(op_id) = &op.op_id {
            self.remove(op_id);
        }
        if op.is_acknowledgement() {
            let expected = expected(document, &own);
            self.carry(history, &id, expected.taken_back());
            self.branches.ignored(&id);
        } else {
            rebase(document, &mut own);
            let _ = document.hear(&own);
            self.branches.answered(&own);
        }
        if !self.entries.values().any(|entry| is_text_update(&entry.op) && entry.op.id == id) {
            self.rejoin(document, history, &id);
        }
    }

    /// Ends a branch: the text is that of the server. Updates that are still pending are carried
    /// over by how the two differ, and go by their own names.
    fn rejoin(&mut self, document: &mut Document, history: &mut History, id: &NodeId) {
        if let Some(server) = self.branches.close(id) {
            let ops = lead(document, id, &server);
            self.carry(history, id, &ops);
            document.replace_text(id, server);
        }
        self.go_by_own_names(id);
    }

    /// The updates of a text that are under way have come to nothing, and go by their own names.
    /// One that the server may know by its own name is not made one with what follows it.
    fn go_by_own_names(&mut self, id: &NodeId) {
        self.updating.remove(id);
        let updates = self.entries.iter_mut().filter(|(_, entry)| is_text_update(&entry.op));
        for (number, entry) in updates.filter(|(_, entry)| entry.op.id == *id) {
            self.unsent_from = self.unsent_from.min(*number);
            if entry.own_name.is_none() && entry.delivery != Delivery::Unsent {
                entry.delivery = Delivery::Unknown;
            }
            if let Some(own) = entry.own_name.take() {
                entry.delivery = Delivery::Unsent;
                let name = entry.op.op_id.replace(own.clone());
                name.map(|name| self.by_id.remove(&name));
                self.by_id.insert(own, *number);
            }
        }
    }

    /// Takes in that the server refused an op; whether it is dropped.
    ///
    /// A text update that hangs on a version which is out of the server's reach is not: it is
    /// expressed on the text as it is now and sent again.
    pub(in crate::client) fn refuse(
        &mut self,
        document: &mut Document,
        history: &mut History,
        op_id: &OpId,
        reason: &str,
    ) -> bool {
        let own = self.by_id.get(op_id).and_then(|number| self.entries.get(number));
        let Some((op, sent_base)) = own.map(|entry| (entry.op.clone(), entry.sent_base)) else {
            return false;
        };
        let version = self.branches.version(document, &op.id);
        if is_out_of_reach(reason) && version.is_some() && version != sent_base {
            self.rejoin(document, history, &op.id);
            return false;
        }
        let expected = expected(document, &op);
        self.remove(op_id);
        self.carry(history, &op.id, expected.taken_back());
        if !self.entries.values().any(|entry| is_text_update(&entry.op) && entry.op.id == op.id) {
            self.rejoin(document, history, &op.id);
        }
        true
    }

    /// Makes the confirmed document that of the server, as it is after a connection was lost.
    /// Texts with pending updates stay as they are, on branches.
    pub(in crate::client) fn reload(
        &mut self,
        document: &mut Document,
        history: &mut History,
        mut fresh: Document,
    ) {
        let updates = self.iter().filter(|op| is_text_update(op));
        let texts: BTreeSet<NodeId> = updates.map(|op| op.id.clone()).collect();
        for id in texts {
            let created = self.iter().find_map(|op| created(op, &id));
            match self.branches.load(document, &mut fresh, &id, created) {
                Loaded::OnBranch | Loaded::Same => {}
                Loaded::Gone => self.branches.forget(&id),
                Loaded::OutOfReach => {
                    self.branches.forget(&id);
                    self.guess(document, history, &fresh, &id);
                    self.go_by_own_names(&id);
                }
            }
        }
        for entry in self.entries.values_mut() {
            if entry.delivery == Delivery::SentAgain {
                entry.delivery = Delivery::Sent;
            }
        }
        document.become_copy_of(&fresh);
    }

    /// Texts that are shown as they are on their branches: what others did to them is not shown
    /// yet.
    pub(in crate::client) fn on_branches(&self) -> impl Iterator<Item = &NodeId> {
        self.branches.iter()
    }

    /// Expresses the pending updates of a text on the server's text, which has gone on too far for
    /// the server to do it.
    ///
    /// Whether the update that was under way has arrived is not known. If the server's text looks
    /// more as if it had, it counts as done: the server's answer will say.
    fn guess(&mut self, document: &Document, history: &mut History, fresh: &Document, id: &NodeId) {
        let (Some(before), Some(after)) = (text(document, id), text(fresh, id)) else {
            return;
        };
        let without = lead(document, id, after);
        let under_way = self
            .entries
            .values_mut()
            .map(Box::as_mut)
            .find(|entry| entry.op.id == *id && entry.delivery == Delivery::Unknown);
        if let Some(Entry { op: Op { kind: OpKind::UpdateText(update), .. }, .. }) = under_way {
            let mut done = before.text().clone();
            done.apply(&update.ops);
            let with = difference(&done.segments(), &after.segments());
            // An update that comes to nothing leaves no other trace than the version.
            if extent(&with) < extent(&without) || (with.is_empty() && without.is_empty()) {
                update.ops = Vec::new();
                return self.carry(history, id, &with);
            }
        }
        self.carry(history, id, &without);
    }
}

/// How much text operations insert and delete.
fn extent(ops: &[TextOp]) -> i64 {
    let units = ops.iter().map(|op| match op {
        TextOp::Insert { text, .. } => i64::try_from(text.len()).unwrap_or(i64::MAX),
        TextOp::Delete { length, .. } | TextOp::Format { length, .. } => *length,
    });
    units.fold(0, i64::saturating_add)
}

/// Whether a refusal says that a text update hangs on a version that the server cannot lead to the
/// present one.
fn is_out_of_reach(reason: &str) -> bool {
    [Refusal::Ahead, Refusal::TooOld].iter().any(|refusal| reason == refusal.to_string())
}
