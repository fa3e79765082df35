//! Operations: the only way a document changes, and the unit that travels between replicas.
//!
//! An [`Op`] says what to do to one node. It is plain data: what it means is decided in one place,
//! [`Document::apply`](crate::Document::apply). On the wire it is a JSON object with a numeric `type`.

// Read in `op/read.rs` and `op/plain.rs`, written in `op/wire.rs`.

mod content;
mod plain;
mod read;
mod wire;

use std::sync::Arc;

use crate::json::JsonObject;
use crate::text::{Incarnation, Segment, TextOp};
use crate::{FileMeta, Json, NodeId, OpId, SmallStr};

pub use content::ContentError;
pub(crate) use content::{check_fields, check_text};
pub use read::{OpError, OpErrorReason, Sender};
pub(crate) use wire::{Fields, ObjectWriter, Value};

/// An operation on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Unique name of this op. Clients always give one; a server leaves it out when it forwards
    /// the op to others.
    pub op_id: Option<OpId>,
    /// The node that is created or changed.
    pub id: NodeId,
    /// What happens to it.
    pub kind: OpKind,
}

/// What an [`Op`] does to its node. The wire's `type` number is in parentheses.
#[derive(Clone, Debug, PartialEq)]
pub enum OpKind {
    /// Moves a list item to another position of its list (1).
    SetParentKey {
        /// The new position, as sent.
        parent_key: SmallStr,
    },
    /// Creates a node below a parent (2, 4, 7, 8, 9, 11).
    Create(Create),
    /// Sets JSON fields of an object (3).
    UpdateObject {
        /// The fields to set; others stay.
        data: JsonObject,
    },
    /// Deletes the node and all below it (5).
    DeleteCrdt,
    /// Removes the field or child at a key (6).
    DeleteObjectKey {
        /// The key.
        key: SmallStr,
    },
    /// Changes a text (10).
    UpdateText(UpdateText),
}

/// The fields that all create ops share, and the new node's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    /// The container that gets the node.
    pub parent_id: NodeId,
    /// The key, or the position in a list, as sent.
    pub parent_key: SmallStr,
    /// How a list makes room.
    pub intent: Intent,
    /// With [`Intent::Set`], the list item that the sender replaces.
    pub deleted_id: Option<NodeId>,
    /// The new node's content.
    pub content: NodeContent,
}

/// How a list makes room for a new item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Beside whatever is at the position already.
    #[default]
    Insert,
    /// In place of the item at the position.
    Set,
    /// At the end of the list, wherever that is by then.
    Push,
}

/// A node's own content, without its children.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeContent {
    /// A LiveObject with its JSON fields.
    Object(Arc<JsonObject>),
    /// A LiveList.
    List,
    /// A LiveMap.
    Map,
    /// A plain value in a list or map.
    Register(Json),
    /// A LiveText.
    Text {
        /// Its content.
        segments: Vec<Segment>,
        /// How many updates it has seen.
        version: u64,
    },
    /// A LiveFile.
    File(Arc<FileMeta>),
}

/// An update of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateText {
    /// The version that `ops` are expressed against.
    pub base_version: u64,
    /// The version after the update; only an authority gives one.
    pub version: Option<u64>,
    /// The changes, each against the result of the one before.
    pub ops: Vec<TextOp>,
}

/// The kinds of node, numbered as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// LiveObject
    Object = 0,
    /// LiveList
    List = 1,
    /// LiveMap
    Map = 2,
    /// A plain value that is an item of a list or an entry of a map.
    Register = 3,
    /// LiveText
    Text = 4,
    /// LiveFile
    File = 5,
}

impl NodeKind {
    /// Whether nodes of this kind have children.
    pub fn is_container(self) -> bool {
        matches!(self, Self::Object | Self::List | Self::Map)
    }

    /// The kind with this number on the wire.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Object, Self::List, Self::Map, Self::Register, Self::Text, Self::File]
            .into_iter()
            .find(|kind| *kind as u64 == number)
    }
}

impl NodeContent {
    /// The kind of node that has this content.
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Object(_) => NodeKind::Object,
            Self::List => NodeKind::List,
            Self::Map => NodeKind::Map,
            Self::Register(_) => NodeKind::Register,
            Self::Text { .. } => NodeKind::Text,
            Self::File(_) => NodeKind::File,
        }
    }
}

impl Op {
    /// An op without an op id.
    #[inline]
    pub fn new(id: NodeId, kind: OpKind) -> Self {
        Self { op_id: None, id, kind }
    }

    /// The same op under the name `op_id`.
    #[must_use]
    pub fn with_op_id(mut self, op_id: OpId) -> Self {
        self.op_id = Some(op_id);
        self
    }

    /// The same op without a name, as others than its sender receive it.
    #[must_use]
    pub fn without_op_id(mut self) -> Self {
        self.op_id = None;
        self
    }

    /// A copy [`without_op_id`](Self::without_op_id).
    pub(crate) fn for_others(&self) -> Self {
        Self::new(self.id.clone(), self.kind.clone())
    }

    /// The text that it updates, if it is a text update.
    pub(crate) fn updated_text(&self) -> Option<(&NodeId, Incarnation)> {
        match &self.kind {
            OpKind::UpdateText(update) => Some((&self.id, Incarnation::of(update.base_version))),
            _ => None,
        }
    }

    /// If it creates a text, under an id that another text has had: makes that one of its own, for which
    /// updates of the other are not meant. `op_id` tells it from all that ever had the id.
    pub(crate) fn begin_anew(&mut self, op_id: &OpId) {
        if let OpKind::Create(create) = &mut self.kind {
            if let NodeContent::Text { version, .. } = &mut create.content {
                *version = Incarnation::brought_by(op_id).first_version();
            }
        }
    }

    /// The acknowledgement of an op that changed nothing. On the wire it is disguised as the
    /// deletion of a node named `ACK`.
    pub fn acknowledgement(op_id: OpId) -> Self {
        Self { op_id: Some(op_id), id: Self::acknowledged_id(), kind: OpKind::DeleteCrdt }
    }

    /// Whether this is an [`acknowledgement`](Self::acknowledgement) and not a real deletion.
    pub fn is_acknowledgement(&self) -> bool {
        self.op_id.is_some()
            && self.kind == OpKind::DeleteCrdt
            && self.id == Self::acknowledged_id()
    }

    /// The id that an acknowledgement names; no node may have it.
    pub(crate) fn acknowledged_id() -> NodeId {
        NodeId::from(wire::ACK)
    }
}
