//! Places in a list that were just looked up by index, so that the ops which follow need not search for
//! them once more. The field calls it a finger into the tree, and the search from it finger search.
//!
//! A finger is a hint. Before it is used the tree is asked whether it leads where it should, so one from
//! before another change does no harm.

use super::node::Node;
use super::{NodeIx, Slot};
use crate::position::SortKey;

/// The way to a place in a tree: on each level what a search gives there, in a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    path: u64,
    levels: u32,
}

/// Where the items of a list are that were looked up last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finger {
    pub(crate) item: Option<Spot>,
    /// Between two items.
    pub(crate) gap: Option<Spot>,
}

impl Spot {
    /// One level further down; `None` if the tree is deeper than any.
    pub(super) fn then(self, at: usize) -> Option<Self> {
        let at = u64::from(u8::try_from(at).ok()?);
        let path = self.path | at.checked_shl(8 * self.levels)?;
        Some(Self { path, levels: self.levels + 1 })
    }

    /// What the search gives on a level.
    pub(super) fn at(self, level: u32) -> usize {
        (self.path.checked_shr(8 * level).unwrap_or(0) & 0xff) as usize
    }

    /// The leaf to which it leads in a tree, and the place in it.
    fn leaf(self, root: &Node) -> Option<(&[Slot], usize)> {
        let mut node = root;
        for level in 0.. {
            match node {
                Node::Leaf(slots) => {
                    return (level + 1 == self.levels).then_some((slots, self.at(level)));
                }
                Node::Inner(inner) => node = inner.kids.get(self.at(level).checked_sub(1)?)?,
            }
        }
        None
    }

    /// Whether a key lies between the two slots before and at the place.
    pub(super) fn is_gap_for(self, key: SortKey, root: &Node) -> bool {
        let Some((slots, at)) = self.leaf(root) else { return false };
        let before = at.checked_sub(1).and_then(|before| slots.get(before));
        before.zip(slots.get(at)).is_some_and(|(a, b)| a.key() < key && key < b.key())
    }

    /// Whether the slot of a node, with this key, is at the place.
    pub(super) fn is_of(self, ix: NodeIx, key: SortKey, root: &Node) -> bool {
        let found = self.leaf(root).and_then(|(slots, at)| slots.get(at));
        found.is_some_and(|slot| slot.ix == ix && slot.key() == key)
    }
}
