//! The updates of texts, carried over those that their authors had not seen.
//!
//! Other ops mean the same wherever they come in the order. An update of a text says where by counting, so it
//! is expressed anew each time it is applied: see [`Walk`]. What comes of that follows from the updates of the
//! text and their order alone, and not from when they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::walk::Walk;
use super::{Entry, Seen, Stamp, Version};
use crate::Actor;
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
    /// The numbers of the updates of each actor, in order.
    by_actor: BTreeMap<Actor, Vec<usize>>,
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
    /// From which update on they have to be walked through to express this one: its [cut](Life::cut).
    from: usize,
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
        let Some(text) = document.find_text_of(&entry.op.id, of) else { return };
        let (len_before, base_version) = (text.text().len_utf16(), text.version());
        let life = self.texts.entry((entry.op.id.clone(), of)).or_default();
        let from = life.cut(life.first_unseen(&entry.seen()));
        let applied = life.express(from, entry.stamp, &entry.seen(), &update.ops);
        let ops = applied.as_ref().unwrap_or(&update.ops);
        if !ops.is_empty() {
            let update = UpdateText { base_version, version: None, ops: ops.clone() };
            let kind = OpKind::UpdateText(update);
            _ = document.apply(&Op { op_id: None, id: entry.op.id.clone(), kind });
        }
        life.push(Update {
            stamp: entry.stamp,
            seen: entry.seen.clone(),
            ops: update.ops.clone(),
            applied,
            len_before,
            from,
        });
    }

    /// Forgets the updates of the entry with this stamp and of all later ones, which were taken back.
    pub(super) fn take_back(&mut self, op: &Op, stamp: Stamp) {
        let Some((id, of)) = op.updated_text() else { return };
        let Some(life) = self.texts.get_mut(&(id.clone(), of)) else { return };
        life.take_back(life.updates.partition_point(|update| update.stamp < stamp));
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
        document
            .find_text_of(id, of)
            .zip(life)
            .map(|(text, life)| life.news(text.text(), had, first))
            .unwrap_or_default()
    }

    /// The updates that are carried over others, each behind the first of those.
    pub(super) fn carried(&self) -> impl Iterator<Item = (Stamp, Stamp)> + '_ {
        self.texts.values().flat_map(Life::carried)
    }

    /// Forgets the updates up to this one, over which none that follows has to be carried.
    pub(super) fn settle(&mut self, last: Stamp) {
        for life in self.texts.values_mut() {
            let settled = life.updates.partition_point(|update| update.stamp <= last);
            if settled > 0 {
                life.settle(settled);
            }
        }
        self.texts.retain(|_, life| !life.updates.is_empty());
    }
}

impl Life {
    fn push(&mut self, update: Update) {
        self.by_actor.entry(update.stamp.actor).or_default().push(self.updates.len());
        self.updates.push(update);
    }

    /// Forgets all updates but the first, which were taken back.
    fn take_back(&mut self, len: usize) {
        for update in self.updates.drain(len..) {
            _ = self.by_actor.get_mut(&update.stamp.actor).and_then(Vec::pop);
        }
        self.walked = self.walked.take().filter(|walked| walked.to <= len);
        self.kept.retain(|walked| walked.to <= len);
    }

    /// The updates that are carried over others, each behind the first of those.
    fn carried(&self) -> impl Iterator<Item = (Stamp, Stamp)> + '_ {
        self.updates
            .iter()
            .enumerate()
            .filter(|(number, update)| update.from < *number)
            .filter_map(|(_, update)| Some((self.updates.get(update.from)?.stamp, update.stamp)))
    }

    /// Forgets the first updates, which all that follow have seen.
    fn settle(&mut self, count: usize) {
        self.updates.drain(..count);
        for update in &mut self.updates {
            debug_assert!(update.from >= count, "what follows has seen what is settled");
            update.from = update.from.saturating_sub(count);
        }
        self.by_actor.clear();
        for (number, update) in self.updates.iter().enumerate() {
            self.by_actor.entry(update.stamp.actor).or_default().push(number);
        }
        self.walked = None;
        self.kept.clear();
    }

    /// The ops of the next update as they are on top of all updates here, if that is something else; given the first
    /// that has to be walked through.
    fn express(
        &mut self,
        from: usize,
        stamp: Stamp,
        seen: &Seen<'_>,
        ops: &[TextOp],
    ) -> Option<Vec<TextOp>> {
        if from == self.updates.len() {
            return None;
        }
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
        let from = known.unwrap_or_else(|| self.cut(first));
        self.walk_from(from).walk.news(text, had)
    }

    /// The first update that the author of the next one had not seen; their number if it had seen all.
    fn first_unseen(&self, seen: &Seen<'_>) -> usize {
        let others = self.by_actor.iter().filter(|(actor, _)| **actor != seen.actor);
        let unseen = others.filter_map(|(actor, numbers)| {
            let bound = seen.others.get(*actor);
            let is_seen = |number: &usize| {
                self.updates.get(*number).is_some_and(|update| update.stamp.counter < bound)
            };
            numbers.get(numbers.partition_point(is_seen)).copied()
        });
        unseen.min().unwrap_or(self.updates.len())
    }

    /// The latest place, not behind this one, such that all before it was seen by the authors of all updates behind it.
    ///
    /// The last update makes the latest such place its own cut, since it has to be seen by that too; the next one
    /// before is that of the update before there, and so on.
    fn cut(&self, most: usize) -> usize {
        let mut at = self.updates.len();
        while at > most {
            at = at
                .checked_sub(1)
                .and_then(|last| self.updates.get(last))
                .map_or(0, |last| last.from);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The cut is the latest place that is one, by its definition; also once some are settled or taken back.
        #[test]
        fn the_cut_is_the_latest(
            steps in prop::collection::vec((0..3_u32, prop::array::uniform3(0..5_u64)), 1..40),
            settles in any::<bool>(),
            back in 0..10_usize,
        ) {
            let mut life = Life::default();
            let sees = |seen: &Version, actor: Actor, of: Stamp| of.actor == actor || seen.get(of.actor) > of.counter;
            let mut heard: [Version; 3] = std::array::from_fn(|_| Version::new());
            // All have seen what is settled.
            let mut floor = 0;
            for (counter, (author, behind)) in (0_u64..).zip(steps) {
                let stamp = Stamp { counter, actor: Actor(author) };
                let mut seen = heard[author as usize].clone();
                for (other, behind) in (0..3).zip(behind) {
                    // All but the latest few.
                    seen.set(Actor(other), seen.get(Actor(other)).max((counter + 1).saturating_sub(behind).max(floor)));
                }
                heard[author as usize] = seen.clone();
                let next = Seen { actor: stamp.actor, others: &seen };
                let is_cut = |at: usize| {
                    let (before, after) = life.updates.split_at(at);
                    before.iter().all(|of| {
                        sees(&seen, stamp.actor, of.stamp)
                            && after.iter().all(|by| sees(&by.seen, by.stamp.actor, of.stamp))
                    })
                };
                let from = life.cut(life.first_unseen(&next));
                prop_assert_eq!(Some(from), (0..=life.updates.len()).rev().find(|at| is_cut(*at)));
                let seen = Arc::new(seen);
                let (ops, applied) = (Vec::new(), None);
                life.push(Update { stamp, seen, ops, applied, len_before: 0, from });
                let len = life.updates.len();
                if settles && from == len - 1 && from > 3 {
                    life.settle(from);
                    floor = counter;
                }
                if counter == 20 {
                    life.take_back(life.updates.len().saturating_sub(back));
                }
            }
        }
    }
}
