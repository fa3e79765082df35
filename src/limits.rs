//! Limits on what a document may hold.
//!
//! They are checked where changes enter: in edits, in patches and by a server. Applying an op that
//! an authority has accepted checks nothing, or replicas with other settings would diverge.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::document::{NodeIx, field_bytes as field_size};
use crate::json::JsonObject;
use crate::op::{Create, Intent, NodeContent, OpKind};
use crate::text::{Segment, Text, TextOp, clip, most_attributes, utf16_len};
use crate::{Document, Json, NodeId, Op, SmallStr};

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
    key_len: usize,
    text_len: usize,
    attributes: usize,
    nodes: usize,
    ops: usize,
}

/// A change that would exceed a limit.
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
    #[error("the position of {node} would have {len} bytes, more than {limit}")]
    PositionLen {
        /// The list item.
        node: NodeId,
        /// The position's length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The length of a key.
    #[error("a key of {node} would have {len} bytes, more than {limit}")]
    KeyLen {
        /// The object or map.
        node: NodeId,
        /// The key's length.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The length of a LiveText.
    #[error("the text {node} would have {len} UTF-16 units, more than {limit}")]
    TextLen {
        /// The text.
        node: NodeId,
        /// Its length with the change.
        len: usize,
        /// The limit.
        limit: usize,
    },
    /// The number of attributes of one segment of a LiveText.
    #[error("a segment of the text {node} could have {count} attributes, more than {limit}")]
    Attributes {
        /// The text.
        node: NodeId,
        /// How many there could be with the change.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The number of nodes of the document.
    #[error("with {node} the document would have more than {limit} nodes")]
    Nodes {
        /// The new node.
        node: NodeId,
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
    /// [`MAX_NODE_DEPTH`](crate::MAX_NODE_DEPTH), positions of 1,024 bytes, keys of 4,096, texts of 4 Mi
    /// UTF-16 units with 100 attributes anywhere, any number of nodes, and 100,000 ops at once.
    fn default() -> Self {
        Self {
            object_size: 128 * 1024,
            value_size: 128 * 1024,
            depth: crate::MAX_NODE_DEPTH,
            position_len: crate::MAX_POSITION_LEN,
            key_len: 4096,
            text_len: 4 << 20,
            attributes: 100,
            nodes: usize::MAX,
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
            key_len: usize::MAX,
            text_len: usize::MAX,
            attributes: usize::MAX,
            nodes: usize::MAX,
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
    pub fn position_len(self, bytes: usize) -> Self {
        Self { position_len: bytes, ..self }
    }

    /// Limits the length of keys of LiveObjects and LiveMaps.
    #[must_use]
    pub fn key_len(self, bytes: usize) -> Self {
        Self { key_len: bytes, ..self }
    }

    /// Limits the length of a LiveText, in UTF-16 units.
    #[must_use]
    pub fn text_len(self, units: usize) -> Self {
        Self { text_len: units, ..self }
    }

    /// Limits the number of attributes of one segment of a LiveText. A change of formats counts as if all its
    /// attributes met where there are most already.
    #[must_use]
    pub fn attributes(self, number: usize) -> Self {
        Self { attributes: number, ..self }
    }

    /// Limits the number of nodes of the document, the root included.
    #[must_use]
    pub fn nodes(self, number: usize) -> Self {
        Self { nodes: number, ..self }
    }

    /// Limits the number of ops in one message, batch or patch.
    #[must_use]
    pub fn ops(self, number: usize) -> Self {
        Self { ops: number, ..self }
    }

    /// The most ops of one message, batch or patch; at least one.
    pub(crate) fn most_ops(&self) -> usize {
        self.ops.max(1)
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
                self.check_keys(&op.id, data)?;
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
                if document.node_count() >= self.nodes {
                    self.check_nodes(document, target, op, create)?;
                }
                match &create.content {
                    NodeContent::Object(data) => {
                        self.check_keys(&op.id, data)?;
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
                    NodeContent::Text { segments, .. } => {
                        let len = segments.iter().map(|segment| utf16_len(&segment.text)).sum();
                        self.check_text(&op.id, len)?;
                        let attributes = segments.iter().map(|segment| &segment.attributes);
                        self.check_attributes(&op.id, most_attributes(attributes))?;
                    }
                    _ => {}
                }
                let Some(parent) = target else { return Ok(()) };
                if usize::from(document.depth(parent)) >= self.depth {
                    return Err(LimitError::Depth { node: op.id.clone(), limit: self.depth });
                }
                if document.is_list(parent) {
                    self.check_position(&op.id, &create.parent_key)
                } else {
                    self.check_key(&create.parent_id, &create.parent_key)
                }
            }
            OpKind::SetParentKey { parent_key } => {
                let Some(ix) = target else { return Ok(()) };
                let in_list = document.is_list(document.parent(ix));
                if in_list { self.check_position(&op.id, parent_key) } else { Ok(()) }
            }
            OpKind::UpdateText(update) => {
                let Some(text) = target.and_then(|ix| document.text(ix)) else { return Ok(()) };
                let text = text.text();
                self.check_text(&op.id, len_after(text.len_utf16(), &update.ops))?;
                self.check_attributes(&op.id, attributes_after(text, &update.ops, self.attributes))
            }
            OpKind::DeleteCrdt | OpKind::DeleteObjectKey { .. } => Ok(()),
        }
    }

    /// Checks the number of nodes, if there are as many as there may be: those that go make room.
    fn check_nodes(
        &self,
        document: &Document,
        target: Option<NodeIx>,
        op: &Op,
        create: &Create,
    ) -> Result<(), LimitError> {
        let mut tops = document.taken_out_by(op, target);
        if target.is_some_and(|parent| document.is_list(parent)) && create.intent != Intent::Set {
            tops.clear();
        }
        tops.dedup();
        let gone: usize = tops.into_iter().map(|top| document.subtree(top).count()).sum();
        if document.contains(&op.id) || document.node_count().saturating_sub(gone) < self.nodes {
            return Ok(());
        }
        Err(LimitError::Nodes { node: op.id.clone(), limit: self.nodes })
    }

    fn check_object(&self, node: &NodeId, size: usize) -> Result<(), LimitError> {
        let limit = self.object_size;
        if size > limit {
            return Err(LimitError::ObjectSize { node: node.clone(), size, limit });
        }
        Ok(())
    }

    fn check_keys(&self, node: &NodeId, data: &JsonObject) -> Result<(), LimitError> {
        data.iter().try_for_each(|(key, _)| self.check_key(node, key))
    }

    fn check_key(&self, node: &NodeId, key: &SmallStr) -> Result<(), LimitError> {
        let (len, limit) = (key.len(), self.key_len);
        if len > limit {
            return Err(LimitError::KeyLen { node: node.clone(), len, limit });
        }
        Ok(())
    }

    fn check_text(&self, node: &NodeId, len: usize) -> Result<(), LimitError> {
        let limit = self.text_len;
        if len > limit {
            return Err(LimitError::TextLen { node: node.clone(), len, limit });
        }
        Ok(())
    }

    fn check_attributes(&self, node: &NodeId, count: usize) -> Result<(), LimitError> {
        let limit = self.attributes;
        if count > limit {
            return Err(LimitError::Attributes { node: node.clone(), count, limit });
        }
        Ok(())
    }

    fn check_position(&self, node: &NodeId, key: &SmallStr) -> Result<(), LimitError> {
        let (len, limit) = (key.len(), self.position_len);
        if len > limit {
            return Err(LimitError::PositionLen { node: node.clone(), len, limit });
        }
        Ok(())
    }
}

/// How many attributes a segment of a text may have after these operations, if they bring any. It need not be
/// exact below the limit.
fn attributes_after(text: &Text, ops: &[TextOp], limit: usize) -> usize {
    let (mut formats, mut inserted) = (BTreeSet::new(), 0);
    for op in ops {
        match op {
            TextOp::Insert { attributes, .. } => {
                inserted = most_attributes([attributes]).max(inserted);
            }
            TextOp::Format { attributes, .. } => {
                let set = attributes.iter().filter(|(_, value)| **value != Json::Null);
                formats.extend(set.map(|(key, _)| key));
            }
            TextOp::Delete { .. } => {}
        }
    }
    if formats.is_empty() && inserted == 0 {
        return 0;
    }
    let most = text.most_attributes().max(inserted) + formats.len();
    if most <= limit {
        return most;
    }
    // Formats may set again what is set there already.
    let after = |segment: Segment| {
        let there = segment.attributes.iter().flat_map(|attributes| attributes.iter());
        formats.len() + there.filter(|(key, _)| !formats.contains(key)).count()
    };
    text.iter().map(after).max().unwrap_or_default().max(inserted + formats.len())
}

/// How long a text of `len` units is after these operations, which are clipped as when they are applied.
fn len_after(len: usize, ops: &[TextOp]) -> usize {
    ops.iter().fold(len, |len, op| match op {
        TextOp::Insert { text, .. } => len + utf16_len(text),
        TextOp::Delete { index, length } => {
            let end = clip(index.saturating_add(*length), len);
            len - end.saturating_sub(clip(*index, len))
        }
        TextOp::Format { .. } => len,
    })
}
