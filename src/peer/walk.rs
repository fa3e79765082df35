//! A stretch of a text's life, by which an update is carried over those that its author had not seen.
//!
//! An update says where by counting, in the text as its author had it. To find that place in the text as it is
//! here, all that was inserted and deleted since the two were one is kept as a sequence of runs, which nothing
//! ever leaves. What of them the author had is told by who inserted and who deleted them. This is the idea of
//! the event graph walker (Gentle and Kleppmann, *Collaborative Text Editing with Eg-walker*, 2025), but for
//! two things: updates come in an order that all peers agree on, and what an author had is asked of each run
//! and not kept up to date.
//!
//! Of two that insert at the same place the later one comes behind what the earlier one has typed there. So
//! what is typed forward stays together.

use smallvec::SmallVec;

use super::{Seen, Stamp, Version};
use crate::Actor;
use crate::text::{Text, TextOp, clip, signed, utf16_len};

/// The runs of a text, from the first update that somebody had not seen on.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    runs: Vec<Run>,
    /// Who made the updates.
    actors: Vec<Actor>,
}

/// The name of an update: the number of its actor in the walk, and its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    actor: usize,
    counter: u64,
}

/// What the author of an update had: the bound of each actor's updates, by its number.
struct Bounds(Vec<u64>);

impl Bounds {
    fn have(&self, update: Name) -> bool {
        self.0.get(update.actor).is_some_and(|bound| *bound > update.counter)
    }
}

/// A piece of text that was inserted at once, as far as it has not been split.
#[derive(Clone, Debug)]
struct Run {
    /// The update that inserted it; `None` if it was there before.
    by: Option<Name>,
    /// Where it begins in all that was inserted by that update.
    start: usize,
    /// In UTF-16 units.
    len: usize,
    /// Behind which unit it was inserted; of runs that were there before this means nothing.
    behind: Option<Unit>,
    /// The updates that deleted it.
    deleted_by: SmallVec<[Name; 1]>,
}

/// A unit of text, by who inserted it and which one of that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unit {
    by: Option<Name>,
    at: usize,
}

impl Run {
    fn is_deleted(&self) -> bool {
        !self.deleted_by.is_empty()
    }

    /// Whether the author of an update had it.
    fn was_inserted(&self, seen: &Bounds) -> bool {
        self.by.is_none_or(|by| seen.have(by))
    }

    /// Whether it was in the text as the author of an update had it.
    fn was_there(&self, seen: &Bounds) -> bool {
        self.was_inserted(seen) && !self.deleted_by.iter().any(|by| seen.have(*by))
    }

    fn contains(&self, unit: Unit) -> bool {
        self.by == unit.by && (self.start..self.start + self.len).contains(&unit.at)
    }

    /// Cuts it in two; both were inserted at once, and the second behind the first.
    fn split(&mut self, at: usize) -> Self {
        let len = self.len - at;
        self.len = at;
        let start = self.start + at;
        let behind = Some(Unit { by: self.by, at: start - 1 });
        Self { by: self.by, start, len, behind, deleted_by: self.deleted_by.clone() }
    }
}

impl Walk {
    /// From a text of this length on.
    pub(super) fn new(len: usize) -> Self {
        let run = Run { by: None, start: 0, len, behind: None, deleted_by: SmallVec::new() };
        Self { runs: if len == 0 { Vec::new() } else { vec![run] }, actors: Vec::new() }
    }

