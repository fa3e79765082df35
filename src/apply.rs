//! What an op means: the only code that decides how a document changes.
//!
//! Server, client, JSON Patch, undo and diff all go through [`Document::apply`]; that they agree is
//! why replicas converge. The rules are those of Liveblocks' authoritative side: ops are applied
//! one after another, later ones win, and what no longer makes sense is ignored, never an error.

mod create;
mod list;
mod text;

use thiserror::Error;

use crate::document::NodeIx;
use crate::json::JsonObject;
use crate::op::{ContentError, NodeKind, Op, OpKind, check_fields};
use crate::text::{Budget, UpdateError};
use crate::{Document, SmallStr};

/// What became of an op that was applied.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "the outcome says what to tell the sender and the others"]
pub enum Outcome {
    /// The op took its place in the order. It may still have changed nothing, for example when it
    /// deletes a node that is gone.
    Accepted {
        /// The op with the authority's corrections, if it needed any.
        corrected: Option<Box<Op>>,
        /// An op that repairs the sender's prediction. The others do not need it.
        fix: Option<Box<Op>>,
    },
    /// The op makes no sense here (any more) and changed nothing.
    Ignored,
    /// The op had been applied before and changed nothing now.
    Rectified {
        /// The op as it was applied then.
        op: Box<Op>,
        /// An op that repairs the sender's prediction.
        fix: Option<Box<Op>>,
    },
    /// The op cannot be applied, and the sender must drop it.
    Rejected(Rejection),
}

/// Why an op was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A text does not take the update.
    #[error(transparent)]
    Text(#[from] UpdateError),
    /// A list item's position would be longer than
    /// [`MAX_POSITION_LEN`](crate::MAX_POSITION_LEN).
    #[error("the position would be longer than {} bytes", crate::MAX_POSITION_LEN)]
    PositionTooLong,
    /// A node would lie deeper than [`MAX_NODE_DEPTH`](crate::MAX_NODE_DEPTH).
    #[error("the node would be nested deeper than {} levels", crate::MAX_NODE_DEPTH)]
    TooDeep,
    /// It brings what no document holds.
    #[error(transparent)]
    Content(#[from] ContentError),
}

impl Outcome {
    /// Accepted as it is.
    pub(crate) const ACCEPTED: Self = Self::Accepted { corrected: None, fix: None };

    /// Whether the op took its place in the order.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }
}

impl Rejection {
    /// Whether it says that a text update hangs on a version from which the text's history does not
    /// lead to the present one. On another version the same update may be accepted.
    pub fn is_about_version(&self) -> bool {
        matches!(self, Self::Text(error) if error.is_about_version())
    }
}

impl Document {
    /// Applies an op as the authority would, and says what became of it.
    ///
    /// Total: every op has an outcome. Cost follows the change: O(log n) in the size of the
    /// containers involved, and the size of what is deleted.
    ///
    /// ```
    /// use livetree::{Document, Op};
    /// let mut doc = Document::new();
    /// let op: Op = serde_json::from_str(r#"{"type":3,"id":"root","opId":"1:0","data":{"x":1}}"#)?;
    /// assert!(doc.apply(&op).is_accepted());
    /// assert_eq!(doc.to_json().to_string(), r#"{"x":1}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn apply(&mut self, op: &Op) -> Outcome {
        self.apply_to(self.target(op), op, &mut Budget::default())
    }

    /// The node that an op acts on: its own, but of one that creates a node the parent.
    pub(crate) fn target(&self, op: &Op) -> Option<NodeIx> {
        match &op.kind {
            OpKind::Create(create) => self.find(&create.parent_id),
            _ => self.find(&op.id),
        }
    }

    /// As [`apply`](Self::apply), given the op's [`target`](Self::target) and what it may take to carry the update of a
    /// text over others.
    pub(crate) fn apply_to(
        &mut self,
        target: Option<NodeIx>,
        op: &Op,
        budget: &mut Budget,
    ) -> Outcome {
        debug_assert_eq!(target, self.target(op));
        let outcome = match (&op.kind, target) {
            (OpKind::Create(create), parent) => self.apply_create(op, create, parent),
            (OpKind::SetParentKey { .. } | OpKind::UpdateText(_), None) => Outcome::Ignored,
            (OpKind::SetParentKey { parent_key }, Some(node)) => {
                self.apply_set_parent_key(op, node, parent_key)
            }
            (OpKind::UpdateText(update), Some(node)) => {
                self.apply_update_text(op, node, update, budget)
            }
            (OpKind::UpdateObject { data }, Some(node))
                if self.kind_at(node) == NodeKind::Object =>
            {
                self.apply_update_object(node, data)
            }
            (OpKind::DeleteObjectKey { key }, Some(node)) => {
                self.clear_key(node, key);
                Outcome::ACCEPTED
            }
            (OpKind::DeleteCrdt, Some(node)) if node != NodeIx::ROOT => {
                self.detach(node);
                Outcome::ACCEPTED
            }
            (
                OpKind::UpdateObject { .. } | OpKind::DeleteObjectKey { .. } | OpKind::DeleteCrdt,
                _,
            ) => Outcome::ACCEPTED,
        };
        self.debug_check();
        outcome
    }

    fn apply_update_object(&mut self, node: NodeIx, data: &JsonObject) -> Outcome {
        if let Err(error) = check_fields(data) {
            return Outcome::Rejected(error.into());
        }
        for (key, value) in data.iter() {
            self.set_in_place(node, key, value);
        }
        Outcome::ACCEPTED
    }

    /// Applies an op beneath all open savepoints: rolling them back leaves it in place.
    ///
    /// Only right for an op that touches nothing which was touched since the oldest of them.
    pub(crate) fn apply_beneath(&mut self, op: &Op) -> Outcome {
        self.suspend_journal(true);
        let outcome = self.hear(op);
        self.suspend_journal(false);
        outcome
    }

    /// Removes whatever a container has at a key: a field, or a child with all below it.
    pub(crate) fn clear_key(&mut self, node: NodeIx, key: &SmallStr) {
        if let Some(child) = self.child(node, key) {
            self.detach(child);
        } else if self.object(node).is_some_and(|object| object.contains(key)) {
            self.set_field(node, key.clone(), None);
        }
    }
}
