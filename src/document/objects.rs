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
use super::node::{BodyIx, NodeIx};
use super::slab::Slab;
use crate::json::JsonObject;
use crate::json::write::write_json;
use crate::{Json, SmallStr};
use cells::{Cell, Cells, Footer};
use key_lists::KeyLists;
use packed::{Packed, Values};

/// What an object has at a key.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Json(Json),
    Child(NodeIx),
}

/// What can be put at a key: a slot, or a field that is only lent and mostly need not be copied.
pub(super) trait Value {
    /// The size of the JSON field that this is at `key`, if it is one.
    fn field_bytes(&self, key: &SmallStr) -> u32;
    fn pack(self, to: &mut Packed, leaves: &mut Leaves);
    fn into_slot(self) -> Slot;
}

impl Value for Slot {
    fn field_bytes(&self, key: &SmallStr) -> u32 {
        match self {
            Self::Json(value) => add(0, key, value),
            Self::Child(_) => 0,
        }
    }

    fn pack(self, to: &mut Packed, leaves: &mut Leaves) {
        match self {
            Self::Json(value) if to.set_short(&value) => {}
            Self::Json(value) => to.set_leaf(leaves.insert(value)),
            Self::Child(child) => to.set_child(child),
        }
    }

    fn into_slot(self) -> Slot {
        self
    }
}

impl Value for &Json {
    fn field_bytes(&self, key: &SmallStr) -> u32 {
        add(0, key, self)
    }

    fn pack(self, to: &mut Packed, leaves: &mut Leaves) {
        if !to.set_short(self) {
            to.set_leaf(leaves.insert(self.clone()));
        }
    }

    fn into_slot(self) -> Slot {
        Slot::Json(self.clone())
    }
}

/// Values that are not packed: longer texts, arrays and JSON objects.
type Leaves = Slab<Json>;

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
    /// As in a [`Footer`].
    json_bytes: u32,
}

/// The two forms of an object, each with what is known of it. Its [`BodyIx`] tells them apart.
#[derive(Clone, Copy, Debug)]
enum Form<Packed, Table> {
    /// With a shared list of keys; the values in a cell. The form of an object without entries,
    /// which needs neither.
    Packed(Packed),
    /// With keys of its own.
    Table(Table),
}

/// Stands for a class of cells in the [`BodyIx`] of a table.
const TABLE: u32 = 31;
const _: () = assert!(cells::CLASSES <= TABLE as usize && TABLE < 1 << cells::CLASS_BITS);
const _: () = assert!(key_lists::KEYS * packed::WIDEST + size_of::<Footer>() <= cells::LARGEST);

fn table(number: u32) -> BodyIx {
    debug_assert!(number < cells::NUMBERS, "tables are far larger than their numbers");
    BodyIx(number << cells::CLASS_BITS | TABLE)
}

fn form(body: BodyIx) -> Form<Cell, u32> {
    match body.0 % (1 << cells::CLASS_BITS) {
        TABLE => Form::Table(body.0 >> cells::CLASS_BITS),
        _ => Form::Packed(Cell(body.0)),
    }
}

impl Objects {
    /// An object with these fields.
    pub(super) fn add(&mut self, fields: &JsonObject) -> BodyIx {
        let json_bytes = fields.iter().fold(0, |sum, (key, value)| add(sum, key, value));
        let entries = fields.entries().iter();
        match self.lists.share(entries.clone().map(|(key, _)| key)) {
            Some(list) => {
                let values = entries.map(|(_, value)| value);
                self.pack(values, Footer { list, json_bytes }).into()
            }
            None => {
                let entries =
                    entries.map(|(key, value)| (key.clone(), value.into_slot())).collect();
                table(self.tables.insert(Table { entries, json_bytes }))
            }
        }
    }

    /// An object whose entries are about to come, until it is [settled](Self::settle).
    pub(super) fn open(&mut self) -> BodyIx {
        let entries = Keyed::Small(std::mem::take(&mut self.spare));
        table(self.tables.insert(Table { entries, json_bytes: 0 }))
    }

