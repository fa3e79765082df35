//! The index from node ids to nodes, and the packed form in which nodes hold their ids.
//!
//! Actors mint ids with clocks that count up, so an actor's ids are mostly a dense range, and those of one
//! text or one edit get places in the arena one after the other: a table indexed by the clock, which
//! mostly need not say more than where such a row of nodes begins. So it stays in the caches, whatever
//! the document's size. What a table would be too empty for is kept in B-trees. Nothing is hashed, so no
//! peer can choose ids that collide.
//!
//! Ids of any other shape are texts; the index keeps each of them once, for as long as a node bears
//! it, and nodes hold its number.

use std::cmp::Ordering;
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
    fn is_text(self) -> bool {
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

    /// An id other than that of the root by the numbers that [`numbers`](Self::numbers) tells.
    pub(super) fn new(shape: u32, number: u32) -> Option<Self> {
        let is_one = !matches!(shape, Self::SHAPE_ROOT | Self::SHAPE_TEXT);
        is_one.then_some(Self { shape, number })
    }

    /// What an id is made of: 1, or the actor plus 2, and the clock; `None` for a text.
    pub(super) fn numbers(self) -> Option<(u32, u32)> {
        (!self.is_text()).then_some((self.shape, self.number))
    }

    /// Whether another id is that of the next clock. None is after a text.
    pub(super) fn is_followed_by(self, other: Self) -> bool {
        !self.is_text()
            && self.shape == other.shape
            && self.number.checked_add(1) == Some(other.number)
    }

    /// What [`of_numbers`](Self::of_numbers) was made of; `None` for a text.
    pub(super) fn id(self) -> Option<NodeId> {
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
    /// Of the clocks from 0 on.
    chunks: Vec<Chunk>,
    /// The nodes of chunks that are not in a row.
    scattered: Slab<[NodeIx; CHUNK]>,
    sparse: BTreeMap<u32, NodeIx>,
    len: usize,
}

/// So many clocks in a row.
const CHUNK: usize = 16;

/// The nodes of [`CHUNK`] clocks.
#[derive(Clone, Copy, Debug, Default)]
struct Chunk {
    /// A bit for each clock: whether there is a node.
    present: u16,
    /// A bit for each clock whose node has, or had, the next place after that of the one before. None if
    /// the nodes are not in a row.
    row: u16,
    /// The place of the first in the row. Else where their places are kept.
    first: u32,
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

    /// The order of ids that does not depend on when texts were first borne.
    pub(super) fn compare(&self, a: PackedId, b: PackedId) -> Ordering {
        if a.is_text() && b.is_text() {
            return self.unpack(a).cmp(&self.unpack(b));
        }
        a.cmp(&b)
    }

    /// The id that a node bears in packed form.
    pub(super) fn unpack(&self, id: PackedId) -> NodeId {
        id.id().or_else(|| Some(self.texts.texts.get(id.number)?.id.clone())).unwrap_or_else(|| {
            debug_assert!(false, "I2: a node bears an id that is not kept");
            NodeId::ROOT
        })
    }

    /// Gives back memory that further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.initial.shrink();
        self.minted.values_mut().for_each(Table::shrink);
        self.texts.texts.shrink();
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

    /// Says what is wrong, if these are the ids of all nodes, those included that were taken out of the
    /// tree and are kept.
    pub(super) fn check(&self, borne: impl Iterator<Item = PackedId>) -> Result<(), String> {
        let tables = self.minted.iter().map(|(shape, table)| (*shape, table));
        let initial = (PackedId::SHAPE_INITIAL, &self.initial);
        let mut len = 1;
        for (shape, table) in tables.chain([initial]) {
            len += table.len;
            let like = self.unpack(PackedId { shape, number: 0 });
            table.check().map_err(|broken| format!("I1: of ids like {like}: {broken}"))?;
        }
        len += self.texts.texts.iter().filter(|text| text.node.is_some()).count();
        if len != self.len {
            return Err(format!("I1: {len} ids are in the index, which counts {}", self.len));
        }
        if self.minted.values().any(|table| table.len == 0) {
            return Err("I1: a table for ids is empty".to_owned());
        }
        self.texts.check(borne.filter(|id| id.is_text()).map(|id| id.number))
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

    /// Says what is wrong, if these are the numbers that nodes bear, one for each node.
    fn check(&self, borne: impl Iterator<Item = u32>) -> Result<(), String> {
        let mut bearers = BTreeMap::<u32, u32>::new();
        for number in borne {
            *bearers.entry(number).or_default() += 1;
        }
        self.texts.check("texts that are ids", self.numbers.values().copied())?;
        for (id, number) in &self.numbers {
            let borne_by = bearers.remove(number).unwrap_or_default();
            match self.texts.get(*number) {
                Some(text) if text.id != *id => {
                    return Err(format!("I1: {id} has the number of {}", text.id));
                }
                Some(text) if text.bearers != borne_by => {
                    return Err(format!(
                        "I2: {borne_by} nodes bear {id}, which counts {}",
                        text.bearers
                    ));
                }
                _ => {}
            }
        }
        match bearers.pop_first() {
            Some((number, _)) => {
                Err(format!("I2: a node bears the text {number}, which is not kept"))
            }
            None => Ok(()),
        }
    }
}

impl Table {
    fn get(&self, clock: u32) -> Option<NodeIx> {
        let (at, within) = place(clock);
        match self.chunks.get(at) {
            Some(chunk) if chunk.has(within) => match chunk.row {
                0 => self.scattered.get(chunk.first)?.get(within).copied(),
                _ => Some(chunk.in_row(within)),
            },
            _ if self.sparse.is_empty() => None,
            _ => self.sparse.get(&clock).copied(),
        }
    }

    fn insert(&mut self, clock: u32, ix: NodeIx) {
        self.len += 1;
        let (at, within) = place(clock);
        // The table may have room for at most eight clocks for each id, whatever clocks a peer makes up.
        let most = (8 * (self.len + 8)).div_ceil(CHUNK);
        if at >= self.chunks.len() && at < most {
            if self.chunks.capacity() <= at {
                // Doubling, but never past what the rule above allows.
                let target = (at + 1).max(2 * self.chunks.len()).min(most);
                self.chunks.reserve_exact(target - self.chunks.len());
            }
            self.chunks.resize(at + 1, Chunk::default());
        }
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.sparse.insert(clock, ix);
            return;
        };
        if chunk.present == 0 {
            *chunk = Chunk { present: 0, row: 1 << within, first: ix.0 };
        } else if chunk.row != 0 && !chunk.extend(within, ix) {
            let places = std::array::from_fn(|within| chunk.in_row(within));
            *chunk = Chunk { row: 0, first: self.scattered.insert(places), ..*chunk };
        }
        if chunk.row == 0 {
            let places = self.scattered.get_mut(chunk.first);
            if let Some(place) = places.and_then(|places| places.get_mut(within)) {
                *place = ix;
            }
        }
        chunk.present |= 1 << within;
    }

    fn remove(&mut self, clock: u32) {
        self.len -= 1;
        let (at, within) = place(clock);
        match self.chunks.get_mut(at) {
            Some(chunk) if chunk.has(within) => {
                chunk.present &= !(1 << within);
                if chunk.present == 0 && chunk.row == 0 {
                    self.scattered.remove(chunk.first);
                }
            }
            _ => _ = self.sparse.remove(&clock),
        }
    }

    /// Gives back memory that further growth would have used, or that nodes no more need which came in
    /// another order than that of their clocks: before the table had room for them, or was in a row.
    fn shrink(&mut self) {
        for (clock, ix) in std::mem::take(&mut self.sparse) {
            self.len -= 1;
            self.insert(clock, ix);
        }
        for chunk in self.chunks.iter_mut().filter(|chunk| chunk.present != 0 && chunk.row == 0) {
            let Some(places) = self.scattered.get(chunk.first) else { continue };
            if let Some(row) = Chunk::of_row(chunk.present, places) {
                self.scattered.remove(chunk.first);
                *chunk = row;
            }
        }
        self.chunks.shrink_to_fit();
        self.scattered.shrink();
    }

    /// Says what is wrong.
    fn check(&self) -> Result<(), String> {
        let present: u32 = self.chunks.iter().map(|chunk| chunk.present.count_ones()).sum();
        let len = present as usize + self.sparse.len();
        if len != self.len {
            return Err(format!("{len} are there, but len is {}", self.len));
        }
        // What an empty chunk says besides is not looked at.
        let chunks = self.chunks.iter().filter(|chunk| chunk.present != 0);
        let scattered = chunks.clone().filter(|chunk| chunk.row == 0);
        self.scattered.check("scattered chunks", scattered.map(|chunk| chunk.first))?;
        if chunks.clone().any(|chunk| chunk.row != 0 && chunk.present & !chunk.row != 0) {
            return Err("one is there, but not in the row of its chunk".to_owned());
        }
        let is_present = |clock: &u32| {
            let (at, within) = place(*clock);
            self.chunks.get(at).is_some_and(|chunk| chunk.has(within))
        };
        match self.sparse.keys().copied().find(is_present) {
            Some(clock) => Err(format!("{clock} is there twice")),
            None => Ok(()),
        }
    }
}

/// The chunk of a clock, and its place there.
fn place(clock: u32) -> (usize, usize) {
    (clock as usize / CHUNK, clock as usize % CHUNK)
}

impl Chunk {
    fn has(self, within: usize) -> bool {
        self.present >> within & 1 == 1
    }

    /// The node of a clock that is in the row.
    fn in_row(self, within: usize) -> NodeIx {
        let before = self.row & ((1 << within) - 1);
        NodeIx(self.first.wrapping_add(before.count_ones()))
    }

    /// Whether the node of a clock is in the row, which for that may become one longer at either end.
    fn extend(&mut self, within: usize, ix: NodeIx) -> bool {
        let bit = 1 << within;
        if self.row & bit != 0 {
            return self.in_row(within) == ix;
        }
        let is_next = self.row < bit && self.in_row(within) == ix;
        let is_previous = self.row & (bit - 1) == 0 && ix.0.checked_add(1) == Some(self.first);
        if is_previous {
            self.first = ix.0;
        }
        if is_next || is_previous {
            self.row |= bit;
        }
        is_next || is_previous
    }

    /// Those that are present, if their places are in a row.
    fn of_row(present: u16, places: &[NodeIx; CHUNK]) -> Option<Self> {
        let first = places.get(present.trailing_zeros() as usize)?.0;
        let chunk = Self { present, row: present, first };
        let is_row = places
            .iter()
            .enumerate()
            .all(|(within, place)| !chunk.has(within) || chunk.in_row(within) == *place);
        is_row.then_some(chunk)
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
        fn equals_a_map(steps in prop::collection::vec((id(), 0..8), 0..300)) {
            let (mut index, mut model) = (IdIndex::default(), BTreeMap::new());
            for (n, (id, step)) in (0_u32..).zip(steps) {
                if step == 0 {
                    index.shrink();
                }
                let add = step > 2;
                if add && !model.contains_key(&id) {
                    let packed = index.bear(&id);
                    let in_row = packed.number.wrapping_add(1000);
                    let ix = NodeIx(if step > 3 { in_row } else { n });
                    index.insert(packed, ix);
                    model.insert(id, (packed, ix));
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
                prop_assert_eq!(index.check(model.values().map(|(packed, _)| *packed)), Ok(()));
            }
        }
    }

    /// Ids of one actor, of those at first and of texts, from some clock on or down to it.
    #[derive(Clone, Debug)]
    struct Stretch {
        who: u8,
        first: u64,
        count: u64,
        stride: u64,
        down: bool,
    }

    impl Stretch {
        fn ids(&self) -> Vec<NodeId> {
            let id = |n| {
                let clock = self.first + n * self.stride;
                let text = match self.who {
                    0 => format!("si:{clock}"),
                    who @ 1..=3 => format!("{who}:{clock}"),
                    // Large numbers of actors, on both sides of where they become texts.
                    who @ 4..=6 => format!("{}:{clock}", u32::MAX - u32::from(who) + 3),
                    _ => format!("a text, {clock}"),
                };
                NodeId::from(text.as_str())
            };
            let mut ids: Vec<_> = (0..self.count).map(id).collect();
            if self.down {
                ids.reverse();
            }
            ids
        }
    }

    fn stretch() -> impl Strategy<Value = Stretch> {
        let first = prop_oneof![
            4 => 0..300_u64,
            1 => 900..3_000_u64,
            1 => (0..32_u32, 0..40_u64).prop_map(|(bit, more)| (1 << bit) + more),
            // Some of these are too large for the tables.
            1 => u64::from(u32::MAX) - 200..u64::from(u32::MAX) + 9,
        ];
        let stride = prop_oneof![4 => Just(1), 2 => 2..40_u64, 1 => 1_000..20_000_000_u64];
        (0..8_u8, first, 0..120_u64, stride, any::<bool>()).prop_map(
            |(who, first, count, stride, down)| Stretch { who, first, count, stride, down },
        )
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// In a row of places, each behind the one before or in front of it, or where something was.
        Add(Stretch, Places),
        Remove(Stretch),
        /// Takes nodes out that go on bearing their ids; others may get these meanwhile.
        TakeOut(Stretch),
        /// Frees those that were taken out.
        Free,
        Shrink,
    }

    #[derive(Clone, Copy, Debug)]
    enum Places {
        Up,
        Down,
        Scattered,
    }

    fn step() -> impl Strategy<Value = Step> {
        let places = prop_oneof![Just(Places::Up), Just(Places::Down), Just(Places::Scattered)];
        prop_oneof![
            6 => (stretch(), places).prop_map(|(stretch, places)| Step::Add(stretch, places)),
            3 => stretch().prop_map(Step::Remove),
            1 => stretch().prop_map(Step::TakeOut),
            1 => Just(Step::Free),
            1 => Just(Step::Shrink),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

        /// Many ids at once, in orders in which tables grow, scatter, empty and fill again.
        #[test]
        fn stretches_equal_a_map(steps in prop::collection::vec(step(), 0..24)) {
            let (mut index, mut model) = (IdIndex::default(), BTreeMap::new());
            let (mut out, mut next) = (Vec::new(), 1_u32);
            for step in steps {
                let touched = match &step {
                    Step::Add(stretch, _) | Step::Remove(stretch) | Step::TakeOut(stretch) => {
                        stretch.ids()
                    }
                    Step::Free | Step::Shrink => Vec::new(),
                };
                let base = next;
                next += 200;
                for (n, id) in (0_u32..).zip(&touched) {
                    match &step {
                        Step::Add(_, places) if !model.contains_key(id) => {
                            let ix = NodeIx(base + match places {
                                Places::Up => n,
                                Places::Down => 199 - n,
                                Places::Scattered => n * 71 % 200,
                            });
                            let packed = index.bear(id);
                            index.insert(packed, ix);
                            model.insert(id.clone(), (packed, ix));
                        }
                        Step::Remove(_) | Step::TakeOut(_) => {
                            if let Some((packed, _)) = model.remove(id) {
                                index.remove(packed);
                                match step {
                                    Step::Remove(_) => index.release(packed),
                                    _ => out.push(packed),
                                }
                            }
                        }
                        _ => {}
                    }
                }
                match step {
                    Step::Free => out.drain(..).for_each(|packed| index.release(packed)),
                    Step::Shrink => index.shrink(),
                    _ => {}
                }
                prop_assert_eq!(index.len(), 1 + model.len());
                for (id, (packed, ix)) in &model {
                    prop_assert_eq!(index.get(id), Some(*ix));
                    prop_assert_eq!(index.get_packed(*packed), Some(*ix));
                    prop_assert_eq!(&index.unpack(*packed), id);
                }
                for id in touched {
                    prop_assert_eq!(index.get(&id), model.get(&id).map(|(_, ix)| *ix));
                }
                let borne = model.values().map(|(packed, _)| *packed).chain(out.iter().copied());
                prop_assert_eq!(index.check(borne), Ok(()));
            }
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
        index.check([packed, packed].into_iter()).unwrap();
        index.release(packed);
        assert_eq!((index.get(&id), index.unpack(packed)), (Some(NodeIx(2)), id.clone()));
        index.remove(packed);
        index.release(packed);
        assert_eq!(index.get(&id), None);
        index.check([].into_iter()).unwrap();
    }

    #[test]
    fn what_is_wrong_is_told() {
        let mut index = IdIndex::default();
        let ids = ["si:1", "si:2", "2:1", "2:4000000000", "a text", "another"];
        let ids = ids.map(|id| index.bear(&NodeId::from(id)));
        for (id, at) in ids.into_iter().zip([7, 3, 5, 6, 7, 8]) {
            index.insert(id, NodeIx(at));
        }
        let broken = |break_it: &dyn Fn(&mut IdIndex)| {
            let mut index = index.clone();
            break_it(&mut index);
            index.check(ids.into_iter()).unwrap_err()
        };
        index.check(ids.into_iter()).unwrap();
        assert_eq!(broken(&|index| index.len += 1), "I1: 7 ids are in the index, which counts 8");
        assert_eq!(
            broken(&|index| index.initial.chunks[0].present |= 1),
            "I1: of ids like si:0: 3 are there, but len is 2"
        );
        assert_eq!(
            broken(&|index| index.initial.chunks[0].row = 6),
            "I1: of ids like si:0: I2: 0 of scattered chunks are held, 1 are kept"
        );
        assert_eq!(
            broken(&|index| index.minted.get_mut(&4).unwrap().chunks[0].row = 1),
            "I1: of ids like 2:0: one is there, but not in the row of its chunk"
        );
        assert_eq!(
            broken(&|index| {
                let table = index.minted.get_mut(&4).unwrap();
                table.sparse.insert(1, NodeIx(9));
                table.len += 1;
            }),
            "I1: of ids like 2:0: 1 is there twice"
        );
        assert_eq!(
            broken(&|index| _ = index.minted.insert(9, Table::default())),
            "I1: a table for ids is empty"
        );
        let number = ids[4].number;
        assert_eq!(
            broken(&|index| index.texts.texts.get_mut(number).unwrap().bearers += 1),
            "I2: 1 nodes bear a text, which counts 2"
        );
        assert_eq!(
            broken(&|index| index.texts.texts.get_mut(number).unwrap().id = NodeId::from("else")),
            "I1: a text has the number of else"
        );
        let stranger = ids.into_iter().chain([PackedId::text(9)]);
        assert_eq!(
            index.check(stranger).unwrap_err(),
            "I2: a node bears the text 9, which is not kept"
        );
    }

    #[test]
    fn nodes_in_a_row_take_half_a_byte() {
        let mut index = IdIndex::default();
        for clock in 1..=1000 {
            index.insert(PackedId::initial(clock), NodeIx(clock));
        }
        index.shrink();
        let Table { chunks, scattered, sparse, .. } = &index.initial;
        assert_eq!(chunks.capacity() * size_of::<Chunk>(), 504);
        assert_eq!((scattered.iter().count(), sparse.len()), (0, 0));
        // One that is elsewhere takes those of its chunk along.
        index.remove(PackedId::initial(500));
        index.insert(PackedId::initial(500), NodeIx(7));
        assert_eq!(index.initial.scattered.iter().count(), 1);
        for clock in 1..=1000 {
            let ix = if clock == 500 { 7 } else { clock };
            assert_eq!(index.get_packed(PackedId::initial(clock)), Some(NodeIx(ix)));
            index.remove(PackedId::initial(clock));
        }
        assert_eq!(index.initial.scattered.iter().count(), 0);
    }

    #[test]
    fn rows_have_gaps_grow_at_both_ends_and_are_found_late() {
        let of_clocks = |clocks: &[u32]| {
            let mut index = IdIndex::default();
            for clock in clocks {
                index.insert(PackedId::initial(*clock), NodeIx(100 + clock / 3));
            }
            let scattered = index.initial.scattered.iter().count();
            index.shrink();
            for clock in clocks {
                assert_eq!(
                    index.get_packed(PackedId::initial(*clock)),
                    Some(NodeIx(100 + clock / 3))
                );
            }
            (scattered, index.initial.scattered.iter().count())
        };
        assert_eq!(of_clocks(&[0, 3, 6, 9, 12, 15]), (0, 0));
        assert_eq!(of_clocks(&[12, 9, 15, 6, 3, 0]), (0, 0));
        assert_eq!(of_clocks(&[15, 0, 9, 12, 3, 6]), (1, 0));
        assert_eq!(of_clocks(&[15, 0, 9, 3, 6]), (1, 1));
    }

    #[test]
    fn a_document_that_is_loaded_has_its_nodes_in_rows() {
        // In the order of their keys 1, 10, 11, …, 2, 20, … they are not.
        let shapes = crate::testing::shapes::plain_lson(100);
        let document = crate::Document::from_plain_lson(&shapes).unwrap();
        let (loaded, _) = crate::Document::from_nodes(document.nodes()).unwrap();
        let tables = [&document, &loaded].map(|document| &document.ids);
        let scattered = tables.map(|ids| {
            let tables = ids.minted.values().chain([&ids.initial]);
            tables.map(|table| table.scattered.iter().count()).sum::<usize>()
        });
        assert_eq!((scattered, loaded.ids.len()), ([0, 0], 203));
    }

    #[test]
    fn doubling_clocks_do_not_buy_memory() {
        let mut index = IdIndex::default();
        for bit in 0..32 {
            let id = index.bear(&NodeId::from(format!("1:{}", 1_u32 << bit).as_str()));
            index.insert(id, NodeIx(bit));
        }
        let table = index.minted.get(&(1 + PackedId::MINTED)).unwrap();
        assert!(table.chunks.capacity() * CHUNK < 8 * (table.len + 8) + CHUNK);
    }
}
