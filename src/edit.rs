//! Edit handles: calls that become ops.
//!
//! A handle borrows its edit, so it cannot outlive it and there are no orphaned nodes to change.
//! Every call makes ops and applies them through [`Document::apply`]; handles touch no node
//! themselves. An edit happens whole or not at all.

mod create;
mod list;
mod map;
mod object;
mod reconcile;
mod spread;
mod text;

use std::mem;

use serde::{Deserialize, Deserializer, Serialize, de};
use thiserror::Error;

pub use list::ListMut;
pub use map::MapMut;
pub use object::ObjectMut;
pub use text::TextMut;

use crate::document::{NodeIx, Savepoint};
use crate::json::error::push_key;
use crate::op::{NodeKind, OpKind};
use crate::patch::pointer::{Pointer, index_of, prefix};
use crate::prediction::Prediction;
use crate::text::Budget;
use crate::{Actor, Changes, Document, LimitError, NodeId, Op, OpId, Outcome, Rejection, SmallStr};

/// Names for new nodes and ops: `"<actor>:<clock>"`, each given out once.
///
/// An actor must never have two of them in the life of a document, or names come again: a host that goes on
/// with a stored document takes another actor, or stores this with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSource {
    actor: Actor,
    #[serde(deserialize_with = "clock")]
    nodes: u64,
    #[serde(deserialize_with = "clock")]
    ops: u64,
}

/// Reads a clock that an id can have, so that counting on from it never ends.
fn clock<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let clock = u64::deserialize(deserializer)?;
    if clock > LAST_CLOCK {
        return Err(de::Error::custom("a clock is more than 2^53 - 1"));
    }
    Ok(clock)
}

/// The last integer that is exact for clients that count in doubles.
const LAST_CLOCK: u64 = (1 << 53) - 1;

impl IdSource {
    /// Names for `actor`, from clock 0.
    pub fn new(actor: Actor) -> Self {
        Self { actor, nodes: 0, ops: 0 }
    }

    /// The actor in whose name ids are minted.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// Goes on minting in the name of another actor; the clocks go on counting.
    pub fn set_actor(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Whether there is a name for one more op. Those with a clock of 2^32 and more are not used for edits: such
    /// names are not kept as numbers, and peers have no stamps for them.
    pub(crate) fn has_op_id(&self) -> bool {
        u32::try_from(self.ops).is_ok()
    }

    /// From here on the clocks of ops are not less than this.
    pub(crate) fn skip_ops(&mut self, clock: u64) {
        self.ops = self.ops.max(clock);
    }

    /// Does not mint this node id, nor the actor's before it.
    pub(crate) fn skip_node(&mut self, id: &NodeId) {
        if let Some((_, clock)) = id.actor_and_clock().filter(|(actor, _)| *actor == self.actor) {
            self.nodes = self.nodes.max(u64::from(clock) + 1);
        }
    }

    /// Does not mint the id of a node of this document, nor the actor's before it.
    pub(crate) fn skip_nodes_of(&mut self, document: &Document) {
        for ix in document.subtree(NodeIx::ROOT) {
            self.skip_node(&document.id(ix));
        }
    }

    /// Does not mint the names of an op and of the node that it makes, nor those before them, in the name of
    /// any actor.
    pub(crate) fn skip_made(&mut self, op: &Op) {
        let after = |id: Option<(Actor, u32)>| id.map_or(0, |(_, clock)| u64::from(clock) + 1);
        self.skip_ops(after(op.op_id.as_ref().and_then(OpId::actor_and_clock)));
        if let OpKind::Create(_) = op.kind {
            self.nodes = self.nodes.max(after(op.id.actor_and_clock()));
        }
    }

    /// A new node id.
    #[must_use = "an id that was minted is not given out again"]
    pub fn mint_node_id(&mut self) -> NodeId {
        let id = NodeId::minted(self.actor, self.nodes);
        self.nodes += 1;
        id
    }

    /// A new id that names no node of this document. Peers can give their nodes ids in the name of any actor.
    #[inline]
    pub(crate) fn fresh_node_id(&mut self, document: &Document) -> NodeId {
        loop {
            let id = self.mint_node_id();
            if !document.contains(&id) {
                return id;
            }
        }
    }

    /// A new op id.
    #[must_use = "an id that was minted is not given out again"]
    pub fn mint_op_id(&mut self) -> OpId {
        let id = OpId::minted(self.actor, self.ops);
        self.ops += 1;
        id
    }
}

/// What an edit did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Edited<T> {
    /// What the closure returned.
    pub value: T,
    /// The ops that take any replica through the same change, in order.
    pub ops: Vec<Op>,
    /// The net changes.
    pub changes: Changes,
}

