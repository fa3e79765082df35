//! The steps that turn a list's old order into its new one.
//!
//! Only items that were touched can have changed place. Between them lie runs of untouched items,
//! whose number before a position a rank query tells; so the cost follows the items touched.

use smallvec::SmallVec;

use super::tracker::New;
use crate::position::Position;

/// An item that was touched: where it was, where it is, and whether it is the same value.
pub(super) struct TouchedItem {
    pub(super) old: Option<Position>,
    pub(super) new: Option<(Position, New)>,
    pub(super) same: bool,
}

/// The steps of a list.
pub(super) type Steps = SmallVec<[Step; 1]>;

/// One step, with the value not yet written out.
pub(super) enum Step {
    Insert { index: usize, value: New },
    Delete { index: usize },
    Move { from: usize, to: usize },
    Set { index: usize, value: New },
}

/// An item that will be in the list at the end; indexes into it are its names below.
struct Final {
    position: Position,
    value: Option<New>,
    /// Untouched items before it.
    gap: usize,
}

/// A touched item that is in the list now, `gap` untouched items before it. The touched items of
/// one gap are in list order, so an item's index is its gap plus its place in the row.
#[derive(Clone, Copy)]
struct Present {
    gap: usize,
    is: Is,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    /// To be deleted.
    Doomed,
    /// The item of this number in the final order.
    Staying(usize),
}

/// The steps from the old order to the new, given `rank`: how many items are now before a position.
///
/// Most often it is one item that has come, gone or moved; [`steps_of_one`] then says the same as
/// [`steps_of_many`], and its ranks, before and now, may be known.
pub(super) fn steps(
    mut items: impl Iterator<Item = TouchedItem>,
    rank: impl Fn(&Position) -> usize,
    known: Option<(usize, usize)>,
) -> Steps {
    match (items.next(), items.next()) {
        (Some(item), None) => steps_of_one(item, rank, known),
        (Some(one), Some(two)) => steps_of_many([one, two].into_iter().chain(items), rank).into(),
        (None, _) => Steps::new(),
    }
}

fn steps_of_one(
    item: TouchedItem,
    rank: impl Fn(&Position) -> usize,
    known: Option<(usize, usize)>,
) -> Steps {
    let computed = |old: &Position, new: Option<&Position>| {
        rank(old) - usize::from(new.is_some_and(|new| new < old))
    };
    let (from, to) = known.unzip();
    // Before a move the item was not among those before its old place.
    let from = |old: &Position, new: Option<&Position>| {
        debug_assert!(from.is_none_or(|from| from == computed(old, new)), "{from:?}");
        from.unwrap_or_else(|| computed(old, new))
    };
    let to = |new: &Position| {
        debug_assert!(to.is_none_or(|to| to == rank(new)), "{to:?}");
        to.unwrap_or_else(|| rank(new))
    };
    let step = match (item.old, item.new) {
        (None, None) => return Steps::new(),
        (None, Some((position, value))) => Step::Insert { index: to(&position), value },
        (Some(old), None) => Step::Delete { index: from(&old, None) },
        (Some(old), Some((new, _))) if item.same => {
            let (from, to) = (from(&old, Some(&new)), to(&new));
            if from == to {
                return Steps::new();
            }
            Step::Move { from, to }
        }
        (old, new) => {
            return steps_of_many([TouchedItem { old, new, same: false }].into_iter(), rank).into();
        }
    };
    Steps::from_buf([step])
}

fn steps_of_many(
    items: impl Iterator<Item = TouchedItem>,
    rank: impl Fn(&Position) -> usize,
) -> Vec<Step> {
    let count = items.size_hint().1.unwrap_or_default();
    let mut olds: Vec<(Position, Option<usize>)> = Vec::with_capacity(count);
    let mut finals: Vec<(Final, Option<Position>)> = Vec::with_capacity(count);
    for TouchedItem { old, new, same } in items {
        match (old, new) {
            (None, None) => {}
            (Some(old), None) => olds.push((old, None)),
            (None, Some((position, value))) => {
                finals.push((Final { position, value: Some(value), gap: 0 }, None));
            }
            (Some(old), Some((position, value))) => {
                if same {
                    // It stays, perhaps elsewhere.
                    finals.push((Final { position, value: None, gap: 0 }, Some(old)));
                } else {
                    olds.push((old, None));
                    finals.push((Final { position, value: Some(value), gap: 0 }, None));
                }
            }
        }
    }
    finals.sort_by(|a, b| a.0.position.cmp(&b.0.position));
    let places: Vec<Position> = finals.iter().map(|(item, _)| item.position.clone()).collect();
    let gap = |position: &Position| rank(position) - places.partition_point(|p| p < position);
    for (number, (item, old)) in finals.iter_mut().enumerate() {
        item.gap = gap(&item.position);
        if let Some(old) = old.take() {
            olds.push((old, Some(number)));
        }
    }
    // A new item at the very position of one that is gone takes its place.
    for (position, is) in &mut olds {
        if is.is_none() {
            if let Ok(number) = places.binary_search(position) {
                if finals.get(number).is_some_and(|(item, _)| item.value.is_some()) {
                    *is = Some(number);
                }
            }
        }
    }
    olds.sort_by(|a, b| a.0.cmp(&b.0));
    let row = olds
        .iter()
        .map(|(position, is)| Present {
            gap: gap(position),
            is: is.map_or(Is::Doomed, Is::Staying),
        })
        .collect();
    let finals = finals.into_iter().map(|(item, _)| item).collect();
    Rearrangement { row, finals, steps: Vec::with_capacity(count) }.run()
}

