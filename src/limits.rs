//! Limits on what a document may hold.
//!
//! They are checked where changes enter: in edits, in patches and by a server. Applying an op that
//! an authority has accepted checks nothing, or replicas with other settings would diverge.

use thiserror::Error;

use crate::document::NodeIx;
use crate::op::{NodeContent, OpKind};
use crate::{Document, NodeId, Op, SmallStr};

/// Limits on what a document may hold; sizes are bytes of JSON text.
///
/// ```
/// use livetree::Limits;
/// let limits = Limits::default().object_size(1 << 20).depth(20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    object_size: usize,
    value_size: usize,
    depth: usize,
    position_len: usize,
    ops: usize,
}

/// A change that would pass a limit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The JSON fields of a LiveObject, keys and values together.
    #[error("the fields of {node} would take {size} bytes of JSON, more than {limit}")]
    ObjectSize {
        /// The object.
        node: NodeId,
        /// Their size with the change.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// A plain value in a LiveMap or LiveList.
    #[error("the value of {node} would take {size} bytes of JSON, more than {limit}")]
    ValueSize {
        /// The node of the value.
        node: NodeId,
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The nesting of live structures.
    #[error("{node} would be nested deeper than {limit} levels")]
    Depth {
        /// The new node.
        node: NodeId,
        /// The limit.
        limit: usize,
    },
    /// The length of a list position.
    #[error("the position of {node} would have {len} characters, more than {limit}")]
    PositionLen {
        /// The list item.
        node: NodeId,
        /// The position's length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The number of ops in one message, batch or patch.
    #[error("more than {limit} operations at once")]
    Ops {
        /// The limit.
        limit: usize,
    },
}

impl Default for Limits {
    /// The published limits (128 KiB for the fields of an object and for a value), nesting up to
    /// [`MAX_NODE_DEPTH`](crate::MAX_NODE_DEPTH), positions of 1,024 characters and 100,000 ops at
    /// once.
    fn default() -> Self {
        Self {
            object_size: 128 * 1024,
            value_size: 128 * 1024,
            depth: crate::MAX_NODE_DEPTH,
            position_len: crate::MAX_POSITION_LEN,
            ops: 100_000,
        }
    }
}

impl Limits {
    /// No limits but those that every document has.
    pub fn unlimited() -> Self {
        Self {
            object_size: usize::MAX,
            value_size: usize::MAX,
            depth: crate::MAX_NODE_DEPTH,
            position_len: usize::MAX,
            ops: usize::MAX,
        }
    }

    /// Limits the JSON fields of one LiveObject, keys and values together.
    #[must_use]
    pub fn object_size(self, bytes: usize) -> Self {
        Self { object_size: bytes, ..self }
    }

    /// Limits a plain value in a LiveMap or LiveList.
    #[must_use]
    pub fn value_size(self, bytes: usize) -> Self {
        Self { value_size: bytes, ..self }
    }

    /// Limits how deep live structures nest; the root is at 0.
    #[must_use]
    pub fn depth(self, levels: usize) -> Self {
        Self { depth: levels.min(crate::MAX_NODE_DEPTH), ..self }
    }

    /// Limits the length of list positions.
    #[must_use]
    pub fn position_len(self, characters: usize) -> Self {
        Self { position_len: characters, ..self }
    }

    /// Limits the number of ops in one message, batch or patch.
    #[must_use]
    pub fn ops(self, number: usize) -> Self {
        Self { ops: number, ..self }
    }

    /// Checks the number of ops in one message, batch or patch.
    pub(crate) fn check_number(&self, ops: usize) -> Result<(), LimitError> {
        if ops > self.ops { Err(LimitError::Ops { limit: self.ops }) } else { Ok(()) }
    }

    /// Checks what an op would make of a document, given its [`target`](Document::target).
    pub(crate) fn check(
        &self,
        document: &Document,
        target: Option<NodeIx>,
        op: &Op,
    ) -> Result<(), LimitError> {
        match &op.kind {
            OpKind::UpdateObject { data } => {
                let Some(ix) = target else { return Ok(()) };
                let Some(object) = document.object(ix) else { return Ok(()) };
                // What it replaces only makes it less; to measure it exactly would take longer.
                let most = data.iter().map(|(key, value)| key.len() + value.most_json_len());
                if object.most_json_bytes() + most.sum::<usize>() <= self.object_size {
                    return Ok(());
                }
                let added = data.iter().map(|(key, value)| field_size(key, value));
                let replaced = |(key, _)| document.field(ix, key).map(|old| field_size(key, &old));
                let freed: usize = data.iter().filter_map(replaced).sum();
                let size = object.json_bytes() + added.sum::<usize>() - freed;
                self.check_object(&op.id, size)
            }
            OpKind::Create(create) => {
                match &create.content {
                    NodeContent::Object(data) => {
                        let size = data.iter().map(|(key, value)| field_size(key, value)).sum();
                        self.check_object(&op.id, size)?;
                    }
                    NodeContent::Register(value) => {
                        let (size, limit) = (value.json_len(), self.value_size);
                        if size > limit {
                            let node = op.id.clone();
                            return Err(LimitError::ValueSize { node, size, limit });
                        }
                    }
                    _ => {}
                }
                let Some(parent) = target else { return Ok(()) };
                if usize::from(document.depth(parent)) >= self.depth {
                    return Err(LimitError::Depth { node: op.id.clone(), limit: self.depth });
                }
                self.check_position(document, parent, &op.id, &create.parent_key)
            }
            OpKind::SetParentKey { parent_key } => {
                let Some(ix) = target else { return Ok(()) };
                self.check_position(document, document.parent(ix), &op.id, parent_key)
            }
            OpKind::DeleteCrdt | OpKind::DeleteObjectKey { .. } | OpKind::UpdateText(_) => Ok(()),
        }
    }

    fn check_object(&self, node: &NodeId, size: usize) -> Result<(), LimitError> {
        let limit = self.object_size;
        if size > limit {
            return Err(LimitError::ObjectSize { node: node.clone(), size, limit });
        }
        Ok(())
    }

    fn check_position(
        &self,
        document: &Document,
        parent: NodeIx,
        node: &NodeId,
        key: &SmallStr,
    ) -> Result<(), LimitError> {
        let (len, limit) = (key.as_bytes().len(), self.position_len);
        if len > limit && document.is_list(parent) {
            return Err(LimitError::PositionLen { node: node.clone(), len, limit });
        }
        Ok(())
    }
}

use crate::document::field_bytes as field_size;
