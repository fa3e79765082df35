//! The steps that turn a list's old order into its new one.
//!
//! Only items that were touched can have changed place. Between them lie runs of untouched items,
//! whose number before a position a rank query tells; so the cost follows the items touched.

use smallvec::SmallVec;

use super::increasing::longest_increasing;
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
    /// As it was, less what is deleted.
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
    /// of the longest row that is in final order already need no move. O(k log k) for k items.
    ///
    /// The row itself stays as it was. Where an item is put is told by its *seat*: it comes before the item
    /// of this number in the row. Seats ascend, since items are put in the final order.
    fn arrange(&mut self) {
        let stays = self.in_order();
        let mut places: Vec<Option<usize>> = vec![None; self.finals.len()];
        for (at, item) in self.row.iter().enumerate() {
            if let Is::Staying(number) = item.is {
                if let Some(place) = places.get_mut(number) {
                    *place = Some(at);
                }
            }
        }
        // Who is in the row still: what stays, and what is yet to be moved.
        let mut seated = Counts::ones(self.row.len());
        let mut seats: Vec<usize> = Vec::new();
        let (mut seat, mut last_gap) = (0, None);
        for (item, from) in self.finals.iter_mut().zip(places) {
            let gap = item.gap;
            // Behind its predecessor if they are in one gap, else first in its gap.
            if last_gap.replace(gap) != Some(gap) {
                seat = self.row.partition_point(|present| present.gap < gap);
            }
            let Some(from) = from else {
                if let Some(value) = item.value.take() {
                    let index = gap + seated.before(seat) + seats.len();
                    self.steps.push(Step::Insert { index, value });
                    seats.push(seat);
                }
                continue;
            };
            if stays.get(from) == Some(&true) {
                seat = from + 1;
                continue;
            }
            let was = self.row.get(from).map_or(gap, |present| present.gap);
            let put = seats.partition_point(|seat| *seat <= from);
            let index = was + seated.before(from) + put;
            seated.take(from);
            let to = gap + seated.before(seat) + seats.len();
            seats.push(seat);
            if index != to {
                self.steps.push(Step::Move { from: index, to });
            }
        }
    }

    /// Which items of the row need not move: the most that are in final order and in their final gap.
    fn in_order(&self) -> Vec<bool> {
        let number = |item: &Present| match item.is {
            Is::Staying(number) => {
                self.finals.get(number).filter(|last| last.gap == item.gap).map(|_| number)
            }
            Is::Doomed => None,
        };
        longest_increasing(&self.row.iter().map(number).collect::<Vec<_>>())
    }
}

/// How many of a row are left before a place: sums of a tree that is kept in a list (Fenwick 1994).
struct Counts {
    sums: Vec<usize>,
}

impl Counts {
    /// All of so many.
    fn ones(len: usize) -> Self {
        // The n-th sum is of as many as the lowest bit of n says.
        Self { sums: (1..=len).map(|n| 1 << n.trailing_zeros()).collect() }
    }

    /// Takes one away. O(log n).
    fn take(&mut self, place: usize) {
        let mut n = place + 1;
        while let Some(sum) = self.sums.get_mut(n - 1) {
            *sum -= 1;
            n += 1 << n.trailing_zeros();
        }
    }

    /// How many are left before a place. O(log n).
    fn before(&self, place: usize) -> usize {
        let (mut n, mut total) = (place, 0);
        while n > 0 {
            total += self.sums.get(n - 1).copied().unwrap_or_default();
            n &= n - 1;
        }
        total
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

    /// So many positions, ascending.
    fn positions(count: usize) -> Vec<Position> {
        std::iter::successors(Some(Position::FIRST), |last| Some(last.after()))
            .take(count)
            .collect()
    }

    /// What steps make of a list, whose new values are numbers.
    fn carried_out(mut list: Vec<f64>, steps: Vec<Step>) -> Vec<f64> {
        let number = |value: New| match value {
            New::Json(json) => json.as_f64().unwrap(),
            New::Node(_) => unreachable!(),
        };
        for step in steps {
            match step {
                Step::Insert { index, value } => list.insert(index, number(value)),
                Step::Set { index, value } => list[index] = number(value),
                Step::Delete { index } => drop(list.remove(index)),
                Step::Move { from, to } => {
                    assert_ne!(from, to);
                    let item = list.remove(from);
                    list.insert(to, item);
                }
            }
        }
        list
    }

    #[test]
    fn many_new_items_are_many_steps() {
        let positions = positions(20_000);
        let new = |(n, position): (u32, &Position)| TouchedItem {
            old: None,
            new: Some((position.clone(), New::Json(Json::from(n)))),
            same: false,
        };
        let rank = |position: &Position| positions.partition_point(|p| p < position);
        let steps = steps((0..).zip(&positions).map(new), rank, None).into_vec();
        assert!(carried_out(Vec::new(), steps).into_iter().eq((0..20_000).map(f64::from)));
    }

    proptest! {
        /// Each of twenty places is that of an item before, now, or both; some items are the same, and some
        /// were never touched.
        #[test]
        fn many_steps_lead_to_the_new_order(
            befores in prop::collection::vec(prop::option::weighted(0.6, 0..3_u8), 20),
            nows in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(),
            news in prop::collection::vec(any::<bool>(), 20),
        ) {
            const UNTOUCHED: u8 = 0;
            const GONE: u8 = 1;
            let positions = positions(20);
            let value = |place: usize| u32::try_from(place).unwrap();
            let at = |place: usize| positions[place].clone();
            let mut places = nows.into_iter();
            let (mut before, mut now) = (vec![None; 20], vec![None; 20]);
            for place in 0..20 {
                if befores[place] == Some(UNTOUCHED) {
                    (before[place], now[place]) = (Some(value(place)), Some(value(place)));
                }
            }
            let mut touched = Vec::new();
            for place in 0..20 {
                match befores[place] {
                    None | Some(UNTOUCHED) => {}
                    Some(GONE) => {
                        before[place] = Some(value(place));
                        touched.push(TouchedItem { old: Some(at(place)), new: None, same: false });
                    }
                    Some(_) => {
                        before[place] = Some(value(place));
                        let to = places.by_ref().find(|to| now[*to].is_none()).unwrap();
                        now[to] = Some(value(place));
                        let new = New::Json(Json::from(value(place)));
                        let new = Some((at(to), new));
                        touched.push(TouchedItem { old: Some(at(place)), new, same: true });
                    }
                }
            }
            for to in places.filter(|to| news[*to]) {
                if now[to].is_none() {
                    now[to] = Some(100 + value(to));
                    let new = Some((at(to), New::Json(Json::from(100 + value(to)))));
                    touched.push(TouchedItem { old: None, new, same: false });
                }
            }
            let numbers = |places: &[Option<u32>]| -> Vec<f64> {
                places.iter().copied().flatten().map(f64::from).collect()
            };
            let present: Vec<Position> =
                (0..20).filter(|place| now[*place].is_some()).map(at).collect();
            let rank = |position: &Position| present.partition_point(|p| p < position);
            let steps = steps(touched.into_iter(), rank, None).into_vec();
            prop_assert_eq!(carried_out(numbers(&before), steps), numbers(&now));
        }

        #[test]
        fn one_item_is_as_one_of_many(
            others in prop::collection::btree_set(0..20_usize, 0..10),
            old in prop::option::of(0..20_usize),
            new in prop::option::of(0..20_usize),
            same: bool,
        ) {
            let positions = positions(20);
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
