//! The ordered children of a list or map: a counted B+tree from positions to nodes. The position of
//! an entry of a map is its key.
//!
//! The tree answers both "who is at this position" and "who is the n-th" in O(log n). It does not
//! hold the positions, which live with their nodes: it keeps a [`SortKey`] for each, which decides
//! nearly all comparisons, and asks [`Positions`] for the rest. So a node's position must not change
//! while it is in here, but for a move: [`Order::reposition`] enters the node at the other position and
//! takes it out at its own, and right after that the node gets the other one.
//!
//! Invariants (see [`Order::check`]):
//!
//! - I1. All leaves are equally deep; no node but an empty root is empty, or wider than [`CAP`].
//! - I2. Slots ascend strictly by position, over the whole tree, and each has its position's key.
//! - I3. An inner node's `heads` and `counts` are the first slot and the number of slots under each
//!   of its kids.
//! - I4. Of two neighbouring kids of one node, both widths together exceed half of [`CAP`].
//! - I5. An inner root has at least two kids.

use std::mem;

use super::NodeIx;
use crate::Position;
use crate::position::SortKey;

mod finger;
mod iter;
mod node;

pub(crate) use finger::{Finger, Spot};
pub(crate) use iter::Iter;
use node::{Edge, Node};

/// The most slots in a leaf, and kids in an inner node. Tests reach deep trees with small numbers.
const CAP: usize = if cfg!(test) { 4 } else { 64 };
/// How many slots and kids they get while a list grows at an end or is packed, so that the first items which
/// are put among them do not split them.
const FULL: usize = CAP - CAP.div_ceil(8);

/// What children are ordered by: the positions of a list's items, the keys of a map's entries.
pub(crate) trait Sortable: Ord {
    /// A number that decides most comparisons; see [`SortKey`].
    fn sort_key(&self) -> SortKey;
}

impl Sortable for Position {
    fn sort_key(&self) -> SortKey {
        self.sort_key()
    }
}

/// A key as bytes, which is how maps order them.
impl Sortable for [u8] {
    fn sort_key(&self) -> SortKey {
        SortKey::of_bytes(self)
    }
}

/// Where the positions of the nodes are.
pub(crate) trait Positions<P: ?Sized> {
    /// The position of a node that is among the children.
    fn position(&self, ix: NodeIx) -> &P;
}

/// The children of a list or map in order of their positions, which are distinct.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    root: Node,
    len: usize,
}

/// An item: 12 bytes, for which the key is in two halves. The lower one comes first, so that machines
/// which do so too read them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    low: u32,
    high: u32,
    ix: NodeIx,
}

/// A position to look for.
struct Probe<'a, P: ?Sized, All> {
    key: SortKey,
    position: &'a P,
    positions: &'a All,
    /// Where it is, if that is known.
    spot: Option<Spot>,
}

impl Order {
    pub(crate) const EMPTY: Self = Self { root: Node::Leaf(Vec::new()), len: 0 };

    /// An empty list.
    #[cfg(test)]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A list of nodes that ascend by their positions, [packed](Self::repack). O(n).
    #[cfg(test)]
    pub(crate) fn from_sorted<P: Sortable + ?Sized>(
        nodes: impl IntoIterator<Item = NodeIx>,
        positions: &impl Positions<P>,
    ) -> Self {
        let slot = |ix| Slot::new(positions.position(ix).sort_key(), ix);
        Self::packed(&nodes.into_iter().map(slot).collect::<Vec<_>>())
    }

    /// Gives all leaves but the last [`FULL`] items, when many have come and few are expected. O(n).
    pub(crate) fn repack(&mut self) {
        let mut slots = Vec::with_capacity(self.len);
        self.root.collect(&mut slots);
        *self = Self::packed(&slots);
    }

