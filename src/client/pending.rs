//! The ops that the server has not acknowledged, applied on top of what it has.
//!
//! Each was applied under a savepoint of its own. The plain way to take in a message is to roll
//! them back, apply the server's ops and replay the rest. Two shortcuts spare that work where it
//! would change nothing; tests hold them equal to the plain way.

use std::collections::{BTreeMap, BTreeSet};

use super::anchor::Anchor;
use super::footprint::{Footprint, Touch};
use super::history::Step;
use crate::document::Savepoint;
use crate::edit::Session;
use crate::op::{Intent, OpKind};
use crate::{Document, NodeId, Op, OpId, Outcome};

/// An op that was applied ahead of the server.
#[derive(Debug)]
pub(crate) struct Prediction {
    savepoint: Savepoint,
    touches: Vec<Touch>,
    inverse: Vec<Op>,
    anchor: Option<Anchor>,
    /// The op as the server is expected to echo it, if that is not as it is.
    corrected: Option<Box<Op>>,
    accepted: bool,
}

/// A pending op.
#[derive(Debug)]
struct Entry {
    op: Op,
    savepoint: Savepoint,
    touches: Vec<Touch>,
    anchor: Option<Anchor>,
    corrected: Option<Box<Op>>,
    accepted: bool,
    delivery: Delivery,
}

/// Where an op is on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// Never sent: it may still be expressed anew.
    Unsent,
    /// Sent on the present connection.
    Sent,
    /// Sent on a connection that is lost: it may have arrived, so it is sent again as it is.
    Unknown,
}

/// The pending ops, in order.
#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<u64, Entry>,
    by_id: BTreeMap<OpId, u64>,
    next: u64,
    footprint: Footprint,
    /// Own pushes that are not acknowledged: where they end up is not known.
    pushes: BTreeSet<NodeId>,
    fast_paths: bool,
}

impl Default for Pending {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_id: BTreeMap::new(),
            next: 0,
            footprint: Footprint::default(),
            pushes: BTreeSet::new(),
            fast_paths: true,
        }
    }
}

impl Prediction {
    /// Before `op` is applied: opens its savepoint and notes what will be needed to take it back.
    pub(crate) fn of(document: &mut Document, op: &Op) -> Self {
        let inverse = document.inverse_of(op);
        let anchor = Anchor::of(document, op);
        let touches = document.touches(op);
        let savepoint = document.savepoint();
        Self { savepoint, touches, inverse, anchor, corrected: None, accepted: false }
    }

    /// After it was applied.
    pub(crate) fn came_true(mut self, _op: &Op, outcome: &Outcome) -> Self {
        if let Outcome::Accepted { corrected, .. } = outcome {
            self.accepted = true;
            self.corrected.clone_from(corrected);
        }
        self
    }
}

