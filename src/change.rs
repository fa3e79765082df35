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
///
/// ```
/// use livetree::change::{ListChange, UpdateDetail};
/// use livetree::{Actor, Document, IdSource, lson};
///
/// let mut doc = Document::from_json(br#"{ "todos": [] }"#)?;
/// let edited = doc.edit(&mut IdSource::new(Actor(1)), |root| {
///     root.list("todos")?.push(lson!({ "text": "ship it" }))
/// })?;
/// for update in &edited.changes {
///     assert_eq!(update.path.to_string(), "/todos");
///     let UpdateDetail::List(steps) = &update.detail else { continue };
///     let ListChange::Insert { index: 0, value, node: Some(id) } = &steps[0] else { continue };
///     assert_eq!(value.to_string(), r#"{"text":"ship it"}"#);
///     assert_eq!(doc.path_of(id).unwrap().to_string(), "/todos/0");
/// }
/// # Ok::<(), livetree::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    origin: Origin,
    updates: Few<Update>,
}

/// Where changes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The live structure that the value shows; `None` if that is plain JSON.
    pub node: Option<NodeId>,
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
        /// The live structure that the item is; `None` if it is plain JSON.
        node: Option<NodeId>,
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
        /// The live structure that the new item is; `None` if it is plain JSON.
        node: Option<NodeId>,
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

    pub(crate) fn with_origin(self, origin: Origin) -> Self {
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
