//! The ordered children of a list: a counted B+tree from positions to nodes.
//!
//! The tree answers both "who is at this position" and "who is the n-th" in O(log n). It does not
//! hold the positions, which live with their nodes: it keeps a [`SortKey`] for each, which decides
//! nearly all comparisons, and asks [`Positions`] for the rest. So a node's position must not change
//! while it is in here; to move an item, remove it, change its position, and insert it.
//!
//! Invariants (see [`Order::check`]):
//!
//! - I1. All leaves are equally deep; no node but an empty root is empty, or wider than [`CAP`].
//! - I2. Slots ascend strictly by position, over the whole tree.
//! - I3. An inner node's `heads` and `counts` are the first slot and the number of slots under each
//!   of its kids.
//! - I4. Of two neighbouring kids of one node, both widths together exceed half of [`CAP`].
//! - I5. An inner root has at least two kids.

use std::mem;

use super::NodeIx;
use crate::Position;
use crate::position::SortKey;

mod iter;

pub(crate) use iter::Iter;

/// The most slots in a leaf, and kids in an inner node. Tests reach deep trees with small numbers.
const CAP: usize = if cfg!(test) { 4 } else { 64 };

/// Where the positions of the nodes are.
pub(crate) trait Positions {
    /// The position of a node that is in the list.
    fn position(&self, ix: NodeIx) -> &Position;
}

/// The children of a list in order of their positions, which are distinct.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    root: Node,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Vec<Slot>),
    Inner(Box<Inner>),
}

/// An inner node: the kids, and what is needed to choose one without visiting it.
#[derive(Clone, Debug, Default)]
struct Inner {
    heads: Vec<Slot>,
    counts: Vec<u32>,
    kids: Vec<Node>,
}

/// An item: 12 bytes, for which the key is in two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    high: u32,
    low: u32,
    ix: NodeIx,
}

/// A position to look for.
struct Probe<'a, P> {
    key: SortKey,
    position: &'a Position,
    positions: &'a P,
}

/// Whether a node holds the first or the last slot of the tree.
#[derive(Clone, Copy)]
struct Edge {
    first: bool,
    last: bool,
}

impl Order {
    /// An empty list.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A list of nodes that ascend by their positions, packed densely. O(n).
    pub(crate) fn from_sorted(
        nodes: impl IntoIterator<Item = NodeIx>,
        positions: &impl Positions,
    ) -> Self {
        let mut slots =
            nodes.into_iter().map(|ix| Slot::new(positions.position(ix).sort_key(), ix)).peekable();
        let mut len = 0;
        let mut level = Vec::new();
        while slots.peek().is_some() {
            let mut leaf: Vec<_> = slots.by_ref().take(CAP).collect();
            leaf.shrink_to_fit();
            len += leaf.len();
            level.push(Node::Leaf(leaf));
        }
        while level.len() > 1 {
            let mut kids = level.into_iter().peekable();
            level = Vec::new();
            while kids.peek().is_some() {
                level.push(Node::inner(kids.by_ref().take(CAP).collect()));
            }
        }
        Self { root: level.pop().unwrap_or_default(), len }
    }

    /// The number of items.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no items.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all items.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Adds a node and tells its rank; or does nothing and tells which node is at `position`.
    ///
    /// The position of `ix` itself is not looked up. Cheapest at the end.
    pub(crate) fn insert(
        &mut self,
        position: &Position,
        ix: NodeIx,
        positions: &impl Positions,
    ) -> Result<usize, NodeIx> {
        let probe = Probe::new(position, positions);
        let edge = Edge { first: true, last: true };
        let (rank, right) = self.root.insert(&probe, ix, edge)?;
        if let Some(right) = right {
            let left = mem::take(&mut self.root);
            self.root = Node::inner(vec![left, right]);
        }
        self.len += 1;
        Ok(rank)
    }

    /// Removes the item at `position`; tells the rank it had, and the node.
    pub(crate) fn remove(
        &mut self,
        position: &Position,
        positions: &impl Positions,
    ) -> Option<(usize, NodeIx)> {
        let removed = self.root.remove(&Probe::new(position, positions))?;
        self.len -= 1;
        while let Node::Inner(inner) = &mut self.root {
            match inner.kids.len() {
                0 | 1 => self.root = inner.kids.pop().unwrap_or_default(),
                _ => break,
            }
        }
        Some(removed)
    }

