//! The index from node ids to nodes, and the packed form in which nodes hold their ids.
//!
//! Actors mint ids with clocks that count up, so an actor's ids are mostly a dense range: a table
//! indexed by the clock. What a table would be too empty for is kept in B-trees. Nothing is
//! hashed, so no peer can choose ids that collide.
//!
//! Ids of any other shape are texts; the index keeps each of them once, for as long as a node bears
//! it, and nodes hold its number.

use std::collections::BTreeMap;

use super::NodeIx;
use super::slab::Slab;
use crate::{Actor, NodeId};

/// A node's id in half the size of a [`NodeId`]. Equal within a document exactly if the ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PackedId {
    /// One of the constants below, or the actor plus [`Self::MINTED`].
    shape: u32,
    /// The clock; of a text its number in the index.
    number: u32,
}

impl PackedId {
    const SHAPE_ROOT: u32 = 0;
    const SHAPE_INITIAL: u32 = 1;
    const MINTED: u32 = 2;
    const SHAPE_TEXT: u32 = u32::MAX;

    pub(crate) const ROOT: Self = Self { shape: Self::SHAPE_ROOT, number: 0 };

    /// The id `"si:<clock>"`.
    pub(super) const fn initial(clock: u32) -> Self {
        Self { shape: Self::SHAPE_INITIAL, number: clock }
    }

    /// Whether the index keeps the id as a text.
    pub(super) fn is_text(self) -> bool {
        self.shape == Self::SHAPE_TEXT
    }

    const fn text(number: u32) -> Self {
        Self { shape: Self::SHAPE_TEXT, number }
    }

    /// An id that is made of numbers; `None` for those that are kept as texts.
    fn of_numbers(id: &NodeId) -> Option<Self> {
        if let Some((actor, clock)) = id.actor_and_clock() {
            let shape = actor.0.checked_add(Self::MINTED).filter(|s| *s != Self::SHAPE_TEXT)?;
            return Some(Self { shape, number: clock });
        }
        match id.initial_clock() {
            Some(clock) => Some(Self::initial(clock)),
            None => id.is_root().then_some(Self::ROOT),
        }
    }

    /// What [`of_numbers`](Self::of_numbers) was made of; `None` for a text.
    fn numbers(self) -> Option<NodeId> {
        match self.shape {
            Self::SHAPE_ROOT => Some(NodeId::ROOT),
            Self::SHAPE_INITIAL => Some(NodeId::initial(self.number)),
            Self::SHAPE_TEXT => None,
            shape => Some(NodeId::minted(Actor(shape - Self::MINTED), self.number.into())),
        }
    }
}

/// Finds nodes by id. The root is found always.
#[derive(Clone, Debug)]
pub(crate) struct IdIndex {
    initial: Table,
    /// By the shape of the packed ids.
    minted: BTreeMap<u32, Table>,
    texts: Texts,
    len: usize,
}

/// The nodes of one actor, by clock.
#[derive(Clone, Debug, Default)]
struct Table {
    dense: Vec<Option<std::num::NonZeroU32>>,
    sparse: BTreeMap<u32, NodeIx>,
    len: usize,
}

/// The ids that are kept as texts.
#[derive(Clone, Debug, Default)]
struct Texts {
    numbers: BTreeMap<NodeId, u32>,
    texts: Slab<Text>,
}

#[derive(Clone, Debug)]
struct Text {
    id: NodeId,
    /// How many nodes bear it, those included that were taken out of the tree and are kept.
    bearers: u32,
    /// The node that is found by it.
    node: Option<NodeIx>,
}

impl Default for IdIndex {
    fn default() -> Self {
        let (initial, minted, texts) = Default::default();
        Self { initial, minted, texts, len: 1 }
    }
}

