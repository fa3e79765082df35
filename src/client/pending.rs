//! The ops that the server has not acknowledged, applied on top of what it has.
//!
//! Each was applied under a savepoint of its own. The plain way to take in a message is to roll
//! them back, apply the server's ops and replay the rest. Two shortcuts spare that work where it
//! would change nothing; tests hold them equal to the plain way.

mod saved;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::branch::Branches;
use super::news::{News, Written};
use super::text::{applied, expected, incarnation};
use crate::document::{Savepoint, TextNode};
use crate::history::{History, Place, places};
use crate::op::{Create, Intent, NodeContent, OpKind, UpdateText};
use crate::prediction::{Footprint, Inverse, Neighbours, Prediction, Touches, take_inverse};
use crate::text::{Incarnation, Order, TextOp, compose_onto, transform};
use crate::{Document, NodeId, Op, OpId, Outcome};
pub(super) use saved::SavedPending;
use serde::{Deserialize, Serialize};

/// A pending op.
#[derive(Debug)]
struct PendingOp {
    /// The op as it is best expressed on top of the ops before it.
    op: Op,
    /// The version that a text update was based on when it was sent.
    sent_base: Option<u64>,
    /// Its own name, while a text update goes by that of an earlier one.
    own_name: Option<OpId>,
    savepoint: Savepoint,
    touches: Touches,
    neighbours: Option<Neighbours>,
    corrected: Option<Box<Op>>,
    accepted: bool,
    delivery: Delivery,
    arrival: Arrival,
    /// Whether it creates a node that never was before, as undo does not.
    mints: bool,
    /// When it was made, by the [clock](History::tick) of history.
    made_at: u64,
    /// Whether it is of the same edit as the op before it.
    continues: bool,
}

/// What lost connections say about whether an op that is not answered has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Arrival {
    /// It was under way on none.
    Untried,
    /// It was under way on one. It may have arrived then, or arrive late, and come back as if it were
    /// somebody else's.
    Perhaps,
    /// What the server has said shows that it has: its effect is in the confirmed document, so it is
    /// not applied once more. The answer is yet to come.
    Certain,
}

/// What brought ops about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// An edit: what it creates is new.
    Anew,
    /// Undo or redo: what it creates comes back.
    Back,
}

/// Where an op is on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Delivery {
    /// Never sent: it may still be expressed anew.
    Unsent,
    /// Sent on the present connection.
    Sent,
    /// Sent on a connection that is lost: it may have arrived, so it is sent again as it is.
    Unknown,
}

/// Which shortcuts a client takes when a message comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortcuts {
    /// Always the plain way.
    None,
    /// Those that are equal to the plain way.
    #[default]
    Proven,
    /// Any op of somebody else goes beneath, whatever it touches: wrong on purpose, to see that tests
    /// notice.
    #[cfg(feature = "__testing")]
    Careless,
}

impl Shortcuts {
    fn are_careless(self) -> bool {
        !matches!(self, Self::None | Self::Proven)
    }
}

/// A message to which no more edits are added once it has as many bytes, so that servers need not take very large ones
/// from clients that were away for long.
const MESSAGE_BYTES: usize = 1 << 20;