    /// The node at exactly this position.
    pub(crate) fn find(&self, position: &Position, positions: &impl Positions) -> Option<NodeIx> {
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
    pub(crate) fn rank(
        &self,
        position: &Position,
        positions: &impl Positions,
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
    pub(crate) fn get(&self, mut rank: usize) -> Option<NodeIx> {
        let mut node = &self.root;
        loop {
            node = match node {
                Node::Leaf(slots) => return slots.get(rank).map(|slot| slot.ix),
                Node::Inner(inner) => {
                    let (at, rest) = inner.seek(rank)?;
                    rank = rest;
                    inner.kid(at)
                }
            }
        }
    }

    /// The item with the least position.
    pub(crate) fn first(&self) -> Option<NodeIx> {
        self.root.slots().first().map(|slot| slot.ix)
    }

    /// The item with the greatest position.
    pub(crate) fn last(&self) -> Option<NodeIx> {
        let mut node = &self.root;
        loop {
            node = match node {
                Node::Leaf(slots) => return slots.last().map(|slot| slot.ix),
                Node::Inner(inner) => inner.kids.last()?,
            }
        }
    }

    /// The item with the least position greater than this one, whether or not that is taken.
    pub(crate) fn next_after(
        &self,
        position: &Position,
        positions: &impl Positions,
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
    pub(crate) fn prev_before(
        &self,
        position: &Position,
        positions: &impl Positions,
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
    pub(crate) fn heap_bytes(&self) -> usize {
        self.root.heap_bytes()
    }

    /// Says which invariant is broken, if any.
    #[cfg(any(test, feature = "__testing"))]
    pub(crate) fn check(&self, positions: &impl Positions) -> Result<(), String> {
        let mut depths = Vec::new();
        self.root.check(0, &mut depths)?;
        if depths.iter().any(|depth| Some(depth) != depths.first()) {
            return Err(format!("I1: leaves at depths {depths:?}"));
        }
        if matches!(&self.root, Node::Inner(inner) if inner.kids.len() < 2) {
            return Err("I5: an inner root with one kid".to_owned());
        }
        let all: Vec<_> = self.iter().map(|ix| positions.position(ix)).collect();
        if !all.is_sorted_by(|a, b| a < b) {
            return Err("I2: positions out of order".to_owned());
        }
        if all.len() != self.len {
            return Err(format!("I3: {} items, but len is {}", all.len(), self.len));
        }
        Ok(())
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::Leaf(Vec::new())
    }
}

impl Node {
    fn inner(kids: Vec<Self>) -> Self {
        let mut inner = Inner::default();
        inner.heads.reserve_exact(kids.len());
        inner.counts.reserve_exact(kids.len());
        for kid in &kids {
            inner.heads.extend(kid.slots().first());
            inner.counts.push(kid.count());
        }
        inner.kids = kids;
        Self::Inner(Box::new(inner))
    }

    /// The items of a leaf; the first one under each kid of an inner node.
    fn slots(&self) -> &[Slot] {
        match self {
            Self::Leaf(slots) => slots,
            Self::Inner(inner) => &inner.heads,
        }
    }

    /// The number of items.
    fn count(&self) -> u32 {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "at most CAP")]
            Self::Leaf(slots) => slots.len() as u32,
            Self::Inner(inner) => inner.counts.iter().sum(),
        }
    }

    /// Adds a slot. Yields its rank, and if it had to split, the right one of the two nodes.
    fn insert(
        &mut self,
        probe: &Probe<'_, impl Positions>,
        ix: NodeIx,
        edge: Edge,
    ) -> Result<(usize, Option<Self>), NodeIx> {
        let slots = self.slots();
        let end = match probe.search(slots) {
            Err(end) => end,
            Ok(at) => return Err(slots.get(at).map_or(ix, |slot| slot.ix)),
        };
        let slot = Slot::new(probe.key, ix);
        match self {
            Self::Leaf(slots) => Ok((end, insert_slot(slots, end, slot, edge).map(Self::Leaf))),
            Self::Inner(inner) => {
                let at = end.saturating_sub(1);
                let kid_edge = Edge {
                    first: edge.first && at == 0,
                    last: edge.last && at + 1 == inner.kids.len(),
                };
                let before = inner.count_before(at);
                let (rank, right) = inner.kid_mut(at).insert(probe, ix, kid_edge)?;
                inner.update(at, |count| *count += 1);
                let right = right.and_then(|kid| inner.insert_kid(at + 1, kid, edge));
                Ok((before + rank, right.map(|right| Self::Inner(Box::new(right)))))
            }
        }
    }

    fn remove(&mut self, probe: &Probe<'_, impl Positions>) -> Option<(usize, NodeIx)> {
        match self {
            Self::Leaf(slots) => {
                let at = probe.search(slots).ok()?;
                let slot = slots.remove(at);
                if slots.len() + CAP / 2 < slots.capacity() {
                    slots.shrink_to(slots.len() + CAP / 8);
                }
                Some((at, slot.ix))
            }
            Self::Inner(inner) => {
                let at =
                    probe.search(&inner.heads).or_else(|end| end.checked_sub(1).ok_or(())).ok()?;
                let before = inner.count_before(at);
                let (rank, ix) = inner.kid_mut(at).remove(probe)?;
                inner.update(at, |count| *count -= 1);
                inner.tidy(at);
                Some((before + rank, ix))
            }
        }
    }

    /// Moves all of `right`, which comes after this node and is equally deep, to its end.
    fn append(&mut self, right: Self) {
        match (self, right) {
            (Self::Leaf(left), Self::Leaf(right)) => left.extend(right),
            (Self::Inner(left), Self::Inner(right)) => {
                let seam = left.kids.len();
                left.heads.extend(right.heads);
                left.counts.extend(right.counts);
                left.kids.extend(right.kids);
                // Strangers until now, these two may be narrow both.
                left.tidy(seam);
            }
            (Self::Leaf(_), Self::Inner(_)) | (Self::Inner(_), Self::Leaf(_)) => {
                debug_assert!(false, "I1: kids of different depths");
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Leaf(slots) => slots.capacity() * size_of::<Slot>(),
            Self::Inner(inner) => {
                size_of::<Inner>()
                    + inner.heads.capacity() * size_of::<Slot>()
                    + inner.counts.capacity() * size_of::<u32>()
                    + inner.kids.capacity() * size_of::<Self>()
                    + inner.kids.iter().map(Self::heap_bytes).sum::<usize>()
            }
        }
    }

    #[cfg(any(test, feature = "__testing"))]
    fn check(&self, depth: usize, depths: &mut Vec<usize>) -> Result<(), String> {
        let width = self.slots().len();
        if width > CAP || (width == 0 && depth > 0) {
            return Err(format!("I1: {width} slots at depth {depth}"));
        }
        let Self::Inner(inner) = self else {
            depths.push(depth);
            return Ok(());
        };
        for kid in &inner.kids {
            kid.check(depth + 1, depths)?;
        }
        let heads: Vec<_> = inner.kids.iter().filter_map(|kid| kid.slots().first()).collect();
        if !heads.into_iter().eq(&inner.heads) {
            return Err(format!("I3: wrong heads at depth {depth}"));
        }
        if !inner.kids.iter().map(Self::count).eq(inner.counts.iter().copied()) {
            return Err(format!("I3: wrong counts at depth {depth}"));
        }
        let widths: Vec<_> = inner.kids.iter().map(|kid| kid.slots().len()).collect();
        if widths.iter().zip(widths.iter().skip(1)).any(|(a, b)| a + b <= CAP / 2) {
            return Err(format!("I4: kids of widths {widths:?} at depth {depth}"));
        }
        Ok(())
    }
}

impl Inner {
    #[expect(clippy::indexing_slicing, reason = "I3: a kid for each head that a search finds")]
    fn kid(&self, at: usize) -> &Node {
        &self.kids[at]
    }

    #[expect(clippy::indexing_slicing, reason = "I3: a kid for each head that a search finds")]
    fn kid_mut(&mut self, at: usize) -> &mut Node {
        &mut self.kids[at]
    }

    /// The number of items in front of a kid.
    fn count_before(&self, at: usize) -> usize {
        self.counts.iter().take(at).sum::<u32>() as usize
    }

    /// The kid that holds the item of a rank, and the item's rank in there.
    fn seek(&self, mut rank: usize) -> Option<(usize, usize)> {
        for (at, &count) in self.counts.iter().enumerate() {
            match rank.checked_sub(count as usize) {
                None => return Some((at, rank)),
                Some(rest) => rank = rest,
            }
        }
        None
    }

    /// Restores I3 for a kid that has changed.
    fn update(&mut self, at: usize, count: impl FnOnce(&mut u32)) {
        let head = self.kid(at).slots().first().copied();
        if let (Some(to), Some(head)) = (self.heads.get_mut(at), head) {
            *to = head;
        }
        if let Some(to) = self.counts.get_mut(at) {
            count(to);
        }
    }

    /// Adds a kid that has been split off the one before it. Yields the right one of the two nodes
    /// if it had to split.
    fn insert_kid(&mut self, at: usize, kid: Node, edge: Edge) -> Option<Self> {
        let count = kid.count();
        self.update(at - 1, |left| *left -= count);
        grow(&mut self.heads);
        grow(&mut self.counts);
        grow(&mut self.kids);
        self.heads.splice(at..at, kid.slots().first().copied());
        self.counts.insert(at, count);
        self.kids.insert(at, kid);
        let len = self.kids.len();
        if len <= CAP {
            return None;
        }
        let cut = match edge {
            Edge { last: true, .. } if at + 1 == len => at,
            Edge { first: true, .. } if at == 1 => at,
            _ => len / 2,
        };
        let right = Self {
            heads: self.heads.split_off(cut),
            counts: self.counts.split_off(cut),
            kids: self.kids.split_off(cut),
        };
        self.heads.shrink_to(CAP);
        self.counts.shrink_to(CAP);
        self.kids.shrink_to(CAP);
        Some(right)
    }

    /// Restores I1 and I4 around a kid that has become narrower: drops it if it is empty, merges it
    /// with a neighbour if both are narrow.
    fn tidy(&mut self, at: usize) {
        let width = self.kid(at).slots().len();
        if width == 0 {
            self.heads.remove(at);
            self.counts.remove(at);
            self.kids.remove(at);
        } else if width <= CAP / 2 {
            self.merge_if_narrow(at);
            if let Some(before) = at.checked_sub(1) {
                self.merge_if_narrow(before);
            }
        }
    }

    /// Merges a kid and the one after it, if there is one, unless that would be wide.
    fn merge_if_narrow(&mut self, at: usize) {
        let width = |kid: Option<&Node>| kid.map_or(CAP, |kid| kid.slots().len());
        if width(self.kids.get(at)) + width(self.kids.get(at + 1)) > CAP / 2 {
            return;
        }
        self.heads.remove(at + 1);
        let count = self.counts.remove(at + 1);
        let right = self.kids.remove(at + 1);
        self.kid_mut(at).append(right);
        self.update(at, |left| *left += count);
    }
}

/// Adds a slot to a leaf. Yields the right one of the two leaves if it had to split.
fn insert_slot(slots: &mut Vec<Slot>, at: usize, slot: Slot, edge: Edge) -> Option<Vec<Slot>> {
    if slots.len() < CAP {
        grow(slots);
        slots.insert(at, slot);
        return None;
    }
    // A list that grows at one end is left with full leaves.
    if edge.last && at == slots.len() {
        let mut right = Vec::with_capacity(CAP);
        right.push(slot);
        return Some(right);
    }
    if edge.first && at == 0 {
        let mut left = Vec::with_capacity(CAP);
        left.push(slot);
        return Some(mem::replace(slots, left));
    }
    let cut = slots.len() / 2;
    let mut right = slots.split_off(cut);
    let (leaf, at) = if at < cut { (&mut *slots, at) } else { (&mut right, at - cut) };
    grow(leaf);
    leaf.insert(at, slot);
    slots.shrink_to(CAP - CAP / 4);
    Some(right)
}

/// Makes room for one more, by moderate steps since leaves are most of the tree's memory.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        items.reserve_exact(items.len().clamp(2, 16));
    }
}

impl Slot {
    fn new(SortKey(key): SortKey, ix: NodeIx) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the key in two halves")]
        Self { high: (key >> 32) as u32, low: key as u32, ix }
    }

    fn key(self) -> SortKey {
        SortKey(u64::from(self.high) << 32 | u64::from(self.low))
    }
}

impl<'a, P: Positions> Probe<'a, P> {
    fn new(position: &'a Position, positions: &'a P) -> Self {
        Self { key: position.sort_key(), position, positions }
    }

    /// The place of the position among slots in ascending order; as an error, the place it would
    /// have.
    fn search(&self, slots: &[Slot]) -> Result<usize, usize> {
        // Lists grow at their end more often than anywhere else.
        if slots.last().is_none_or(|last| last.key() < self.key) {
            return Err(slots.len());
        }
        let start = slots.partition_point(|slot| slot.key() < self.key);
        match slots.get(start) {
            Some(slot) if slot.key() != self.key => Err(start),
            Some(_) if self.key.is_exact() => Ok(start),
            _ => self.search_ties(slots, start),
        }
    }

    /// Searches the slots from `start` on, the first of which have the same key.
    #[cold]
    fn search_ties(&self, slots: &[Slot], start: usize) -> Result<usize, usize> {
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
