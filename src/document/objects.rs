//! What LiveObjects hold: JSON fields and children, in the order of their keys.
//!
//! Most objects of a document have the same keys as many others: todos, shapes, cells. Such
//! objects share one list of keys and hold nothing but values, as objects of one class do in the
//! implementations of dynamic languages (Chambers, Ungar and Lee 1989); and of the values as few
//! bytes as they need, one after the other. A `Json` comes into being when one is read. An object
//! that is still being read from a text, or has very many keys, is a table of its own.

mod cells;
mod key_lists;
mod packed;

use std::ops::Range;

use smallvec::SmallVec;

use super::NodeIx;
use super::keyed::{Keyed, KeyedIter};
use super::slab::Slab;
use crate::json::JsonObject;
use crate::json::write::write_json;
use crate::{Json, SmallStr};
use cells::{Cell, Cells};
use key_lists::KeyLists;
use packed::Packed;

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
    fn pack(self, leaves: &mut Leaves) -> Packed;
    fn into_slot(self) -> Slot;
}

impl Value for Slot {
    fn field_bytes(&self, key: &SmallStr) -> u32 {
        match self {
            Self::Json(value) => add(0, key, value),
            Self::Child(_) => 0,
        }
    }

    fn pack(self, leaves: &mut Leaves) -> Packed {
        match self {
            Self::Json(value) => {
                Packed::short(&value).unwrap_or_else(|| Packed::leaf(leaves.insert(value)))
            }
            Self::Child(child) => Packed::child(child),
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

    fn pack(self, leaves: &mut Leaves) -> Packed {
        Packed::short(self).unwrap_or_else(|| Packed::leaf(leaves.insert(self.clone())))
    }

    fn into_slot(self) -> Slot {
        Slot::Json(self.clone())
    }
}

/// Values that are not packed: longer texts, arrays and JSON objects.
type Leaves = Slab<Json>;

/// What all objects of a document hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    lists: KeyLists,
    cells: Cells,
    leaves: Leaves,
    tables: Slab<Keyed<Slot>>,
    /// The memory of a table that has been packed, for the next one that is read.
    spare: Vec<(SmallStr, Slot)>,
}

/// Which of the entries in [`Objects`] are those of one object. One table for fields and children:
/// a key cannot be both at once.
///
/// `json_bytes` is the size of the JSON fields, keys and values, as JSON text. It counts modulo
/// 2³², beyond which no limit of an object's size is meant. A clone is only right beside a clone of the
/// [`Objects`].
#[derive(Clone, Debug)]
pub(crate) struct ObjectBody {
    /// The number of the list of keys, above the class of the cell or [`TABLE`].
    shape: u32,
    /// The number of the cell, or of the table.
    number: u32,
    json_bytes: u32,
}

/// Stands for a class of cells in [`ObjectBody::shape`].
const TABLE: u32 = 31;
const CLASS_BITS: u32 = 5;

/// The two forms of an object.
#[derive(Clone, Copy)]
enum Form {
    /// With a shared list of keys; the values in a cell. The form of an object without entries,
    /// which needs neither.
    Packed { list: u32, cell: Cell },
    /// With keys of its own.
    Table(u32),
}

impl ObjectBody {
    /// An object without entries.
    pub(crate) const EMPTY: Self = Self { shape: 0, number: 0, json_bytes: 0 };

    fn form(&self) -> Form {
        #[expect(clippy::cast_possible_truncation, reason = "five bits")]
        match self.shape % (1 << CLASS_BITS) {
            TABLE => Form::Table(self.number),
            class => Form::Packed {
                list: self.shape >> CLASS_BITS,
                cell: Cell { class: class as u8, number: self.number },
            },
        }
    }

    fn set_form(&mut self, form: Form) {
        (self.shape, self.number) = match form {
            Form::Packed { list, cell } => {
                (list << CLASS_BITS | u32::from(cell.class), cell.number)
            }
            Form::Table(number) => (TABLE, number),
        };
    }

