//! What a node holds, for reading.

use std::sync::Arc;

use super::node::NodeIx;
use super::objects::{Object, ObjectIter};
use super::order::{self, Order};
use super::text_node::TextNode;
use crate::{FileMeta, Json};

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Body<'a> {
    Object(Object<'a>),
    List(&'a Order),
    Map(&'a Order),
    Register(Json),
    Text(&'a TextNode),
    File(&'a Arc<FileMeta>),
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
            Self::Object(entries) => entries.find_map(|(_, slot)| slot.child()),
            Self::Ordered(children) => children.next(),
        }
    }
}