impl IdIndex {
    /// The number of ids in the index, that of the root included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, id: &NodeId) -> Option<NodeIx> {
        match PackedId::of_numbers(id) {
            Some(packed) => self.get_packed(packed),
            None => self.texts.texts.get(*self.texts.numbers.get(id)?)?.node,
        }
    }

    pub(crate) fn get_packed(&self, id: PackedId) -> Option<NodeIx> {
        match id.shape {
            PackedId::SHAPE_ROOT => Some(NodeIx::ROOT),
            PackedId::SHAPE_INITIAL => self.initial.get(id.number),
            PackedId::SHAPE_TEXT => self.texts.texts.get(id.number)?.node,
            shape => self.minted.get(&shape)?.get(id.number),
        }
    }

    /// The packed form of an id, for one node to bear until [`release`](Self::release).
    pub(super) fn bear(&mut self, id: &NodeId) -> PackedId {
        PackedId::of_numbers(id).unwrap_or_else(|| PackedId::text(self.texts.bear(id)))
    }

    /// A node does not bear this id any more.
    pub(super) fn release(&mut self, id: PackedId) {
        if id.is_text() {
            self.texts.release(id.number);
        }
    }

    /// The id that a node bears in packed form.
    pub(super) fn unpack(&self, id: PackedId) -> NodeId {
        id.numbers().or_else(|| Some(self.texts.texts.get(id.number)?.id.clone())).unwrap_or_else(
            || {
                debug_assert!(false, "I2: a node bears an id that is not kept");
                NodeId::ROOT
            },
        )
    }

    /// How many nodes bear ids that are kept as texts.
    pub(super) fn bearers_of_texts(&self) -> usize {
        self.texts.texts.iter().map(|text| text.bearers as usize).sum()
    }

    /// Adds an id that is not in the index.
    pub(super) fn insert(&mut self, id: PackedId, ix: NodeIx) {
        debug_assert!(self.get_packed(id).is_none(), "I1: {} names two nodes", self.unpack(id));
        self.len += 1;
        match id.shape {
            PackedId::SHAPE_ROOT => {}
            PackedId::SHAPE_INITIAL => self.initial.insert(id.number, ix),
            PackedId::SHAPE_TEXT => self.texts.point(id.number, Some(ix)),
            shape => self.minted.entry(shape).or_default().insert(id.number, ix),
        }
    }

    /// Removes an id that is in the index.
    pub(super) fn remove(&mut self, id: PackedId) {
        debug_assert!(self.get_packed(id).is_some(), "I1: {} is not there", self.unpack(id));
        self.len -= 1;
        match id.shape {
            PackedId::SHAPE_ROOT => {}
            PackedId::SHAPE_INITIAL => self.initial.remove(id.number),
            PackedId::SHAPE_TEXT => self.texts.point(id.number, None),
            shape => {
                if let Some(table) = self.minted.get_mut(&shape) {
                    table.remove(id.number);
                    if table.len == 0 {
                        self.minted.remove(&shape);
                    }
                }
            }
        }
    }
}

impl Texts {
    fn bear(&mut self, id: &NodeId) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            if let Some(text) = self.texts.get_mut(*number) {
                text.bearers += 1;
            }
            return *number;
        }
        let number = self.texts.insert(Text { id: id.clone(), bearers: 1, node: None });
        self.numbers.insert(id.clone(), number);
        number
    }

    fn release(&mut self, number: u32) {
        let Some(text) = self.texts.get_mut(number) else { return };
        text.bearers -= 1;
        if text.bearers == 0 {
            debug_assert!(text.node.is_none(), "I1: a freed node is found by its id");
            self.numbers.remove(&text.id);
            self.texts.remove(number);
        }
    }

    fn point(&mut self, number: u32, node: Option<NodeIx>) {
        if let Some(text) = self.texts.get_mut(number) {
            text.node = node;
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
            Just("x".to_owned()),
            (u32::MAX - 4..=u32::MAX).prop_map(|a| format!("{a}:7")),
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
                    let packed = index.bear(&id);
                    index.insert(packed, NodeIx(n));
                    model.insert(id, (packed, NodeIx(n)));
                } else if let Some((packed, _)) = model.get(&id).copied().filter(|_| !add) {
                    model.remove(&id);
                    index.remove(packed);
                    index.release(packed);
                }
                prop_assert_eq!(index.len(), 1 + model.len());
                for (id, (packed, ix)) in &model {
                    prop_assert_eq!(index.get(id), Some(*ix));
                    prop_assert_eq!(index.get_packed(*packed), Some(*ix));
                    prop_assert_eq!(&index.unpack(*packed), id);
                }
            }
            let texts = model.keys().filter(|id| PackedId::of_numbers(id).is_none()).count();
            prop_assert_eq!(index.bearers_of_texts(), texts);
            prop_assert_eq!(index.texts.numbers.len(), texts);
        }
    }

    #[test]
    fn a_text_is_kept_while_a_node_bears_it() {
        let mut index = IdIndex::default();
        let id = NodeId::from("any text");
        let packed = index.bear(&id);
        index.insert(packed, NodeIx(1));
        // The first node is taken out and kept, and another one gets its id.
        index.remove(packed);
        assert_eq!(index.bear(&id), packed);
        index.insert(packed, NodeIx(2));
        index.release(packed);
        assert_eq!((index.get(&id), index.unpack(packed)), (Some(NodeIx(2)), id.clone()));
        index.remove(packed);
        index.release(packed);
        assert_eq!((index.get(&id), index.bearers_of_texts()), (None, 0));
    }

    #[test]
    fn doubling_clocks_do_not_buy_memory() {
        let mut index = IdIndex::default();
        for bit in 0..32 {
            let id = index.bear(&NodeId::from(format!("1:{}", 1_u32 << bit).as_str()));
            index.insert(id, NodeIx(bit));
        }
        let table = index.minted.get(&(1 + PackedId::MINTED)).unwrap();
        assert!(table.dense.capacity() <= 8 * (table.len + 8));
    }
}
