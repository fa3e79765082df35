//! What LiveObjects hold: JSON fields and children, in the order of their keys. And what plain JSON
//! holds that is a node of its own: one value.
//!
//! Most objects of a document have the same keys as many others: todos, shapes, cells. Such
//! objects share one list of keys and hold nothing but values, as objects of one class do in the
//! implementations of dynamic languages (Chambers, Ungar and Lee 1989); and of the values as few
//! bytes as they need, one after the other. A `Json` comes into being when one is read. An object
//! that is still being read from a text, or has very many keys, is a table of its own: until it has been
//! read, or has few again.

mod cells;
mod key_lists;
mod packed;

use std::ops::Range;

use smallvec::SmallVec;

use super::keyed::{Keyed, KeyedIter};
use super::node::{NodeIx, PackedBody};
use super::slab::Slab;
use crate::json::JsonObject;
use crate::json::write::write_json;
use crate::{Json, SmallStr};
use cells::{Cell, Cells};
pub(super) use key_lists::KEYS;
use key_lists::KeyLists;
pub(super) use packed::{CHILD, LEAF};
use packed::{Packed, Values};

/// What an object has at a key.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Json(Json),
    Child(NodeIx),
}

/// What can be put at a key: a slot, or a field that is only lent and mostly need not be copied.
pub(super) trait Value {
    fn pack(self, to: &mut Packed, leaves: &mut Leaves);
    fn into_slot(self) -> Slot;
}

impl Value for Slot {
    fn pack(self, to: &mut Packed, leaves: &mut Leaves) {
        match self {
            Self::Json(value) if to.set_short(&value) => {}
            Self::Json(value) => to.set_leaf(leaves.insert(Leaf::new(value))),
            Self::Child(child) => to.set_child(child),
        }
    }

    fn into_slot(self) -> Slot {
        self
    }
}

impl Value for &Json {
    fn pack(self, to: &mut Packed, leaves: &mut Leaves) {
        if !to.set_short(self) {
            to.set_leaf(leaves.insert(Leaf::new(self.clone())));
        }
    }

    fn into_slot(self) -> Slot {
        Slot::Json(self.clone())
    }
}

/// A value that is not packed: a longer text, an array or a JSON object.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    value: Json,
    /// Of its JSON text.
    len: usize,
}

impl Leaf {
    fn new(value: Json) -> Self {
        Self { len: value.json_len(), value }
    }
}

type Leaves = Slab<Leaf>;

/// What all objects and registers of a document hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    lists: KeyLists,
    cells: Cells,
    leaves: Leaves,
    tables: Slab<Table>,
    /// The memory of a table that has been packed, for the next one that is read.
    spare: Vec<(SmallStr, Slot)>,
}

/// An object with keys of its own.
#[derive(Clone, Debug, Default)]
struct Table {
    entries: Keyed<Slot>,
    /// The size of the JSON fields, keys and values, as JSON text.
    json_bytes: usize,
}

/// What is known of a packed object without its values: it is said in the object's node, so that the keys
/// need not wait for the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outline {
    /// Where the values are; [empty](Cell::EMPTY) if there are none.
    cell: Cell,
    /// The number of the list of keys.
    list: u32,
    /// Whether any of the values may be a leaf.
    has_leaves: bool,
}

/// The two forms of an object, each with what is known of it. Its [`PackedBody`] tells them apart.
#[derive(Clone, Copy, Debug)]
enum Form<Packed, Table> {
    /// With a shared list of keys; the values in a cell. The form of an object without entries,
    /// which needs neither.
    Packed(Packed),
    /// With keys of its own.
    Table(Table),
}

/// Stands for a class of cells in the [`PackedBody`] of a table.
const TABLE: u32 = 31;
const _: () = assert!(cells::CLASSES <= TABLE as usize && TABLE < 1 << cells::CLASS_BITS);
const _: () = assert!(KEYS * packed::WIDEST <= cells::LARGEST);

