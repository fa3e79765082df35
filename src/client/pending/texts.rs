//! Pending text updates after a lost connection: on their branches, and how those end.

use std::collections::{BTreeMap, BTreeSet};

use super::super::branch::Loaded;
use super::super::text::{created, expected, incarnation, rebase};
use super::{Arrival, Delivery, Pending, PendingOp, numbers_of};
use crate::document::TextNode;
use crate::history::History;
use crate::op::OpKind;
use crate::text::{Incarnation, Order, TextOp, UpdateError, difference, signed, transform};
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
        of: Incarnation,
    ) {
        let news = self.branches.hear(op);
        let Some(mut own) = own else { return };
        let id = own.id.clone();
        if !news && self.branches.has_answers(&id) {
            // A server that knows the op by name only has not taken what was new in it.
            return self.rejoin(document, history, &id, of);
        }
        if let Some(op_id) = &op.op_id {
            self.remove(op_id);
        }
        if op.is_acknowledgement() {
            let expected = expected(document, &own);
            self.carry(document, history, &id, expected.taken_back());
            self.branches.came_to_nothing(&id, of);
        } else {
            rebase(document, &mut own);
            let _ = document.hear(&own);
            self.branches.answered(document, &own);
        }
        self.end_idle_branch(document, history, &id, of);
    }

    /// Ends a branch of which all updates are answered.
    pub(super) fn end_idle_branch(
        &mut self,
        document: &mut Document,
        history: &mut History,
        id: &NodeId,
        of: Incarnation,
    ) {
        let is_used = || self.of_text(id).any(|pending| incarnation(&pending.op) == Some(of));
        if self.branches.contains(id) && !is_used() {
            self.rejoin(document, history, id, of);
        }
    }

    /// Ends a branch: the text, if it is there, is that of the server. Updates that are still pending
    /// are carried over by how the two differ, and go by their own names.
    fn rejoin(
        &mut self,
        document: &mut Document,
        history: &mut History,
        id: &NodeId,
        of: Incarnation,
    ) {
        let branch = self.branches.close(id, of);
        let way = branch
            .zip(document.find_text_of(id, of))
            .and_then(|(branch, here)| branch.way_on(here));
        if let Some((server, ops)) = way {
            self.carry(document, history, id, &ops);
            document.replace_text(id, server);
        }
        self.go_by_own_names(id, of);
    }

    /// The updates of a text that are under way have come to nothing, and go by their own names.
    /// One that the server may know by its own name is not made one with what follows it.
    fn go_by_own_names(&mut self, id: &NodeId, of: Incarnation) {
        for number in numbers_of(&self.texts, id) {
            let pending = self.entries.get_mut(&number);
            let Some(entry) = pending.filter(|pending| incarnation(&pending.op) == Some(of)) else {
                continue;
            };
            self.unsent_from = self.unsent_from.min(number);
            self.merged_to = 0;
            if entry.delivery == Delivery::Sent {
                self.updating.remove(id);
            }
            if entry.own_name.is_none() && entry.delivery != Delivery::Unsent {
                entry.delivery = Delivery::Unknown;
            }
            if let Some(own) = entry.own_name.take() {
                entry.delivery = Delivery::Unsent;
                let name = entry.op.op_id.replace(own.clone());
                name.map(|name| self.by_id.remove(&name));
                self.by_id.insert(own, number);
            }
        }
    }

    /// Takes in that the server rejected an op; whether it is dropped.
    ///
    /// A text update that hangs on a version which is out of the server's reach is not: it is
    /// expressed on the text as it is now and sent again.
    pub(in crate::client) fn reject(
        &mut self,
        document: &mut Document,
        history: &mut History,
        op_id: &OpId,
        reason: &str,
    ) -> bool {
        let own = self.by_id.get(op_id).and_then(|number| self.entries.get(number));
        let Some(PendingOp { op, sent_base, arrival, .. }) = own.map(Box::as_ref) else {
            return false;
        };
        let (op, sent_base, arrival) = (op.clone(), *sent_base, *arrival);
        let of = incarnation(&op);
        if let Some(of) = of.filter(|_| is_out_of_reach(reason)) {
            let version = self.branches.version(document, &op.id, of);
            if version.is_some() && version != sent_base {
                self.rejoin(document, history, &op.id, of);
                return false;
            }
            let after = document.find_text(&op.id).filter(|text| text.incarnation() != of).cloned();
            if after.is_some() {
                let before = self.branches.close(&op.id, of).and_then(|branch| branch.own);
                if self.follow(history, before.as_ref(), after.as_ref(), &op.id, of) {
                    return false;
                }
            }
        }
        let expected = expected(document, &op);
        self.remove(op_id);
        self.carry(document, history, &op.id, expected.taken_back());
        // One that was under way on another connection may have been accepted there.
        if arrival == Arrival::Untried {
            history.rejected(op_id);
        }
        if let Some(of) = of {
            self.branches.came_to_nothing(&op.id, of);
            self.end_idle_branch(document, history, &op.id, of);
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
        let texts: BTreeSet<(NodeId, Incarnation)> =
            self.iter().filter_map(Op::updated_text).map(|(id, of)| (id.clone(), of)).collect();
        // Steps of undo lie on top of the texts that are not pending, too.
        for id in history.texts() {
            let is_pending = texts.range((id.clone(), Incarnation::FIRST)..).next();
            if is_pending.is_some_and(|(pending, _)| *pending == id) {
                continue;
            }
            if let (Some(before), Some(after)) = (document.find_text(&id), fresh.find_text(&id)) {
                history.carry(&id, difference(&before.segments(), &after.segments()));
            }
        }
        let mut creations: BTreeMap<_, TextNode> = BTreeMap::new();
        for (id, text) in self.iter().filter_map(|op| Some((&op.id, created(op)?))) {
            creations.entry((id.clone(), text.incarnation())).or_insert(text);
        }
        for (id, of) in texts {
            let created = creations.remove(&(id.clone(), of));
            let loaded = self.branches.load(document, &mut fresh, &id, of, created);
            if matches!(loaded, Loaded::Gone | Loaded::OutOfReach) {
                let own = self.branches.close(&id, of).and_then(|branch| branch.own);
                let before = own.or_else(|| document.find_text_of(&id, of).cloned());
                self.follow(history, before.as_ref(), fresh.find_text(&id), &id, of);
            }
        }
        let mut nodes: Vec<NodeId> = self.tried.iter().map(|(id, _)| id.clone()).collect();
        nodes.dedup();
        nodes.iter().filter(|id| fresh.contains(id)).for_each(|id| self.infer_arrivals(id));
        document.become_copy_of(&fresh);
    }

    /// Texts of the confirmed document that are shown as they are on their branches: what others did
    /// to them is not shown yet.
    pub(in crate::client) fn on_branches(
        &self,
        document: &Document,
    ) -> impl Iterator<Item = &NodeId> {
        self.branches.shown_in(document)
    }

    /// Expresses the pending updates of a text that was `before` on the one that is there `after`: the
    /// server's, which has gone on too far for the server to do it, or another that has come in its
    /// place. Whether they are for that one; not if an own op behind them has created it anew.
    fn follow(
        &mut self,
        history: &mut History,
        before: Option<&TextNode>,
        after: Option<&TextNode>,
        id: &NodeId,
        of: Incarnation,
    ) -> bool {
        let Some(after) = after else { return false };
        if self.is_created_anew_behind(id, of) {
            return false;
        }
        let ops = match before {
            Some(before) => self.guess(before, after, id, of),
            None => self.cut(after, id, of),
        };
        self.express_on(history, after, ops, id, of);
        self.go_by_own_names(id, after.incarnation());
        true
    }

    /// Whether an own op behind an update of a text creates a text of that id.
    fn is_created_anew_behind(&self, id: &NodeId, of: Incarnation) -> bool {
        let ops = self.of_text(id).map(|pending| &pending.op);
        let mut behind = ops.skip_while(|op| incarnation(op) != Some(of));
        behind.any(|op| matches!(op.kind, OpKind::Create(_)))
    }

    /// What leads from the one text to the other, without what is pending.
    ///
    /// Whether an update that was under way has arrived is not known. If the server's text looks
    /// more as if it had, it counts as done: the server's answer will say.
    fn guess(
        &mut self,
        before: &TextNode,
        after: &TextNode,
        id: &NodeId,
        of: Incarnation,
    ) -> Vec<TextOp> {
        let without = difference(&before.segments(), &after.segments());
        let is_under_way = |number: &u64| {
            self.entries.get(number).is_some_and(|pending| {
                incarnation(&pending.op) == Some(of) && pending.delivery == Delivery::Unknown
            })
        };
        let under_way = numbers_of(&self.texts, id).find(is_under_way);
        let under_way = under_way.and_then(|number| self.entries.get_mut(&number));
        if let Some(update) = under_way.and_then(|pending| pending.update_of(of)) {
            let mut done = before.text().clone();
            done.apply(&update.ops);
            let with = difference(&done.segments(), &after.segments());
            // An update that comes to nothing leaves no other trace than the version.
            if extent(&with) < extent(&without) || (with.is_empty() && without.is_empty()) {
                update.ops = Vec::new();
                return with;
            }
        }
        without
    }

    /// The ops from an earlier text, which is no longer known, to this one. It is taken to be the same, with a tail
    /// as long as the pending updates require; that tail is deleted.
    fn cut(&self, after: &TextNode, id: &NodeId, of: Incarnation) -> Vec<TextOp> {
        // By how much it has become longer, and how long it must have been.
        let (mut more, mut least) = (0_i64, 0_i64);
        for PendingOp { op, .. } in self.of_text(id) {
            let OpKind::UpdateText(update) = &op.kind else { continue };
            if incarnation(op) != Some(of) {
                continue;
            }
            for op in &update.ops {
                let end = match op {
                    TextOp::Insert { index, .. } => *index,
                    TextOp::Delete { index, length } | TextOp::Format { index, length, .. } => {
                        index.saturating_add(*length)
                    }
                };
                least = least.max(end.saturating_sub(more));
                more = more.saturating_add(op.growth());
            }
        }
        let index = signed(after.text().len_utf16());
        let length = least.saturating_sub(index);
        if length > 0 { vec![TextOp::Delete { index, length }] } else { Vec::new() }
    }

    /// Makes the pending updates of a text ones of the text `after`, to which `ops` lead. Those that
    /// are for that already lie above them.
    fn express_on(
        &mut self,
        history: &mut History,
        after: &TextNode,
        ops: Vec<TextOp>,
        id: &NodeId,
        of: Incarnation,
    ) {
        let mut beneath = ops;
        let mut come = Vec::new();
        for number in numbers_of(&self.texts, id) {
            let Some(pending) = self.entries.get_mut(&number) else { continue };
            if let Some(update) = pending.update_of(of) {
                (update.ops, beneath) = transform(&update.ops, &beneath, Order::After);
                update.base_version = after.version();
                come.extend(update.ops.iter().cloned());
            } else if let Some(update) = pending.update_of(after.incarnation()) {
                (update.ops, come) = transform(&update.ops, &come, Order::After);
            }
        }
        history.carry(id, beneath);
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

/// Whether a rejection says that a text update hangs on a version that the server cannot lead to the
/// present one.
fn is_out_of_reach(reason: &str) -> bool {
    [UpdateError::Ahead, UpdateError::TooOld].iter().any(|error| reason == error.to_string())
}