    fn packed(slots: &[Slot]) -> Self {
        let len = slots.len();
        let mut level: Vec<_> = slots.chunks(FULL).map(|leaf| Node::Leaf(leaf.to_vec())).collect();
        while level.len() > 1 {
            let mut kids = level.into_iter().peekable();
            level = Vec::new();
            while kids.peek().is_some() {
                level.push(Node::inner(kids.by_ref().take(FULL).collect()));
            }
        }
        Self { root: level.pop().unwrap_or_default(), len }
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no items.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all items.
    #[cfg(test)]
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds a node and tells its rank; or does nothing and tells which node is at `position`.
    ///
    /// The position of `ix` itself is not looked up. Cheapest at the end, and where the `gap` is known.
    pub(crate) fn insert<P: Sortable + ?Sized>(
        &mut self,
        position: &P,
        ix: NodeIx,
        positions: &impl Positions<P>,
        gap: Option<Spot>,
    ) -> Result<usize, NodeIx> {
        let mut probe = Probe::new(position, positions);
        // Shortcut: lists grow at their end more often than anywhere else.
        let is_last = self.root.last().is_none_or(|last| last.key() < probe.key);
        let (rank, right) = if is_last {
            (self.len, self.root.push(Slot::new(probe.key, ix)))
        } else {
            probe.spot = gap.filter(|gap| gap.is_gap_for(probe.key, &self.root));
            debug_assert!(
                probe.spot.is_none() || self.find(position, positions).is_none(),
                "there is no item where the gap is"
            );
            self.root.insert(&probe, ix, Edge { first: true, last: true }, 0)?
        };
        if let Some(right) = right {
            let left = mem::take(&mut self.root);
            self.root = Node::inner(vec![left, right]);
        }
        self.len += 1;
        Ok(rank)
    }

    /// Removes the item at `position`, which is perhaps known to be this node at that spot; tells the rank
    /// it had, and the node.
    pub(crate) fn remove<P: Sortable + ?Sized>(
        &mut self,
        position: &P,
        positions: &impl Positions<P>,
        known: Option<(NodeIx, Spot)>,
    ) -> Option<(usize, NodeIx)> {
        let mut probe = Probe::new(position, positions);
        // Keys that are not exact may be there more than once.
        let known = known
            .filter(|(ix, spot)| probe.key.is_exact() && spot.is_of(*ix, probe.key, &self.root));
        debug_assert!(
            known.is_none_or(|(ix, _)| self.find(position, positions) == Some(ix)),
            "the item is at the position"
        );
        probe.spot = known.map(|(_, spot)| spot);
        let removed = self.root.remove(&probe, 0)?;
        self.len -= 1;
        while let Node::Inner(inner) = &mut self.root {
            match inner.kids.len() {
                0 | 1 => self.root = inner.kids.pop().unwrap_or_default(),
                _ => break,
            }
        }
        Some(removed)
    }

    /// Moves the item at one position to another, which the node has to be given then: its ranks before and
    /// after. Or does nothing and tells which node is there, perhaps this one itself.
    pub(crate) fn reposition<P: Sortable + ?Sized>(
        &mut self,
        ix: NodeIx,
        from: &P,
        to: &P,
        positions: &impl Positions<P>,
        finger: Finger,
    ) -> Result<(usize, usize), NodeIx> {
        // Shortcut: enter it a second time, which says whether the place is taken, and then take the first
        // one out. Two keys that are exact are found without asking where the node is.
        if from.sort_key().is_exact() && to.sort_key().is_exact() {
            let after = self.insert(to, ix, positions, finger.gap)?;
            let known = finger.item.map(|spot| (ix, spot));
            let (before, _) = self.remove(from, positions, known).ok_or(ix)?;
            return Ok(if from < to { (before, after - 1) } else { (before - 1, after) });
        }
        if let Some(taken) = self.find(to, positions) {
            return Err(taken);
        }
        let (before, _) = self.remove(from, positions, None).ok_or(ix)?;
        Ok((before, self.insert(to, ix, positions, None)?))
    }

    /// The node at exactly this position.
    pub(crate) fn find<P: Sortable + ?Sized>(
        &self,
        position: &P,
        positions: &impl Positions<P>,
    ) -> Option<NodeIx> {
        let probe = Probe::new(position, positions);
        let mut node = &self.root;
        loop {
            let slots = node.slots();
            node = match (probe.search(slots), node) {
                (Ok(at), _) => return slots.get(at).map(|slot| slot.ix),
                (Err(_), Node::Leaf(_)) => return None,
                (Err(end), Node::Inner(inner)) => inner.kids.get(end.checked_sub(1)?)?,
            }
        }
    }

    /// The rank of the item at `position`; or, as an error, the rank it would have.
    pub(crate) fn rank<P: Sortable + ?Sized>(
        &self,
        position: &P,
        positions: &impl Positions<P>,
    ) -> Result<usize, usize> {
        let probe = Probe::new(position, positions);
        let mut node = &self.root;
        let mut before = 0;
        loop {
            node = match (probe.search(node.slots()), node) {
                (Ok(at), Node::Leaf(_)) => return Ok(before + at),
                (Err(at), Node::Leaf(_)) => return Err(before + at),
                (Ok(at), Node::Inner(inner)) => return Ok(before + inner.count_before(at)),
                (Err(end), Node::Inner(inner)) => {
                    let at = end.saturating_sub(1);
                    before += inner.count_before(at);
                    inner.kid(at)
                }
            }
        }
    }

    /// The item of a rank.
    pub(crate) fn get(&self, rank: usize) -> Option<NodeIx> {
        self.seek(rank).map(|(item, _)| item)
    }

    /// The item of a rank, and where it is if the way there can be told.
    pub(crate) fn seek(&self, mut rank: usize) -> Option<(NodeIx, Option<Spot>)> {
        let mut node = &self.root;
        let mut spot = Some(Spot::default());
        loop {
            node = match node {
                Node::Leaf(slots) => {
                    return slots.get(rank).map(|slot| (slot.ix, spot.and_then(|s| s.then(rank))));
                }
                Node::Inner(inner) => {
                    let (at, rest) = inner.seek(rank)?;
                    rank = rest;
                    spot = spot.and_then(|spot| spot.then(at + 1));
                    inner.kid(at)
                }
            }
        }
    }

    /// The items before and at a rank, between which a new item of that rank goes, and where that is if the
    /// way there can be told.
    pub(crate) fn around(&self, rank: usize) -> (Option<Slot>, Option<Slot>, Option<Spot>) {
        let Some(mut rank) = rank.checked_sub(1) else {
            return (None, self.root.slots().first().copied(), None);
        };
        let mut node = &self.root;
        let (mut next, mut spot) = (None, Some(Spot::default()));
        loop {
            let slots = node.slots();
            let (at, rest) = match node {
                Node::Leaf(_) => (rank, 0),
                Node::Inner(inner) => match inner.seek(rank) {
                    Some(found) => found,
                    None => return (None, None, None),
                },
            };
            next = slots.get(at + 1).copied().or(next);
            spot = spot.and_then(|spot| spot.then(at + 1));
            rank = rest;
            node = match node {
                Node::Leaf(_) => return (slots.get(at).copied(), next, spot),
                Node::Inner(inner) => inner.kid(at),
            };
        }
    }

    /// The item with the least position.
    #[cfg(test)]
    pub(crate) fn first(&self) -> Option<NodeIx> {
        self.root.slots().first().map(|slot| slot.ix)
    }

    /// The item with the greatest position.
    pub(crate) fn last(&self) -> Option<NodeIx> {
        self.root.last().map(|last| last.ix)
    }

    /// The item with the least position greater than this one, whether or not that is taken.
    pub(crate) fn next_after<P: Sortable + ?Sized>(
        &self,
        position: &P,
        positions: &impl Positions<P>,
    ) -> Option<NodeIx> {
        let probe = Probe::new(position, positions);
        let mut node = &self.root;
        let mut next = None;
        loop {
            let slots = node.slots();
            let end = probe.search(slots).map_or_else(|at| at, |at| at + 1);
            next = slots.get(end).map(|slot| slot.ix).or(next);
            node = match node {
                Node::Leaf(_) => return next,
                // Less than all there is: `next` is the very first.
                Node::Inner(_) if end == 0 => return next,
                Node::Inner(inner) => inner.kid(end - 1),
            }
        }
    }

    /// The item with the greatest position less than this one, whether or not that is taken.
    #[cfg(test)]
    pub(crate) fn prev_before<P: Sortable + ?Sized>(
        &self,
        position: &P,
        positions: &impl Positions<P>,
    ) -> Option<NodeIx> {
        let probe = Probe::new(position, positions);
        let mut node = &self.root;
        loop {
            let slots = node.slots();
            let (Ok(end) | Err(end)) = probe.search(slots);
            let at = end.checked_sub(1)?;
            node = match node {
                Node::Leaf(_) => return slots.get(at).map(|slot| slot.ix),
                // Its head is less, so this is where the answer is.
                Node::Inner(inner) => inner.kid(at),
            }
        }
    }

    /// All items in order.
    pub(crate) fn iter(&self) -> Iter<'_> {
        self.iter_from(0)
    }

