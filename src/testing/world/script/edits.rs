//! Typed edits: which place, which kind of value, in numbers that any document can make sense of.

use std::fmt::Write;
use std::ops::RangeFrom;

use arbitrary::Arbitrary;

use crate::document::ValueRef;
use crate::edit::{EditError, ListMut, NodeMut, ObjectMut};
use crate::testing::generate::Dice;
use crate::testing::world::typing::letters;
use crate::{Document, Json, Lson, SmallStr, lson};

/// The keys that edits use; few, so that they meet. The last is one that hostile JSON likes.
const KEYS: [&str; 4] = ["a", "b", "l", "__proto__"];

/// How many keys there are in a wide world: a few more than objects share a list of.
pub(super) const WIDE_KEYS: u8 = 72;

/// The lengths of texts in a wide world: on both sides of where they lie otherwise, by themselves and
/// among others. None is too short for a number that is given out.
const TEXT_LENS: [usize; 8] = [6, 7, 8, 9, 14, 15, 36, 37];

/// What edits put into a document: fresh values, each used once, at keys.
///
/// In a wide world these are many keys and values of all sizes, and structures have as many entries as
/// make them change their form.
#[derive(Clone, Debug)]
pub struct Supply {
    values: RangeFrom<u32>,
    wide: bool,
}

impl Supply {
    pub fn new(values: RangeFrom<u32>, wide: bool) -> Self {
        Self { values, wide }
    }

    /// The most values that one edit takes.
    pub(super) fn most_values(wide: bool) -> u32 {
        if wide { 100 } else { 4 }
    }

    fn value(&mut self) -> u32 {
        self.values.next().unwrap_or_default()
    }

    /// Dice that fall differently for each edit.
    fn dice(&mut self) -> Dice {
        Dice::seeded(self.value().into())
    }

    fn key(&self, number: u8) -> SmallStr {
        match number % WIDE_KEYS {
            _ if !self.wide => KEYS[usize::from(number) % KEYS.len()].into(),
            // Too long to lie inside a `SmallStr`.
            number if number % 8 == 7 => format!("a longer key, {number}").as_str().into(),
            number => format!("k{number}").as_str().into(),
        }
    }

    fn scalar(&mut self) -> Json {
        let value = self.value();
        let len = TEXT_LENS.get(Dice::seeded(value.into()).below(2 * TEXT_LENS.len()));
        match len.filter(|_| self.wide) {
            Some(len) => format!("{value:0len$}").as_str().into(),
            None => value.into(),
        }
    }

    /// As many entries as are wanted at keys in a row, some of them children.
    fn entries(&mut self, dice: &mut Dice, count: u8) -> Vec<(SmallStr, Lson)> {
        let first = dice.below(WIDE_KEYS.into()) as u8;
        let entry = |n| {
            let value = match dice.below(12) {
                0 => lson!({ "a": (self.scalar()) }),
                1 => lson!([(self.scalar())]),
                _ => Lson::json(self.scalar()),
            };
            (self.key(first + n), value)
        };
        (0..count).map(entry).collect()
    }

    /// Objects with few keys, others almost every time.
    fn objects(&mut self) -> Vec<Lson> {
        let mut dice = self.dice();
        let mut object = || {
            let keys: Vec<u8> = (0..2 + dice.below(3)).map(|_| byte(&mut dice)).collect();
            Lson::object(keys.into_iter().map(|key| (self.key(key), self.scalar())))
        };
        (0..12).map(|_| object()).collect()
    }
}

fn byte(dice: &mut Dice) -> u8 {
    dice.below(256) as u8
}

/// So many objects of a list get another key at once.
const RESHAPED: usize = 24;

/// How many entries a wide object gets: about as many as it has its own keys from, or half of that.
fn width(dice: &mut Dice) -> u8 {
    if dice.one_in(3) { 31 + dice.below(3) as u8 } else { 60 + dice.below(11) as u8 }
}

