//! Typed edits: which place, which kind of value, in numbers that any document can make sense of.

use std::fmt::Write;
use std::ops::RangeFrom;

use arbitrary::Arbitrary;

use crate::document::ValueRef;
use crate::edit::{EditError, NodeMut, ObjectMut};
use crate::testing::world::typing::letters;
use crate::{Document, Json, Lson, lson};

/// The keys that edits use; few, so that they meet. The last is one that hostile JSON likes.
pub(super) const KEYS: [&str; 4] = ["a", "b", "l", "__proto__"];

/// The most values that one edit takes.
pub(super) const MOST_VALUES: u32 = 4;

/// A kind of value; the numbers in it are fresh.
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
    /// Makes a list what it should be.
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
    fn lson(self, values: &mut RangeFrom<u32>) -> Lson {
        let mut value = || values.next().unwrap_or_default();
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
}

fn is_keyed(value: &ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Object(_) | ValueRef::Map(_))
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

fn key(key: u8) -> &'static str {
    KEYS[usize::from(key) % KEYS.len()]
}

impl Edit {
    /// Makes the edit, if the document has a place for it.
    ///
    /// # Errors
    /// For an edit that is to fail.
    pub fn make(
        &self,
        root: &mut ObjectMut<'_>,
        values: &mut RangeFrom<u32>,
    ) -> Result<(), EditError> {
        let (at, wanted): (u8, fn(&ValueRef<'_>) -> bool) = match *self {
            Self::Set { at, .. } | Self::Delete { at, .. } => (at, is_keyed),
            Self::Push { at, .. }
            | Self::Insert { at, .. }
            | Self::Replace { at, .. }
            | Self::Move { at, .. }
            | Self::Remove { at, .. }
            | Self::Clear { at }
            | Self::Reconcile { at, .. } => (at, is_list),
            Self::Text { at, .. } => (at, is_text),
            Self::Fail => return Err(EditError::aborted("on purpose")),
        };
        let Some(pointer) = place(&ValueRef::Object(root.view()), at, wanted) else {
            return Ok(());
        };
        match (root.at(&pointer)?, *self) {
            (NodeMut::Object(mut object), Self::Set { key: k, content, .. }) => {
                object.set(key(k), content.lson(values))
            }
            (NodeMut::Map(mut map), Self::Set { key: k, content, .. }) => {
                map.set(key(k), content.lson(values))
            }
            (NodeMut::Object(mut object), Self::Delete { key: k, .. }) => object.delete(key(k)),
            (NodeMut::Map(mut map), Self::Delete { key: k, .. }) => map.delete(key(k)),
            (NodeMut::List(mut list), edit) => {
                let len = list.len();
                // At the very end half of the time, which is where most things happen.
                let index = |index: u8| usize::from(index) % len.max(1);
                match edit {
                    Self::Push { content, .. } => list.push(content.lson(values)),
                    Self::Insert { index, content, .. } => {
                        list.insert(usize::from(index) % (len + 1), content.lson(values))
                    }
                    Self::Clear { .. } => list.clear(),
                    _ if len == 0 => Ok(()),
                    Self::Replace { index: i, content, .. } => {
                        list.set(index(i), content.lson(values))
                    }
                    Self::Move { from, to, .. } => list.move_item(index(from), index(to)),
                    Self::Remove { index: i, .. } => list.delete(index(i)),
                    Self::Reconcile { rotate, .. } => {
                        let Json::Array(items) = list.view().to_json() else { return Ok(()) };
                        let mut items = items.to_vec();
                        items.rotate_left(index(rotate));
                        items.truncate(5);
                        items.push(Json::from(values.next().unwrap_or_default()));
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
                        let word = letters(values.take(1 + usize::from(count) % 3));
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
    pub fn as_patch(&self, document: &Document, values: &mut RangeFrom<u32>) -> Option<String> {
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
                let (value, key) = (content.lson(values), key(k));
                write!(out, r#"[{{"op":"add","path":"{pointer}/{key}","value":{value}}}]"#)
            }
            Self::Delete { at, key: k } => {
                let (pointer, key) = (place(&root, at, is_keyed)?, key(k));
                write!(out, r#"[{{"op":"remove","path":"{pointer}/{key}"}}]"#)
            }
            Self::Push { at, content } => {
                let (pointer, _) = list_at(at)?;
                let value = content.lson(values);
                write!(out, r#"[{{"op":"add","path":"{pointer}/-","value":{value}}}]"#)
            }
            Self::Insert { at, index, content } => {
                let (pointer, len) = list_at(at)?;
                let (index, value) = (usize::from(index) % (len + 1), content.lson(values));
                write!(out, r#"[{{"op":"add","path":"{pointer}/{index}","value":{value}}}]"#)
            }
            Self::Replace { at, index, content } => {
                let (pointer, len) = list_at(at)?;
                let index = usize::from(index).checked_rem(len)?;
                let value = content.lson(values);
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