impl Session<'_> {
    /// Takes back all that the edit did so far.
    pub(super) fn take_back(&mut self) {
        if let Some(first) = self.trail.predictions.as_ref().and_then(|all| all.first()) {
            self.document.rollback(first.savepoint);
        }
    }

    /// Applies an op of an undo step, unless it no longer makes sense.
    pub(super) fn apply_inverse(&mut self, op: Op) {
        let op = super::anchor::in_place_of(self.document, op);
        if self.document.would_change(&op) {
            // An op that the document refuses is left out, as one without effect is.
            let _ = self.apply(op.id, op.kind);
        }
    }
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Op> {
        self.entries.values().map(|entry| &entry.op)
    }

    pub(super) fn set_fast_paths(&mut self, on: bool) {
        self.fast_paths = on;
    }

    /// Whether an op answers one of these.
    pub(super) fn is_own(&self, op: &Op) -> bool {
        op.op_id.as_ref().is_some_and(|op_id| self.by_id.contains_key(op_id))
    }

    /// Takes over ops that an edit has applied; returns the step that takes them back.
    pub(super) fn adopt(&mut self, ops: &[Op], predictions: Vec<Prediction>) -> Step {
        let mut created = BTreeSet::new();
        let mut inverses = Vec::new();
        for (op, prediction) in ops.iter().zip(predictions) {
            let Prediction { savepoint, touches, inverse, anchor, corrected, accepted } =
                prediction;
            // What lies in a node that the same step created goes with it.
            let within = match &op.kind {
                OpKind::Create(create) => {
                    created.insert(op.id.clone());
                    created.contains(&create.parent_id)
                }
                _ => created.contains(&op.id),
            };
            if !within || matches!(op.kind, OpKind::DeleteCrdt) {
                inverses.push(inverse);
            }
            let entry = Entry {
                op: op.clone(),
                savepoint,
                touches,
                anchor,
                corrected,
                accepted,
                delivery: Delivery::Unsent,
            };
            self.insert(entry);
        }
        Step::new(inverses.into_iter().rev().flatten().collect())
    }

    fn insert(&mut self, entry: Entry) {
        let number = self.next;
        self.next += 1;
        if let Some(op_id) = &entry.op.op_id {
            self.by_id.insert(op_id.clone(), number);
        }
        if is_push(&entry.op) {
            self.pushes.insert(entry.op.id.clone());
        }
        self.footprint.add(&entry.touches);
        self.entries.insert(number, entry);
    }

    /// Drops an op; false if it is not pending.
    pub(super) fn remove(&mut self, op_id: &OpId) -> bool {
        let Some(number) = self.by_id.remove(op_id) else { return false };
        if let Some(entry) = self.entries.remove(&number) {
            self.footprint.remove(&entry.touches);
            if is_push(&entry.op) {
                self.pushes.remove(&entry.op.id);
            }
        }
        true
    }

    /// Whatever is under way is lost, and perhaps arrived.
    pub(super) fn connection_lost(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.delivery == Delivery::Sent {
                entry.delivery = Delivery::Unknown;
            }
        }
    }

    /// The ops to send now, in order. One that hangs on a push whose place is not known yet waits
    /// for it, and all behind it wait too.
    pub(super) fn take_unsent(&mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        for entry in self.entries.values_mut() {
            match entry.delivery {
                Delivery::Sent => continue,
                Delivery::Unsent if waits(entry, &self.pushes) => break,
                Delivery::Unsent | Delivery::Unknown => entry.delivery = Delivery::Sent,
            }
            ops.push(entry.op.clone());
        }
        ops
    }

    /// Takes in what the server ordered.
    pub(super) fn receive(&mut self, document: &mut Document, ops: &[Op]) {
        let mut ops = ops;
        while let [op, rest @ ..] = ops {
            let shortcut = self.is_empty()
                || (self.fast_paths
                    && (self.acknowledge_in_place(document, op) || self.is_beneath(document, op)));
            if !shortcut {
                break;
            }
            ops = rest;
        }
        if ops.is_empty() {
            return;
        }
        self.roll_back(document);
        for op in ops {
            self.confirm(document, op);
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
    pub(super) fn confirm(&mut self, document: &mut Document, op: &Op) {
        if let Some(op_id) = &op.op_id {
            // An answer that came before changes nothing now.
            if !self.remove(op_id) || op.is_acknowledgement() {
                return;
            }
        }
        let _ = document.apply(op);
    }

    /// Applies the pending ops again, in order; those never sent as they are best expressed now.
    pub(super) fn replay(&mut self, document: &mut Document) {
        for entry in self.entries.values_mut() {
            if entry.delivery == Delivery::Unsent {
                if let Some(anchor) = &entry.anchor {
                    anchor.place(document, &mut entry.op);
                }
            }
            self.footprint.remove(&entry.touches);
            entry.touches = document.touches(&entry.op);
            self.footprint.add(&entry.touches);
            entry.savepoint = document.savepoint();
            match document.apply(&entry.op) {
                Outcome::Accepted { corrected, .. } => {
                    entry.accepted = true;
                    entry.corrected = corrected;
                }
                _ => entry.accepted = false,
            }
        }
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
    fn is_beneath(&self, document: &mut Document, op: &Op) -> bool {
        let disjoint = op.op_id.is_none() && self.footprint.is_disjoint(document, op);
        if disjoint {
            document.apply_beneath(op);
        }
        disjoint
    }
}

fn is_push(op: &Op) -> bool {
    matches!(&op.kind, OpKind::Create(create) if create.intent == Intent::Push)
}

/// Whether an op is expressed in terms of a push whose place is not known yet.
fn waits(entry: &Entry, pushes: &BTreeSet<NodeId>) -> bool {
    let waits = |id: &Option<NodeId>| id.as_ref().is_some_and(|id| pushes.contains(id));
    entry.anchor.as_ref().is_some_and(|anchor| anchor.neighbours().any(waits))
}
