//! The nodes of the tree and where they live.

use std::sync::Arc;

use super::fields::{KeyLists, ObjectBody, ObjectIter};
use super::ids::PackedId;
use super::order::{self, Order};
use super::text_node::TextNode;
use crate::op::{NodeContent, NodeKind};
use crate::position::Position;
use crate::{FileMeta, Json};

/// A node's place in the arena. Only meaningful together with its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeIx(pub(crate) u32);

impl NodeIx {
    /// The root, which is never moved or freed.
    pub(crate) const ROOT: Self = Self(0);
}

/// A node: who it is, where it hangs and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) id: PackedId,
    /// The container it hangs in; the root names itself.
    pub(crate) parent: NodeIx,
    /// Its key in the parent; in a list, its position.
    pub(crate) key: LinkKey,
    /// How many parents it has; never changes, as nodes never change their parent.
    pub(crate) depth: u16,
    pub(crate) body: Body,
}

/// The key under which a node hangs in its parent.
///
/// A position is a key that has an order of its own; both are kept in one place since every node
/// has exactly one of them, and which one follows from the parent.
pub(crate) type LinkKey = Position;

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Object(ObjectBody),
    List(Box<Order>),
    Map(Box<Order>),
    Register(Json),
    Text(Box<TextNode>),
    File(Arc<FileMeta>),
}

impl Body {
    pub(super) fn new(content: &NodeContent, lists: &mut KeyLists) -> Self {
        match content {
            NodeContent::Object(data) => Self::Object(ObjectBody::of(data, lists)),
            NodeContent::List => Self::List(Box::default()),
            NodeContent::Map => Self::Map(Box::default()),
            NodeContent::Register(value) => Self::Register(value.clone()),
            NodeContent::Text { segments, version } => {
                Self::Text(Box::new(TextNode::new(segments.clone(), *version)))
            }
            NodeContent::File(file) => Self::File(file.clone()),
        }
    }

    pub(crate) fn kind(&self) -> NodeKind {
        match self {
            Self::Object(_) => NodeKind::Object,
            Self::List(_) => NodeKind::List,
            Self::Map(_) => NodeKind::Map,
            Self::Register(_) => NodeKind::Register,
            Self::Text(_) => NodeKind::Text,
            Self::File(_) => NodeKind::File,
        }
    }

    /// The content without children, as a create op or a serialised node carries it.
    pub(crate) fn content(&self) -> NodeContent {
        match self {
            Self::Object(object) => NodeContent::Object(Arc::new(
                object.fields().map(|(key, value)| (key.clone(), value.clone())).collect(),
            )),
            Self::List(_) => NodeContent::List,
            Self::Map(_) => NodeContent::Map,
            Self::Register(value) => NodeContent::Register(value.clone()),
            Self::Text(text) => {
                NodeContent::Text { segments: text.segments(), version: text.version() }
            }
            Self::File(file) => NodeContent::File(file.clone()),
        }
    }

    /// The children, in order of their keys or positions.
    pub(crate) fn children(&self) -> Children<'_> {
        match self {
            Self::Object(object) => Children::Object(object.iter()),
            Self::Map(order) | Self::List(order) => Children::Ordered(Box::new(order.iter())),
            Self::Register(_) | Self::Text(_) | Self::File(_) => Children::None,
        }
    }
}

/// Iterates over a node's children.
pub(crate) enum Children<'a> {
    None,
    Object(ObjectIter<'a>),
    Ordered(Box<order::Iter<'a>>),
}

impl Iterator for Children<'_> {
    type Item = NodeIx;

    fn next(&mut self) -> Option<NodeIx> {
        match self {
            Self::None => None,
            Self::Object(slots) => slots.find_map(|(_, slot)| slot.child()),
            Self::Ordered(children) => children.next(),
        }
    }
}
