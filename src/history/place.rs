//! Places: what ops write, as far as it matters to undo who wrote it last.

use crate::document::NodeIx;
use crate::op::{Intent, OpKind};
use crate::{Document, NodeId, Op, SmallStr};

/// A place that an op writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Slot(NodeId, SmallStr),
    Item(NodeId),
    Text(NodeId),
}

impl Place {
    /// The node that is the place, or has it.
    pub(crate) fn node(&self) -> &NodeId {
        match self {
            Self::Slot(id, _) | Self::Item(id) | Self::Text(id) => id,
        }
    }
}

/// The places that an op writes.
pub(crate) fn places(document: &Document, op: &Op) -> Vec<Place> {
    let slot = |id: &NodeId, key: &SmallStr| Place::Slot(id.clone(), key.clone());
    match &op.kind {
        OpKind::UpdateObject { data } => data.iter().map(|(key, _)| slot(&op.id, key)).collect(),
        OpKind::DeleteObjectKey { key } => vec![slot(&op.id, key)],
        // A position in a list is no place: another item may have it next.
        OpKind::SetParentKey { .. } => vec![Place::Item(op.id.clone())],
        OpKind::Create(create) => match document.find(&create.parent_id) {
            Some(parent) if document.is_list(parent) => {
                // An inverse op says which; by then its position may be another's.
                let pushed_out = (create.intent == Intent::Set && create.deleted_id.is_none())
                    .then(|| document.child(parent, &create.parent_key))
                    .flatten()
                    .map(|item| document.id(item));
                let items = [Some(op.id.clone()), create.deleted_id.clone(), pushed_out];
                items.into_iter().flatten().map(Place::Item).collect()
            }
            _ => vec![slot(&create.parent_id, &create.parent_key)],
        },
        OpKind::DeleteCrdt => match document.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
            None => Vec::new(),
            Some(node) if document.is_list(document.parent(node)) => {
                vec![Place::Item(op.id.clone())]
            }
            Some(node) => {
                let key = document.key(node).as_small_str();
                vec![slot(&document.id(document.parent(node)), key)]
            }
        },
        OpKind::UpdateText(_) => vec![Place::Text(op.id.clone())],
    }
}
