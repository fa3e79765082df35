//! The updates of texts, carried over those that their authors had not seen.
//!
//! Other ops mean the same wherever they come in the order. An update of a text says where by counting, so it
//! is expressed anew each time it is applied: see [`Walk`]. What comes of that follows from the updates of the
//! text and their order alone, and not from when they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::walk::Walk;
use super::{Entry, Seen, Stamp, Version};
use crate::client::text_of;
use crate::op::{OpKind, UpdateText};
use crate::text::{Incarnation, Text, TextOp};
use crate::{Document, NodeId, Op};

/// How far walks that are kept are apart, and how many are kept.
const KEPT_EVERY: usize = 64;
const KEPT: usize = 2;

/// What was applied to each text.
#[derive(Debug, Default)]
pub(super) struct Texts {
    texts: BTreeMap<(NodeId, Incarnation), Life>,
}

/// The updates that were applied to a text, in order.
#[derive(Debug, Default)]
struct Life {
    updates: Vec<Update>,
    /// Of each actor, how far its updates are here.
    version: Version,
    /// The latest ones as runs, if that was needed.
    walked: Option<Walked>,
    /// The same up to earlier ones, each further than the one before: for when the latest are taken back, since what
    /// comes late mostly is not very late.
    kept: Vec<Walked>,
}

#[derive(Debug)]
struct Update {
    stamp: Stamp,
    seen: Arc<Version>,
    /// As its author said it.
    ops: Vec<TextOp>,
    /// As it was applied, if that is something else.
    applied: Option<Vec<TextOp>>,
    /// The length of the text before it, in UTF-16 units.
    len_before: usize,
    /// How far the actor's updates were here before it.
    version_before: u64,
}

/// A walk through the updates from a number on, and up to another.
#[derive(Clone, Debug)]
struct Walked {
    from: usize,
    to: usize,
    walk: Walk,
}

impl Update {
    fn seen(&self) -> Seen<'_> {
        Seen { actor: self.stamp.actor, others: &self.seen }
    }
}

impl Texts {
    /// Applies an update of a text, if that is there.
    pub(super) fn fold(&mut self, document: &mut Document, entry: &Entry, update: &UpdateText) {
        let of = Incarnation::of(update.base_version);
        // Texts can come back under the ids they had: this may be another one.
        let Some(text) = text_of(document, &entry.op.id, of) else { return };
        let (len_before, base_version) = (text.text().len_utf16(), text.version());
        let life = self.texts.entry((entry.op.id.clone(), of)).or_default();
        let applied = life.express(entry.stamp, &entry.seen(), &update.ops);
        let ops = applied.as_ref().unwrap_or(&update.ops);
        if !ops.is_empty() {
            let update = UpdateText { base_version, version: None, ops: ops.clone() };
            let kind = OpKind::UpdateText(update);
            _ = document.apply(&Op { op_id: None, id: entry.op.id.clone(), kind });
        }
        let version_before = life.version.get(entry.stamp.actor);
        life.version.set(entry.stamp.actor, entry.stamp.counter + 1);
        life.updates.push(Update {
            stamp: entry.stamp,
            seen: entry.seen.clone(),
            ops: update.ops.clone(),
            applied,
            len_before,
            version_before,
        });
    }

    /// Forgets the updates of the entry with this stamp and of all later ones, which were taken back.
    pub(super) fn take_back(&mut self, op: &Op, stamp: Stamp) {
        let Some((id, of)) = op.updated_text() else { return };
        let Some(life) = self.texts.get_mut(&(id.clone(), of)) else { return };
        let len = life.updates.partition_point(|update| update.stamp < stamp);
        for update in life.updates.drain(len..).rev() {
            life.version.set(update.stamp.actor, update.version_before);
        }
        life.walked = life.walked.take().filter(|walked| walked.to <= len);
        life.kept.retain(|walked| walked.to <= len);
    }

    /// What the updates of a text have come to that were not `had` before, none of which comes before `first`.
    pub(super) fn news(
        &mut self,
        document: &Document,
        id: &NodeId,
        of: Incarnation,
        had: &Version,
        first: Stamp,
    ) -> Vec<TextOp> {
        let life = self.texts.get_mut(&(id.clone(), of));
        text_of(document, id, of)
            .zip(life)
            .map(|(text, life)| life.news(text.text(), had, first))
            .unwrap_or_default()
    }

