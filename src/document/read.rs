//! Reading a document: views of its nodes, by key, by index and by JSON Pointer.
//!
//! A view borrows the document and is as cheap as a pointer. The JSON projection that it offers is
//! the lossy one: objects and maps are objects, lists arrays, texts their segments, files their
//! metadata.

use serde::de::DeserializeOwned;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::body::{Body, Children};
use super::node::NodeIx;
use super::objects::{Object, ObjectIter, Slot};
use super::order::{self, Order};
use super::{Document, TextNode};
use crate::change::{Path, PathStep};
use crate::op::NodeKind;
use crate::patch::pointer::{Pointer, index_of, prefix};
use crate::position::Position;
use crate::text::{Segment, Text};
use crate::{FileMeta, Json, NodeId, SmallStr};

/// A value in a document.
#[derive(Clone, Debug)]
pub enum ValueRef<'a> {
    /// A JSON leaf: a field, or a plain entry or item.
    Json(Json),
    /// A LiveObject.
    Object(ObjectRef<'a>),
    /// A LiveMap.
    Map(MapRef<'a>),
    /// A LiveList.
    List(ListRef<'a>),
    /// A LiveText.
    Text(TextRef<'a>),
    /// A LiveFile.
    File(&'a FileMeta),
}

/// Why a JSON Pointer leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PointerError {
    /// The text is no JSON Pointer (RFC 6901).
    #[error(
        "{pointer:?} is not a JSON Pointer: it must be empty or start with '/', and '~' must be followed by 0 or 1"
    )]
    Malformed {
        /// The text.
        pointer: String,
    },
    /// There is nothing at this prefix of the pointer.
    #[error("there is nothing at {at}")]
    NotFound {
        /// The prefix that leads nowhere.
        at: String,
    },
    /// The pointer goes on below a value that is a leaf of the document.
    #[error("what is at {at} has no children that a pointer leads to")]
    ThroughLeaf {
        /// The prefix that leads to the leaf.
        at: String,
    },
}

macro_rules! view {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            document: &'a Document,
            ix: NodeIx,
        }

        impl<'a> $name<'a> {
            pub(crate) fn new(document: &'a Document, ix: NodeIx) -> Self {
                Self { document, ix }
            }

            /// The node's id.
            pub fn id(self) -> NodeId {
                self.document.id(self.ix)
            }

            /// The JSON projection of the node and all below it.
            pub fn to_json(self) -> Json {
                self.document.value(self.ix).to_json()
            }
        }

        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.id()).field(&self.to_json()).finish()
            }
        }

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.document.value(self.ix).serialize(serializer)
            }
        }
    };
}

view! {
    /// A LiveObject in a document.
    ObjectRef
}
view! {
    /// A LiveMap in a document.
    MapRef
}
view! {
    /// A LiveList in a document.
    ListRef
}
view! {
    /// A LiveText in a document.
    TextRef
}

