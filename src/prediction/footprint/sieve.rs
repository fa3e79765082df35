//! A counting filter of node ids: rules out most ids that are not in the set without searching for them.

use crate::NodeId;

/// Counts of ids by their lowest bits: an id is not there if none with its bits is. Since clocks count up,
/// ids that were minted one after the other have different bits; of ids that a peer has chosen to have the
/// same, it is merely not told at once.
#[derive(Debug, Default)]
pub(super) struct Sieve {
    /// As many as a power of two. One that has reached the top stays there.
    counts: Vec<u8>,
    len: usize,
}

impl Sieve {
    const LEAST: usize = 64;
    /// The fewest counts for an id.
    const FOR_EACH: usize = 4;

    /// Whether the id may be there: always true if it is.
    #[inline]
    pub(super) fn may_hold(&self, id: &NodeId) -> bool {
        self.counts.get(self.place(id)).is_some_and(|count| *count > 0)
    }

    /// Adds an id, perhaps once more; `all` are those that are there then, each as often as it was added.
    pub(super) fn add<'a>(&mut self, id: &NodeId, all: impl Iterator<Item = &'a NodeId>) {
        self.len += 1;
        if self.len * Self::FOR_EACH <= self.counts.len() {
            self.count(id);
            return;
        }
        let counts = (self.counts.len() * 4).max(Self::LEAST);
        self.counts.clear();
        self.counts.resize(counts, 0);
        all.for_each(|id| self.count(id));
    }

    /// Removes all ids.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.counts.clear();
    }

    /// Removes an id that is there, once.
    pub(super) fn remove(&mut self, id: &NodeId) {
        self.len -= 1;
        if self.len == 0 {
            // With few ids it is small again, and nothing has reached the top.
            return self.clear();
        }
        let place = self.place(id);
        match self.counts.get_mut(place) {
            Some(count) if *count < u8::MAX => *count -= 1,
            _ => {}
        }
    }

    fn count(&mut self, id: &NodeId) {
        let place = self.place(id);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
    }

    #[inline]
    fn place(&self, id: &NodeId) -> usize {
        let bits = match id.actor_and_clock() {
            // Actors of like clocks do not fall together.
            Some((actor, clock)) => clock.wrapping_add(actor.0.wrapping_mul(0x9e37_79b9)),
            None => id.initial_clock().unwrap_or_default(),
        };
        bits as usize & self.counts.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Actor;

    fn id() -> impl Strategy<Value = NodeId> {
        prop_oneof![
            4 => (0..3_u32, 0..200_u64).prop_map(|(actor, clock)| NodeId::minted(Actor(actor), clock)),
            2 => (0..200_u32).prop_map(NodeId::initial),
            // Many at one place.
            6 => (0..1000_u32).prop_map(|n| NodeId::initial(n << 16)),
            1 => (0..9_u8).prop_map(|n| NodeId::from(format!("x{n}").as_str())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_there_is_held(steps in prop::collection::vec((id(), 0..4_u8), 0..600)) {
            let (mut sieve, mut model) = (Sieve::default(), Vec::new());
            for (id, step) in steps {
                let at = model.iter().position(|other| *other == id);
                match at {
                    Some(at) if step == 0 => sieve.remove(&model.swap_remove(at)),
                    _ if step > 0 => {
                        model.push(id);
                        sieve.add(model.last().unwrap(), model.iter());
                    }
                    _ => {}
                }
                prop_assert!(model.iter().all(|id| sieve.may_hold(id)));
                prop_assert!(!model.is_empty() || sieve.counts.is_empty());
            }
        }
    }

    #[test]
    fn neighbours_are_not_held() {
        let (mut sieve, ids) = (Sieve::default(), (0..1000).map(NodeId::initial));
        let ids: Vec<NodeId> = ids.collect();
        for (n, id) in ids.iter().enumerate() {
            sieve.add(id, ids[..=n].iter());
        }
        assert!((1000..2000).all(|clock| !sieve.may_hold(&NodeId::initial(clock))));
    }
}
