//! What takes an op back: ops that a client sends for undo.
//!
//! Unlike the journal, which restores the exact state, an inverse is an edit of its own that takes
//! its place in the order like any other. Nodes that it brings back keep their ids, so that older
//! undo steps still find them.

use smallvec::SmallVec;

use crate::document::NodeIx;
use crate::op::{Create, Intent, Op, OpKind, UpdateText};
use crate::text::{invert, normalize};
use crate::{Document, Json, NodeId, SmallStr};

/// The ops that take one op back: one, mostly.
pub(crate) type InverseOps = SmallVec<[Op; 1]>;

impl Document {
    /// Ops that take `op` back, were it applied now. They have no op ids.
    pub(crate) fn inverse_of(&self, op: &Op) -> InverseOps {
        let mut inverse = InverseOps::new();
        match &op.kind {
            OpKind::UpdateObject { data } => {
                if let Some(object) = self.find(&op.id) {
                    let keys = data.iter().map(|(key, _)| key);
                    self.restore_keys(object, keys, Intent::Insert, &mut inverse);
                }
            }
            OpKind::DeleteObjectKey { key } => {
                if let Some(node) = self.find(&op.id) {
                    if self.has_key(node, key) {
                        let keys = std::iter::once(key);
                        self.restore_keys(node, keys, Intent::Insert, &mut inverse);
                    }
                }
            }
            OpKind::DeleteCrdt => {
                if let Some(node) = self.find(&op.id).filter(|node| *node != NodeIx::ROOT) {
                    self.restore_subtree(node, Intent::Insert, &mut inverse);
                }
            }
            OpKind::SetParentKey { .. } => {
                if let Some(item) = self.find(&op.id) {
                    inverse.push(self.put_back(item));
                }
            }
            OpKind::Create(create) => self.inverse_of_create(&op.id, create, &mut inverse),
            OpKind::UpdateText(update) => inverse.extend(self.inverse_of_text(&op.id, update)),
        }
        inverse
    }

    fn inverse_of_create(&self, id: &NodeId, create: &Create, inverse: &mut InverseOps) {
        let Some(parent) = self.find(&create.parent_id).filter(|_| !self.contains(id)) else {
            return;
        };
        if self.is_list(parent) {
            let meant = create.deleted_id.as_ref().filter(|_| create.intent == Intent::Set);
            if let Some(item) = meant.and_then(|meant| self.child_by_id(parent, meant)) {
                // In place of the new item, wherever that is by then.
                self.restore_subtree(item, Intent::Set, inverse);
                if let Some(Op { kind: OpKind::Create(top), .. }) = inverse.first_mut() {
                    top.deleted_id = Some(id.clone());
                }
                return;
            }
        } else if self.has_key(parent, &create.parent_key) {
            let keys = std::iter::once(&create.parent_key);
            return self.restore_keys(parent, keys, Intent::Insert, inverse);
        }
        inverse.push(Op::new(id.clone(), OpKind::DeleteCrdt));
    }

    /// Whether a container has anything at a key.
    pub(crate) fn has_key(&self, node: NodeIx, key: &SmallStr) -> bool {
        self.field(node, key).is_some() || self.child(node, key).is_some()
    }

    /// The op that takes out, alone, the item which a creation in its place names.
    pub(crate) fn pushed_out(&self, create: &Create) -> Option<Op> {
        let item = create.deleted_id.as_ref()?;
        self.child_by_id(self.find(&create.parent_id)?, item)?;
        Some(Op::new(item.clone(), OpKind::DeleteCrdt))
    }

    /// Ops that make a container's keys what they are now.
    pub(crate) fn restore_keys<'a>(
        &self,
        node: NodeIx,
        keys: impl Iterator<Item = &'a SmallStr>,
        intent: Intent,
        ops: &mut impl Extend<Op>,
    ) {
        let id = &self.id(node);
        let mut fields: SmallVec<[(SmallStr, Json); 1]> = SmallVec::new();
        for key in keys {
            if let Some(child) = self.child(node, key) {
                self.restore_subtree(child, intent, ops);
            } else if let Some(value) = self.field(node, key) {
                fields.push((key.clone(), value));
            } else {
                ops.extend([Op::new(id.clone(), OpKind::DeleteObjectKey { key: key.clone() })]);
            }
        }
        if !fields.is_empty() {
            let data = fields.into_iter().collect();
            ops.extend([Op::new(id.clone(), OpKind::UpdateObject { data })]);
        }
    }

    /// Ops that create a subtree anew, as it is now; in a list, its top with `intent`.
    pub(crate) fn restore_subtree(&self, top: NodeIx, intent: Intent, ops: &mut impl Extend<Op>) {
        for ix in self.subtree(top) {
            let (parent, key) = self.link(ix);
            let in_list = self.is_list(parent);
            let create = Create {
                parent_id: self.id(parent),
                parent_key: key.as_small_str().clone(),
                intent: match in_list {
                    true if ix == top => intent,
                    // Exactly at its position, whatever that is: nothing else is there.
                    true => Intent::Set,
                    false => Intent::Insert,
                },
                deleted_id: None,
                content: self.content(ix),
            };
            ops.extend([Op::new(self.id(ix), OpKind::Create(create))]);
        }
    }

    /// The op that moves a list item to where it is now.
    pub(crate) fn put_back(&self, item: NodeIx) -> Op {
        let parent_key = self.key(item).as_small_str().clone();
        Op::new(self.id(item), OpKind::SetParentKey { parent_key })
    }

    fn inverse_of_text(&self, id: &NodeId, update: &UpdateText) -> Option<Op> {
        let text = self.text(self.find(id)?)?;
        // Expressed on the text after the update; whoever applies it says on which version.
        let ops = invert(text.text(), &normalize(text.text(), &update.ops));
        let update = UpdateText { base_version: text.version(), version: None, ops };
        Some(Op::new(id.clone(), OpKind::UpdateText(update)))
    }

    /// Whether an op would change anything now; undo does not send what would not.
    pub(crate) fn would_change(&self, op: &Op) -> bool {
        let here = self.find(&op.id);
        match (&op.kind, here) {
            (OpKind::Create(create), None) => self.find(&create.parent_id).is_some(),
            (OpKind::Create(_), Some(_)) | (_, None) => false,
            (OpKind::DeleteObjectKey { key }, Some(node)) => self.has_key(node, key),
            (OpKind::SetParentKey { parent_key }, Some(node)) => {
                self.key(node).as_str() != parent_key.as_str()
            }
            (OpKind::DeleteCrdt, Some(node)) => node != NodeIx::ROOT,
            (OpKind::UpdateObject { data }, Some(node)) => {
                data.iter().any(|(key, value)| self.field(node, key).as_ref() != Some(value))
            }
            (OpKind::UpdateText(update), Some(_)) => !update.ops.is_empty(),
        }
    }
}