/// Why an edit was not made. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is no live structure of that kind.
    #[error("{} is {found}, not {wanted}", if .at.is_empty() { "the root" } else { .at.as_str() })]
    WrongKind {
        /// The JSON Pointer; empty for the root.
        at: String,
        /// What is there, in words.
        found: &'static str,
        /// What was asked for, in words.
        wanted: &'static str,
    },
    /// An index is past the end of a list.
    #[error("index {index} is past the end of {at}, a list of {len}")]
    IndexPastEnd {
        /// The JSON Pointer of the list.
        at: String,
        /// The index.
        index: usize,
        /// The list's length.
        len: usize,
    },
    /// There is no live structure with this id that can be edited.
    #[error("there is no live structure {0} that can be edited")]
    NoNode(NodeId),
    /// The text is no JSON Pointer.
    #[error("{0:?} is not a JSON Pointer")]
    Pointer(String),
    /// The change would exceed a limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The document does not take the op.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The value to reconcile with cannot be written as JSON.
    #[error("the value is not JSON: {0}")]
    Serialize(String),
    /// A text's attribute is an array or object.
    #[error("the attribute {0:?} is not a scalar")]
    Attribute(SmallStr),
    /// The actor has made four billion ops, for which there are names. Another one can go on.
    #[error("the actor has no op id left")]
    NoOpIdLeft,
    /// The edit was given up by its closure.
    #[error("{0}")]
    Aborted(String),
}

impl EditError {
    /// For a closure that gives its edit up.
    pub fn aborted(why: impl Into<String>) -> Self {
        Self::Aborted(why.into())
    }

    /// Whether the change would have exceeded a limit.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Limit(_))
    }
}

impl Document {
    /// Makes a batch of edits, all or nothing.
    ///
    /// # Errors
    /// The closure's; the document is then exactly as it was.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource, lson};
    /// let mut doc = Document::from_json(br#"{"todos":[]}"#)?;
    /// let mut ids = IdSource::new(Actor(1));
    /// let edited = doc.edit(&mut ids, |root| {
    ///     let mut todos = root.list("todos")?;
    ///     todos.push(lson!({ "text": "ship it" }))?;
    ///     todos.push("plain")?;
    ///     todos.move_item(1, 0)
    /// })?;
    /// assert_eq!(edited.ops.len(), 3);
    /// assert_eq!(doc.to_json().to_string(), r#"{"todos":["plain",{"text":"ship it"}]}"#);
    ///
    /// let failed = doc.edit(&mut ids, |root| {
    ///     root.delete("todos")?;
    ///     root.list("todos").map(drop)
    /// });
    /// assert_eq!(failed.unwrap_err().to_string(), "/todos is nothing, not a LiveList");
    /// assert_eq!(doc.at("/todos/0")?.to_json(), "plain".into());
    /// # Ok::<(), livetree::Error>(())
    /// ```
    pub fn edit<T>(
        &mut self,
        ids: &mut IdSource,
        edit: impl FnOnce(&mut ObjectMut<'_>) -> Result<T, EditError>,
    ) -> Result<Edited<T>, EditError> {
        self.make(ids, |session| edit(&mut ObjectMut::new(session.reborrow(), NodeIx::ROOT)))
    }

    /// Makes an edit that is final at once.
    pub(crate) fn make<T, E>(
        &mut self,
        ids: &mut IdSource,
        edit: impl FnOnce(&mut Session<'_>) -> Result<T, E>,
    ) -> Result<Edited<T>, E> {
        let mut trail = Trail::new();
        let (result, changes) = self.watch(|document| {
            let (value, savepoint) = document
                .attempt(|document| edit(&mut Session { document, ids, trail: &mut trail }))?;
            document.commit(savepoint);
            Ok(value)
        });
        result.map(|value| Edited { value, ops: trail.ops, changes })
    }

    /// Runs `change`; if it fails or panics, takes back whatever it did. Else that can be taken back later: to the
    /// savepoint that comes with the result.
    fn attempt<T, E>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<(T, Savepoint), E> {
        let savepoint = self.savepoint();
        let mut attempt = Attempt { document: self, savepoint: Some(savepoint) };
        let value = change(attempt.document)?;
        attempt.savepoint = None;
        Ok((value, savepoint))
    }

    /// Makes an edit whose ops may still have to be taken back one by one: each has a savepoint of its own.
    pub(crate) fn predict<T, E>(
        &mut self,
        ids: &mut IdSource,
        edit: impl FnOnce(&mut Session<'_>) -> Result<T, E>,
    ) -> Result<Predicted<T>, E> {
        let mut trail = Trail::predicted();
        let (value, savepoint) =
            self.attempt(|document| edit(&mut Session { document, ids, trail: &mut trail }))?;
        let Trail { ops, predictions } = trail;
        let mut predictions = predictions.unwrap_or_default();
        debug_assert_eq!(ops.len(), predictions.len());
        // The savepoint of the whole and that of the first op are at one place.
        match predictions.first_mut() {
            Some(first) => self.merge_savepoint(mem::replace(&mut first.savepoint, savepoint)),
            None => self.rollback(savepoint),
        }
        Ok(Predicted { value, ops, predictions })
    }
}

/// What happens whole or not at all, also if a closure of the host panics.
struct Attempt<'a> {
    document: &'a mut Document,
    /// Until it has happened.
    savepoint: Option<Savepoint>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(savepoint) = self.savepoint {
            self.document.rollback(savepoint);
        }
    }
}

/// An edit under way: where it happens, who names its ops, and what it did so far.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) document: &'a mut Document,
    pub(crate) ids: &'a mut IdSource,
    pub(crate) trail: &'a mut Trail,
}

