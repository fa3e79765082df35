//! The order of a list against a plain vector.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

impl Positions<Position> for Vec<Position> {
    fn position(&self, ix: NodeIx) -> &Position {
        &self[ix.0 as usize]
    }
}

/// The same as an [`Order`], slow and obvious: all positions there are, and which are in, in order.
struct Model {
    positions: Vec<Position>,
    order: Order,
    sorted: Vec<Position>,
    /// Where things were that were looked up some time ago.
    finger: Finger,
    turn: usize,
}

impl Model {
    fn new(mut positions: Vec<Position>) -> Self {
        positions.sort();
        positions.dedup();
        let (order, sorted, finger) = Default::default();
        Self { positions, order, sorted, finger, turn: 0 }
    }

    /// In turns none, one that points to where positions are or would be, and one that did so a while ago.
    fn finger(&mut self, item: &Position, gap: &Position) -> Finger {
        self.turn += 1;
        let (Ok(item) | Err(item)) = self.sorted.binary_search(item);
        let (Ok(gap) | Err(gap)) = self.sorted.binary_search(gap);
        let item = self.order.seek(item).and_then(|(_, spot)| spot);
        let fresh = Finger { item, gap: self.order.around(gap).2 };
        match self.turn % 4 {
            0 => Finger::default(),
            1 => fresh,
            2 => mem::replace(&mut self.finger, fresh),
            _ => self.finger,
        }
    }

    fn ix(&self, position: &Position) -> NodeIx {
        NodeIx(self.positions.binary_search(position).unwrap().try_into().unwrap())
    }

    fn insert(&mut self, position: &Position) {
        let (ix, gap) = (self.ix(position), self.finger(position, position).gap);
        let expected = match self.sorted.binary_search(position) {
            Ok(_) => Err(ix),
            Err(rank) => {
                self.sorted.insert(rank, position.clone());
                Ok(rank)
            }
        };
        assert_eq!(self.order.insert(position, ix, &self.positions, gap), expected);
    }

    fn remove(&mut self, position: &Position) {
        let ix = self.ix(position);
        let known = self.finger(position, position).item.map(|spot| (ix, spot));
        let expected = self.sorted.binary_search(position).ok().map(|rank| {
            self.sorted.remove(rank);
            (rank, ix)
        });
        assert_eq!(self.order.remove(position, &self.positions, known), expected);
    }

    /// Moves whatever is at one position to another; the node of that one takes its place.
    fn reposition(&mut self, from: &Position, to: &Position) {
        let Ok(before) = self.sorted.binary_search(from) else { return };
        // Of keys that are not exact the node is asked for its position, which never changes here.
        let is_exact = from.sort_key().is_exact() && to.sort_key().is_exact();
        let ix = self.ix(if is_exact { from } else { to });
        let finger = self.finger(from, to);
        let expected = match self.sorted.binary_search(to) {
            Ok(_) => Err(self.ix(to)),
            Err(_) => {
                self.sorted.remove(before);
                let after = self.sorted.partition_point(|position| position < to);
                self.sorted.insert(after, to.clone());
                Ok((before, after))
            }
        };
        assert_eq!(self.order.reposition(ix, from, to, &self.positions, finger), expected);
        if expected.is_ok() && is_exact {
            self.order.remove(to, &self.positions, None).unwrap();
            self.order.insert(to, self.ix(to), &self.positions, None).unwrap();
        }
    }

    fn check(&self) {
        self.order.check(&self.positions).unwrap();
        assert_eq!(self.order.len(), self.sorted.len());
        assert_eq!(self.order.is_empty(), self.sorted.is_empty());
        assert_eq!(self.order.first(), self.sorted.first().map(|p| self.ix(p)));
        assert_eq!(self.order.last(), self.sorted.last().map(|p| self.ix(p)));
        assert!(self.order.iter().eq(self.sorted.iter().map(|p| self.ix(p))));
        assert!(self.order.iter().rev().eq(self.sorted.iter().rev().map(|p| self.ix(p))));
    }

    fn check_lookups(&self) {
        let (order, positions) = (&self.order, &self.positions);
        for position in positions {
            let rank = self.sorted.binary_search(position);
            let ix = |rank: Option<usize>| Some(self.ix(self.sorted.get(rank?)?));
            let (Ok(start) | Err(start)) = rank;
            assert_eq!(order.rank(position, positions), rank);
            assert_eq!(order.find(position, positions), ix(rank.ok()));
            assert_eq!(order.prev_before(position, positions), ix(start.checked_sub(1)));
            let after = start + usize::from(rank.is_ok());
            assert_eq!(order.next_after(position, positions), ix(Some(after)));
        }
        for rank in 0..=self.sorted.len() + 1 {
            assert_eq!(order.get(rank), self.sorted.get(rank).map(|p| self.ix(p)));
            let at = |rank: usize| self.sorted.get(rank).map(|p| (self.ix(p), p.clone()));
            let around = (rank.checked_sub(1).and_then(at), at(rank));
            let (before, after, _) = order.around(rank);
            let item = |slot: Slot| (slot.ix, slot.position(positions));
            assert_eq!((before.map(item), after.map(item)), around);
            let rest = self.sorted.get(rank..).unwrap_or_default();
            assert!(order.iter_from(rank).eq(rest.iter().map(|p| self.ix(p))));
            assert!(order.iter_from(rank).rev().eq(rest.iter().rev().map(|p| self.ix(p))));
        }
    }
}

