//! The index from node ids to nodes.
//!
//! Actors mint ids with clocks that count up, so an actor's ids are mostly a dense range: a table
//! indexed by the clock. What a table would be too empty for, and ids of any other shape, are kept
//! in B-trees. Nothing is hashed, so no peer can choose ids that collide.

use std::collections::BTreeMap;

use super::NodeIx;
use crate::NodeId;

/// Finds nodes by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdIndex {
    initial: Table,
    minted: BTreeMap<u32, Table>,
    other: BTreeMap<NodeId, NodeIx>,
    len: usize,
}

/// The nodes of one actor, by clock.
#[derive(Clone, Debug, Default)]
struct Table {
    dense: Vec<Option<std::num::NonZeroU32>>,
    sparse: BTreeMap<u32, NodeIx>,
    len: usize,
}

impl IdIndex {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: &NodeId) -> Option<NodeIx> {
        if let Some((actor, clock)) = id.actor_and_clock() {
            return self.minted.get(&actor.0)?.get(clock);
        }
        match id.initial_clock() {
            Some(clock) => self.initial.get(clock),
            None => self.other.get(id).copied(),
        }
    }

    /// Adds an id that is not in the index.
    pub(crate) fn insert(&mut self, id: &NodeId, ix: NodeIx) {
        debug_assert!(self.get(id).is_none(), "I1: {id} names two nodes");
        self.len += 1;
        if let Some((actor, clock)) = id.actor_and_clock() {
            self.minted.entry(actor.0).or_default().insert(clock, ix);
        } else if let Some(clock) = id.initial_clock() {
            self.initial.insert(clock, ix);
        } else {
            self.other.insert(id.clone(), ix);
        }
    }

    /// Removes an id that is in the index.
    pub(crate) fn remove(&mut self, id: &NodeId) {
        debug_assert!(self.get(id).is_some(), "I1: {id} is not in the index");
        self.len -= 1;
        if let Some((actor, clock)) = id.actor_and_clock() {
            if let Some(table) = self.minted.get_mut(&actor.0) {
                table.remove(clock);
                if table.len == 0 {
                    self.minted.remove(&actor.0);
                }
            }
        } else if let Some(clock) = id.initial_clock() {
            self.initial.remove(clock);
        } else {
            self.other.remove(id);
        }
    }
}

impl Table {
    fn get(&self, clock: u32) -> Option<NodeIx> {
        match self.dense.get(clock as usize) {
            Some(Some(ix)) => Some(NodeIx(ix.get() - 1)),
            _ if self.sparse.is_empty() => None,
            _ => self.sparse.get(&clock).copied(),
        }
    }

    fn insert(&mut self, clock: u32, ix: NodeIx) {
        self.len += 1;
        let at = clock as usize;
        // The table may have at most eight places for each id, whatever clocks a peer makes up.
        if at >= self.dense.len() && at < 8 * (self.len + 8) {
            if self.dense.capacity() <= at {
                // Doubling, but never past what the rule above allows.
                let target = (at + 1).max(2 * self.dense.len()).min(8 * (self.len + 8));
                self.dense.reserve_exact(target - self.dense.len());
            }
            self.dense.resize(at + 1, None);
        }
        match (self.dense.get_mut(at), std::num::NonZeroU32::new(ix.0 + 1)) {
            (Some(place), Some(number)) => *place = Some(number),
            _ => {
                self.sparse.insert(clock, ix);
            }
        }
    }

    fn remove(&mut self, clock: u32) {
        self.len -= 1;
        if let Some(place @ Some(_)) = self.dense.get_mut(clock as usize) {
            *place = None;
        } else {
            self.sparse.remove(&clock);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = NodeId> {
        prop_oneof![
            (0..3_u32, 0..100_u32).prop_map(|(a, c)| format!("{a}:{c}")),
            (0..3_u32, prop::num::u32::ANY).prop_map(|(a, c)| format!("{a}:{c}")),
            (0..50_u32).prop_map(|c| format!("si:{c}")),
            Just("root".to_owned()),
            Just("x".to_owned()),
            (1_u64 << 32..(1 << 32) + 9).prop_map(|c| format!("1:{c}")),
        ]
        .prop_map(|text| NodeId::from(text.as_str()))
    }

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((id(), any::<bool>()), 0..300)) {
            let (mut index, mut model) = (IdIndex::default(), BTreeMap::new());
            for (n, (id, add)) in (0_u32..).zip(steps) {
                if add && !model.contains_key(&id) {
                    index.insert(&id, NodeIx(n));
                    model.insert(id, NodeIx(n));
                } else if !add && model.remove(&id).is_some() {
                    index.remove(&id);
                }
                prop_assert_eq!(index.len(), model.len());
                for (id, ix) in &model {
                    prop_assert_eq!(index.get(id), Some(*ix));
                }
            }
        }
    }

    #[test]
    fn doubling_clocks_do_not_buy_memory() {
        let mut index = IdIndex::default();
        for bit in 0..32 {
            index.insert(&NodeId::from(format!("1:{}", 1_u32 << bit).as_str()), NodeIx(bit));
        }
        let table = index.minted.get(&1).unwrap();
        assert!(table.dense.capacity() <= 8 * (table.len + 8));
    }
}