/// Stands beside the number of a list of keys.
const LEAVES: u32 = 1 << 23;
const _: () = assert!(key_lists::NUMBERS <= LEAVES);

impl From<Outline> for PackedBody {
    fn from(Outline { cell: Cell(cell), list, has_leaves }: Outline) -> Self {
        Self::object(cell, if has_leaves { list | LEAVES } else { list })
    }
}

fn table(number: u32) -> PackedBody {
    debug_assert!(number < cells::NUMBERS, "tables are far larger than their numbers");
    PackedBody::object(number << cells::CLASS_BITS | TABLE, 0)
}

#[inline]
fn form(body: PackedBody) -> Form<Outline, u32> {
    let (place, list) = body.of_object();
    match place % (1 << cells::CLASS_BITS) {
        TABLE => Form::Table(place >> cells::CLASS_BITS),
        _ => Form::Packed(Outline {
            cell: Cell(place),
            list: list & !LEAVES,
            has_leaves: list & LEAVES != 0,
        }),
    }
}

impl Objects {
    /// An object with these fields.
    pub(super) fn add(&mut self, fields: &JsonObject) -> PackedBody {
        let entries = fields.entries().iter();
        match self.lists.share(entries.clone().map(|(key, _)| key)) {
            Some(list) => self.pack(list, entries.map(|(_, value)| value)).into(),
            None => {
                let json_bytes = entries.clone().map(|(key, value)| field_bytes(key, value)).sum();
                let entries =
                    entries.map(|(key, value)| (key.clone(), value.into_slot())).collect();
                table(self.tables.insert(Table { entries, json_bytes }))
            }
        }
    }

    /// An object with these keys, which ascend, and as many slots. If another object is known to have the same
    /// keys, the number of their list saves looking at them.
    pub(super) fn add_slots(
        &mut self,
        keys: &[SmallStr],
        list: Option<u32>,
        slots: impl ExactSizeIterator<Item = Slot>,
    ) -> PackedBody {
        debug_assert_eq!(keys.len(), slots.len());
        let list = match list {
            Some(list) => self.lists.used(list),
            None => self.lists.share(keys.iter()),
        };
        match list {
            Some(list) => self.pack(list, slots).into(),
            None => {
                let entries: Keyed<_> = keys.iter().cloned().zip(slots).collect();
                let json_bytes = entries.iter().map(|(key, slot)| slot.field_bytes(key)).sum();
                table(self.tables.insert(Table { entries, json_bytes }))
            }
        }
    }

    /// An object whose entries are about to come, until it is [settled](Self::settle).
    pub(super) fn open(&mut self) -> PackedBody {
        let entries = Keyed::Small(std::mem::take(&mut self.spare));
        table(self.tables.insert(Table { entries, json_bytes: 0 }))
    }

    /// Further entries of an object are about to come, until it is [settled](Self::settle).
    pub(super) fn reopen(&mut self, object: &mut PackedBody) {
        _ = self.as_table_mut(object);
    }

    /// All entries have come for now: packs them, and gives back memory for further ones.
    pub(super) fn settle(&mut self, object: &mut PackedBody) {
        let Form::Table(number) = form(*object) else { return };
        let Some(table) = self.tables.get_mut(number) else { return };
        let Some(list) = self.lists.share(table.entries.iter().map(|(key, _)| key)) else {
            table.entries.shrink();
            return;
        };
        let Some(Table { entries, .. }) = self.tables.remove(number) else { return };
        let outline = match entries {
            Keyed::Small(mut entries) => {
                let outline = self.pack(list, entries.drain(..).map(|(_, slot)| slot));
                self.spare = entries;
                outline
            }
            Keyed::Large(entries) => self.pack(list, entries.into_values()),
        };
        *object = outline.into();
    }

