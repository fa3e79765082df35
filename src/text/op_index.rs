//! Finds an update of a text by the op that brought it.
//!
//! An actor's ops come with clocks that count up, so its latest op is nearly always new: finding that
//! out takes one comparison, and noting it down appends. Ids of any other shape are kept in a B-tree.

use std::collections::{BTreeMap, VecDeque};

use crate::{Actor, OpId};

/// The version before the latest update of each op.
#[derive(Clone, Debug, Default)]
pub(super) struct OpIndex {
    /// In the order of the actors. No actor is here without an op.
    minted: Vec<(Actor, Ops)>,
    other: BTreeMap<OpId, u64>,
}

/// The ops of one actor: clock and version, in the order of the clocks.
type Ops = VecDeque<(u32, u64)>;

/// Where a clock is among an actor's ops, or where it would be.
fn place(ops: &Ops, clock: u32) -> Result<usize, usize> {
    match (ops.front(), ops.back()) {
        // The oldest is the next to be forgotten.
        (Some((first, _)), _) if *first == clock => Ok(0),
        (_, Some((last, _))) if *last >= clock => {
            ops.binary_search_by_key(&clock, |(clock, _)| *clock)
        }
        _ => Err(ops.len()),
    }
}

impl OpIndex {
    pub(super) fn get(&self, op_id: &OpId) -> Option<u64> {
        let Some((actor, clock)) = op_id.actor_and_clock() else {
            return self.other.get(op_id).copied();
        };
        let at = self.minted.binary_search_by_key(&actor, |(actor, _)| *actor).ok()?;
        let (_, ops) = self.minted.get(at)?;
        ops.get(place(ops, clock).ok()?).map(|(_, version)| *version)
    }

    /// Notes down an update of an op; the version before an earlier one of the same op.
    pub(super) fn insert(&mut self, op_id: &OpId, version: u64) -> Option<u64> {
        let Some((actor, clock)) = op_id.actor_and_clock() else {
            return self.other.insert(op_id.clone(), version);
        };
        let at = match self.minted.binary_search_by_key(&actor, |(actor, _)| *actor) {
            Ok(at) => at,
            Err(at) => {
                self.minted.insert(at, (actor, Ops::new()));
                at
            }
        };
        let (_, ops) = self.minted.get_mut(at)?;
        match place(ops, clock) {
            Ok(at) => ops.get_mut(at).map(|(_, old)| std::mem::replace(old, version)),
            Err(at) => {
                ops.insert(at, (clock, version));
                None
            }
        }
    }

    pub(super) fn remove(&mut self, op_id: &OpId) {
        let Some((actor, clock)) = op_id.actor_and_clock() else {
            self.other.remove(op_id);
            return;
        };
        let found = self.minted.binary_search_by_key(&actor, |(actor, _)| *actor);
        let Some((at, (_, ops))) = found.ok().and_then(|at| Some((at, self.minted.get_mut(at)?)))
        else {
            return;
        };
        if let Ok(clock) = place(ops, clock) {
            ops.remove(clock);
        }
        if ops.is_empty() {
            self.minted.remove(at);
        }
    }

    /// An estimate of the bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let minted = self.minted.iter().map(|(_, ops)| ops.capacity() * size_of::<(u32, u64)>());
        self.minted.capacity() * size_of::<(Actor, Ops)>()
            + minted.sum::<usize>()
            + self.other.len() * (size_of::<(OpId, u64)>() * 3 / 2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_a_map(steps in prop::collection::vec((0..4_u32, 0..12_u32, 0..4_u64), 0..200)) {
            let (mut index, mut model) = (OpIndex::default(), BTreeMap::new());
            for (actor, clock, step) in steps {
                let text = if actor == 3 { format!("op {clock}") } else { format!("{actor}:{clock}") };
                let id = OpId::from(text.as_str());
                if step == 0 {
                    index.remove(&id);
                    model.remove(&id);
                } else {
                    prop_assert_eq!(index.insert(&id, step), model.insert(id.clone(), step));
                }
                prop_assert_eq!(index.get(&id), model.get(&id).copied());
            }
            for (id, version) in &model {
                prop_assert_eq!(index.get(id), Some(*version));
            }
            for id in model.keys() {
                index.remove(id);
            }
            prop_assert!(index.minted.is_empty() && index.other.is_empty());
        }
    }
}