/// The pending ops, in order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Each by itself, since they are large and the map moves its entries when one goes.
    entries: BTreeMap<u64, Box<PendingOp>>,
    by_id: BTreeMap<OpId, u64>,
    next: u64,
    /// What the ops before [`counted_to`](Self::counted_to) touch. It is needed only when somebody
    /// else's op comes while there are any.
    footprint: Footprint,
    counted_to: u64,
    /// Own pushes that are not acknowledged: where they end up is not known.
    pushes: BTreeSet<NodeId>,
    /// Texts of which an update is under way.
    updating: BTreeSet<NodeId>,
    /// Texts whose pending updates hang on an earlier version than the server has told of.
    branches: Branches,
    /// All ops before this one are under way on the present connection.
    unsent_from: u64,
    /// Updates of texts before this one are [merged](Self::merge_text_updates) as far as can be.
    merged_to: u64,
    /// The ops that create or update a text, by the text.
    texts: BTreeSet<(NodeId, u64)>,
    /// The ops that were under way on a lost connection, by the nodes that they name.
    tried: BTreeSet<(NodeId, u64)>,
    /// Of all ops before this one it is noted that they have arrived.
    arrived_to: u64,
    shortcuts: Shortcuts,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.entries.values().map(|entry| &entry.op)
    }

    pub(super) fn set_shortcuts(&mut self, shortcuts: Shortcuts) {
        self.shortcuts = shortcuts;
    }

    /// Whether an op answers one of these.
    pub(super) fn is_own(&self, op: &Op) -> bool {
        op.op_id.as_ref().is_some_and(|op_id| self.by_id.contains_key(op_id))
    }

    /// Whether an op that names nobody may be one of these, which a lost connection has delivered
    /// at last.
    pub(super) fn may_be_own(&self, op: &Op) -> bool {
        self.tried_of(&op.id).any(|(_, entry)| entry.looks_like(op))
    }

    /// The ops on a node that were under way on a lost connection.
    fn tried_of(&self, id: &NodeId) -> impl Iterator<Item = (u64, &PendingOp)> {
        let numbers = numbers_of(&self.tried, id);
        numbers.filter_map(|number| Some((number, self.entries.get(&number)?.as_ref())))
    }

    /// The ops that create or update the texts of this id.
    fn of_text(&self, id: &NodeId) -> impl Iterator<Item = &PendingOp> {
        let numbers = numbers_of(&self.texts, id);
        numbers.filter_map(|number| self.entries.get(&number).map(Box::as_ref))
    }

    /// Takes over ops that an edit has applied; returns what takes them back.
    pub(super) fn adopt(
        &mut self,
        ops: &[Op],
        mut predictions: Vec<Prediction>,
        made: Made,
        made_at: u64,
    ) -> Inverse {
        let inverse = take_inverse(ops, &mut predictions);
        for (at, (op, prediction)) in ops.iter().zip(predictions).enumerate() {
            let Prediction { savepoint, touches, neighbours, corrected, .. } = prediction;
            let mut entry = PendingOp {
                op: op.clone(),
                sent_base: None,
                own_name: None,
                savepoint,
                touches,
                neighbours,
                corrected,
                accepted: true,
                delivery: Delivery::Unsent,
                arrival: Arrival::Untried,
                mints: made == Made::Anew && matches!(op.kind, OpKind::Create(_)),
                made_at,
                continues: at > 0,
            };
            entry.fit();
            self.insert(entry);
        }
        inverse
    }

    fn insert(&mut self, entry: PendingOp) {
        let number = self.next;
        self.next += 1;
        if let Some(op_id) = &entry.op.op_id {
            self.by_id.insert(op_id.clone(), number);
        }
        if is_push(&entry.op) {
            self.pushes.insert(entry.op.id.clone());
        }
        if is_about_text(&entry.op) {
            self.texts.insert((entry.op.id.clone(), number));
        }
        self.entries.insert(number, Box::new(entry));
    }

    /// Drops an op; false if it is not pending.
    pub(super) fn remove(&mut self, op_id: &OpId) -> bool {
        let Some(number) = self.by_id.remove(op_id) else { return false };
        if let Some(entry) = self.entries.remove(&number) {
            if number < self.counted_to {
                self.footprint.remove(&entry.touches);
            }
            if is_push(&entry.op) {
                self.pushes.remove(&entry.op.id);
            }
            if is_about_text(&entry.op) {
                self.texts.remove(&(entry.op.id.clone(), number));
            }
            if entry.arrival != Arrival::Untried {
                self.tried.remove(&(entry.op.id.clone(), number));
            }
            if entry.delivery == Delivery::Sent && is_text_update(&entry.op) {
                self.updating.remove(&entry.op.id);
            }
        }
        true
    }

    /// Whatever is under way is lost, and perhaps arrived.
    pub(super) fn connection_lost(&mut self) {
        self.unsent_from = 0;
        self.merged_to = 0;
        self.updating.clear();
        self.branches.connection_lost();
        for (number, entry) in &mut self.entries {
            if entry.delivery == Delivery::Sent {
                entry.delivery = Delivery::Unknown;
                self.branches.open_for(&entry.op);
                if entry.arrival == Arrival::Untried {
                    entry.arrival = Arrival::Perhaps;
                }
            }
            if entry.arrival != Arrival::Untried {
                self.tried.insert((entry.op.id.clone(), *number));
            }
        }
    }

    /// The ops to send now, in order: as many as fit into a message. One that hangs on a push whose
    /// place is not known yet waits for it, and all behind it wait too.
    ///
    /// While the document is `loading`, texts wait for it: it says how far the server has gone on
    /// from the version that an update hangs on.
    pub(super) fn take_unsent(&mut self, document: &mut Document, loading: bool) -> Vec<Op> {
        let mut ops = Vec::new();
        self.merge_text_updates(document);
        let end = self.end_of_message(document.limits().most_ops(), loading);
        for (number, entry) in self.entries.range_mut(self.unsent_from..end) {
            if entry.delivery != Delivery::Sent {
                if entry.is_held_up(&self.pushes, &self.updating, loading) {
                    break;
                }
                entry.delivery = Delivery::Sent;
                let op = self.branches.message(&entry.op);
                if let OpKind::UpdateText(update) = &op.kind {
                    entry.sent_base = Some(update.base_version);
                }
                if op.op_id != entry.op.op_id {
                    entry.own_name = mem::replace(&mut entry.op.op_id, op.op_id.clone());
                    self.by_id.extend(op.op_id.clone().map(|name| (name, *number)));
                    entry.own_name.as_ref().map(|own| self.by_id.remove(own));
                }
                ops.push(op);
            }
            if is_text_update(&entry.op) {
                self.updating.insert(entry.op.id.clone());
            }
            self.unsent_from = number + 1;
        }
        ops
    }

    /// The number before which a message ends that has all ops from the first unsent one on, as far as they can be
    /// sent. An edit goes out in one message, if that may have as many ops.
    fn end_of_message(&self, most_ops: usize, loading: bool) -> u64 {
        let (mut ops, mut bytes, mut end) = (0, 0, None);
        let mut previous: Option<&Op> = None;
        for (number, pending) in self.entries.range(self.unsent_from..) {
            if pending.delivery == Delivery::Sent {
                continue;
            }
            if pending.is_held_up(&self.pushes, &self.updating, loading) {
                return *number;
            }
            // Most messages have one op, the length of which does not matter.
            bytes += previous.replace(&pending.op).map_or(0, written_len);
            if ops > 0 && !pending.continues {
                end = Some(*number);
                if bytes >= MESSAGE_BYTES {
                    return *number;
                }
            }
            if ops == most_ops {
                return end.unwrap_or(*number);
            }
            ops += 1;
        }
        u64::MAX
    }

    /// Makes one update of neighbouring ones of the same text that were never sent: what was typed
    /// while an update was under way goes out at once.
    fn merge_text_updates(&mut self, document: &mut Document) {
        // The last one that others were merged into, or might have been.
        let merged = self.unsent_from..self.merged_to.max(self.unsent_from);
        let mut previous = self.entries.range(merged.clone()).next_back().map(|(last, _)| *last);
        let unmerged = self.entries.range(merged.end..);
        let numbers: Vec<u64> = unmerged.map(|(number, _)| *number).collect();
        self.merged_to = self.next;
        for number in numbers {
            let merged = previous.and_then(|previous| self.merge_into(previous, number));
            match merged {
                Some(savepoint) => document.merge_savepoint(savepoint),
                None => previous = Some(number),
            }
        }
    }

    /// Merges an update into the one before it; returns the savepoint that is no longer needed.
    fn merge_into(&mut self, previous: u64, number: u64) -> Option<Savepoint> {
        let (before, after) = (self.entries.get(&previous)?, self.entries.get(&number)?);
        let (OpKind::UpdateText(_), OpKind::UpdateText(second)) = (&before.op.kind, &after.op.kind)
        else {
            return None;
        };
        // One without operations is not accepted when it is replayed, and goes with any other.
        let unsent = |entry: &PendingOp| {
            let nothing = matches!(&entry.op.kind, OpKind::UpdateText(u) if u.ops.is_empty());
            entry.delivery == Delivery::Unsent && (entry.accepted || nothing)
        };
        let same = before.op.updated_text() == after.op.updated_text();
        if !same || !unsent(before) || !unsent(after) {
            return None;
        }
        debug_assert!(before.is_fitted() && after.is_fitted(), "applied since it was expressed");
        let second = second.ops.clone();
        let op_id = after.op.op_id.clone()?;
        let savepoint = after.savepoint;
        self.remove(&op_id);
        let before = self.entries.get_mut(&previous)?;
        before.accepted = true;
        if let OpKind::UpdateText(UpdateText { version, ops, .. }) = &mut before.op.kind {
            *version = None;
            compose_onto(ops, &second);
        }
        // What the server will say is no longer what was predicted step by step.
        before.corrected = None;
        Some(savepoint)
    }

    /// Takes in what the server ordered.
    pub(super) fn receive(&mut self, document: &mut Document, history: &mut History, ops: &[Op]) {
        if ops.len() >= self.entries.len() && ops.iter().all(|op| op.op_id.is_some()) {
            // All are answered, most likely: what each has touched need not be taken out one by one. If
            // some are left, they are counted again when that is needed.
            self.footprint.clear();
            self.counted_to = 0;
        }
        let mut ops = ops;
        while let [op, rest @ ..] = ops {
            if self.is_empty() {
                // Nothing to roll back or to replay.
                self.confirm(document, history, op);
            } else if !(self.shortcuts != Shortcuts::None
                && (self.acknowledge_in_place(document, op)
                    || self.is_beneath(document, history, op)))
            {
                break;
            }
            ops = rest;
        }
        if ops.is_empty() {
            return;
        }
        self.roll_back(document);
        for op in ops {
            self.confirm(document, history, op);
        }
        self.replay(document);
    }

    /// Undoes all pending ops in the document.
    pub(super) fn roll_back(&mut self, document: &mut Document) {
        if let Some((_, oldest)) = self.entries.first_key_value() {
            document.rollback(oldest.savepoint);
        }
    }

    /// Applies an op of the server to the confirmed document.
    pub(super) fn confirm(&mut self, document: &mut Document, history: &mut History, op: &Op) {
        let own = self.own(op).map(|entry| &entry.op);
        let update = own.unwrap_or(op);
        let of = update.updated_text().map(|(id, of)| (id.clone(), of));
        if let Some((id, of)) = &of {
            if self.branches.has(document, id, *of) {
                let own = own.cloned();
                return self.confirm_on_branch(document, history, op, own, *of);
            }
        }
        let Some(op_id) = &op.op_id else {
            let heard = self.hear(document, op);
            return self.carry(document, history, &op.id, applied(op, &heard));
        };
        let expected = own.map(|op| expected(document, op)).unwrap_or_default();
        // An answer that came before changes nothing now.
        if !self.remove(op_id) {
            return;
        }
        if op.is_acknowledgement() {
            // It may come ahead of the echo that creates the text, which is not shown then.
            if let Some((id, of)) = &of {
                self.branches.came_to_nothing(id, *of);
                self.carry(document, history, id, expected.taken_back());
            }
        } else {
            let heard = self.hear(document, op);
            if let Some(difference) = expected.differs_from(applied(op, &heard)) {
                self.carry(document, history, &op.id, &difference);
            }
        }
        if let Some((id, of)) = of {
            self.end_idle_branch(document, history, &id, of);
        }
    }

    /// Applies what the server ordered, on no branch.
    fn hear(&mut self, document: &mut Document, op: &Op) -> Outcome {
        let heard = document.hear(op);
        if heard.is_accepted() && matches!(op.kind, OpKind::Create(_)) {
            self.branches.created(document, op);
            self.infer_arrivals(&op.id);
        }
        heard
    }

    /// Notes which ops must have arrived, now that the server has a node: if an own op has minted it, that op
    /// and all that were sent before it.
    fn infer_arrivals(&mut self, id: &NodeId) {
        let Some(last) = self.tried_of(id).find(|(_, entry)| entry.mints).map(|(at, _)| at) else {
            return;
        };
        // Texts know by themselves; their updates need not be sent in the order of the ops.
        for (_, entry) in self.entries.range_mut(self.arrived_to.min(last)..=last) {
            if !is_text_update(&entry.op) {
                entry.arrival = Arrival::Certain;
            }
        }
        self.arrived_to = self.arrived_to.max(last + 1);
    }

    /// The ops that are known to have arrived.
    pub(super) fn arrived(&self) -> impl Iterator<Item = &Op> {
        let arrived = self.entries.values().filter(|entry| entry.arrival == Arrival::Certain);
        arrived.map(|entry| &entry.op)
    }

    fn own(&self, op: &Op) -> Option<&PendingOp> {
        self.entries.get(self.by_id.get(op.op_id.as_ref()?)?).map(Box::as_ref)
    }

    /// Expresses the pending updates of a text of the confirmed document over `ops`, which were put
    /// beneath them; and then the undo steps, which lie on top.
    fn carry(
        &mut self,
        document: &mut Document,
        history: &mut History,
        id: &NodeId,
        ops: &[TextOp],
    ) {
        if ops.is_empty() {
            return;
        }
        let Some(of) = document.find_text(id).map(TextNode::incarnation) else { return };
        let mut beneath = ops.to_vec();
        for number in numbers_of(&self.texts, id) {
            let pending = self.entries.get_mut(&number);
            if let Some(update) = pending.and_then(|pending| pending.update_of(of)) {
                (update.ops, beneath) = transform(&update.ops, &beneath, Order::After);
            }
        }
        carry_on(document, history, id, beneath);
    }

    /// Tells `history` what others must have written: the differences between the confirmed document and the
    /// server's, `fresh`, that hold at no point while the pending ops are replayed one by one. The document is in
    /// its confirmed state, and is left so.
    pub(super) fn hear_news(
        &mut self,
        document: &mut Document,
        history: &mut History,
        fresh: &Document,
    ) {
        let mut news = News::of(document, fresh);
        let (mut written, mut own) = (Written::default(), BTreeMap::new());
        self.replay_watched(document, |document, entry| {
            news.explain(document, fresh, &written);
            written = Written::by(document, &entry.op);
            // What no lost connection can have delivered comes after all that is in the document.
            if entry.arrival == Arrival::Untried {
                entry.note_writes(document, &mut own);
            }
        });
        news.explain(document, fresh, &written);
        let unexplained = news.unexplained().flat_map(|op| places(document, op));
        history.written_by_others(unexplained, &own);
        self.roll_back(document);
    }

    /// Applies the pending ops again, in order; those never sent as they are best expressed now.
    pub(super) fn replay(&mut self, document: &mut Document) {
        self.replay_watched(document, |_, _| {});
    }

    /// As [`replay`](Self::replay), and tells which places the ops write, and when the first that does so was made.
    pub(super) fn replay_and_tell_writes(
        &mut self,
        document: &mut Document,
    ) -> BTreeMap<Place, u64> {
        let mut writes = BTreeMap::new();
        self.replay_watched(document, |document, entry| entry.note_writes(document, &mut writes));
        writes
    }

    /// Whether an op may touch what the pending ops touch.
    pub(super) fn meets(&mut self, document: &Document, op: &Op) -> bool {
        !self.footprint().is_disjoint(document, op)
    }

    /// As [`replay`](Self::replay), and shows the document before each op and that op.
    fn replay_watched(
        &mut self,
        document: &mut Document,
        mut seen: impl FnMut(&Document, &PendingOp),
    ) {
        self.merged_to = 0;
        for (number, entry) in &mut self.entries {
            if entry.delivery == Delivery::Unsent {
                if let Some(neighbours) = &entry.neighbours {
                    neighbours.place(document, &mut entry.op);
                }
            }
            super::text::rebase(document, &mut entry.op);
            seen(document, entry);
            let touches = document.touches(&entry.op, entry.neighbours.as_ref());
            if touches != entry.touches {
                if *number < self.counted_to {
                    self.footprint.remove(&entry.touches);
                    self.footprint.add(&touches);
                }
                entry.touches = touches;
            }
            entry.savepoint = document.savepoint();
            if entry.arrival == Arrival::Certain {
                entry.accepted = false;
                continue;
            }
            match document.hear(&entry.op) {
                Outcome::Accepted { corrected, .. } => {
                    entry.accepted = true;
                    entry.corrected = corrected;
                    entry.fit();
                }
                _ => entry.accepted = false,
            }
        }
    }

    /// What the pending ops touch.
    fn footprint(&mut self) -> &Footprint {
        for entry in self.entries.range(self.counted_to..).map(|(_, entry)| entry) {
            self.footprint.add(&entry.touches);
        }
        self.counted_to = self.next;
        &self.footprint
    }

    /// Shortcut: an acknowledgement of the oldest pending op, just as it was predicted. The op is
    /// in the document already; only its savepoint goes.
    ///
    /// Equal to the plain way: the confirmed document takes the very op that was applied to it.
    fn acknowledge_in_place(&mut self, document: &mut Document, op: &Op) -> bool {
        let Some(op_id) = &op.op_id else { return false };
        let Some((_, oldest)) = self.entries.first_key_value() else { return false };
        let predicted = oldest.corrected.as_deref().unwrap_or(&oldest.op);
        if !oldest.accepted
            || self.branches.contains(&oldest.op.id)
            || oldest.op.op_id.as_ref() != Some(op_id)
            || predicted.kind != op.kind
            || predicted.id != op.id
        {
            return false;
        }
        let committed = document.commit_oldest(oldest.savepoint);
        debug_assert!(committed, "the oldest pending op has the oldest savepoint");
        self.remove(op_id);
        true
    }

    /// Shortcut: somebody else's op that touches nothing the pending ops touch. It is applied
    /// beneath them.
    ///
    /// Equal to the plain way: rolling back and replaying the pending ops neither sees the op nor
    /// changes what it sees.
    fn is_beneath(&mut self, document: &mut Document, history: &mut History, op: &Op) -> bool {
        let disjoint =
            op.op_id.is_none() && (!self.meets(document, op) || self.shortcuts.are_careless());
        if disjoint {
            let heard = document.apply_beneath(op);
            carry_on(document, history, &op.id, applied(op, &heard).to_vec());
        }
        disjoint
    }
}

