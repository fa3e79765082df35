//! The document: one tree of live nodes, and one journal that can take every change back.
//!
//! The tree is an arena of nodes, what they hold, by kind, and an index from ids to nodes. A container
//! holds the order of its children. All changes are made by the five primitives of `document/mutate.rs`; what an
//! op means in terms of them is decided in [`crate::apply`] and nowhere else.
//!
//! The numbered invariants I1 to I8 are listed in `ARCHITECTURE.md` and checked by
//! [`Document::check`].

mod body;
mod build;
mod check;
mod ids;
mod journal;
mod keyed;
mod load;
mod mutate;
mod node;
mod objects;
mod order;
mod read;
mod save;
mod slab;
mod snapshot;
mod text_node;
mod tree;

use std::fmt;

pub use journal::Savepoint;
pub use load::{LoadReport, NodesError, Repair};
pub use read::{ListRef, MapRef, ObjectRef, PointerError, TextRef, ValueRef};
pub use snapshot::SnapshotError;

pub(crate) use body::Body;
use body::Children;
use ids::IdIndex;
pub(crate) use ids::PackedId;
use journal::Journal;
pub(crate) use keyed::Keyed;
pub(crate) use node::{LinkKey, NodeIx};
pub(crate) use objects::{Object, Slot, field_bytes};
use order::{Finger, Order};
pub(crate) use text_node::TextNode;
pub(crate) use tree::{Keys, Tree};

use crate::change::{Path, Tracker};
use crate::op::{NodeContent, NodeKind};
use crate::position::Position;
use crate::text::Incarnation;
use crate::{Json, Limits, NodeId, SmallStr};

/// The deepest that live nodes may nest, the root being at 0.
///
/// A fixed part of the format rather than a setting: replicas that disagree on it would diverge.
pub const MAX_NODE_DEPTH: usize = 500;

/// The longest position that a list item may get, in bytes.
///
/// Inserting at one spot again and again makes positions longer, a character for every six items;
/// without a bound that would take quadratic memory. As [`MAX_NODE_DEPTH`], a fixed part of the
/// format. A [`Server`](crate::Server) keeps positions far shorter.
pub const MAX_POSITION_LEN: usize = 1024;

/// A live document: a tree of LiveObjects, LiveLists, LiveMaps, LiveTexts and LiveFiles.
///
/// *Read* it through [`root`](Self::root), [`at`](Self::at) and [`get`](Self::get). *Change* it with
/// [`edit`](Self::edit) and [`patch`](Self::patch), or with ops through [`apply`](Self::apply).
/// *Take changes back* with [`savepoint`](Self::savepoint), [`rollback`](Self::rollback) and
/// [`commit`](Self::commit). *Convert* it with the `from_…` and `to_…` functions.
///
/// ```
/// use livetree::{Actor, Document, IdSource, lson};
///
/// let mut doc = Document::new();
/// let mut ids = IdSource::new(Actor(1));
/// doc.edit(&mut ids, |root| {
///     root.set("title", "Roadmap")?;
///     root.set("todos", lson!([{ "text": "ship it", "done": false }]))
/// })?;
/// assert_eq!(doc.to_json().to_string(), r#"{"title":"Roadmap","todos":[{"done":false,"text":"ship it"}]}"#);
/// # Ok::<(), livetree::Error>(())
/// ```
pub struct Document {
    tree: Tree,
    free: Vec<NodeIx>,
    ids: IdIndex,
    journal: Journal,
    /// While changes are watched.
    tracker: Option<Box<Tracker>>,
    /// For the next time that they are.
    idle_tracker: Option<Box<Tracker>>,
    /// The host does not want to be told of changes.
    silent: bool,
    /// For the op that comes of a look into a list by index.
    finger: Finger,
    limits: Limits,
}

impl Document {
    /// An empty document: a root without fields.
    pub fn new() -> Self {
        Self {
            tree: Tree::new(),
            free: Vec::new(),
            ids: IdIndex::default(),
            journal: Journal::default(),
            tracker: None,
            idle_tracker: None,
            silent: false,
            finger: Finger::default(),
            limits: Limits::default(),
        }
    }