/// What an edit did so far.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) ops: Vec<Op>,
    /// What it takes besides to take each op back, by itself or by undo.
    pub(crate) predictions: Option<Vec<Prediction>>,
}

/// What an edit did whose ops may still have to be taken back.
pub(crate) struct Predicted<T> {
    pub(crate) value: T,
    pub(crate) ops: Vec<Op>,
    pub(crate) predictions: Vec<Prediction>,
}

impl Trail {
    /// The most ops that most edits have.
    const FEW: usize = 2;

    /// For an edit that is final at once.
    fn new() -> Self {
        Self { ops: Vec::with_capacity(Self::FEW), predictions: None }
    }

    /// For an edit that may have to be taken back.
    fn predicted() -> Self {
        Self { predictions: Some(Vec::with_capacity(Self::FEW)), ..Self::new() }
    }
}

impl Session<'_> {
    pub(crate) fn reborrow(&mut self) -> Session<'_> {
        Session { document: self.document, ids: self.ids, trail: self.trail }
    }

    /// Names an op on a node, applies it and notes it down.
    #[inline]
    pub(crate) fn apply(&mut self, node: NodeIx, kind: OpKind) -> Result<(), EditError> {
        self.perform(Some(node), Op::new(self.id(node), kind))
    }

    /// Names an op, given its [`target`](Document::target), applies it and notes it down.
    pub(crate) fn perform(&mut self, target: Option<NodeIx>, mut op: Op) -> Result<(), EditError> {
        if !self.ids.has_op_id() {
            return Err(EditError::NoOpIdLeft);
        }
        op.op_id = Some(self.ids.mint_op_id());
        self.document.limits().check(self.document, target, &op)?;
        let number = self.trail.ops.len() + 1;
        self.document.limits().check_number(number)?;
        self.try_op(target, op)?;
        debug_assert_eq!(self.trail.ops.len(), number, "an edit made an op without meaning");
        Ok(())
    }

    /// Applies an op, given its [`target`](Document::target), and notes it down if it is accepted.
    pub(crate) fn try_op(&mut self, target: Option<NodeIx>, op: Op) -> Result<(), Rejection> {
        if let Some(predictions) = &mut self.trail.predictions {
            predictions.push(Prediction::of(self.document, &op));
        }
        let outcome = self.document.apply_to(target, &op, &mut Budget::default());
        if let Some(predictions) = &mut self.trail.predictions {
            let last = predictions.last_mut();
            if !last.is_some_and(|last| last.came_true(self.document, &outcome)) {
                predictions.pop();
            }
        }
        match &outcome {
            Outcome::Rejected(rejection) => return Err(rejection.clone()),
            Outcome::Accepted { .. } => self.trail.ops.push(op),
            Outcome::Ignored | Outcome::Rectified { .. } => {}
        }
        Ok(())
    }

    pub(crate) fn id(&self, node: NodeIx) -> NodeId {
        self.document.id(node)
    }

    /// The error that the value at `token` below `parent` is not of the kind `wanted`.
    fn wrong_kind(&self, parent: NodeIx, token: &str, wanted: NodeKind) -> EditError {
        let mut at = self.document.path_to(parent).to_string();
        push_key(&mut at, token);
        let found = self.document.value(parent).child(token);
        EditError::WrongKind {
            at,
            found: found.map_or("nothing", |found| found.kind().in_words()),
            wanted: wanted.in_words(),
        }
    }

    #[cold]
    fn past_end(&self, list: NodeIx, index: usize) -> EditError {
        let at = self.document.path_to(list).to_string();
        EditError::IndexPastEnd { at, index, len: self.document.list_len(list) }
    }

    /// The child of a container, if it is of the kind `wanted`.
    fn child_of_kind(
        &self,
        parent: NodeIx,
        key: &str,
        wanted: NodeKind,
    ) -> Result<NodeIx, EditError> {
        self.document
            .child_by_key(parent, key)
            .filter(|child| self.document.kind_at(*child) == wanted)
            .ok_or_else(|| self.wrong_kind(parent, key, wanted))
    }

    /// The container at a JSON Pointer below the root.
    fn node_at(&self, pointer: &str) -> Result<NodeIx, EditError> {
        let tokens = Pointer::parse(pointer).map_err(|_| EditError::Pointer(pointer.to_owned()))?;
        let mut node = NodeIx::ROOT;
        for (depth, token) in tokens.tokens().enumerate() {
            let token = token.decoded();
            let child = match self.document.list_item(node, index_of(&token)) {
                Some(item) => Some(item),
                None => self.document.child_by_key(node, &token),
            };
            node = child.ok_or_else(|| {
                let found = self.document.value(node).child(&token);
                EditError::WrongKind {
                    at: prefix(pointer, depth + 1).to_owned(),
                    found: found.map_or("nothing", |found| found.kind().in_words()),
                    wanted: "a live structure",
                }
            })?;
        }
        Ok(node)
    }
}