    /// Keeps `json_bytes` right when a slot was replaced.
    fn count(&mut self, key: &SmallStr, added: u32, old: Option<&Slot>) {
        let removed = old.map_or(0, |old| old.field_bytes(key));
        self.json_bytes = self.json_bytes.wrapping_add(added).wrapping_sub(removed);
    }
}

impl Objects {
    /// An object with these fields.
    pub(super) fn add(&mut self, fields: &JsonObject) -> ObjectBody {
        let mut body = ObjectBody::EMPTY;
        body.json_bytes = fields.iter().fold(0, |sum, (key, value)| add(sum, key, value));
        let entries = fields.entries().iter();
        let slots = entries.clone().map(|(_, value)| Slot::Json(value.clone()));
        body.set_form(match self.lists.share(entries.clone().map(|(key, _)| key)) {
            Some(list) => Form::Packed { list, cell: self.pack(slots) },
            None => {
                let keys = entries.map(|(key, _)| key.clone());
                Form::Table(self.tables.insert(keys.zip(slots).collect()))
            }
        });
        body
    }

    /// An object whose entries are about to come, until it is [settled](Self::settle).
    pub(super) fn open(&mut self) -> ObjectBody {
        let table = Keyed::Small(std::mem::take(&mut self.spare));
        let mut body = ObjectBody::EMPTY;
        body.set_form(Form::Table(self.tables.insert(table)));
        body
    }

    /// All entries have come for now: packs them, and gives back memory for further ones.
    pub(super) fn settle(&mut self, body: &mut ObjectBody) {
        let Form::Table(number) = body.form() else { return };
        let Some(table) = self.tables.get_mut(number) else { return };
        let list = self.lists.share(table.iter().map(|(key, _)| key));
        match (std::mem::take(table), list) {
            (Keyed::Small(mut entries), Some(list)) => {
                self.tables.remove(number);
                let cell = self.pack(entries.drain(..).map(|(_, slot)| slot));
                body.set_form(Form::Packed { list, cell });
                self.spare = entries;
            }
            (mut large, list) => {
                if let Some(list) = list {
                    self.lists.release(list);
                }
                large.shrink();
                *table = large;
            }
        }
    }

    /// The values of an object in a new cell.
    fn pack(&mut self, slots: impl Iterator<Item = Slot>) -> Cell {
        let mut run: SmallVec<[u8; 128]> = SmallVec::new();
        for slot in slots {
            run.extend_from_slice(slot.pack(&mut self.leaves).bytes());
        }
        self.cells.add(&run)
    }

    /// What an object holds.
    pub(super) fn view<'a>(&'a self, body: &'a ObjectBody) -> Object<'a> {
        Object { objects: self, body }
    }

    /// Puts something at `key` and returns what was there.
    pub(super) fn insert(
        &mut self,
        body: &mut ObjectBody,
        key: &SmallStr,
        value: impl Value,
    ) -> Option<Slot> {
        let added = value.field_bytes(key);
        let old = match body.form() {
            Form::Table(table) => {
                self.tables.get_mut(table)?.insert(key.clone(), value.into_slot())
            }
            Form::Packed { list, cell } => match self.lists.find(list, key) {
                Ok(at) => {
                    let new = value.pack(&mut self.leaves);
                    let (old, place) = self.take(cell, at);
                    // Mostly it is as wide, and the values behind it stay where they are.
                    if !self.cells.replace(cell, place.clone(), new.bytes()) {
                        let after = self.lists.get(list).len() - at - 1;
                        let cell = self.splice(cell, place, after, new.bytes());
                        body.set_form(Form::Packed { list, cell });
                    }
                    Some(old)
                }
                Err(at) => match self.lists.share_with(list, at, key) {
                    Some(longer) => {
                        let new = value.pack(&mut self.leaves);
                        let after = self.lists.get(list).len() - at;
                        let start = packed::widths_of(self.cells.get(cell), at);
                        let cell = self.splice(cell, start..start, after, new.bytes());
                        self.lists.release(list);
                        body.set_form(Form::Packed { list: longer, cell });
                        None
                    }
                    None => self.as_table_mut(body)?.insert(key.clone(), value.into_slot()),
                },
            },
        };
        body.count(key, added, old.as_ref());
        old
    }