    /// The values of an object with these keys in a new cell.
    fn pack(&mut self, list: u32, values: impl Iterator<Item = impl Value>) -> Outline {
        let mut run: SmallVec<[u8; 128]> = SmallVec::new();
        let mut packed = Packed::null();
        let mut has_leaves = false;
        for value in values {
            value.pack(&mut packed, &mut self.leaves);
            has_leaves |= packed.is_leaf();
            run.extend_from_slice(packed.bytes());
        }
        Outline { cell: self.cells.add(&run), list, has_leaves }
    }

    /// What an object holds.
    #[inline]
    pub(super) fn view(&self, object: PackedBody) -> Object<'_> {
        let form = match form(object) {
            Form::Packed(outline) => Form::Packed((self.cells.get(outline.cell), outline)),
            Form::Table(number) => match self.tables.get(number) {
                Some(table) => Form::Table(table),
                None => Form::Packed(Default::default()),
            },
        };
        Object { objects: self, form }
    }

    /// Puts something at `key` and returns what was there.
    pub(super) fn insert(
        &mut self,
        object: &mut PackedBody,
        key: &SmallStr,
        value: impl Value,
    ) -> Option<Slot> {
        let outline = match form(*object) {
            Form::Table(number) => return self.tables.get_mut(number)?.insert(key, value),
            Form::Packed(outline) => outline,
        };
        let mut new = Packed::null();
        match self.lists.find(outline.list, key) {
            Ok(at) => {
                value.pack(&mut new, &mut self.leaves);
                let bytes = self.cells.get_mut(outline.cell);
                let (place, old) = take(bytes, at, &mut self.leaves);
                // Mostly it is as wide, and the values behind it stay where they are.
                if place.len() == new.bytes().len() {
                    if let Some(place) = bytes.get_mut(place) {
                        place.copy_from_slice(new.bytes());
                    }
                    if new.is_leaf() {
                        *object = Outline { has_leaves: true, ..outline }.into();
                    }
                } else {
                    let after = self.lists.get(outline.list).len() - at - 1;
                    *object = self.splice(outline, place, after, &new).into();
                }
                Some(old)
            }
            Err(at) => match self.lists.share_with(outline.list, at, key) {
                Some(list) => {
                    value.pack(&mut new, &mut self.leaves);
                    let after = self.lists.get(outline.list).len() - at;
                    let start = packed::widths_of(self.cells.get(outline.cell), at);
                    let longer = Outline { list, ..outline };
                    *object = self.splice(longer, start..start, after, &new).into();
                    self.lists.release(outline.list);
                    None
                }
                None => self.as_table_mut(object)?.insert(key, value),
            },
        }
    }

    /// Removes what is at `key` and returns it.
    pub(super) fn remove(&mut self, object: &mut PackedBody, key: &SmallStr) -> Option<Slot> {
        let outline = match form(*object) {
            Form::Table(number) => {
                let table = self.tables.get_mut(number)?;
                let was_large = table.entries.is_large();
                let old = table.remove(key);
                // One that has not been large is still being read.
                if was_large && !table.entries.is_large() {
                    self.settle(object);
                }
                return old;
            }
            Form::Packed(outline) => outline,
        };
        let at = self.lists.find(outline.list, key).ok()?;
        match self.lists.share_without(outline.list, at) {
            Some(list) => {
                let after = self.lists.get(outline.list).len() - at - 1;
                let bytes = self.cells.get(outline.cell);
                let (place, old) = take(bytes, at, &mut self.leaves);
                let shorter = Outline { list, ..outline };
                *object = self.splice(shorter, place, after, &Packed::nothing()).into();
                self.lists.release(outline.list);
                Some(old)
            }
            None => self.as_table_mut(object)?.remove(key),
        }
    }

    /// Puts a value in the place of some bytes of an object's cell, after which come the bytes of this many
    /// values. Tells what is known of the object then.
    fn splice(
        &mut self,
        outline: Outline,
        old: Range<usize>,
        after: usize,
        new: &Packed,
    ) -> Outline {
        let (cell, has_leaves) = (outline.cell, outline.has_leaves || new.is_leaf());
        let (bytes, new) = (self.cells.get_mut(cell), new.bytes());
        let used = old.end + packed::widths_of(bytes.get(old.end..).unwrap_or_default(), after);
        if Cells::is_unfit(cell, used - old.len() + new.len()) {
            let mut run: SmallVec<[u8; 128]> = SmallVec::new();
            let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
            run.extend_from_slice(part(0..old.start));
            run.extend_from_slice(new);
            run.extend_from_slice(part(old.end..used));
            self.cells.remove(cell);
            return Outline { cell: self.cells.add(&run), has_leaves, ..outline };
        }
        bytes.copy_within(old.end..used, old.start + new.len());
        if let Some(place) = bytes.get_mut(old.start..old.start + new.len()) {
            place.copy_from_slice(new);
        }
        Outline { has_leaves, ..outline }
    }

    /// Gives an object keys of its own.
    fn as_table_mut(&mut self, object: &mut PackedBody) -> Option<&mut Table> {
        if let Form::Packed(outline) = form(*object) {
            let view = self.view(*object);
            let entries = view.iter().map(|(key, slot)| (key.clone(), slot.to_slot())).collect();
            let json_bytes = view.json_bytes();
            self.drop_packed(outline);
            *object = table(self.tables.insert(Table { entries, json_bytes }));
        }
        match form(*object) {
            Form::Table(number) => self.tables.get_mut(number),
            Form::Packed(_) => None,
        }
    }

    /// An object is no more.
    pub(super) fn free(&mut self, object: PackedBody) {
        match form(object) {
            Form::Packed(outline) => self.drop_packed(outline),
            Form::Table(number) => _ = self.tables.remove(number),
        }
    }

    fn drop_packed(&mut self, Outline { cell, list, has_leaves }: Outline) {
        if has_leaves {
            let values = packed::values(self.cells.get(cell)).take(self.lists.get(list).len());
            for leaf in values.filter_map(packed::leaf) {
                self.leaves.remove(leaf);
            }
        }
        self.cells.remove(cell);
        self.lists.release(list);
    }

    /// A register with this value.
    pub(super) fn add_register(&mut self, value: &Json) -> PackedBody {
        let mut packed = Packed::null();
        value.pack(&mut packed, &mut self.leaves);
        match packed.as_register() {
            Some(register) => register,
            None => packed::outside(self.cells.add(packed.bytes())),
        }
    }

    /// The value of a register.
    pub(super) fn register<'a>(&'a self, register: &'a PackedBody) -> SlotRef<'a> {
        let bytes = match packed::cell_outside(*register) {
            Some(cell) => self.cells.get(cell),
            None => register.of_register(),
        };
        SlotRef::Packed(bytes, &self.leaves)
    }

    /// A register is no more.
    pub(super) fn free_register(&mut self, register: PackedBody) {
        if let Some(cell) = packed::cell_outside(register) {
            self.cells.remove(cell);
        } else if let Some(leaf) = packed::leaf(register.of_register()) {
            self.leaves.remove(leaf);
        }
    }

    /// Gives back memory that reading a document or further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.spare = Vec::new();
        self.lists.shrink();
        self.cells.shrink();
        self.leaves.shrink();
        self.tables.shrink();
    }

    /// How many lists of keys are kept.
    #[cfg(test)]
    pub(super) fn key_lists(&self) -> usize {
        self.lists.len()
    }

    /// Says what leaks, is shared or is no value, if these are all objects and registers.
    pub(super) fn check(
        &self,
        objects: impl Iterator<Item = PackedBody>,
        registers: impl Iterator<Item = PackedBody>,
    ) -> Result<(), String> {
        let (mut tables, mut lists) = (Vec::new(), Vec::new());
        let (mut cells, mut leaves) = (Vec::new(), Vec::new());
        for object in objects {
            match form(object) {
                Form::Table(number) => tables.push(number),
                Form::Packed(Outline { cell: Cell::EMPTY, list: 0, .. }) => {}
                Form::Packed(Outline { cell, list, has_leaves }) => {
                    let (bytes, len) = (self.cells.get(cell), self.lists.get(list).len());
                    packed::check(bytes, len)
                        .map_err(|broken| format!("I2: in {cell}: {broken}"))?;
                    let known = leaves.len();
                    leaves.extend(packed::values(bytes).take(len).filter_map(packed::leaf));
                    if leaves.len() > known && !has_leaves {
                        return Err(format!("I2: {cell} has leaves, of which nobody knows"));
                    }
                    cells.push(cell);
                    lists.push(list);
                }
            }
        }
        for register in registers {
            let outside = packed::cell_outside(register);
            let bytes = outside.map_or(&register.of_register()[..], |cell| self.cells.get(cell));
            packed::check(bytes, 1)
                .map_err(|broken| format!("I2: in the register {register:?}: {broken}"))?;
            if packed::child(bytes).is_some() {
                return Err(format!("I4: the register {register:?} has a child"));
            }
            cells.extend(outside);
            leaves.extend(packed::leaf(bytes));
        }
        self.cells.check(cells)?;
        self.lists.check(lists)?;
        self.leaves.check("leaves", leaves)?;
        self.tables.check("tables", tables)
    }
}