    /// Forgets updates that everybody has seen: those with lesser counters.
    pub(super) fn settle(&mut self, counter: u64) {
        for life in self.texts.values_mut() {
            let settled = life.updates.partition_point(|update| update.stamp.counter < counter);
            if settled > 0 {
                life.updates.drain(..settled);
                life.walked = None;
                life.kept.clear();
            }
        }
        self.texts.retain(|_, life| !life.updates.is_empty());
    }
}

impl Life {
    /// The ops of the next update as they are on top of all updates here, if that is something else.
    fn express(&mut self, stamp: Stamp, seen: &Seen<'_>, ops: &[TextOp]) -> Option<Vec<TextOp>> {
        let from = self.first_unseen(seen)?;
        let walked = self.walk_from(from);
        let ops = walked.walk.update(stamp, seen, ops);
        // The update itself is about to be one of those here.
        walked.to += 1;
        Some(ops)
    }

    /// A walk through all updates here from this one on.
    fn walk_from(&mut self, from: usize) -> &mut Walked {
        self.kept.retain(|walked| walked.from == from);
        let known = self.walked.take().filter(|walked| walked.from == from);
        let walked = known.or_else(|| self.kept.last().cloned()).unwrap_or_else(|| {
            let len = self.updates.get(from).map_or(0, |first| first.len_before);
            Walked { from, to: from, walk: Walk::new(len) }
        });
        let walked = self.walked.insert(walked);
        let kept_to = self.kept.last().map_or(from, |kept| kept.to);
        if walked.to >= kept_to + KEPT_EVERY {
            if self.kept.len() == KEPT {
                self.kept.remove(0);
            }
            self.kept.push(walked.clone());
        }
        for update in self.updates.get(walked.to..).unwrap_or_default() {
            walked.walk.update(update.stamp, &update.seen(), &update.ops);
            walked.to += 1;
        }
        walked
    }

    /// What leads to the text from what it would be without the updates that were not `had`, of which none comes
    /// before `first`.
    fn news(&mut self, text: &Text, had: &Version, first: Stamp) -> Vec<TextOp> {
        let is_new = |update: &Update| had.get(update.stamp.actor) <= update.stamp.counter;
        let first = self.updates.partition_point(|update| update.stamp < first);
        let later = self.updates.get(first..).unwrap_or_default();
        let Some(first) = later.iter().position(is_new).map(|old| first + old) else {
            return Vec::new();
        };
        let later = self.updates.get(first..).unwrap_or_default();
        if later.iter().all(is_new) {
            let applied = |update: &Update| update.applied.as_ref().unwrap_or(&update.ops).clone();
            return later.iter().flat_map(applied).collect();
        }
        let known = self.walked.as_ref().map(|walked| walked.from).filter(|from| *from <= first);
        let from = known.unwrap_or_else(|| self.window(None, first));
        self.walk_from(from).walk.news(text, had)
    }

    /// From where on the updates have to be walked through to express the next one; `None` if its author has seen
    /// all.
    fn first_unseen(&self, seen: &Seen<'_>) -> Option<usize> {
        let from = self.window(Some(seen), self.updates.len());
        (from < self.updates.len()).then_some(from)
    }

    /// The latest place, not behind this one, such that all before it was seen by the authors of the updates after
    /// it, and perhaps by that of the next one.
    fn window(&self, next: Option<&Seen<'_>>, most: usize) -> usize {
        // What is before a place, and what all behind it have seen of that. Own updates are always seen.
        let mut before = self.version.clone();
        let mut seen_by_all = self.version.clone();
        if let Some(seen) = next {
            seen_by_all.lower_to(seen.others, Some(seen.actor));
        }
        let mut at = self.updates.len();
        while at > most || !seen_by_all.covers(&before) {
            let Some(update) = at.checked_sub(1).and_then(|last| self.updates.get(last)) else {
                break;
            };
            at -= 1;
            before.set(update.stamp.actor, update.version_before);
            seen_by_all.lower_to(&update.seen, Some(update.stamp.actor));
        }
        at
    }
}