    /// Removes what is at `key` and returns it.
    pub(super) fn remove(&mut self, body: &mut ObjectBody, key: &SmallStr) -> Option<Slot> {
        let old = match body.form() {
            Form::Table(table) => self.tables.get_mut(table)?.remove(key),
            Form::Packed { list, cell } => {
                let at = self.lists.find(list, key).ok()?;
                match self.lists.share_without(list, at) {
                    Some(shorter) => {
                        let after = self.lists.get(list).len() - at - 1;
                        let (old, place) = self.take(cell, at);
                        let cell = self.splice(cell, place, after, &[]);
                        self.lists.release(list);
                        body.set_form(Form::Packed { list: shorter, cell });
                        Some(old)
                    }
                    None => self.as_table_mut(body)?.remove(key),
                }
            }
        };
        body.count(key, 0, old.as_ref());
        old
    }

    /// The value of a rank, and where it lies in the cell. If it is a leaf, it is one no more.
    fn take(&mut self, cell: Cell, rank: usize) -> (Slot, Range<usize>) {
        let bytes = self.cells.get(cell);
        let start = packed::widths_of(bytes, rank);
        let value = bytes.get(start..).unwrap_or_default();
        let old = packed::unpack(value, |leaf| self.leaves.remove(leaf));
        (old, start..start + packed::width(value))
    }

    /// Puts `new` in the place of some bytes of a cell, after which come the bytes of this many
    /// values. Tells the cell in which all of them are then.
    fn splice(&mut self, cell: Cell, old: Range<usize>, after: usize, new: &[u8]) -> Cell {
        let bytes = self.cells.get_mut(cell);
        let used = old.end + packed::widths_of(bytes.get(old.end..).unwrap_or_default(), after);
        if Cells::is_unfit(cell, used - old.len() + new.len()) {
            let mut run: SmallVec<[u8; 128]> = SmallVec::new();
            let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
            run.extend_from_slice(part(0..old.start));
            run.extend_from_slice(new);
            run.extend_from_slice(part(old.end..used));
            self.cells.remove(cell);
            return self.cells.add(&run);
        }
        bytes.copy_within(old.end..used, old.start + new.len());
        if let Some(place) = bytes.get_mut(old.start..old.start + new.len()) {
            place.copy_from_slice(new);
        }
        cell
    }

    /// Gives an object keys of its own.
    fn as_table_mut(&mut self, body: &mut ObjectBody) -> Option<&mut Keyed<Slot>> {
        if let Form::Packed { list, cell } = body.form() {
            let entries =
                self.view(body).iter().map(|(key, slot)| (key.clone(), slot.to_slot())).collect();
            self.drop_packed(list, cell);
            body.set_form(Form::Table(self.tables.insert(entries)));
        }
        self.tables.get_mut(body.number)
    }

    /// An object is no more.
    pub(super) fn free(&mut self, body: &ObjectBody) {
        match body.form() {
            Form::Packed { list, cell } => self.drop_packed(list, cell),
            Form::Table(table) => _ = self.tables.remove(table),
        }
    }

    fn drop_packed(&mut self, list: u32, cell: Cell) {
        let mut bytes = self.cells.get(cell);
        for _ in self.lists.get(list) {
            if let Some(leaf) = packed::leaf(bytes) {
                self.leaves.remove(leaf);
            }
            bytes = packed::skip(bytes, 1);
        }
        self.cells.remove(cell);
        self.lists.release(list);
    }

    /// Gives back memory that reading a document or further growth would have used.
    pub(super) fn shrink(&mut self) {
        self.spare = Vec::new();
        self.cells.shrink();
        self.leaves.shrink();
        self.tables.shrink();
    }