impl Table {
    fn insert(&mut self, key: &SmallStr, value: impl Value) -> Option<Slot> {
        let value = value.into_slot();
        self.json_bytes += value.field_bytes(key);
        let old = self.entries.insert(key.clone(), value);
        self.json_bytes -= old.as_ref().map_or(0, |old| old.field_bytes(key));
        old
    }

    fn remove(&mut self, key: &SmallStr) -> Option<Slot> {
        let old = self.entries.remove(key);
        self.json_bytes -= old.as_ref().map_or(0, |old| old.field_bytes(key));
        old
    }
}

/// Where the value of a rank is among the values of an object, and what it is. If it is a leaf, it is one no
/// more.
fn take(values: &[u8], rank: usize, leaves: &mut Leaves) -> (Range<usize>, Slot) {
    let start = packed::widths_of(values, rank);
    let value = values.get(start..).unwrap_or_default();
    (
        start..start + packed::width(value),
        packed::unpack(value, |leaf| Some(leaves.remove(leaf)?.value)),
    )
}

/// What one object holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    objects: &'a Objects,
    /// Of one that is packed the values too.
    form: Form<(&'a [u8], Outline), &'a Table>,
}

impl<'a> Object<'a> {
    pub(crate) fn len(self) -> usize {
        match self.form {
            Form::Packed((_, Outline { list, .. })) => self.objects.lists.get(list).len(),
            Form::Table(table) => table.entries.len(),
        }
    }