    /// The number of nodes, the root included. O(1).
    pub fn node_count(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is a node with this id.
    pub fn contains(&self, id: &NodeId) -> bool {
        self.find(id).is_some()
    }

    /// The kind of the node with this id.
    pub fn kind(&self, id: &NodeId) -> Option<NodeKind> {
        Some(self.kind_at(self.find(id)?))
    }

    /// The id of a node's parent; `None` for the root and for unknown ids.
    pub fn parent_of(&self, id: &NodeId) -> Option<NodeId> {
        let ix = self.find(id)?;
        (ix != NodeIx::ROOT).then(|| self.id(self.parent(ix)))
    }

    /// The key under which a node hangs in its parent: in a list, its position.
    pub fn parent_key_of(&self, id: &NodeId) -> Option<&str> {
        let ix = self.find(id)?;
        (ix != NodeIx::ROOT).then(|| self.key(ix).as_str())
    }

    /// The way from the root to a node; its text is the JSON Pointer to it. `None` for unknown ids. O(log n) for each
    /// level.
    pub fn path_of(&self, id: &NodeId) -> Option<Path> {
        Some(self.path_to(self.find(id)?))
    }

    /// The limits that edits and patches of this document keep.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sets the limits that edits and patches of this document keep.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether edits and patches report their net [`Changes`](crate::Changes), as they do unless this is
    /// switched off; the reports are empty then. Finding the changes out takes about as long as making a
    /// small edit, which a host can save that only passes ops on.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource};
    /// let (mut doc, mut ids) = (Document::new(), IdSource::new(Actor(1)));
    /// doc.set_change_reports(false);
    /// let edited = doc.edit(&mut ids, |root| root.set("title", "Roadmap"))?;
    /// assert_eq!((edited.ops.len(), edited.changes.len()), (1, 0));
    /// # Ok::<(), livetree::Error>(())
    /// ```
    pub fn set_change_reports(&mut self, on: bool) {
        self.silent = !on;
        if self.silent {
            self.idle_tracker = None;
        }
    }

    /// Whether net changes are reported, as [`set_change_reports`](Self::set_change_reports) has said last.
    pub fn has_change_reports(&self) -> bool {
        !self.silent
    }

    pub(crate) fn find(&self, id: &NodeId) -> Option<NodeIx> {
        self.ids.get(id)
    }

    /// As [`find`](Self::find), by the packed form of an id that a node bears.
    pub(crate) fn find_packed(&self, id: PackedId) -> Option<NodeIx> {
        self.ids.get_packed(id)
    }

    /// The id of a node.
    pub(crate) fn id(&self, ix: NodeIx) -> NodeId {
        self.ids.unpack(self.packed_id(ix))
    }

    /// The id of a node in the form in which nodes bear it.
    pub(crate) fn packed_id(&self, ix: NodeIx) -> PackedId {
        self.tree.id(ix)
    }

    /// Where a node hangs: its parent, and its key there.
    pub(crate) fn link(&self, ix: NodeIx) -> (NodeIx, &LinkKey) {
        self.tree.link(ix)
    }

    /// The container in which a node hangs; of the root it itself.
    pub(crate) fn parent(&self, ix: NodeIx) -> NodeIx {
        self.tree.parent(ix)
    }

    /// The key under which a node hangs in its parent; in a list, its position.
    pub(crate) fn key(&self, ix: NodeIx) -> &LinkKey {
        self.tree.key(ix)
    }

    /// How many parents a node has.
    pub(crate) fn depth(&self, ix: NodeIx) -> u16 {
        self.tree.depth(ix)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What a node holds; of a register this makes the value.
    pub(crate) fn body(&self, ix: NodeIx) -> Body<'_> {
        self.tree.body(ix)
    }

    pub(crate) fn kind_at(&self, ix: NodeIx) -> NodeKind {
        self.tree.kind(ix)
    }

    pub(crate) fn is_list(&self, ix: NodeIx) -> bool {
        self.kind_at(ix) == NodeKind::List
    }

    /// The items of a list; `None` for any other node.
    pub(crate) fn list(&self, ix: NodeIx) -> Option<&Order> {
        self.tree.list(ix)
    }

    /// A text; `None` for any other node.
    pub(crate) fn text(&self, ix: NodeIx) -> Option<&TextNode> {
        self.tree.text(ix)
    }

    /// The text with this id.
    pub(crate) fn find_text(&self, id: &NodeId) -> Option<&TextNode> {
        self.text(self.find(id)?)
    }

    /// As [`find_text`](Self::find_text), if it is this one of those that had the id.
    pub(crate) fn find_text_of(&self, id: &NodeId, of: Incarnation) -> Option<&TextNode> {
        self.find_text(id).filter(|text| text.incarnation() == of)
    }

    /// Where the positions and keys of nodes are.
    pub(crate) fn positions(&self) -> &Keys {
        self.tree.positions()
    }

    /// A node's children, in order of their keys or positions.
    pub(crate) fn children(&self, ix: NodeIx) -> Children<'_> {
        self.tree.children(ix)
    }

