//! A small world, so that random inputs meet: few ids, few keys, few characters.

use std::sync::Arc;

use arbitrary::Arbitrary;

use crate::json::JsonObject;
use crate::op::{Create, Intent, NodeContent, OpKind, UpdateText};
use crate::text::{Attributes, Segment, TextOp};
use crate::{Actor, FileMeta, Json, NodeId, Op, OpId, SmallStr};

/// One of a few node ids; some are of the shapes that are packed, some are not.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Id {
    Root,
    Initial(u8),
    Minted(u8),
    Odd,
    Empty,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Key {
    A,
    B,
    Proto,
    Empty,
    Emoji,
    /// A key that is a position: one digit, or two.
    Digit(u8),
    Digits(u8, u8),
    Spaces,
    /// One of more than objects share lists of.
    Many(u8),
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Leaf {
    Null,
    Bool(bool),
    Byte(u8),
    Float(f64),
    Key(Key),
    Array(Vec<u8>),
    Object(Key, u8),
    /// A text of so many bytes; it lies in three places, by its length.
    Long(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Word {
    Plain,
    Emoji,
    Accent,
    Empty,
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Content {
    Object(Vec<(Key, Leaf)>),
    List,
    Map,
    Register(Leaf),
    Text(Vec<(Word, Option<Attribute>)>, u8),
    File,
    Wide(Row),
}

/// Fields at many keys in a row.
#[derive(Arbitrary, Clone, Debug)]
pub(super) struct Row {
    first: u8,
    count: u8,
    leaf: Leaf,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Attribute {
    Bold,
    Plain,
    Link(u8),
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Change {
    SetParentKey(Id, Key),
    Create { id: Id, parent: Id, key: Key, content: Content, intent: Place },
    UpdateObject(Id, Vec<(Key, Leaf)>),
    DeleteCrdt(Id),
    DeleteObjectKey(Id, Key),
    UpdateText { id: Id, base: u8, op_id: u8, ops: Vec<TextChange> },
    Widen(Id, Row),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Place {
    Insert,
    Push,
    Set(Option<Id>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum TextChange {
    Insert(i8, Word, Option<Attribute>),
    Delete(i8, i8),
    Format(i8, i8, Attribute),
}

impl Id {
    pub(super) fn node_id(self) -> NodeId {
        match self {
            Self::Root => NodeId::ROOT,
            Self::Initial(n) => NodeId::initial(u32::from(n % 8)),
            Self::Minted(n) => NodeId::minted(Actor(u32::from(n % 2)), u64::from(n % 16)),
            Self::Odd => NodeId::from("é:1"),
            Self::Empty => NodeId::from(""),
        }
    }
}

impl Key {
    pub(super) fn text(self) -> SmallStr {
        let digit = |n: u8| char::from(b' ' + n % 95);
        match self {
            Self::A => "a".into(),
            Self::B => "b".into(),
            Self::Proto => "__proto__".into(),
            Self::Empty => "".into(),
            Self::Emoji => "😀/~".into(),
            Self::Digit(n) => digit(n).to_string().as_str().into(),
            Self::Digits(n, m) => [digit(n), digit(m)].iter().collect::<String>().as_str().into(),
            Self::Spaces => "  ".into(),
            Self::Many(n) => format!("k{}", n % KEYS).as_str().into(),
        }
    }
}

impl Leaf {
    pub(super) fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::from(*value),
            Self::Byte(value) => Json::from(f64::from(*value)),
            Self::Float(value) => Json::number(*value),
            Self::Key(key) => Json::from(key.text()),
            Self::Array(bytes) => {
                Json::array(bytes.iter().take(4).map(|n| Json::from(f64::from(*n))))
            }
            Self::Object(key, value) => Json::object([(key.text(), Json::from(f64::from(*value)))]),
            Self::Long(n) => Json::from("x".repeat(usize::from(n % 40)).as_str()),
        }
    }
}

/// A few more than objects share lists of.
const KEYS: u8 = 80;

impl Row {
    fn fields(&self) -> JsonObject {
        let keys = (0..self.count % KEYS).map(|n| Key::Many(self.first % KEYS + n));
        keys.map(|key| (key.text(), self.leaf.json())).collect()
    }
}

fn fields(fields: &[(Key, Leaf)]) -> JsonObject {
    fields.iter().map(|(key, leaf)| (key.text(), leaf.json())).collect()
}

impl Word {
    fn text(self) -> SmallStr {
        match self {
            Self::Plain => "ab",
            Self::Emoji => "😀",
            Self::Accent => "e\u{301}",
            Self::Empty => "",
        }
        .into()
    }
}

impl Attribute {
    fn attributes(self) -> Attributes {
        let one = |name: &str, value: Json| Arc::new(JsonObject::from_iter([(name.into(), value)]));
        match self {
            Self::Bold => one("bold", Json::from(true)),
            Self::Plain => one("bold", Json::Null),
            Self::Link(n) => one("link", Json::from(f64::from(n % 4))),
        }
    }
}

impl Content {
    pub(super) fn node_content(&self) -> NodeContent {
        match self {
            Self::Object(data) => NodeContent::Object(Arc::new(fields(data))),
            Self::Wide(row) => NodeContent::Object(Arc::new(row.fields())),
            Self::List => NodeContent::List,
            Self::Map => NodeContent::Map,
            Self::Register(leaf) => NodeContent::Register(leaf.json()),
            Self::Text(segments, version) => NodeContent::Text {
                segments: segments
                    .iter()
                    .map(|(word, attribute)| Segment {
                        text: word.text(),
                        attributes: attribute.map(Attribute::attributes),
                    })
                    .collect(),
                version: u64::from(*version),
            },
            Self::File => NodeContent::File(Arc::new(
                FileMeta::new("fl_abcdefghijklmnopqrstu", "a.png", 7, "image/png").unwrap(),
            )),
        }
    }
}

impl TextChange {
    fn text_op(self) -> TextOp {
        match self {
            Self::Insert(index, word, attribute) => TextOp::Insert {
                index: index.into(),
                text: word.text(),
                attributes: attribute.map(Attribute::attributes),
            },
            Self::Delete(index, length) => {
                TextOp::Delete { index: index.into(), length: length.into() }
            }
            Self::Format(index, length, attribute) => TextOp::Format {
                index: index.into(),
                length: length.into(),
                attributes: attribute.attributes(),
            },
        }
    }
}

impl Change {
    /// The op; `clock` makes its op id unless the change names one itself.
    pub(super) fn op(&self, clock: usize) -> Op {
        let mut op_id = OpId::minted(Actor(1), clock as u64);
        let (id, kind) = match self {
            Self::SetParentKey(id, key) => (*id, OpKind::SetParentKey { parent_key: key.text() }),
            Self::Create { id, parent, key, content, intent } => {
                let (intent, deleted) = match intent {
                    Place::Insert => (Intent::Insert, None),
                    Place::Push => (Intent::Push, None),
                    Place::Set(deleted) => (Intent::Set, *deleted),
                };
                let create = Create {
                    parent_id: parent.node_id(),
                    parent_key: key.text(),
                    intent,
                    deleted_id: deleted.map(Id::node_id),
                    content: content.node_content(),
                };
                (*id, OpKind::Create(create))
            }
            Self::UpdateObject(id, data) => (*id, OpKind::UpdateObject { data: fields(data) }),
            Self::Widen(id, row) => (*id, OpKind::UpdateObject { data: row.fields() }),
            Self::DeleteCrdt(id) => (*id, OpKind::DeleteCrdt),
            Self::DeleteObjectKey(id, key) => (*id, OpKind::DeleteObjectKey { key: key.text() }),
            Self::UpdateText { id, base, op_id: number, ops } => {
                op_id = OpId::minted(Actor(2), u64::from(*number));
                let update = UpdateText {
                    base_version: u64::from(*base),
                    version: None,
                    ops: ops.iter().map(|op| op.text_op()).collect(),
                };
                (*id, OpKind::UpdateText(update))
            }
        };
        Op::new(id.node_id(), kind).with_op_id(op_id)
    }
}