    /// The size of the JSON fields, keys and values, as JSON text.
    pub(crate) fn json_bytes(self) -> usize {
        match self.form {
            Form::Packed(_) => self.iter().map(|(key, slot)| slot.field_bytes(key)).sum(),
            Form::Table(table) => table.json_bytes,
        }
    }

    /// At least [`json_bytes`](Self::json_bytes), told without a look at the values, unless some may be long.
    pub(crate) fn most_json_bytes(self) -> usize {
        match self.form {
            Form::Packed((values, Outline { list, has_leaves, .. })) => {
                let leaves: usize = if has_leaves {
                    let all = self.iter().filter_map(|(_, slot)| slot.leaf());
                    all.map(|leaf| leaf.len).sum()
                } else {
                    0
                };
                self.objects.lists.bytes(list) + packed::MOST_JSON_BYTES * values.len() + leaves
            }
            Form::Table(table) => table.json_bytes,
        }
    }

    /// The number of the list of keys, if it may be shared with other objects.
    pub(super) fn shared_keys(self) -> Option<u32> {
        match self.form {
            Form::Packed((_, Outline { list, .. })) => Some(list),
            Form::Table(_) => None,
        }
    }

    pub(crate) fn get(self, key: &SmallStr) -> Option<Slot> {
        match self.form {
            Form::Packed((values, Outline { list, .. })) => {
                let rank = self.objects.lists.find(list, key).ok()?;
                Some(self.unpack(packed::skip(values, rank)))
            }
            Form::Table(table) => table.entries.get(key).cloned(),
        }
    }

