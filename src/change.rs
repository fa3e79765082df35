//! Net changes: what a document's subscribers are told.
//!
//! Every primitive mutation is seen, forward and back, and what was there before the first one that touched a
//! place is noted. At the end those places are compared with what is there now: what was rolled back and replayed
//! to the same result is no change. The cost follows the number of places touched.

mod few;
mod increasing;
mod list;
mod path;
mod replay;
mod text;
mod tracker;

use crate::text::TextOp;
use crate::{Json, NodeId, SmallStr};

pub use few::Few;
pub(crate) use increasing::longest_increasing;
pub use path::{Path, PathStep};
pub use replay::ReplayError;
pub(crate) use tracker::Tracker;

/// The net changes of an edit, a patch or a message, in the order in which to replay them.
///
/// Replaying them over the document's previous JSON gives its next JSON
/// ([`apply_to`](Self::apply_to)). Containers come before what lies in them; the contents of what
/// was inserted are part of the inserted value and not repeated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    origin: Origin,
    updates: Few<Update>,
}

/// Where changes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// An edit or patch made here.
    #[default]
    Local,
    /// An undo made here.
    Undo,
    /// A redo made here.
    Redo,
    /// A message from the server, or turns of other peers.
    Remote,
}

/// The changes of one object, map, list or text.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// The node that changed.
    pub node: NodeId,
    /// Where it is once the updates before this one are done.
    pub path: Path,
    /// What changed in it.
    pub detail: UpdateDetail,
}

/// What changed in a node.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum UpdateDetail {
    /// Fields or children of a LiveObject.
    Object(Few<KeyChange>),
    /// Entries of a LiveMap.
    Map(Few<KeyChange>),
    /// Items of a LiveList, each change against the result of the one before.
    List(Few<ListChange>),
    /// A LiveText, each change against the result of the one before.
    Text(Vec<TextOp>),
}

/// A key that got a new value or lost its value.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyChange {
    /// The key.
    pub key: SmallStr,
    /// Its new value as JSON; `None` if it was removed.
    pub value: Option<Json>,
}

/// One step of a list's change.
#[derive(Clone, Debug, PartialEq)]
pub enum ListChange {
    /// A new item before `index`.
    Insert {
        /// Index of the item afterwards.
        index: usize,
        /// The item as JSON.
        value: Json,
    },
    /// The item at `index` is gone.
    Delete {
        /// Index of the item before.
        index: usize,
    },
    /// An item went elsewhere.
    Move {
        /// Index of the item before.
        from: usize,
        /// Index of the item afterwards.
        to: usize,
    },
    /// Another item took the place of the one at `index`.
    Set {
        /// Index of both.
        index: usize,
        /// The new item as JSON.
        value: Json,
    },
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Where the changes come from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    pub(crate) fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    pub(crate) fn new(updates: Few<Update>) -> Self {
        Self { origin: Origin::default(), updates }
    }

    /// The number of nodes that changed.
    pub fn len(&self) -> usize {
        self.updates.len()
    }

    /// The changes, containers before what lies in them.
    pub fn iter(&self) -> std::slice::Iter<'_, Update> {
        self.updates.iter()
    }
}

impl<'a> IntoIterator for &'a Changes {
    type Item = &'a Update;
    type IntoIter = std::slice::Iter<'a, Update>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