impl Document {
    /// The root, always a LiveObject.
    pub fn root(&self) -> ObjectRef<'_> {
        ObjectRef { document: self, ix: NodeIx::ROOT }
    }

    /// The node with this id; a register gives its value.
    pub fn get(&self, id: &NodeId) -> Option<ValueRef<'_>> {
        Some(self.value(self.find(id)?))
    }

    /// The value at a JSON Pointer (RFC 6901), for example `"/todos/0/text"`; `""` is the root.
    ///
    /// # Errors
    /// Says which prefix of the pointer leads nowhere or to a leaf.
    pub fn at(&self, pointer: &str) -> Result<ValueRef<'_>, PointerError> {
        let malformed = || PointerError::Malformed { pointer: pointer.to_owned() };
        let tokens = Pointer::parse(pointer).map_err(|_| malformed())?;
        let mut value = ValueRef::Object(self.root());
        for (depth, token) in tokens.tokens().enumerate() {
            value = value.child(&token.decoded()).ok_or_else(|| {
                if value.is_container() {
                    PointerError::NotFound { at: prefix(pointer, depth + 1).to_owned() }
                } else {
                    PointerError::ThroughLeaf { at: prefix(pointer, depth).to_owned() }
                }
            })?;
        }
        Ok(value)
    }

    /// The JSON projection of the whole document.
    pub fn to_json(&self) -> Json {
        self.root().to_json()
    }

    pub(crate) fn value(&self, ix: NodeIx) -> ValueRef<'_> {
        let document = self;
        match self.body(ix) {
            Body::Object(_) => ValueRef::Object(ObjectRef { document, ix }),
            Body::Map(_) => ValueRef::Map(MapRef { document, ix }),
            Body::List(_) => ValueRef::List(ListRef { document, ix }),
            Body::Text(_) => ValueRef::Text(TextRef { document, ix }),
            Body::Register(value) => ValueRef::Json(value),
            Body::File(file) => ValueRef::File(file),
        }
    }

    /// A node with its key, as an entry of its parent.
    fn entry(&self, ix: NodeIx) -> (&SmallStr, ValueRef<'_>) {
        (self.key(ix).as_small_str(), self.value(ix))
    }

    fn slot(&self, slot: Slot) -> ValueRef<'_> {
        match slot {
            Slot::Json(value) => ValueRef::Json(value),
            Slot::Child(child) => self.value(child),
        }
    }

    /// The node and everything above it, the root last.
    pub(crate) fn ancestors(&self, ix: NodeIx) -> impl Iterator<Item = NodeIx> + '_ {
        std::iter::successors(Some(ix), |ix| (*ix != NodeIx::ROOT).then(|| self.parent(*ix)))
    }

    /// How many items of a list lie before a position.
    pub(crate) fn rank_in(&self, list: NodeIx, position: &Position) -> usize {
        let rank = self.list(list).map(|order| order.rank(position, self.positions()));
        rank.map_or(0, |rank| rank.unwrap_or_else(|rank| rank))
    }

    /// The way that leads to a node.
    pub(crate) fn path_to(&self, ix: NodeIx) -> Path {
        let below_root = self.ancestors(ix).take_while(|ix| *ix != NodeIx::ROOT);
        Path::from_last(below_root.map(|ix| {
            let (parent, key) = self.link(ix);
            match self.kind_at(parent) {
                NodeKind::List => PathStep::Index(self.rank_in(parent, key)),
                _ => PathStep::Key(key.as_small_str().clone()),
            }
        }))
    }
}

impl<'a> ValueRef<'a> {
    /// The id of the node, unless this is a JSON leaf.
    pub fn id(&self) -> Option<NodeId> {
        match self {
            Self::Object(object) => Some(object.id()),
            Self::Map(map) => Some(map.id()),
            Self::List(list) => Some(list.id()),
            Self::Text(text) => Some(text.id()),
            Self::Json(_) | Self::File(_) => None,
        }
    }