    /// The items from a rank on, in order.
    pub(crate) fn iter_from(&self, rank: usize) -> Iter<'_> {
        Iter::new(&self.root, rank, self.len)
    }

    /// Bytes on the heap.
    #[cfg(test)]
    pub(crate) fn heap_bytes(&self) -> usize {
        self.root.heap_bytes()
    }

    /// Says which invariant is broken, if any.
    pub(crate) fn check<P: Sortable + ?Sized>(
        &self,
        positions: &impl Positions<P>,
    ) -> Result<(), String> {
        let mut depths = Vec::new();
        self.root.check(0, &mut depths)?;
        if depths.iter().any(|depth| Some(depth) != depths.first()) {
            return Err(format!("I1: leaves at depths {depths:?}"));
        }
        if matches!(&self.root, Node::Inner(inner) if inner.kids.len() < 2) {
            return Err("I5: an inner root with one kid".to_owned());
        }
        let mut slots = Vec::with_capacity(self.len);
        self.root.collect(&mut slots);
        let all: Vec<_> = slots.iter().map(|slot| positions.position(slot.ix)).collect();
        if !all.is_sorted_by(|a, b| a < b) {
            return Err("I2: positions out of order".to_owned());
        }
        let mut kept_and_real = slots.iter().map(|slot| slot.key()).zip(&all);
        if let Some(rank) = kept_and_real.position(|(kept, real)| kept != real.sort_key()) {
            return Err(format!("I2: item {rank} has the key of another position"));
        }
        if all.len() != self.len {
            return Err(format!("I3: {} items, but len is {}", all.len(), self.len));
        }
        Ok(())
    }
}