/// What is in a wide world first.
pub(super) fn wide_document() -> Lson {
    let mut supply = Supply { values: 0.., wide: true };
    let mut dice = supply.dice();
    let mut root = supply.entries(&mut dice, 58);
    for (key, count) in [("u", 32), ("v", 64), ("w", 65)] {
        root.push((key.into(), Lson::object(supply.entries(&mut dice, count))));
    }
    let objects: Vec<Lson> = (0..5).flat_map(|_| supply.objects()).collect();
    root.push(("l".into(), Lson::list(objects)));
    root.push(("m".into(), Lson::map(supply.entries(&mut dice, 9))));
    root.push(("t".into(), Lson::text("Hello")));
    Lson::object(root)
}

/// A kind of value; the numbers in it are fresh. In a wide world structures have more in them.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A number.
    Scalar,
    /// An opaque array.
    Opaque,
    /// A LiveObject with a field.
    Object,
    /// A LiveList with two items.
    List,
    /// A LiveMap with an entry.
    Map,
    /// An object with a list with an object in it.
    Nested,
    Text,
    /// A LiveList without items.
    Empty,
}

/// An edit of a text. Indexes are taken modulo its length.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEdit {
    /// Inserts up to three letters, each of which is used once.
    Insert {
        index: u8,
        letters: u8,
        bold: bool,
    },
    Delete {
        index: u8,
        length: u8,
    },
    Format {
        index: u8,
        length: u8,
        bold: bool,
    },
}

/// One edit. `at` says which container of the right kind; it is taken modulo how many there are.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Of an object or map.
    Set {
        at: u8,
        key: u8,
        content: Content,
    },
    /// Of an object or map.
    Delete {
        at: u8,
        key: u8,
    },
    Push {
        at: u8,
        content: Content,
    },
    Insert {
        at: u8,
        index: u8,
        content: Content,
    },
    Replace {
        at: u8,
        index: u8,
        content: Content,
    },
    Move {
        at: u8,
        from: u8,
        to: u8,
    },
    Remove {
        at: u8,
        index: u8,
    },
    Clear {
        at: u8,
    },
    /// Makes a list what it should be. In a wide world gives an object many entries or takes many out,
    /// and the objects of a list other keys.
    Reconcile {
        at: u8,
        rotate: u8,
    },
    Text {
        at: u8,
        edit: TextEdit,
    },
    /// Fails, so that nothing of its batch happens.
    Fail,
}

impl Content {
    fn lson(self, supply: &mut Supply) -> Lson {
        if supply.wide {
            return self.wide_lson(supply);
        }
        let mut value = || supply.value();
        match self {
            Self::Scalar => lson!(value()),
            Self::Opaque => Lson::json(Json::array([value().into(), value().into()])),
            Self::Object => lson!({ "a": value() }),
            Self::List => lson!([value(), value()]),
            Self::Map => Lson::map([("a", lson!(value()))]),
            Self::Nested => lson!({ "a": value(), "l": [value(), { "a": value() }] }),
            Self::Text => Lson::text("text"),
            Self::Empty => lson!([]),
        }
    }

    fn wide_lson(self, supply: &mut Supply) -> Lson {
        let mut dice = supply.dice();
        match self {
            Self::Scalar => Lson::json(supply.scalar()),
            Self::Opaque => Lson::json(Json::array([supply.scalar(), supply.scalar()])),
            Self::Object => {
                let count = width(&mut dice);
                Lson::object(supply.entries(&mut dice, count))
            }
            Self::List => Lson::list(supply.objects()),
            Self::Map => Lson::map(supply.entries(&mut dice, 9)),
            Self::Nested => {
                let count = width(&mut dice);
                let object = Lson::object(supply.entries(&mut dice, count));
                lson!({ "a": (supply.scalar()), "l": [(supply.scalar()), (object)] })
            }
            Self::Text => Lson::text("text"),
            Self::Empty => lson!([]),
        }
    }
}

fn is_keyed(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Object(_) | ValueRef::Map(_))
}

fn is_large(value: &ValueRef<'_>) -> bool {
    match value {
        ValueRef::Object(object) => object.len() >= 30,
        ValueRef::List(list) => list.len() >= 8,
        _ => false,
    }
}

fn is_list(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::List(_))
}

fn is_text(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Text(_))
}

