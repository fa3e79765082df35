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
//! what is typed forward stays together, and what one author types there is one run, however many updates it
//! came in: of those another author had all up to one of them, which is a beginning of the run.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{Seen, Stamp, Version};
use crate::Actor;
use crate::text::{Text, TextOp, clip, signed, utf16_len};

/// The runs of a text, from the first update that somebody had not seen on.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    runs: Vec<Run>,
    /// Who made the updates.
    authors: Vec<Author>,
}

/// Somebody who made updates. The units that he inserted are numbered in the order of his updates.
#[derive(Clone, Debug)]
struct Author {
    actor: Actor,
    /// How many units he has inserted.
    inserted: usize,
    /// The counters of his updates, and how many units were inserted once each was made.
    updates: Vec<(u64, usize)>,
}

/// The name of an update: the number of its author in the walk, and its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Name {
    author: usize,
    counter: u64,
}

/// What somebody had of each author, by the number of that.
struct Had(Vec<Bound>);

#[derive(Clone, Copy, Default)]
struct Bound {
    /// The updates with lesser counters.
    counter: u64,
    /// So many units, which these inserted.
    units: usize,
}

impl Had {
    fn of(&self, author: usize) -> Bound {
        self.0.get(author).copied().unwrap_or_default()
    }

    fn has(&self, update: Name) -> bool {
        self.of(update.author).counter > update.counter
    }
}

/// A piece of text that one author inserted from left to right, each unit behind the one before it.
#[derive(Clone, Debug)]
struct Run {
    /// The number of the author; `None` if it was there before.
    by: Option<usize>,
    /// The number of its first unit.
    start: usize,
    /// In UTF-16 units.
    len: usize,
    /// Behind which unit its first was inserted; of runs that were there before this means nothing.
    behind: Option<Unit>,
    /// The updates that deleted it.
    deleted_by: SmallVec<[Name; 1]>,
}

/// A unit of text, by who inserted it and its number among those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Unit {
    by: Option<usize>,
    at: usize,
}

impl Run {
    fn is_deleted(&self) -> bool {
        !self.deleted_by.is_empty()
    }

    /// How much of it somebody had, be it deleted or not.
    fn inserted(&self, had: &Had) -> usize {
        let units = self.by.map_or(usize::MAX, |author| had.of(author).units);
        units.saturating_sub(self.start).min(self.len)
    }

    /// How much of it was in the text as somebody had it.
    fn there(&self, had: &Had) -> usize {
        if self.deleted_by.iter().any(|by| had.has(*by)) { 0 } else { self.inserted(had) }
    }

    fn unit(&self, at: usize) -> Unit {
        Unit { by: self.by, at: self.start + at }
    }

    /// Cuts it in two.
    fn split(&mut self, at: usize) -> Self {
        let rest = Self {
            by: self.by,
            start: self.start + at,
            len: self.len - at,
            behind: at.checked_sub(1).map(|last| self.unit(last)),
            deleted_by: self.deleted_by.clone(),
        };
        self.len = at;
        rest
    }

    /// Whether the two, of which the other comes right behind this one, are as one that was cut there.
    fn goes_on_with(&self, next: &Self) -> bool {
        let last = self.len.checked_sub(1).map(|last| self.unit(last));
        self.by == next.by
            && self.start + self.len == next.start
            && next.behind == last
            && self.deleted_by == next.deleted_by
    }
}

impl Walk {
    /// From a text of this length on.
    pub(super) fn new(len: usize) -> Self {
        let run = Run { by: None, start: 0, len, behind: None, deleted_by: SmallVec::new() };
        Self { runs: if len == 0 { Vec::new() } else { vec![run] }, authors: Vec::new() }
    }