    /// A node without its children, as a create op or a serialised node carries it.
    pub(crate) fn content(&self, ix: NodeIx) -> NodeContent {
        self.tree.content(ix)
    }

    /// What an object holds; `None` for any other node.
    pub(crate) fn object(&self, ix: NodeIx) -> Option<Object<'_>> {
        self.tree.object(ix)
    }

    /// The JSON field at a key of an object.
    pub(crate) fn field(&self, object: NodeIx, key: &SmallStr) -> Option<Json> {
        match self.object(object)?.get(key)? {
            Slot::Json(value) => Some(value),
            Slot::Child(_) => None,
        }
    }

    /// The child at a key of an object or map, by the key's text.
    pub(crate) fn child_by_key(&self, parent: NodeIx, key: &str) -> Option<NodeIx> {
        match self.kind_at(parent) {
            NodeKind::Object => self.object(parent)?.child_at(key),
            NodeKind::Map => self.tree.map(parent)?.find(key.as_bytes(), self.positions()),
            _ => None,
        }
    }

    /// The item at an index of a list.
    pub(crate) fn list_item(&self, list: NodeIx, index: Option<usize>) -> Option<NodeIx> {
        self.list(list)?.get(index?)
    }

    /// The child of a container that has this id.
    pub(crate) fn child_by_id(&self, parent: NodeIx, id: &NodeId) -> Option<NodeIx> {
        // The root is in nothing, and says that it is in itself.
        self.find(id).filter(|child| *child != NodeIx::ROOT && self.parent(*child) == parent)
    }

    /// The number of items of a list.
    pub(crate) fn list_len(&self, list: NodeIx) -> usize {
        self.list(list).map_or(0, Order::len)
    }

    /// The position of a list's last item.
    pub(crate) fn last_position(&self, list: NodeIx) -> Option<&Position> {
        self.list(list)?.last().map(|item| self.key(item))
    }

    /// As [`list_item`](Self::list_item), of an item that is about to be moved or taken out.
    pub(crate) fn seek_item(&mut self, list: NodeIx, index: usize) -> Option<NodeIx> {
        let (item, spot) = self.tree.list(list)?.seek(index)?;
        self.finger.item = spot;
        Some(item)
    }

    /// The positions between which an item goes that is about to be put at this index of a list.
    pub(crate) fn positions_around(
        &mut self,
        list: NodeIx,
        index: usize,
    ) -> (Option<Position>, Option<Position>) {
        let Some(order) = self.tree.list(list) else { return (None, None) };
        let (before, after, gap) = order.around(index);
        self.finger.gap = gap;
        let position = |item: order::Slot| item.position(self.positions());
        (before.map(position), after.map(position))
    }

    /// The child at a key of an object or map, or at a position of a list.
    pub(crate) fn child(&self, parent: NodeIx, key: &SmallStr) -> Option<NodeIx> {
        match self.kind_at(parent) {
            NodeKind::Object => self.object(parent)?.child(key),
            NodeKind::Map => self.tree.map(parent)?.find(key.as_bytes(), self.positions()),
            NodeKind::List => {
                self.list(parent)?.find(&Position::verbatim(key.clone()), self.positions())
            }
            NodeKind::Register | NodeKind::Text | NodeKind::File => None,
        }
    }
}

impl Document {
    /// Makes this document, with no savepoint open, the same as `other`.
    pub(crate) fn become_copy_of(&mut self, other: &Self) {
        for op in self.diff(other) {
            let outcome = self.apply(&op);
            debug_assert!(outcome.is_accepted(), "a diff applies");
        }
    }
}

/// A copy costs what it takes to copy the memory: O(n), with long texts and JSON leaves shared. Open
/// savepoints can be rolled back in each of the two.
impl Clone for Document {
    fn clone(&self) -> Self {
        debug_assert!(self.tracker.is_none(), "changes are being watched");
        Self {
            tree: self.tree.clone(),
            free: self.free.clone(),
            ids: self.ids.clone(),
            journal: self.journal.clone(),
            tracker: None,
            idle_tracker: None,
            silent: self.silent,
            finger: Finger::default(),
            limits: self.limits.clone(),
        }
    }
}

/// Documents are equal if they have the same nodes: ids, places, values and versions of texts. O(n).
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.node_count() == other.node_count() && self.nodes().eq(other.nodes())
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

/// The content as JSON.
impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("nodes", &self.node_count())
            .field("json", &self.to_json())
            .finish()
    }
}