    /// Says what leaks, if these are all objects.
    pub(super) fn check<'a>(
        &self,
        bodies: impl Iterator<Item = &'a ObjectBody>,
    ) -> Result<(), String> {
        let (mut users, mut cells, mut leaves, mut tables) = (0, 0, 0, 0);
        for body in bodies {
            match body.form() {
                Form::Table(_) => tables += 1,
                Form::Packed { list, cell } => {
                    users += usize::from(list != 0);
                    cells += usize::from(cell != Cell::EMPTY);
                    let mut bytes = self.cells.get(cell);
                    for _ in self.lists.get(list) {
                        leaves += usize::from(packed::leaf(bytes).is_some());
                        bytes = packed::skip(bytes, 1);
                    }
                }
            }
        }
        for (what, used, kept) in [
            ("lists of keys", users, self.lists.users()),
            ("cells", cells, self.cells.len()),
            ("leaves", leaves, self.leaves.iter().count()),
            ("tables", tables, self.tables.iter().count()),
        ] {
            if used != kept {
                return Err(format!("I2: {used} {what} are used, {kept} are kept"));
            }
        }
        Ok(())
    }
}

/// What one object holds.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    objects: &'a Objects,
    body: &'a ObjectBody,
}

impl<'a> Object<'a> {
    pub(crate) fn len(self) -> usize {
        match self.body.form() {
            Form::Packed { list, .. } => self.objects.lists.get(list).len(),
            Form::Table(table) => self.objects.tables.get(table).map_or(0, Keyed::len),
        }
    }

    /// Size of the JSON fields, keys and values, as JSON text.
    pub(crate) fn json_bytes(self) -> usize {
        self.body.json_bytes as usize
    }

    pub(crate) fn get(self, key: &SmallStr) -> Option<Slot> {
        match self.body.form() {
            Form::Packed { list, cell } => {
                let rank = self.objects.lists.find(list, key).ok()?;
                Some(self.unpack(self.packed(cell, rank)))
            }
            Form::Table(table) => self.objects.tables.get(table)?.get(key).cloned(),
        }
    }

    /// The child at a key: what [`get`](Self::get) gives if it is one, without a value that is not.
    pub(crate) fn child(self, key: &SmallStr) -> Option<NodeIx> {
        match self.body.form() {
            Form::Packed { list, cell } => {
                let rank = self.objects.lists.find(list, key).ok()?;
                packed::child(self.packed(cell, rank))
            }
            Form::Table(table) => self.objects.tables.get(table)?.get(key)?.child(),
        }
    }

    /// Whether there is anything at a key.
    pub(crate) fn contains(self, key: &SmallStr) -> bool {
        match self.body.form() {
            Form::Packed { list, .. } => self.objects.lists.find(list, key).is_ok(),
            Form::Table(table) => {
                self.objects.tables.get(table).is_some_and(|entries| entries.contains(key))
            }
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
        match (self.body.form(), SmallStr::inline(key)) {
            (_, Some(key)) => self.get(&key),
            (Form::Table(table), None) => self.objects.tables.get(table)?.at(key).cloned(),
            (Form::Packed { list, cell }, None) => {
                let keys = self.objects.lists.get(list);
                let at = keys.binary_search_by(|k| k.as_bytes().cmp(key.as_bytes()));
                Some(self.unpack(self.packed(cell, at.ok()?)))
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

    /// The bytes of a cell from the value of a rank on.
    fn packed(self, cell: Cell, rank: usize) -> &'a [u8] {
        packed::skip(self.objects.cells.get(cell), rank)
    }

    fn unpack(self, bytes: &[u8]) -> Slot {
        packed::unpack(bytes, |leaf| self.objects.leaves.get(leaf).cloned())
    }

    /// Fields and children, in order of their keys.
    pub(crate) fn iter(self) -> ObjectIter<'a> {
        let objects = self.objects;
        match self.body.form() {
            Form::Packed { list, cell } => ObjectIter::Packed {
                keys: objects.lists.get(list).iter(),
                bytes: objects.cells.get(cell),
                leaves: &objects.leaves,
            },
            Form::Table(table) => match objects.tables.get(table) {
                Some(entries) => ObjectIter::Table(entries.iter()),
                None => ObjectIter::empty(),
            },
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
    Packed { keys: std::slice::Iter<'a, SmallStr>, bytes: &'a [u8], leaves: &'a Leaves },
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
            Self::Packed { keys, bytes, leaves } => {
                let (key, value) = (keys.next()?, *bytes);
                *bytes = packed::skip(value, 1);
                Some((key, SlotRef::Packed(value, leaves)))
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
