//! The ordered children of a list.

use super::NodeIx;
use crate::position::Position;

/// Tells the position of an item.
pub(crate) trait Positions {
    fn position(&self, ix: NodeIx) -> &Position;
}

/// Items in the order of their positions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order(Vec<NodeIx>);

impl Order {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    pub(crate) fn rank(&self, key: &Position, p: &impl Positions) -> Result<usize, usize> {
        self.0.binary_search_by(|ix| p.position(*ix).cmp(key))
    }
    pub(crate) fn insert(&mut self, key: &Position, ix: NodeIx, p: &impl Positions) -> Result<usize, NodeIx> {
        match self.rank(key, p) {
            Ok(at) => Err(self.0[at]),
            Err(at) => { self.0.insert(at, ix); Ok(at) }
        }
    }
    pub(crate) fn remove(&mut self, key: &Position, p: &impl Positions) -> Option<NodeIx> {
        self.rank(key, p).ok().map(|at| self.0.remove(at))
    }
    pub(crate) fn find(&self, key: &Position, p: &impl Positions) -> Option<NodeIx> {
        self.rank(key, p).ok().and_then(|at| self.get(at))
    }
    pub(crate) fn get(&self, index: usize) -> Option<NodeIx> {
        self.0.get(index).copied()
    }
    pub(crate) fn last(&self) -> Option<NodeIx> {
        self.0.last().copied()
    }
    pub(crate) fn next_after(&self, key: &Position, p: &impl Positions) -> Option<NodeIx> {
        let at = match self.rank(key, p) { Ok(at) => at + 1, Err(at) => at };
        self.get(at)
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = NodeIx> + '_ {
        self.0.iter().copied()
    }
}