/// A live structure that is being edited.
#[derive(Debug)]
pub enum NodeMut<'a> {
    /// A LiveObject.
    Object(ObjectMut<'a>),
    /// A LiveMap.
    Map(MapMut<'a>),
    /// A LiveList.
    List(ListMut<'a>),
    /// A LiveText.
    Text(TextMut<'a>),
}

impl<'a> NodeMut<'a> {
    fn new(session: Session<'a>, node: NodeIx) -> Option<Self> {
        match session.document.kind_at(node) {
            NodeKind::Object => Some(Self::Object(ObjectMut::new(session, node))),
            NodeKind::Map => Some(Self::Map(MapMut::new(session, node))),
            NodeKind::List => Some(Self::List(ListMut::new(session, node))),
            NodeKind::Text => Some(Self::Text(TextMut::new(session, node))),
            NodeKind::Register | NodeKind::File => None,
        }
    }

    /// The LiveObject, if this is one.
    pub fn into_object(self) -> Option<ObjectMut<'a>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    /// The LiveMap, if this is one.
    pub fn into_map(self) -> Option<MapMut<'a>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The LiveList, if this is one.
    pub fn into_list(self) -> Option<ListMut<'a>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The LiveText, if this is one.
    pub fn into_text(self) -> Option<TextMut<'a>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Makes the structure's JSON projection equal to `target` with few ops.
    ///
    /// # Errors
    /// If `target` is of another kind than the structure, or a limit is exceeded.
    pub fn reconcile(&mut self, target: impl Into<crate::Json>) -> Result<(), EditError> {
        match self {
            Self::Object(object) => object.reconcile(target),
            Self::Map(map) => map.reconcile(target),
            Self::List(list) => list.reconcile(target),
            Self::Text(text) => text.reconcile(target),
        }
    }

    /// Makes the structure equal to `target`, written as JSON, with few ops.
    ///
    /// # Errors
    /// As [`reconcile`](Self::reconcile), and if `target` cannot be written as JSON.
    pub fn reconcile_with<T: Serialize + ?Sized>(&mut self, target: &T) -> Result<(), EditError> {
        match self {
            Self::Object(object) => object.reconcile_with(target),
            Self::Map(map) => map.reconcile_with(target),
            Self::List(list) => list.reconcile_with(target),
            Self::Text(text) => text.reconcile_with(target),
        }
    }
}

impl NodeKind {
    /// The kind as an error says it.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Object => "a LiveObject",
            Self::List => "a LiveList",
            Self::Map => "a LiveMap",
            Self::Register => "plain JSON",
            Self::Text => "a LiveText",
            Self::File => "a LiveFile",
        }
    }
}

/// The methods that all handles share.
macro_rules! handle {
    ($name:ident, $view:ident, $kind:ident) => {
        impl<'a> $name<'a> {
            pub(crate) fn new(
                session: crate::edit::Session<'a>,
                node: crate::document::NodeIx,
            ) -> Self {
                Self { session, node }
            }

            /// The node's id.
            pub fn id(&self) -> crate::NodeId {
                self.session.document.id(self.node)
            }

            /// The structure as it is now, for reading.
            pub fn view(&self) -> crate::document::$view<'_> {
                crate::document::$view::new(self.session.document, self.node)
            }

            /// Makes the structure equal to `target`, written as JSON, with few ops.
            ///
            /// # Errors
            /// As [`reconcile`](Self::reconcile), and if `target` cannot be written as JSON.
            pub fn reconcile_with<T: serde::Serialize + ?Sized>(
                &mut self,
                target: &T,
            ) -> Result<(), crate::edit::EditError> {
                self.session.reconcile_with(self.node, target)
            }
        }
    };
}
pub(crate) use handle;