/// Positions of which many have the same key, or one that is not ASCII.
fn positions(count: Range<usize>) -> impl Strategy<Value = Vec<Position>> {
    let text = prop_oneof![
        4 => "[!-~]{1,3}",
        2 => "aaaaaaa[!-#]{0,4}",
        1 => "[a\0]{0,9}",
        1 => "[a\u{e000}\u{ffff}\u{10000}é]{1,5}",
    ];
    proptest::collection::vec(text.prop_map(|t| Position::verbatim(t.as_str().into())), count)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Index),
    Remove(Index),
    Reposition(Index, Index),
    /// Removes or inserts a whole stretch, in either direction.
    Stretch {
        insert: bool,
        ascending: bool,
        from: Index,
        len: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<Index>().prop_map(Step::Insert),
        4 => any::<Index>().prop_map(Step::Remove),
        4 => any::<(Index, Index)>().prop_map(|(from, to)| Step::Reposition(from, to)),
        1 => (any::<bool>(), any::<bool>(), any::<Index>(), 0..60usize)
            .prop_map(|(insert, ascending, from, len)| Step::Stretch { insert, ascending, from, len }),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_sorted_vec(
        positions in positions(1..300),
        bulk in any::<bool>(),
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut model = Model::new(positions);
        let all = model.positions.clone();
        if bulk {
            let ixs: Vec<_> = all.iter().map(|p| model.ix(p)).collect();
            model.order = Order::from_sorted(ixs, &model.positions);
            model.sorted.clone_from(&all);
            model.check();
        }
        for step in steps {
            match step {
                Step::Insert(at) => model.insert(at.get(&all)),
                Step::Remove(at) => model.remove(at.get(&all)),
                Step::Reposition(from, to) => model.reposition(from.get(&all), to.get(&all)),
                Step::Stretch { insert, ascending, from, len } => {
                    let from = from.index(all.len());
                    let mut stretch = all[from..all.len().min(from + len)].to_vec();
                    if !ascending {
                        stretch.reverse();
                    }
                    for position in &stretch {
                        if insert { model.insert(position) } else { model.remove(position) }
                    }
                }
            }
            model.check();
        }
        model.check_lookups();
    }

    #[test]
    fn both_ends_of_an_iterator_meet(count in 0..60usize, takes in proptest::collection::vec(any::<bool>(), 70)) {
        let positions: Vec<_> = Position::spread(count, None, None).collect();
        let order = Order::from_sorted((0..).map(NodeIx).take(count), &positions);
        let (mut iter, mut expected) = (order.iter(), (0..).map(NodeIx).take(count).collect::<Vec<_>>().into_iter());
        for front in takes {
            prop_assert_eq!(iter.len(), expected.len());
            if front {
                prop_assert_eq!(iter.next(), expected.next());
            } else {
                prop_assert_eq!(iter.next_back(), expected.next_back());
            }
        }
    }
}

#[test]
fn lists_that_grow_at_an_end_have_full_leaves() {
    let positions: Vec<_> = Position::spread(1000, None, None).collect();
    let ixs = || (0..1000).map(NodeIx);
    let mut forwards = Order::new();
    let mut backwards = Order::new();
    for ix in ixs() {
        forwards.insert(positions.position(ix), ix, &positions, None).unwrap();
    }
    for ix in ixs().rev() {
        backwards.insert(positions.position(ix), ix, &positions, None).unwrap();
    }
    for order in [forwards, backwards, Order::from_sorted(ixs(), &positions)] {
        order.check(&positions).unwrap();
        let mut leaves = 0;
        let mut nodes = vec![&order.root];
        while let Some(node) = nodes.pop() {
            match node {
                Node::Leaf(_) => leaves += 1,
                Node::Inner(inner) => nodes.extend(&inner.kids),
            }
        }
        assert_eq!(leaves, 1000_usize.div_ceil(FULL));
    }
}

#[test]
fn what_is_wrong_is_told() {
    let positions: Vec<_> = Position::spread(30, None, None).collect();
    let order = Order::from_sorted((0..30).step_by(2).map(NodeIx), &positions);
    assert_eq!(order.check(&positions), Ok(()));
    // An item that is still between its neighbours, where it is not found any more.
    let mut moved = positions.clone();
    moved.swap(6, 7);
    assert_eq!(order.find(&moved[6], &moved), None);
    assert_eq!(order.check(&moved).unwrap_err(), "I2: item 3 has the key of another position");
    moved.swap(6, 9);
    assert_eq!(order.check(&moved).unwrap_err(), "I2: positions out of order");
    let longer = Order { len: 16, ..order };
    assert_eq!(longer.check(&positions).unwrap_err(), "I3: 15 items, but len is 16");
}

#[test]
fn is_small() {
    assert_eq!(size_of::<Slot>(), 12);
    assert_eq!(size_of::<Node>(), 24);
    assert_eq!(size_of::<Order>(), 32);
    assert_eq!(Order::new().heap_bytes(), 0);
}

#[test]
fn clear_empties() {
    let positions: Vec<_> = Position::spread(99, None, None).collect();
    let mut order = Order::from_sorted((0..99).map(NodeIx), &positions);
    order.clear();
    order.check(&positions).unwrap();
    assert_eq!(order.len(), 0);
}