impl PendingOp {
    /// The update of this incarnation of its text, if it is one.
    fn update_of(&mut self, of: Incarnation) -> Option<&mut UpdateText> {
        let is_of = incarnation(&self.op) == Some(of);
        match &mut self.op.kind {
            OpKind::UpdateText(update) if is_of => Some(update),
            _ => None,
        }
    }

    /// Whether the op cannot be sent now, nor what is behind it: it hangs on a push whose place is not known yet, or
    /// updates a text that waits for the document, or of which an update is under way already.
    fn is_held_up(
        &self,
        pushes: &BTreeSet<NodeId>,
        updating: &BTreeSet<NodeId>,
        loading: bool,
    ) -> bool {
        let hangs_on_push = || {
            let items = self.neighbours.iter().flat_map(Neighbours::items);
            items.flatten().any(|item| pushes.contains(item))
        };
        (is_text_update(&self.op) && (loading || updating.contains(&self.op.id)))
            || (self.delivery == Delivery::Unsent && hangs_on_push())
    }

    /// Notes down when the op was made, for the places that it writes and none before it does.
    fn note_writes(&self, document: &Document, writes: &mut BTreeMap<Place, u64>) {
        for place in places(document, &self.op) {
            writes.entry(place).or_insert(self.made_at);
        }
    }

