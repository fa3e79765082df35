//! Walking a list in order, from either end.

use std::slice;

use smallvec::SmallVec;

use super::node::Node;
use super::{NodeIx, Slot};

/// The items of an [`Order`](super::Order), or those from a rank on.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a> {
    front: Cursor<'a>,
    back: Cursor<'a>,
    /// The number of items between both ends. The cursors themselves do not know of each other.
    left: usize,
}

/// What remains of the tree in one direction: of a leaf, and of each node above.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    leaf: slice::Iter<'a, Slot>,
    above: SmallVec<[slice::Iter<'a, Node>; 4]>,
}

impl<'a> Iter<'a> {
    pub(super) fn new(root: &'a Node, rank: usize, len: usize) -> Self {
        let whole =
            Cursor { leaf: [].iter(), above: SmallVec::from_iter([slice::from_ref(root).iter()]) };
        let front = if rank == 0 { whole.clone() } else { Cursor::from_rank(root, rank) };
        Self { front, back: whole, left: len.saturating_sub(rank) }
    }
}

impl<'a> Cursor<'a> {
    fn from_rank(mut node: &'a Node, mut rank: usize) -> Self {
        let mut above = SmallVec::new();
        loop {
            node = match node {
                Node::Leaf(slots) => {
                    return Self { leaf: slots.get(rank..).unwrap_or_default().iter(), above };
                }
                Node::Inner(inner) => {
                    let Some((at, rest)) = inner.seek(rank) else {
                        return Self { leaf: [].iter(), above };
                    };
                    rank = rest;
                    above.push(inner.kids.get(at + 1..).unwrap_or_default().iter());
                    inner.kid(at)
                }
            }
        }
    }

    fn step(
        &mut self,
        slot: impl Fn(&mut slice::Iter<'a, Slot>) -> Option<&'a Slot>,
        node: impl Fn(&mut slice::Iter<'a, Node>) -> Option<&'a Node>,
    ) -> Option<NodeIx> {
        loop {
            if let Some(slot) = slot(&mut self.leaf) {
                return Some(slot.ix);
            }
            match node(self.above.last_mut()?) {
                Some(Node::Leaf(slots)) => self.leaf = slots.iter(),
                Some(Node::Inner(inner)) => self.above.push(inner.kids.iter()),
                None => _ = self.above.pop(),
            }
        }
    }
}

impl Iterator for Iter<'_> {
    type Item = NodeIx;

    fn next(&mut self) -> Option<NodeIx> {
        self.left = self.left.checked_sub(1)?;
        self.front.step(slice::Iter::next, slice::Iter::next)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<NodeIx> {
        self.left = self.left.checked_sub(1)?;
        self.back.step(slice::Iter::next_back, slice::Iter::next_back)
    }
}

impl ExactSizeIterator for Iter<'_> {}