impl Slot {
    fn new(SortKey(key): SortKey, ix: NodeIx) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the key in two halves")]
        Self { low: key as u32, high: (key >> 32) as u32, ix }
    }

    fn key(self) -> SortKey {
        SortKey(u64::from(self.high) << 32 | u64::from(self.low))
    }

    /// The item's position. Its node is in no cache, mostly, and seldom needed.
    pub(crate) fn position(self, positions: &impl Positions<Position>) -> Position {
        let position = || positions.position(self.ix).clone();
        let known = self.key().position();
        debug_assert!(known.as_ref().is_none_or(|known| *known == position()));
        known.unwrap_or_else(position)
    }
}

impl<'a, P: Sortable + ?Sized, All: Positions<P>> Probe<'a, P, All> {
    fn new(position: &'a P, positions: &'a All) -> Self {
        Self { key: position.sort_key(), position, positions, spot: None }
    }

    /// As [`search`](Self::search), on this level of the way down; without one if the way is known.
    fn place(&self, slots: &[Slot], level: u32) -> Result<usize, usize> {
        let Some(spot) = self.spot else { return self.search(slots) };
        let at = spot.at(level);
        if slots.get(at).is_some_and(|slot| slot.key() == self.key) { Ok(at) } else { Err(at) }
    }

    /// The place of the position among slots in ascending order; as an error, the place it would
    /// have.
    fn search(&self, slots: &[Slot]) -> Result<usize, usize> {
        // Lists grow at their end more often than anywhere else.
        if slots.last().is_none_or(|last| last.key() < self.key) {
            return Err(slots.len());
        }
        let start = self.count_less(slots);
        match slots.get(start) {
            Some(slot) if slot.key() != self.key => Err(start),
            Some(_) if self.key.is_exact() => Ok(start),
            _ => self.search_ties(slots, start),
        }
    }

    /// The number of slots with a lesser key, which are the first ones. Each step of a binary search
    /// would wait for memory; this looks at every eighth slot at once, then at the eight in question.
    fn count_less(&self, slots: &[Slot]) -> usize {
        let less = |slot: &Slot| slot.key() < self.key;
        let blocks = slots.chunks_exact(8).filter(|block| block.last().is_some_and(less)).count();
        let block = slots.iter().skip(8 * blocks).take(8);
        8 * blocks + block.filter(|slot| less(slot)).count()
    }

    /// Searches the slots from `start` on, the first of which have the same key.
    #[cold]
    fn search_ties(&self, slots: &[Slot], start: usize) -> Result<usize, usize> {
        if slots.last().is_some_and(|last| self.positions.position(last.ix) < self.position) {
            return Err(slots.len());
        }
        let ties = slots.get(start..).unwrap_or_default();
        let ties = ties.get(..ties.partition_point(|slot| slot.key() == self.key));
        ties.unwrap_or_default()
            .binary_search_by(|slot| self.positions.position(slot.ix).cmp(self.position))
            .map(|at| start + at)
            .map_err(|at| start + at)
    }
}

#[cfg(test)]
mod tests;