/// The methods of handles whose children have keys.
macro_rules! keyed_handle {
    ($name:ident) => {
        impl $name<'_> {
            /// The LiveObject at `key`.
            ///
            /// # Errors
            /// If there is anything else or nothing.
            pub fn object(
                &mut self,
                key: &str,
            ) -> Result<crate::edit::ObjectMut<'_>, crate::edit::EditError> {
                let child =
                    self.session.child_of_kind(self.node, key, crate::op::NodeKind::Object)?;
                Ok(crate::edit::ObjectMut::new(self.session.reborrow(), child))
            }

            /// The LiveMap at `key`.
            ///
            /// # Errors
            /// If there is anything else or nothing.
            pub fn map(
                &mut self,
                key: &str,
            ) -> Result<crate::edit::MapMut<'_>, crate::edit::EditError> {
                let child = self.session.child_of_kind(self.node, key, crate::op::NodeKind::Map)?;
                Ok(crate::edit::MapMut::new(self.session.reborrow(), child))
            }

            /// The LiveList at `key`.
            ///
            /// # Errors
            /// If there is anything else or nothing.
            pub fn list(
                &mut self,
                key: &str,
            ) -> Result<crate::edit::ListMut<'_>, crate::edit::EditError> {
                let child =
                    self.session.child_of_kind(self.node, key, crate::op::NodeKind::List)?;
                Ok(crate::edit::ListMut::new(self.session.reborrow(), child))
            }

            /// The LiveText at `key`.
            ///
            /// # Errors
            /// If there is anything else or nothing.
            pub fn text(
                &mut self,
                key: &str,
            ) -> Result<crate::edit::TextMut<'_>, crate::edit::EditError> {
                let child =
                    self.session.child_of_kind(self.node, key, crate::op::NodeKind::Text)?;
                Ok(crate::edit::TextMut::new(self.session.reborrow(), child))
            }
        }
    };
}
pub(crate) use keyed_handle;