    /// The child at a key: what [`get`](Self::get) gives if it is one, without a value that is not.
    pub(crate) fn child(self, key: &SmallStr) -> Option<NodeIx> {
        match self.form {
            Form::Packed((values, Outline { list, .. })) => {
                let rank = self.objects.lists.find(list, key).ok()?;
                packed::child(packed::skip(values, rank))
            }
            Form::Table(table) => table.entries.get(key)?.child(),
        }
    }

    /// Whether there is anything at a key.
    pub(crate) fn contains(self, key: &SmallStr) -> bool {
        match self.form {
            Form::Packed((_, Outline { list, .. })) => self.objects.lists.find(list, key).is_ok(),
            Form::Table(table) => table.entries.contains(key),
        }
    }

    /// As [`contains`](Self::contains), by the text of a key.
    pub(crate) fn contains_at(self, key: &str) -> bool {
        match SmallStr::inline(key) {
            Some(key) => self.contains(&key),
            None => self.at(key).is_some(),
        }
    }

    /// As [`get`](Self::get), by the text of a key.
    pub(crate) fn at(self, key: &str) -> Option<Slot> {
        match (self.form, SmallStr::inline(key)) {
            (_, Some(key)) => self.get(&key),
            (Form::Table(table), None) => table.entries.at(key).cloned(),
            (Form::Packed((values, Outline { list, .. })), None) => {
                let rank = self.objects.lists.find_str(list, key).ok()?;
                Some(self.unpack(packed::skip(values, rank)))
            }
        }
    }

    /// As [`child`](Self::child), by the text of a key.
    pub(crate) fn child_at(self, key: &str) -> Option<NodeIx> {
        match SmallStr::inline(key) {
            Some(key) => self.child(&key),
            None => self.at(key)?.child(),
        }
    }

    fn unpack(self, bytes: &[u8]) -> Slot {
        unpack(bytes, &self.objects.leaves)
    }

    /// Fields and children, in order of their keys.
    pub(crate) fn iter(self) -> ObjectIter<'a> {
        match self.form {
            Form::Packed((bytes, Outline { list, .. })) => {
                let Objects { lists, leaves, .. } = self.objects;
                let (keys, values) = (lists.get(list).iter(), packed::values(bytes));
                ObjectIter::Packed { keys, values, leaves }
            }
            Form::Table(table) => ObjectIter::Table(table.entries.iter()),
        }
    }

    /// The JSON fields, in order of their keys.
    pub(crate) fn fields(self) -> impl Iterator<Item = (&'a SmallStr, Json)> {
        self.iter().filter_map(|(key, slot)| match slot.to_slot() {
            Slot::Json(value) => Some((key, value)),
            Slot::Child(_) => None,
        })
    }
}

impl Slot {
    /// The child that this is, if it is one.
    pub(crate) fn child(&self) -> Option<NodeIx> {
        match self {
            Self::Child(child) => Some(*child),
            Self::Json(_) => None,
        }
    }

    /// The size of the JSON field that this is at `key`, if it is one.
    fn field_bytes(&self, key: &SmallStr) -> usize {
        match self {
            Self::Json(value) => field_bytes(key, value),
            Self::Child(_) => 0,
        }
    }
}