    /// The kind of node; a JSON leaf counts as a register.
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Json(_) => NodeKind::Register,
            Self::Object(_) => NodeKind::Object,
            Self::Map(_) => NodeKind::Map,
            Self::List(_) => NodeKind::List,
            Self::Text(_) => NodeKind::Text,
            Self::File(_) => NodeKind::File,
        }
    }

    fn is_container(&self) -> bool {
        self.kind().is_container()
    }

    /// The value at a key, or at an index written in decimal.
    pub(crate) fn child(&self, token: &str) -> Option<ValueRef<'a>> {
        match self {
            Self::Object(object) => object.get(token),
            Self::Map(map) => map.get(token),
            Self::List(list) => list.get(index_of(token)?),
            Self::Json(_) | Self::Text(_) | Self::File(_) => None,
        }
    }

    /// What an object or map has, in order of the keys; nothing for anything else.
    pub(crate) fn entries(&self) -> Entries<'a> {
        match self {
            Self::Object(object) => match object.entries() {
                Some(entries) => Entries::Object(object.document, entries.iter()),
                None => Entries::None,
            },
            Self::Map(map) => match map.order() {
                Some(order) => Entries::Map(map.document, Box::new(order.iter())),
                None => Entries::None,
            },
            _ => Entries::None,
        }
    }

    /// The JSON projection of the value.
    pub fn to_json(&self) -> Json {
        // Without recursion: a frame of the stack is dear in builds without optimisation.
        let mut open: Vec<Partial<'a>> = Vec::new();
        let mut next = Some(self.clone());
        loop {
            match next {
                Some(value @ (Self::Object(_) | Self::Map(_))) => {
                    let entries = value.entries();
                    open.push(Partial::Keyed(Vec::with_capacity(entries.len()), None, entries));
                }
                Some(Self::List(list)) => {
                    let items = list.document.children(list.ix);
                    open.push(Partial::List(Vec::with_capacity(list.len()), list.document, items));
                }
                leaf_or_end => {
                    let done = match leaf_or_end {
                        Some(Self::Json(value)) => value,
                        Some(Self::File(file)) => file.to_json(),
                        Some(Self::Text(text)) => {
                            Json::array(text.segments().iter().map(Segment::to_json))
                        }
                        _ => open.pop().map(Partial::finish).unwrap_or_default(),
                    };
                    match open.last_mut() {
                        Some(above) => above.put(done),
                        None => return done,
                    }
                }
            }
            next = open.last_mut().and_then(Partial::next);
        }
    }

    /// The value as a type of your own.
    ///
    /// # Errors
    /// If the JSON projection does not fit the type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.to_json())
    }

    /// The LiveObject, if this is one.
    pub fn as_object(&self) -> Option<ObjectRef<'a>> {
        if let Self::Object(object) = self { Some(*object) } else { None }
    }

    /// The LiveMap, if this is one.
    pub fn as_map(&self) -> Option<MapRef<'a>> {
        if let Self::Map(map) = self { Some(*map) } else { None }
    }

    /// The LiveList, if this is one.
    pub fn as_list(&self) -> Option<ListRef<'a>> {
        if let Self::List(list) = self { Some(*list) } else { None }
    }

    /// The LiveText, if this is one.
    pub fn as_text(&self) -> Option<TextRef<'a>> {
        if let Self::Text(text) = self { Some(*text) } else { None }
    }

    /// The LiveFile, if this is one.
    pub fn as_file(&self) -> Option<&'a FileMeta> {
        if let Self::File(file) = self { Some(file) } else { None }
    }

    /// The text, if this is a JSON leaf that is a string. Of a LiveText see [`as_text`](Self::as_text).
    pub fn as_str(&self) -> Option<&str> {
        self.as_json()?.as_str()
    }

    /// The number, if this is a JSON leaf that is one.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_json()?.as_f64()
    }

    /// Whether it is true, if this is a JSON leaf that is a truth value.
    pub fn as_bool(&self) -> Option<bool> {
        self.as_json()?.as_bool()
    }

    /// The JSON leaf, if this is one.
    pub fn as_json(&self) -> Option<&Json> {
        if let Self::Json(value) = self { Some(value) } else { None }
    }
}

/// A projection under way: what is done of a container, and what is to come.
enum Partial<'a> {
    Keyed(Vec<(SmallStr, Json)>, Option<&'a SmallStr>, Entries<'a>),
    List(Vec<Json>, &'a Document, Children<'a>),
}

impl<'a> Partial<'a> {
    fn next(&mut self) -> Option<ValueRef<'a>> {
        match self {
            Self::Keyed(_, at, entries) => {
                let (key, value) = entries.next()?;
                *at = Some(key);
                Some(value)
            }
            Self::List(_, document, items) => items.next().map(|item| document.value(item)),
        }
    }

    fn put(&mut self, value: Json) {
        match self {
            Self::Keyed(done, key, _) => done.extend(key.map(|key| (key.clone(), value))),
            Self::List(done, ..) => done.push(value),
        }
    }

    fn finish(self) -> Json {
        match self {
            Self::Keyed(done, ..) => Json::object(done),
            Self::List(done, ..) => Json::array(done),
        }
    }
}

/// What an object or map has, in order of the keys.
#[derive(Clone)]
pub(crate) enum Entries<'a> {
    Object(&'a Document, ObjectIter<'a>),
    Map(&'a Document, Box<order::Iter<'a>>),
    None,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a SmallStr, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Object(document, slots) => {
                slots.next().map(|(key, slot)| (key, document.slot(slot.to_slot())))
            }
            Self::Map(document, entries) => entries.next().map(|child| document.entry(child)),
            Self::None => None,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Object(_, slots) => slots.size_hint(),
            Self::Map(_, entries) => entries.size_hint(),
            Self::None => (0, Some(0)),
        }
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// The JSON projection.
impl Serialize for ValueRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Object(object) => {
                let mut map = serializer.serialize_map(Some(object.len()))?;
                for (key, value) in object.iter() {
                    map.serialize_entry(key, &value)?;
                }
                map.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(key, &value)?;
                }
                map.end()
            }
            Self::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for item in list.iter() {
                    seq.serialize_element(&item)?;
                }
                seq.end()
            }
            Self::Text(text) => text.to_json().serialize(serializer),
            Self::File(file) => file.serialize(serializer),
        }
    }
}