    /// All entries have come for now: packs them, and gives back memory for further ones.
    pub(super) fn settle(&mut self, object: &mut BodyIx) {
        let Form::Table(number) = form(*object) else { return };
        let Some(table) = self.tables.get_mut(number) else { return };
        let Some(list) = self.lists.share(table.entries.iter().map(|(key, _)| key)) else {
            table.entries.shrink();
            return;
        };
        let Some(Table { entries, json_bytes }) = self.tables.remove(number) else { return };
        let footer = Footer { list, json_bytes };
        let cell = match entries {
            Keyed::Small(mut entries) => {
                let cell = self.pack(entries.drain(..).map(|(_, slot)| slot), footer);
                self.spare = entries;
                cell
            }
            Keyed::Large(entries) => self.pack(entries.into_values(), footer),
        };
        *object = cell.into();
    }

    /// The values of an object in a new cell.
    fn pack(&mut self, values: impl Iterator<Item = impl Value>, footer: Footer) -> Cell {
        let mut run: SmallVec<[u8; 128]> = SmallVec::new();
        let mut packed = Packed::null();
        for value in values {
            value.pack(&mut packed, &mut self.leaves);
            run.extend_from_slice(packed.bytes());
        }
        self.cells.add_with_footer(&run, footer)
    }

    /// What an object holds.
    #[inline]
    pub(super) fn view(&self, object: BodyIx) -> Object<'_> {
        let form = match form(object) {
            Form::Packed(cell) => Form::Packed(self.cells.with_footer(cell)),
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
        object: &mut BodyIx,
        key: &SmallStr,
        value: impl Value,
    ) -> Option<Slot> {
        let cell = match form(*object) {
            Form::Table(number) => return self.tables.get_mut(number)?.insert(key, value),
            Form::Packed(cell) => cell,
        };
        let added = value.field_bytes(key);
        let mut new = Packed::null();
        let (bytes, last) = self.cells.with_footer_mut(cell);
        let Footer { list, json_bytes } = Footer::read(last);
        match self.lists.find(list, key) {
            Ok(at) => {
                value.pack(&mut new, &mut self.leaves);
                let (place, old) = take(bytes, at, &mut self.leaves);
                let json_bytes = count(json_bytes, added, key, Some(&old));
                let footer = Footer { list, json_bytes };
                // Mostly it is as wide, and the values behind it stay where they are.
                if place.len() == new.bytes().len() {
                    if let Some(place) = bytes.get_mut(place) {
                        place.copy_from_slice(new.bytes());
                    }
                    footer.write(last);
                } else {
                    let after = self.lists.get(list).len() - at - 1;
                    *object = self.splice(cell, place, after, new.bytes(), footer).into();
                }
                Some(old)
            }
            Err(at) => match self.lists.share_with(list, at, key) {
                Some(longer) => {
                    value.pack(&mut new, &mut self.leaves);
                    let after = self.lists.get(list).len() - at;
                    let start = packed::widths_of(bytes, at);
                    let json_bytes = count(json_bytes, added, key, None);
                    let footer = Footer { list: longer, json_bytes };
                    *object = self.splice(cell, start..start, after, new.bytes(), footer).into();
                    self.lists.release(list);
                    None
                }
                None => self.as_table_mut(object)?.insert(key, value),
            },
        }
    }

    /// Removes what is at `key` and returns it.
    pub(super) fn remove(&mut self, object: &mut BodyIx, key: &SmallStr) -> Option<Slot> {
        let cell = match form(*object) {
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
            Form::Packed(cell) => cell,
        };
        let (bytes, Footer { list, json_bytes }) = self.cells.with_footer(cell);
        let at = self.lists.find(list, key).ok()?;
        match self.lists.share_without(list, at) {
            Some(shorter) => {
                let after = self.lists.get(list).len() - at - 1;
                let (place, old) = take(bytes, at, &mut self.leaves);
                let json_bytes = count(json_bytes, 0, key, Some(&old));
                let footer = Footer { list: shorter, json_bytes };
                *object = self.splice(cell, place, after, &[], footer).into();
                self.lists.release(list);
                Some(old)
            }
            None => self.as_table_mut(object)?.remove(key),
        }
    }