    /// Takes in the next update, and tells what it does to the text as it is here. O(n) for n runs.
    pub(super) fn update(&mut self, stamp: Stamp, seen: &Seen<'_>, ops: &[TextOp]) -> Vec<TextOp> {
        let (update, seen) = self.named(stamp, seen);
        let mut inserted = 0;
        let mut effects = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                TextOp::Insert { index, text, attributes } => {
                    let len = utf16_len(text);
                    if len == 0 {
                        continue;
                    }
                    let index = signed(self.insert(update, &seen, *index, inserted, len));
                    inserted += len;
                    let (text, attributes) = (text.clone(), attributes.clone());
                    effects.push(TextOp::Insert { index, text, attributes });
                }
                TextOp::Delete { index, length } => {
                    self.change(&seen, (*index, *length), |run, at| {
                        if !run.is_deleted() {
                            let (index, length) = (signed(at), signed(run.len));
                            effects.push(TextOp::Delete { index, length });
                        }
                        run.deleted_by.push(update);
                    });
                }
                TextOp::Format { index, length, attributes } => {
                    self.change(&seen, (*index, *length), |run, at| {
                        if !run.is_deleted() {
                            let (index, length) = (signed(at), signed(run.len));
                            let attributes = attributes.clone();
                            effects.push(TextOp::Format { index, length, attributes });
                        }
                    });
                }
            }
        }
        effects
    }

    /// What leads to the text that is here from what it would be without the updates that were not `had`.
    pub(super) fn news(&self, text: &Text, had: &Version) -> Vec<TextOp> {
        let bounds = Bounds(self.actors.iter().map(|actor| had.get(*actor)).collect());
        let mut news = Vec::new();
        // What is new up to here, and not told yet.
        let mut new = 0..0;
        for run in &self.runs {
            let (was_there, is_there) = (run.was_there(&bounds), !run.is_deleted());
            if !was_there {
                new.end += if is_there { run.len } else { 0 };
                continue;
            }
            news.extend(text.insertions(new.clone()));
            let at = new.end;
            if is_there {
                new = at + run.len..at + run.len;
            } else {
                news.push(TextOp::Delete { index: signed(at), length: signed(run.len) });
                new = at..at;
            }
        }
        news.extend(text.insertions(new));
        news
    }

    /// The name of an update, and what its author had.
    fn named(&mut self, stamp: Stamp, seen: &Seen<'_>) -> (Name, Bounds) {
        let known = self.actors.iter().position(|actor| *actor == stamp.actor);
        let actor = known.unwrap_or_else(|| {
            self.actors.push(stamp.actor);
            self.actors.len() - 1
        });
        let bound = |of: &Actor| if *of == seen.actor { u64::MAX } else { seen.others.get(*of) };
        let bounds = Bounds(self.actors.iter().map(bound).collect());
        (Name { actor, counter: stamp.counter }, bounds)
    }

    /// Inserts a run, of which the update has inserted so much before, and tells where it is in the text as it
    /// is here.
    fn insert(
        &mut self,
        update: Name,
        seen: &Bounds,
        index: i64,
        start: usize,
        len: usize,
    ) -> usize {
        // Behind the unit before the index, or else behind the last one that was there.
        let (mut at, mut behind) = (0, None);
        let mut left = clip(index, usize::MAX);
        let mut runs = self.runs.iter().enumerate();
        while left > 0 {
            let Some((number, run)) = runs.next() else { break };
            if run.was_there(seen) {
                let len = left.min(run.len);
                left -= len;
                at = number + 1;
                behind = Some((Unit { by: run.by, at: run.start + len - 1 }, len));
            }
        }
        if let Some((_, len)) = behind {
            self.split(at - 1, len);
        }
        let behind = behind.map(|(unit, _)| unit);
        // Others that the author had not seen may have inserted here before.
        let first = at;
        while let Some(run) = self.runs.get(at).filter(|run| !run.was_inserted(seen)) {
            let passed = self.runs.get(first..at).unwrap_or_default();
            let is_here = run.behind == behind
                || run.behind.is_some_and(|unit| passed.iter().rev().any(|run| run.contains(unit)));
            if !is_here {
                break;
            }
            at += 1;
        }
        let before = self.runs.iter().take(at).filter(|run| !run.is_deleted());
        let place = before.map(|run| run.len).sum();
        let deleted_by = SmallVec::new();
        self.runs.insert(at, Run { by: Some(update), start, len, behind, deleted_by });
        place
    }

    /// Changes each run in a range of the text as the author of an update had it, and tells of it where it is
    /// in the text as it is here.
    fn change(
        &mut self,
        seen: &Bounds,
        (index, length): (i64, i64),
        mut change: impl FnMut(&mut Run, usize),
    ) {
        let end = clip(index.saturating_add(length), usize::MAX);
        let mut skip = clip(index, usize::MAX);
        let mut left = end.saturating_sub(skip);
        let (mut number, mut here) = (0, 0);
        while left > 0 {
            let was_there = self.runs.get(number).is_some_and(|run| run.was_there(seen));
            if was_there {
                self.split(number, if skip > 0 { skip } else { left });
            }
            let Some(run) = self.runs.get_mut(number) else { return };
            if was_there && skip > 0 {
                skip -= run.len;
            } else if was_there {
                left -= run.len;
                change(run, here);
            }
            here += if run.is_deleted() { 0 } else { run.len };
            number += 1;
        }
    }

    /// Makes a run end at a length, if it is longer.
    fn split(&mut self, number: usize, at: usize) {
        if let Some(run) = self.runs.get_mut(number).filter(|run| at > 0 && at < run.len) {
            let rest = run.split(at);
            self.runs.insert(number + 1, rest);
        }
    }
}