    /// Makes a text update that was never sent say what it did to the text on which it was applied.
    ///
    /// It may have been made on another one: undo and what is under way can meet a text that has come back
    /// under its id, where the update is clipped and kept from splitting characters. Only what comes of
    /// that can be [composed](crate::text::compose) with later updates and carries them over rightly. What
    /// was sent stays as it was, since the server knows it again by that.
    fn fit(&mut self) {
        if self.delivery != Delivery::Unsent {
            return;
        }
        if let (OpKind::UpdateText(update), Some(Op { kind: OpKind::UpdateText(applied), .. })) =
            (&mut self.op.kind, self.corrected.as_deref())
        {
            if update.ops != applied.ops {
                update.ops.clone_from(&applied.ops);
            }
        }
    }

    /// Whether [`fit`](Self::fit) has nothing to do.
    fn is_fitted(&self) -> bool {
        match (&self.op.kind, self.corrected.as_deref().map(|op| &op.kind)) {
            (OpKind::UpdateText(update), Some(OpKind::UpdateText(applied))) => {
                !self.accepted || update.ops == applied.ops
            }
            _ => true,
        }
    }

    /// Whether an op looks like this one as the server echoes it.
    fn looks_like(&self, op: &Op) -> bool {
        let sent = self.corrected.as_deref().unwrap_or(&self.op);
        sent.id == op.id && sent.kind == op.kind
    }
}