    /// Puts `new` in the place of some bytes of an object's cell, after which come the bytes of this many
    /// values. Tells the cell in which all of them are then.
    fn splice(
        &mut self,
        cell: Cell,
        old: Range<usize>,
        after: usize,
        new: &[u8],
        footer: Footer,
    ) -> Cell {
        let (bytes, last) = self.cells.with_footer_mut(cell);
        let used = old.end + packed::widths_of(bytes.get(old.end..).unwrap_or_default(), after);
        if Cells::is_unfit(cell, used - old.len() + new.len()) {
            let mut run: SmallVec<[u8; 128]> = SmallVec::new();
            let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
            run.extend_from_slice(part(0..old.start));
            run.extend_from_slice(new);
            run.extend_from_slice(part(old.end..used));
            self.cells.remove(cell);
            return self.cells.add_with_footer(&run, footer);
        }
        bytes.copy_within(old.end..used, old.start + new.len());
        if let Some(place) = bytes.get_mut(old.start..old.start + new.len()) {
            place.copy_from_slice(new);
        }
        footer.write(last);
        cell
    }

    /// Gives an object keys of its own.
    fn as_table_mut(&mut self, object: &mut BodyIx) -> Option<&mut Table> {
        if let Form::Packed(cell) = form(*object) {
            let view = self.view(*object);
            let entries = view.iter().map(|(key, slot)| (key.clone(), slot.to_slot())).collect();
            let (_, Footer { json_bytes, .. }) = self.cells.with_footer(cell);
            self.drop_packed(cell);
            *object = table(self.tables.insert(Table { entries, json_bytes }));
        }
        match form(*object) {
            Form::Table(number) => self.tables.get_mut(number),
            Form::Packed(_) => None,
        }
    }

    /// An object is no more.
    pub(super) fn free(&mut self, object: BodyIx) {
        match form(object) {
            Form::Packed(cell) => self.drop_packed(cell),
            Form::Table(number) => _ = self.tables.remove(number),
        }
    }

    fn drop_packed(&mut self, cell: Cell) {
        let (bytes, Footer { list, .. }) = self.cells.with_footer(cell);
        for value in packed::values(bytes).take(self.lists.get(list).len()) {
            if let Some(leaf) = packed::leaf(value) {
                self.leaves.remove(leaf);
            }
        }
        self.cells.remove(cell);
        self.lists.release(list);
    }

    /// A register with this value.
    pub(super) fn add_register(&mut self, value: &Json) -> BodyIx {
        let mut packed = Packed::null();
        value.pack(&mut packed, &mut self.leaves);
        self.cells.add(packed.bytes()).into()
    }

    /// The value of a register.
    pub(super) fn register(&self, register: BodyIx) -> SlotRef<'_> {
        SlotRef::Packed(self.cells.get(Cell(register.0)), &self.leaves)
    }

    /// A register is no more.
    pub(super) fn free_register(&mut self, register: BodyIx) {
        let cell = Cell(register.0);
        if let Some(leaf) = packed::leaf(self.cells.get(cell)) {
            self.leaves.remove(leaf);
        }
        self.cells.remove(cell);
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
        objects: impl Iterator<Item = BodyIx>,
        registers: impl Iterator<Item = BodyIx>,
    ) -> Result<(), String> {
        let (mut tables, mut lists) = (Vec::new(), Vec::new());
        let (mut cells, mut leaves) = (Vec::new(), Vec::new());
        for object in objects {
            match form(object) {
                Form::Table(number) => tables.push(number),
                Form::Packed(Cell::EMPTY) => {}
                Form::Packed(cell) => {
                    let (bytes, Footer { list, .. }) = self.cells.with_footer(cell);
                    let len = self.lists.get(list).len();
                    packed::check(bytes, len)
                        .map_err(|broken| format!("I2: in {cell}: {broken}"))?;
                    cells.push(cell);
                    lists.push(list);
                    leaves.extend(packed::values(bytes).take(len).filter_map(packed::leaf));
                }
            }
        }
        for cell in registers.map(|register| Cell(register.0)).filter(|cell| *cell != Cell::EMPTY) {
            let bytes = self.cells.get(cell);
            packed::check(bytes, 1).map_err(|broken| format!("I2: in {cell}: {broken}"))?;
            if packed::child(bytes).is_some() {
                return Err(format!("I4: in {cell}: a register has a child"));
            }
            cells.push(cell);
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
        let added = value.field_bytes(key);
        let old = self.entries.insert(key.clone(), value.into_slot());
        self.json_bytes = count(self.json_bytes, added, key, old.as_ref());
        old
    }

    fn remove(&mut self, key: &SmallStr) -> Option<Slot> {
        let old = self.entries.remove(key);
        self.json_bytes = count(self.json_bytes, 0, key, old.as_ref());
        old
    }
}