/// JSON Pointer to one of the live structures that are `wanted`.
fn place(root: &ValueRef<'_>, at: u8, wanted: fn(&ValueRef<'_>) -> bool) -> Option<String> {
    let mut found = Vec::new();
    let mut stack = vec![(String::new(), root.clone())];
    while let Some((pointer, value)) = stack.pop() {
        match &value {
            ValueRef::Object(object) => {
                stack.extend(object.iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
            }
            ValueRef::Map(map) => {
                stack.extend(map.iter().map(|(key, value)| (format!("{pointer}/{key}"), value)));
            }
            ValueRef::List(list) => {
                let items = list.iter().enumerate();
                stack.extend(items.map(|(index, item)| (format!("{pointer}/{index}"), item)));
            }
            _ => {}
        }
        if wanted(&value) {
            found.push(pointer);
        }
    }
    if found.is_empty() {
        return None;
    }
    let index = usize::from(at) % found.len();
    Some(found.swap_remove(index))
}

/// Gives an object as many entries as the number says, or takes as many out.
fn widen(object: &mut ObjectMut<'_>, number: u8, supply: &mut Supply) -> Result<(), EditError> {
    let (len, wanted) = (object.view().len(), usize::from(width(&mut supply.dice())));
    let keys = (0..WIDE_KEYS).map(|n| supply.key(n + number % WIDE_KEYS));
    let keys = keys.filter(|key| object.view().get(key).is_some() == (len > wanted));
    let keys: Vec<SmallStr> = keys.take(len.abs_diff(wanted)).collect();
    if len > wanted {
        return keys.iter().try_for_each(|key| object.delete(key));
    }
    object.update(keys.into_iter().map(|key| (key, supply.scalar())))
}

/// Gives each of the first objects of a list another key, or takes one of theirs out.
fn reshape(list: &mut ListMut<'_>, supply: &mut Supply) -> Result<(), EditError> {
    let mut dice = supply.dice();
    for index in 0..list.len().min(RESHAPED) {
        let (key, less) = (supply.key(byte(&mut dice)), dice.one_in(3));
        let Ok(mut object) = list.object(index) else { continue };
        let old = object.view().iter().next().map(|(key, _)| key.clone());
        match old.filter(|_| less) {
            Some(old) => object.delete(&old)?,
            None => object.set(key, supply.scalar())?,
        }
    }
    Ok(())
}

impl Edit {
    /// Makes the edit, if the document has a place for it.
    ///
    /// # Errors
    /// For an edit that is to fail.
    pub fn make(&self, root: &mut ObjectMut<'_>, supply: &mut Supply) -> Result<(), EditError> {
        let (at, wanted): (u8, fn(&ValueRef<'_>) -> bool) = match *self {
            Self::Set { at, .. } | Self::Delete { at, .. } => (at, is_keyed),
            Self::Push { at, .. }
            | Self::Insert { at, .. }
            | Self::Replace { at, .. }
            | Self::Move { at, .. }
            | Self::Remove { at, .. }
            | Self::Clear { at } => (at, is_list),
            Self::Reconcile { at, .. } if supply.wide => (at, is_large),
            Self::Reconcile { at, .. } => (at, is_list),
            Self::Text { at, .. } => (at, is_text),
            Self::Fail => return Err(EditError::aborted("on purpose")),
        };
        let Some(pointer) = place(&ValueRef::Object(root.view()), at, wanted) else {
            return Ok(());
        };
        match (root.at(&pointer)?, *self) {
            (NodeMut::Object(mut object), Self::Set { key: k, content, .. }) => {
                object.set(supply.key(k), content.lson(supply))
            }
            (NodeMut::Map(mut map), Self::Set { key: k, content, .. }) => {
                map.set(supply.key(k), content.lson(supply))
            }
            (NodeMut::Object(mut object), Self::Delete { key: k, .. }) => {
                object.delete(&supply.key(k))
            }
            (NodeMut::Map(mut map), Self::Delete { key: k, .. }) => map.delete(&supply.key(k)),
            (NodeMut::Object(mut object), Self::Reconcile { rotate, .. }) => {
                widen(&mut object, rotate, supply)
            }
            (NodeMut::List(mut list), edit) => {
                let len = list.len();
                // At the very end half of the time, which is where most things happen.
                let index = |index: u8| usize::from(index) % len.max(1);
                match edit {
                    Self::Push { content, .. } => list.push(content.lson(supply)),
                    Self::Insert { index, content, .. } => {
                        list.insert(usize::from(index) % (len + 1), content.lson(supply))
                    }
                    Self::Clear { .. } => list.clear(),
                    Self::Reconcile { .. } if supply.wide => reshape(&mut list, supply),
                    _ if len == 0 => Ok(()),
                    Self::Replace { index: i, content, .. } => {
                        list.set(index(i), content.lson(supply))
                    }
                    Self::Move { from, to, .. } => list.move_item(index(from), index(to)),
                    Self::Remove { index: i, .. } => list.delete(index(i)),
                    Self::Reconcile { rotate, .. } => {
                        let Json::Array(items) = list.view().to_json() else { return Ok(()) };
                        let mut items = items.to_vec();
                        items.rotate_left(index(rotate));
                        items.truncate(5);
                        items.push(Json::from(supply.value()));
                        list.reconcile(Json::array(items))
                    }
                    _ => Ok(()),
                }
            }
            (NodeMut::Text(mut text), Self::Text { edit, .. }) => {
                let len = text.len();
                let place = |index: u8| usize::from(index) % (len + 1);
                match edit {
                    TextEdit::Insert { index, letters: count, bold } => {
                        let word = letters(supply.values.by_ref().take(1 + usize::from(count) % 3));
                        if bold {
                            text.insert_formatted(place(index), word, [("bold", true)])
                        } else {
                            text.insert(place(index), word)
                        }
                    }
                    TextEdit::Delete { index, length } => {
                        text.delete(place(index), usize::from(length % 4) + 1)
                    }
                    TextEdit::Format { index, length, bold } => {
                        let value = if bold { Json::from(true) } else { Json::Null };
                        text.format(place(index), usize::from(length % 6) + 1, [("bold", value)])
                    }
                }
            }
            _ => Ok(()),
        }
    }

    /// About the same as a JSON Patch.
    pub fn as_patch(&self, document: &Document, supply: &mut Supply) -> Option<String> {
        let root = ValueRef::Object(document.root());
        let list_at = |at| {
            let pointer = place(&root, at, is_list)?;
            let len = document.at(&pointer).ok()?.as_list()?.len();
            Some((pointer, len))
        };
        let mut patch = String::new();
        let out = &mut patch;
        let written = match *self {
            Self::Set { at, key: k, content } => {
                let pointer = place(&root, at, is_keyed)?;
                let (value, key) = (content.lson(supply), supply.key(k));
                write!(out, r#"[{{"op":"add","path":"{pointer}/{key}","value":{value}}}]"#)
            }
            Self::Delete { at, key: k } => {
                let (pointer, key) = (place(&root, at, is_keyed)?, supply.key(k));
                write!(out, r#"[{{"op":"remove","path":"{pointer}/{key}"}}]"#)
            }
            Self::Push { at, content } => {
                let (pointer, _) = list_at(at)?;
                let value = content.lson(supply);
                write!(out, r#"[{{"op":"add","path":"{pointer}/-","value":{value}}}]"#)
            }
            Self::Insert { at, index, content } => {
                let (pointer, len) = list_at(at)?;
                let (index, value) = (usize::from(index) % (len + 1), content.lson(supply));
                write!(out, r#"[{{"op":"add","path":"{pointer}/{index}","value":{value}}}]"#)
            }
            Self::Replace { at, index, content } => {
                let (pointer, len) = list_at(at)?;
                let index = usize::from(index).checked_rem(len)?;
                let value = content.lson(supply);
                write!(out, r#"[{{"op":"replace","path":"{pointer}/{index}","value":{value}}}]"#)
            }
            Self::Move { at, from, to } => {
                let (pointer, len) = list_at(at)?;
                let from = usize::from(from).checked_rem(len)?;
                let to = usize::from(to) % len;
                write!(
                    out,
                    r#"[{{"op":"move","from":"{pointer}/{from}","path":"{pointer}/{to}"}}]"#
                )
            }
            Self::Remove { at, index } => {
                let (pointer, len) = list_at(at)?;
                let index = usize::from(index).checked_rem(len)?;
                write!(out, r#"[{{"op":"remove","path":"{pointer}/{index}"}}]"#)
            }
            Self::Clear { .. } | Self::Reconcile { .. } | Self::Text { .. } | Self::Fail => {
                return None;
            }
        };
        written.ok()?;
        Some(patch)
    }
}