/// The size of one JSON field of an object: key and value.
pub(crate) fn field_bytes(key: &SmallStr, value: &Json) -> usize {
    key.as_bytes().len() + value.json_len()
}

/// The value that [`write_short`](SlotRef::write_short) has written, and how many bytes it takes; `None` of any
/// other bytes.
pub(super) fn read_short(bytes: &[u8]) -> Option<(Json, usize)> {
    packed::read(bytes)
}

fn unpack(bytes: &[u8], leaves: &Leaves) -> Slot {
    packed::unpack(bytes, |leaf| Some(leaves.get(leaf)?.value.clone()))
}

/// What an object has at a key, where it lies.
#[derive(Clone, Copy)]
pub(crate) enum SlotRef<'a> {
    /// Bytes that begin with the value.
    Packed(&'a [u8], &'a Leaves),
    Slot(&'a Slot),
}

impl<'a> SlotRef<'a> {
    pub(crate) fn to_slot(self) -> Slot {
        match self {
            Self::Packed(bytes, leaves) => unpack(bytes, leaves),
            Self::Slot(slot) => slot.clone(),
        }
    }

    /// The leaf that this is, if it is one.
    fn leaf(self) -> Option<&'a Leaf> {
        match self {
            Self::Packed(bytes, leaves) => leaves.get(packed::leaf(bytes)?),
            Self::Slot(_) => None,
        }
    }

    /// The size of the JSON field that this is at `key`, if it is one.
    fn field_bytes(self, key: &SmallStr) -> usize {
        match self.leaf() {
            Some(leaf) => key.as_bytes().len() + leaf.len,
            None => self.to_slot().field_bytes(key),
        }
    }

    /// The child that this is, if it is one.
    pub(crate) fn child(self) -> Option<NodeIx> {
        match self {
            Self::Packed(bytes, _) => packed::child(bytes),
            Self::Slot(slot) => slot.child(),
        }
    }

    /// Appends the packed form of a field, as [`read_short`] reads it, if it is short. If not, false.
    pub(super) fn write_short(self, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Packed(bytes, _) if packed::leaf(bytes).is_some() => false,
            Self::Packed(bytes, _) => {
                out.extend_from_slice(bytes.get(..packed::width(bytes)).unwrap_or_default());
                true
            }
            Self::Slot(Slot::Json(value)) => {
                let mut packed = Packed::null();
                let is_short = packed.set_short(value);
                if is_short {
                    out.extend_from_slice(packed.bytes());
                }
                is_short
            }
            Self::Slot(Slot::Child(_)) => false,
        }
    }

    /// Appends the text of a field; of a child that of `null`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Packed(bytes, _) => match self.leaf() {
                Some(leaf) => write_json(&leaf.value, out),
                None => packed::write(bytes, out),
            },
            Self::Slot(Slot::Json(value)) => write_json(value, out),
            Self::Slot(Slot::Child(_)) => write_json(&Json::Null, out),
        }
    }
}

/// Iterates over an object's entries in the order of their keys.
#[derive(Clone)]
pub(crate) enum ObjectIter<'a> {
    Packed { keys: std::slice::Iter<'a, SmallStr>, values: Values<'a>, leaves: &'a Leaves },
    Table(KeyedIter<'a, Slot>),
}

impl ObjectIter<'_> {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self::Table(KeyedIter::Small([].iter()))
    }
}

impl<'a> Iterator for ObjectIter<'a> {
    type Item = (&'a SmallStr, SlotRef<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Packed { keys, values, leaves } => {
                Some((keys.next()?, SlotRef::Packed(values.next()?, leaves)))
            }
            Self::Table(entries) => entries.next().map(|(key, slot)| (key, SlotRef::Slot(slot))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Packed { keys, .. } => keys.size_hint(),
            Self::Table(entries) => entries.size_hint(),
        }
    }
}

impl ExactSizeIterator for ObjectIter<'_> {}

#[cfg(test)]
mod tests;