impl<'a> ObjectRef<'a> {
    fn entries(self) -> Option<Object<'a>> {
        self.document.object(self.ix)
    }

    /// The field or child at `key`. O(log n).
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        self.entries()?.at(key).map(|slot| self.document.slot(slot))
    }

    /// Fields and children, in order of their keys.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (&'a SmallStr, ValueRef<'a>)> {
        let entries = self.entries().map_or_else(ObjectIter::empty, Object::iter);
        entries.map(move |(key, slot)| (key, self.document.slot(slot.to_slot())))
    }

    /// The number of fields and children.
    pub fn len(self) -> usize {
        self.entries().map_or(0, Object::len)
    }

    /// Whether there are no fields and children.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The object as a type of your own.
    ///
    /// # Errors
    /// If the JSON projection does not fit the type.
    pub fn deserialize<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        ValueRef::Object(self).deserialize()
    }
}

impl<'a> MapRef<'a> {
    fn order(self) -> Option<&'a Order> {
        self.document.tree.map(self.ix)
    }

    /// The entry at `key`. O(log n).
    pub fn get(self, key: &str) -> Option<ValueRef<'a>> {
        let entry = self.order()?.find(key.as_bytes(), self.document.positions())?;
        Some(self.document.value(entry))
    }

    /// The entries, in order of their keys.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (&'a SmallStr, ValueRef<'a>)> {
        let entries = self.order().map_or_else(|| const { &Order::EMPTY }.iter(), Order::iter);
        entries.map(move |child| self.document.entry(child))
    }

    /// The number of entries.
    pub fn len(self) -> usize {
        self.order().map_or(0, Order::len)
    }

    /// Whether there are no entries.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl<'a> ListRef<'a> {
    fn order(self) -> Option<&'a Order> {
        self.document.list(self.ix)
    }

    /// The item at `index`. O(log n).
    pub fn get(self, index: usize) -> Option<ValueRef<'a>> {
        self.order()?.get(index).map(|item| self.document.value(item))
    }

    /// The items, in order.
    pub fn iter(self) -> impl Iterator<Item = ValueRef<'a>> {
        self.order()
            .into_iter()
            .flat_map(|order| order.iter())
            .map(|item| self.document.value(item))
    }

    /// The number of items. O(1).
    pub fn len(self) -> usize {
        self.order().map_or(0, Order::len)
    }

    /// Whether there are no items.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The id of the node at `index`; plain items have one too.
    pub fn id_at(self, index: usize) -> Option<NodeId> {
        self.order()?.get(index).map(|item| self.document.id(item))
    }

    /// The index of the item with this id. O(log n).
    pub fn index_of(self, id: &NodeId) -> Option<usize> {
        let item = self.document.child_by_id(self.ix, id)?;
        Some(self.document.rank_in(self.ix, self.document.key(item)))
    }
}

impl<'a> TextRef<'a> {
    fn text(self) -> Option<&'a TextNode> {
        self.document.text(self.ix)
    }

    /// The content: characters and their formats, with conversions between indexes in UTF-16 units,
    /// characters and bytes.
    pub fn content(self) -> &'a Text {
        self.text().map_or(const { &Text::EMPTY }, TextNode::text)
    }

    /// The text's segments.
    pub fn segments(self) -> Vec<Segment> {
        self.content().segments()
    }

    /// The length in UTF-16 code units.
    pub fn len(self) -> usize {
        self.content().len_utf16()
    }

    /// Whether the text is empty.
    pub fn is_empty(self) -> bool {
        self.content().is_empty()
    }

    /// How many updates the text has seen.
    pub fn version(self) -> u64 {
        self.text().map_or(0, TextNode::version)
    }
}

/// The text without its formatting.
impl std::fmt::Display for TextRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.content().fmt(f)
    }
}