    /// Takes in the next update, and tells what it does to the text as it is here. O(n) for n runs.
    pub(super) fn update(&mut self, stamp: Stamp, seen: &Seen<'_>, ops: &[TextOp]) -> Vec<TextOp> {
        let author = self.author(stamp.actor);
        let update = Name { author, counter: stamp.counter };
        let had =
            self.had(|actor| if actor == seen.actor { u64::MAX } else { seen.others.get(actor) });
        let mut effects = Vec::with_capacity(ops.len());
        for op in ops {
            match op {
                TextOp::Insert { index, text, attributes } => {
                    let len = utf16_len(text);
                    if len == 0 {
                        continue;
                    }
                    let index = signed(self.insert(author, &had, *index, len));
                    let (text, attributes) = (text.clone(), attributes.clone());
                    effects.push(TextOp::Insert { index, text, attributes });
                }
                TextOp::Delete { index, length } => {
                    self.change(&had, (*index, *length), |run, at| {
                        if !run.is_deleted() {
                            let (index, length) = (signed(at), signed(run.len));
                            effects.push(TextOp::Delete { index, length });
                        }
                        run.deleted_by.push(update);
                    });
                }
                TextOp::Format { index, length, attributes } => {
                    self.change(&had, (*index, *length), |run, at| {
                        if !run.is_deleted() {
                            let (index, length) = (signed(at), signed(run.len));
                            let attributes = attributes.clone();
                            effects.push(TextOp::Format { index, length, attributes });
                        }
                    });
                }
            }
        }
        if let Some(Author { inserted, updates, .. }) = self.authors.get_mut(author) {
            updates.push((stamp.counter, *inserted));
        }
        effects
    }

    /// What leads to the text that is here from what it would be without the updates that were not `had`.
    pub(super) fn news(&self, text: &Text, had: &Version) -> Vec<TextOp> {
        let had = self.had(|actor| had.get(actor));
        let mut news = Vec::new();
        // What is new up to here, and not told yet.
        let mut new = 0..0;
        for run in &self.runs {
            let there = run.there(&had);
            if there > 0 {
                news.extend(text.insertions(new.clone()));
                let at = new.end;
                if run.is_deleted() {
                    news.push(TextOp::Delete { index: signed(at), length: signed(there) });
                    new = at..at;
                } else {
                    new = at + there..at + there;
                }
            }
            new.end += if run.is_deleted() { 0 } else { run.len - there };
        }
        news.extend(text.insertions(new));
        news
    }

    /// The number of an author, who perhaps gets one.
    fn author(&mut self, actor: Actor) -> usize {
        let known = self.authors.iter().position(|author| author.actor == actor);
        known.unwrap_or_else(|| {
            self.authors.push(Author { actor, inserted: 0, updates: Vec::new() });
            self.authors.len() - 1
        })
    }

    /// What somebody had who had the updates with counters below these.
    fn had(&self, counter: impl Fn(Actor) -> u64) -> Had {
        let bound = |author: &Author| {
            let counter = counter(author.actor);
            let updates = author.updates.partition_point(|(of, _)| *of < counter);
            let last = updates.checked_sub(1).and_then(|last| author.updates.get(last));
            let units = match counter {
                // Those of the update itself, too.
                u64::MAX => usize::MAX,
                _ => last.map_or(0, |(_, units)| *units),
            };
            Bound { counter, units }
        };
        Had(self.authors.iter().map(bound).collect())
    }

    /// Inserts a run, and tells where it is in the text as it is here.
    fn insert(&mut self, author: usize, had: &Had, index: i64, len: usize) -> usize {
        // Behind the unit before the index, or else behind the last one that was there.
        let (mut first, mut behind) = (0, None);
        let mut left = clip(index, usize::MAX);
        let mut runs = self.runs.iter().enumerate();
        while left > 0 {
            let Some((number, run)) = runs.next() else { break };
            let len = left.min(run.there(had));
            if len > 0 {
                left -= len;
                first = number + 1;
                behind = Some((run.unit(len - 1), len));
            }
        }
        if let Some((_, len)) = behind {
            self.split(first - 1, len);
        }
        let behind = behind.map(|(unit, _)| unit);
        // Others that the author had not seen may have inserted here before.
        let mut at = first;
        // Where the runs begin that were passed, and how long they are.
        let mut passed: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        while let Some(run) = self.runs.get(at).filter(|run| run.inserted(had) == 0) {
            let is_passed = |unit: Unit| {
                let key = unit.by.map(|by| (by, unit.at));
                let last = key.and_then(|key| passed.range(..=key).next_back());
                last.is_some_and(|((by, start), len)| unit.by == Some(*by) && unit.at < start + len)
            };
            if run.behind != behind && !run.behind.is_some_and(is_passed) {
                break;
            }
            passed.extend(run.by.map(|by| ((by, run.start), run.len)));
            at += 1;
        }
        let before = self.runs.iter().take(at).filter(|run| !run.is_deleted());
        let place = before.map(|run| run.len).sum();
        let start = self.authors.get_mut(author).map_or(0, |author| {
            author.inserted += len;
            author.inserted - len
        });
        let deleted_by = SmallVec::new();
        self.runs.insert(at, Run { by: Some(author), start, len, behind, deleted_by });
        self.join(at);
        self.join(first);
        place
    }