struct Rearrangement {
    row: Vec<Present>,
    finals: Vec<Final>,
    steps: Vec<Step>,
}

impl Rearrangement {
    fn run(mut self) -> Vec<Step> {
        self.delete();
        self.replace();
        self.arrange();
        self.steps
    }

    /// Deletes from the back, so that no index shifts another.
    fn delete(&mut self) {
        let doomed = self.row.iter().enumerate().rev().filter(|(_, item)| item.is == Is::Doomed);
        self.steps.extend(doomed.map(|(at, item)| Step::Delete { index: item.gap + at }));
        self.row.retain(|item| item.is != Is::Doomed);
    }

    /// Puts new values in the places of old ones.
    fn replace(&mut self) {
        for (at, item) in self.row.iter().enumerate() {
            if let Is::Staying(number) = item.is {
                if let Some(value) = self.finals.get_mut(number).and_then(|item| item.value.take())
                {
                    self.steps.push(Step::Set { index: item.gap + at, value });
                }
            }
        }
    }

    /// Inserts and moves in the final order, each item right behind the one before it. The items
    /// of the longest row that is in final order already need no move.
    fn arrange(&mut self) {
        let stays = self.in_order();
        let mut before: Option<usize> = None;
        for (number, stays) in stays.into_iter().enumerate() {
            if stays {
                before = self.place_of(number);
                continue;
            }
            let Some(item) = self.finals.get_mut(number) else { continue };
            let (gap, value) = (item.gap, item.value.take());
            let from = self.place_of(number);
            let removed = from.map(|at| self.row.remove(at).gap + at);
            // Behind its predecessor if they are in one gap, else first in its gap.
            let after = match (before, from) {
                (Some(before), Some(from)) if from < before => before,
                (Some(before), _) => before + 1,
                (None, _) => 0,
            };
            let first = self.row.partition_point(|present| present.gap < gap);
            let at = after.max(first);
            self.row.insert(at, Present { gap, is: Is::Staying(number) });
            before = Some(at);
            match (removed, value) {
                (Some(from), _) if from != gap + at => {
                    self.steps.push(Step::Move { from, to: gap + at });
                }
                (None, Some(value)) => self.steps.push(Step::Insert { index: gap + at, value }),
                _ => {}
            }
        }
    }

    fn place_of(&self, number: usize) -> Option<usize> {
        self.row.iter().position(|item| item.is == Is::Staying(number))
    }

    /// Which of the final items need not move: a longest increasing subsequence of those that are
    /// in their final gap already (Fredman 1975).
    fn in_order(&self) -> Vec<bool> {
        let mut chains: Vec<usize> = Vec::new();
        let mut previous = vec![None; self.finals.len()];
        for item in &self.row {
            let Is::Staying(number) = item.is else { continue };
            if self.finals.get(number).is_none_or(|last| last.gap != item.gap) {
                continue;
            }
            let length = chains.partition_point(|end| *end < number);
            if let Some(link) = previous.get_mut(number) {
                *link = length.checked_sub(1).and_then(|shorter| chains.get(shorter).copied());
            }
            match chains.get_mut(length) {
                Some(end) => *end = number,
                None => chains.push(number),
            }
        }
        let mut stays = vec![false; self.finals.len()];
        let mut end = chains.last().copied();
        while let Some(number) = end {
            if let Some(stay) = stays.get_mut(number) {
                *stay = true;
            }
            end = previous.get(number).copied().flatten();
        }
        stays
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Json;

    /// A step in words, without the value.
    fn in_words(steps: &[Step]) -> Vec<String> {
        let words = |step: &Step| match step {
            Step::Insert { index, .. } => format!("insert {index}"),
            Step::Delete { index } => format!("delete {index}"),
            Step::Move { from, to } => format!("move {from} to {to}"),
            Step::Set { index, .. } => format!("set {index}"),
        };
        steps.iter().map(words).collect()
    }

    proptest! {
        #[test]
        fn one_item_is_as_one_of_many(
            others in prop::collection::btree_set(0..20_usize, 0..10),
            old in prop::option::of(0..20_usize),
            new in prop::option::of(0..20_usize),
            same: bool,
        ) {
            let mut positions = vec![Position::FIRST];
            while positions.len() < 20 {
                positions.extend(positions.last().map(Position::after));
            }
            let taken = |place: &Option<usize>| place.is_some_and(|place| others.contains(&place));
            prop_assume!(!taken(&old) && !taken(&new));
            let at = |place: usize| positions[place].clone();
            let item = || TouchedItem {
                old: old.map(at),
                new: new.map(|place| (at(place), New::Json(Json::Null))),
                same: same && old.is_some() && new.is_some(),
            };
            let present: Vec<Position> =
                others.iter().copied().chain(new).map(at).collect();
            let rank = |position: &Position| present.iter().filter(|p| *p < position).count();
            prop_assert_eq!(
                in_words(&steps_of_one(item(), rank, None)),
                in_words(&steps_of_many([item()].into_iter(), rank)),
            );
        }
    }
}