fn is_text_update(op: &Op) -> bool {
    matches!(op.kind, OpKind::UpdateText(_))
}

/// How many bytes an op has on the wire.
fn written_len(op: &Op) -> usize {
    let mut written = Vec::with_capacity(256);
    op.write(&mut written);
    written.len()
}

fn is_about_text(op: &Op) -> bool {
    let creates = |create: &Create| matches!(create.content, NodeContent::Text { .. });
    is_text_update(op) || matches!(&op.kind, OpKind::Create(create) if creates(create))
}

/// The numbers of the ops on a node.
fn numbers_of<'a>(
    ops: &'a BTreeSet<(NodeId, u64)>,
    id: &NodeId,
) -> impl Iterator<Item = u64> + use<'a> {
    ops.range((id.clone(), 0)..=(id.clone(), u64::MAX)).map(|(_, number)| *number)
}

fn is_push(op: &Op) -> bool {
    matches!(&op.kind, OpKind::Create(create) if create.intent == Intent::Push)
}

/// What lies on top of the pending ops follows what has come beneath: undo steps, and whoever is told of the changes.
fn carry_on(document: &mut Document, history: &mut History, text: &NodeId, ops: Vec<TextOp>) {
    if ops.is_empty() {
        return;
    }
    document.tell_text(text, &ops);
    history.carry(text, ops);
}