    /// Changes each run in a range of the text as the author of an update had it, and tells of it where it is
    /// in the text as it is here.
    fn change(
        &mut self,
        had: &Had,
        (index, length): (i64, i64),
        mut change: impl FnMut(&mut Run, usize),
    ) {
        let end = clip(index.saturating_add(length), usize::MAX);
        let mut skip = clip(index, usize::MAX);
        let mut left = end.saturating_sub(skip);
        let (mut number, mut here) = (0, 0);
        while left > 0 {
            let Some(there) = self.runs.get(number).map(|run| run.there(had)) else { return };
            if skip > 0 {
                if skip < there {
                    self.split(number, skip);
                }
                skip -= skip.min(there);
            } else if there > 0 {
                let len = left.min(there);
                self.split(number, len);
                left -= len;
                if let Some(run) = self.runs.get_mut(number) {
                    change(run, here);
                }
            }
            here +=
                self.runs.get(number).map_or(0, |run| if run.is_deleted() { 0 } else { run.len });
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

    /// Makes one of a run and the one before it, if that is what they are.
    fn join(&mut self, number: usize) {
        let Some(before) = number.checked_sub(1) else { return };
        if let Some([first, next]) = self.runs.get_mut(before..=number) {
            if first.goes_on_with(next) {
                first.len += next.len;
                self.runs.remove(number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same unit by unit, each of which is told by its update and its number in that.
    #[derive(Default)]
    struct Model {
        units: Vec<ModelUnit>,
    }

    #[derive(Clone)]
    struct ModelUnit {
        by: Stamp,
        at: usize,
        behind: Option<(Stamp, usize)>,
        deleted_by: Vec<Stamp>,
    }

    /// Whether the author of an update had one that comes before it.
    fn has(seen: &Seen<'_>, stamp: Stamp) -> bool {
        stamp.actor == seen.actor || seen.others.get(stamp.actor) > stamp.counter
    }

    impl Model {
        fn was_there(unit: &ModelUnit, seen: &Seen<'_>) -> bool {
            has(seen, unit.by) && !unit.deleted_by.iter().any(|by| has(seen, *by))
        }

        /// Where the units are that the author of an update had.
        fn places(&self, seen: &Seen<'_>) -> Vec<usize> {
            (0..self.units.len()).filter(|at| Self::was_there(&self.units[*at], seen)).collect()
        }

        /// The text after the update, as the names of its units.
        fn update(&mut self, stamp: Stamp, seen: &Seen<'_>, ops: &[TextOp]) -> Vec<(Stamp, usize)> {
            let mut inserted = 0;
            for op in ops {
                match op {
                    TextOp::Insert { index, text, .. } => {
                        let places = self.places(seen);
                        let before = clip(*index, places.len()).checked_sub(1).map(|at| places[at]);
                        let first = before.map_or(0, |at| at + 1);
                        let behind = before.map(|at| (self.units[at].by, self.units[at].at));
                        let is_here = |at: usize| {
                            let unit = &self.units[at];
                            let passed =
                                self.units[first..at].iter().map(|unit| Some((unit.by, unit.at)));
                            !has(seen, unit.by)
                                && (unit.behind == behind
                                    || passed.into_iter().any(|name| name == unit.behind))
                        };
                        let end = (first..self.units.len()).find(|at| !is_here(*at));
                        let at = end.unwrap_or(self.units.len());
                        let mut behind = behind;
                        let units = (inserted..inserted + utf16_len(text)).map(|number| {
                            let behind = behind.replace((stamp, number));
                            ModelUnit { by: stamp, at: number, behind, deleted_by: Vec::new() }
                        });
                        let units: Vec<_> = units.collect();
                        inserted += units.len();
                        self.units.splice(at..at, units);
                    }
                    TextOp::Delete { index, length } => {
                        let places = self.places(seen);
                        let end = clip(index.saturating_add(*length), places.len());
                        for at in clip(*index, places.len())..end {
                            self.units[places[at]].deleted_by.push(stamp);
                        }
                    }
                    TextOp::Format { .. } => {}
                }
            }
            let there = self.units.iter().filter(|unit| unit.deleted_by.is_empty());
            there.map(|unit| (unit.by, unit.at)).collect()
        }
    }

    /// Who of three makes the update, how much of the others' it has heard of, and what it does.
    type Step = (usize, [usize; 3], Vec<(bool, i64, i64)>);

    fn step() -> impl Strategy<Value = Step> {
        let op = (prop::bool::weighted(0.7), 0..12_i64, 1..4_i64);
        (0..3_usize, prop::array::uniform3(0..4_usize), prop::collection::vec(op, 1..3))
    }

    proptest! {
        /// Runs are as units; and what is told of others' updates leads from the text without them to the text.
        #[test]
        fn runs_are_as_units(steps in prop::collection::vec(step(), 0..30)) {
            let (mut walk, mut model) = (Walk::new(0), Model::default());
            let mut shown: Vec<(Stamp, usize)> = Vec::new();
            let mut heard: [Version; 3] = std::array::from_fn(|_| Version::new());
            let mut made: [Vec<u64>; 3] = Default::default();
            for (counter, (author, hear, ops)) in (0_u64..).zip(steps) {
                let actor = |author: usize| Actor(u32::try_from(author).unwrap());
                let stamp = Stamp { counter, actor: actor(author) };
                for other in 0..3 {
                    // So many of the other's updates are still unheard of.
                    let known = made[other].len().saturating_sub(hear[other]);
                    let bound = made[other].get(known).copied().unwrap_or(counter);
                    if bound > heard[author].get(actor(other)) {
                        heard[author].set(actor(other), bound);
                    }
                }
                let seen = Seen { actor: stamp.actor, others: &heard[author] };
                let ops: Vec<TextOp> = ops.into_iter().map(|(inserts, index, length)| {
                    let text = "x".repeat(usize::try_from(length).unwrap());
                    if inserts {
                        TextOp::Insert { index, text: text.into(), attributes: None }
                    } else {
                        TextOp::Delete { index, length }
                    }
                }).collect();
                let expected = model.update(stamp, &seen, &ops);
                let mut inserted = 0;
                for op in walk.update(stamp, &seen, &ops) {
                    match op {
                        TextOp::Insert { index, text, .. } => {
                            let at = clip(index, usize::MAX);
                            let units = (inserted..).take(text.len()).map(|at| (stamp, at));
                            inserted += text.len();
                            shown.splice(at..at, units.collect::<Vec<_>>());
                        }
                        TextOp::Delete { index, length } => {
                            let at = clip(index, usize::MAX);
                            shown.drain(at..at + clip(length, usize::MAX));
                        }
                        TextOp::Format { .. } => {}
                    }
                }
                prop_assert_eq!(&shown, &expected);
                made[author].push(counter);
                let text = Text::from("x".repeat(shown.len()).as_str());
                let had = &heard[(author + 1) % 3];
                let before = model.units.iter().filter(|unit| {
                    let had = |by: &Stamp| had.get(by.actor) > by.counter;
                    had(&unit.by) && !unit.deleted_by.iter().any(had)
                });
                let mut told = Text::from("x".repeat(before.count()).as_str());
                told.apply(&walk.news(&text, had));
                prop_assert_eq!(told, text);
            }
        }
    }

    /// What one types while the other types elsewhere is a run of each.
    #[test]
    fn what_is_typed_apart_is_few_runs() {
        let mut walk = Walk::new(10);
        let versions = [0, 1].map(|_| Version::new());
        let [mut first, mut second] = versions;
        for n in 0..1_000_u64 {
            let typed = |index: u64| {
                let index = i64::try_from(index).unwrap();
                [TextOp::Insert { index, text: "x".into(), attributes: None }]
            };
            // Each hears of what the other typed one letter later.
            let seen = Seen { actor: Actor(1), others: &first };
            walk.update(Stamp { counter: n, actor: Actor(1) }, &seen, &typed(2 + n));
            let seen = Seen { actor: Actor(2), others: &second };
            walk.update(
                Stamp { counter: n, actor: Actor(2) },
                &seen,
                &typed(5 + n.saturating_sub(1) + n),
            );
            first.set(Actor(2), n);
            second.set(Actor(1), n);
        }
        assert!(walk.runs.len() <= 5, "{}", walk.runs.len());
    }
}