/// Where the value of a rank is among the values of an object, and what it is. If it is a leaf, it is one no
/// more.
fn take(values: &[u8], rank: usize, leaves: &mut Leaves) -> (Range<usize>, Slot) {
    let start = packed::widths_of(values, rank);
    let value = values.get(start..).unwrap_or_default();
    (start..start + packed::width(value), packed::unpack(value, |leaf| leaves.remove(leaf)))
}

/// The size of an object's JSON fields after a slot was replaced.
fn count(json_bytes: u32, added: u32, key: &SmallStr, old: Option<&Slot>) -> u32 {
    let removed = old.map_or(0, |old| old.field_bytes(key));
    json_bytes.wrapping_add(added).wrapping_sub(removed)
}

/// What one object holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    objects: &'a Objects,
    /// Of one that is packed the values and what its cell says besides.
    form: Form<(&'a [u8], Footer), &'a Table>,
}

impl<'a> Object<'a> {
    pub(crate) fn len(self) -> usize {
        match self.form {
            Form::Packed((_, Footer { list, .. })) => self.objects.lists.get(list).len(),
            Form::Table(table) => table.entries.len(),
        }
    }

    /// Size of the JSON fields, keys and values, as JSON text.
    pub(crate) fn json_bytes(self) -> usize {
        let json_bytes = match self.form {
            Form::Packed((_, footer)) => footer.json_bytes,
            Form::Table(table) => table.json_bytes,
        };
        json_bytes as usize
    }

    pub(crate) fn get(self, key: &SmallStr) -> Option<Slot> {
        match self.form {
            Form::Packed((values, Footer { list, .. })) => {
                let rank = self.objects.lists.find(list, key).ok()?;
                Some(self.unpack(packed::skip(values, rank)))
            }
            Form::Table(table) => table.entries.get(key).cloned(),
        }
    }

    /// The child at a key: what [`get`](Self::get) gives if it is one, without a value that is not.
    pub(crate) fn child(self, key: &SmallStr) -> Option<NodeIx> {
        match self.form {
            Form::Packed((values, Footer { list, .. })) => {
                let rank = self.objects.lists.find(list, key).ok()?;
                packed::child(packed::skip(values, rank))
            }
            Form::Table(table) => table.entries.get(key)?.child(),
        }
    }

    /// Whether there is anything at a key.
    pub(crate) fn contains(self, key: &SmallStr) -> bool {
        match self.form {
            Form::Packed((_, Footer { list, .. })) => self.objects.lists.find(list, key).is_ok(),
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
            (Form::Packed((values, Footer { list, .. })), None) => {
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
        packed::unpack(bytes, |leaf| self.objects.leaves.get(leaf).cloned())
    }

    /// Fields and children, in order of their keys.
    pub(crate) fn iter(self) -> ObjectIter<'a> {
        match self.form {
            Form::Packed((bytes, Footer { list, .. })) => {
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
}

/// Size of one JSON field of an object: key and value.
pub(crate) fn field_bytes(key: &SmallStr, value: &Json) -> usize {
    key.as_bytes().len() + value.json_len()
}

#[expect(clippy::cast_possible_truncation, reason = "counts modulo 2^32")]
fn add(sum: u32, key: &SmallStr, value: &Json) -> u32 {
    sum.wrapping_add(field_bytes(key, value) as u32)
}

/// What an object has at a key, where it lies.
#[derive(Clone, Copy)]
pub(crate) enum SlotRef<'a> {
    /// Bytes that begin with the value.
    Packed(&'a [u8], &'a Leaves),
    Slot(&'a Slot),
}

impl SlotRef<'_> {
    pub(crate) fn to_slot(self) -> Slot {
        match self {
            Self::Packed(bytes, leaves) => packed::unpack(bytes, |leaf| leaves.get(leaf).cloned()),
            Self::Slot(slot) => slot.clone(),
        }
    }

    /// The child that this is, if it is one.
    pub(crate) fn child(self) -> Option<NodeIx> {
        match self {
            Self::Packed(bytes, _) => packed::child(bytes),
            Self::Slot(slot) => slot.child(),
        }
    }

    /// Appends the text of a field; of a child that of `null`.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Packed(bytes, leaves) => match packed::leaf(bytes) {
                Some(leaf) => write_json(leaves.get(leaf).unwrap_or(&Json::Null), out),
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
