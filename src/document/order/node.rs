//! The nodes of the tree. How a list is changed; what it means is up to [`Order`](super::Order).

use std::mem;

use super::{CAP, FULL, NodeIx, Positions, Probe, Slot, Sortable};

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf(Vec<Slot>),
    Inner(Box<Inner>),
}

/// An inner node: the kids, and what is needed to choose one without visiting it.
#[derive(Clone, Debug, Default)]
pub(super) struct Inner {
    pub(super) heads: Vec<Slot>,
    pub(super) counts: Vec<u32>,
    pub(super) kids: Vec<Node>,
}

/// Whether a node holds the first or the last slot of the tree.
#[derive(Clone, Copy)]
pub(super) struct Edge {
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Default for Node {
    fn default() -> Self {
        Self::Leaf(Vec::new())
    }
}

impl Node {
    pub(super) fn inner(kids: Vec<Self>) -> Self {
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
    pub(super) fn slots(&self) -> &[Slot] {
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
    pub(super) fn insert<P: Sortable + ?Sized>(
        &mut self,
        probe: &Probe<'_, P, impl Positions<P>>,
        ix: NodeIx,
        edge: Edge,
        level: u32,
    ) -> Result<(usize, Option<Self>), NodeIx> {
        let slots = self.slots();
        let end = match probe.place(slots, level) {
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
                let (rank, right) = inner.kid_mut(at).insert(probe, ix, kid_edge, level + 1)?;
                inner.recount(at, |count| *count += 1);
                inner.refresh_head(at, rank);
                let right = right.and_then(|kid| inner.insert_kid(at + 1, kid, edge));
                Ok((before + rank, right.map(|right| Self::Inner(Box::new(right)))))
            }
        }
    }

    /// Adds a slot behind all others, as [`insert`](Self::insert) does, without a search.
    pub(super) fn push(&mut self, slot: Slot) -> Option<Self> {
        let edge = Edge { first: false, last: true };
        match self {
            Self::Leaf(slots) => insert_slot(slots, slots.len(), slot, edge).map(Self::Leaf),
            Self::Inner(inner) => {
                let end = inner.kids.len();
                let right = inner.kids.last_mut()?.push(slot);
                inner.recount(end - 1, |count| *count += 1);
                let right = right.and_then(|kid| inner.insert_kid(end, kid, edge));
                right.map(|right| Self::Inner(Box::new(right)))
            }
        }
    }

    /// The last slot of the tree.
    pub(super) fn last(&self) -> Option<Slot> {
        match self {
            Self::Leaf(slots) => slots.last().copied(),
            Self::Inner(inner) => inner.kids.last()?.last(),
        }
    }

    pub(super) fn remove<P: Sortable + ?Sized>(
        &mut self,
        probe: &Probe<'_, P, impl Positions<P>>,
        level: u32,
    ) -> Option<(usize, NodeIx)> {
        match self {
            Self::Leaf(slots) => {
                let at = probe.place(slots, level).ok()?;
                let slot = slots.remove(at);
                if slots.len() + CAP / 2 < slots.capacity() {
                    slots.shrink_to(slots.len() + CAP / 8);
                }
                Some((at, slot.ix))
            }
            Self::Inner(inner) => {
                let place = probe.place(&inner.heads, level);
                let at = place.or_else(|end| end.checked_sub(1).ok_or(())).ok()?;
                let before = inner.count_before(at);
                let (rank, ix) = inner.kid_mut(at).remove(probe, level + 1)?;
                inner.recount(at, |count| *count -= 1);
                inner.refresh_head(at, rank);
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

    /// Appends the slots of all items to `slots`, in order.
    pub(super) fn collect(&self, slots: &mut Vec<Slot>) {
        match self {
            Self::Leaf(leaf) => slots.extend_from_slice(leaf),
            Self::Inner(inner) => inner.kids.iter().for_each(|kid| kid.collect(slots)),
        }
    }

    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
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

    pub(super) fn check(&self, depth: usize, depths: &mut Vec<usize>) -> Result<(), String> {
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
    pub(super) fn kid(&self, at: usize) -> &Node {
        &self.kids[at]
    }

    #[expect(clippy::indexing_slicing, reason = "I3: a kid for each head that a search finds")]
    fn kid_mut(&mut self, at: usize) -> &mut Node {
        &mut self.kids[at]
    }

    /// The number of items in front of a kid.
    pub(super) fn count_before(&self, at: usize) -> usize {
        self.counts.iter().take(at).sum::<u32>() as usize
    }

    /// The kid that holds the item of a rank, and the item's rank in there.
    pub(super) fn seek(&self, mut rank: usize) -> Option<(usize, usize)> {
        let mut at = 0;
        // Eight at a time to begin with, since sums of just that many are quick.
        for chunk in self.counts.chunks_exact(8) {
            match rank.checked_sub(chunk.iter().sum::<u32>() as usize) {
                None => break,
                Some(rest) => rank = rest,
            }
            at += 8;
        }
        for &count in self.counts.iter().skip(at) {
            match rank.checked_sub(count as usize) {
                None => return Some((at, rank)),
                Some(rest) => rank = rest,
            }
            at += 1;
        }
        None
    }

    /// Restores I3 for a kid with more or fewer slots than before.
    fn recount(&mut self, at: usize, change: impl FnOnce(&mut u32)) {
        if let Some(count) = self.counts.get_mut(at) {
            change(count);
        }
    }

    /// Restores I3 for a kid that got or lost the slot of a rank. Its first slot is mostly not that one,
    /// and in no cache.
    fn refresh_head(&mut self, at: usize, rank: usize) {
        if rank > 0 {
            return;
        }
        let head = self.kid(at).slots().first().copied();
        if let (Some(to), Some(head)) = (self.heads.get_mut(at), head) {
            *to = head;
        }
    }

    /// Adds a kid that has been split off the one before it. Yields the right one of the two nodes
    /// if it had to split.
    fn insert_kid(&mut self, at: usize, kid: Node, edge: Edge) -> Option<Self> {
        let count = kid.count();
        self.recount(at - 1, |left| *left -= count);
        grow(&mut self.heads);
        grow(&mut self.counts);
        grow(&mut self.kids);
        self.heads.splice(at..at, kid.slots().first().copied());
        self.counts.insert(at, count);
        self.kids.insert(at, kid);
        let len = self.kids.len();
        let is_at_end = (edge.last && at + 1 == len) || (edge.first && at == 1);
        let cut = match len {
            _ if is_at_end && len > FULL => at,
            ..=CAP => return None,
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
        self.recount(at, |left| *left += count);
    }
}

/// Adds a slot to a leaf. Yields the right one of the two leaves if it had to split.
fn insert_slot(slots: &mut Vec<Slot>, at: usize, slot: Slot, edge: Edge) -> Option<Vec<Slot>> {
    // A list that grows at one end is left with leaves that are full but for what comes between later.
    if edge.last && at == slots.len() && slots.len() >= FULL {
        let mut right = Vec::with_capacity(CAP);
        right.push(slot);
        return Some(right);
    }
    if edge.first && at == 0 && slots.len() >= FULL {
        let mut left = Vec::with_capacity(CAP);
        left.push(slot);
        return Some(mem::replace(slots, left));
    }
    if slots.len() < CAP {
        grow(slots);
        slots.insert(at, slot);
        return None;
    }
    let cut = slots.len() / 2;
    let mut right = Vec::with_capacity(CAP - CAP / 4);
    right.extend(slots.drain(cut..));
    let (leaf, at) = if at < cut { (&mut *slots, at) } else { (&mut right, at - cut) };
    leaf.insert(at, slot);
    slots.shrink_to(CAP - CAP / 4);
    Some(right)
}

/// Makes room for one more, by moderate steps since leaves are most of the tree's memory.
fn grow<T>(items: &mut Vec<T>) {
    if items.len() == items.capacity() {
        let left = CAP.saturating_sub(items.len()).max(1);
        items.reserve_exact(items.len().clamp(2, 16).min(left));
    }
}
