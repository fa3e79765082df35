//! Answering an op that was answered before, whose answer was lost.
//!
//! It is not applied again. An op that had been accepted is echoed, and after it come ops that
//! take a replica which carries the echo out back to how things are now.

use super::Server;
use super::answered::Answer;
use super::batch::Batch;
use crate::Op;
use crate::document::NodeIx;
use crate::op::{Create, Intent, NodeKind, OpKind};
use crate::{Document, NodeId, OpId};

impl Server {
    /// Answers `op` as before.
    pub(super) fn answer_again(&self, op: &Op, op_id: OpId, answer: Answer, batch: &mut Batch) {
        match answer {
            Answer::Ignored => batch.acknowledge(op_id),
            Answer::Rejected => {
                self.reject(op, op_id, "the operation was rejected before", batch);
            }
            // A sender that takes it back has the document as it was told, with the op in it.
            Answer::Accepted if batch.effort.is_spent() => {
                self.reject(op, op_id, "the operation was accepted before", batch);
            }
            Answer::Accepted => batch.repair(self.document.echo_again(op)),
        }
    }
}

impl Document {
    /// The echo of an op that was accepted earlier, and the ops that lead from what it does to
    /// what is there now.
    pub(super) fn echo_again(&self, op: &Op) -> (Op, Vec<Op>) {
        let mut fixes = Vec::new();
        let mut echo = op.clone();
        let here = self.find(&op.id);
        match &mut echo.kind {
            OpKind::UpdateObject { data } => {
                if let Some(object) = here {
                    self.restore_keys(
                        object,
                        data.iter().map(|(key, _)| key),
                        Intent::Set,
                        &mut fixes,
                    );
                }
            }
            OpKind::DeleteObjectKey { key } => {
                if let Some(node) = here {
                    self.restore_keys(node, std::iter::once(&*key), Intent::Set, &mut fixes);
                }
            }
            OpKind::DeleteCrdt => {
                if let Some(node) = here.filter(|node| *node != NodeIx::ROOT) {
                    self.restore_subtree(node, Intent::Set, &mut fixes);
                }
            }
            OpKind::SetParentKey { parent_key } => {
                if let Some(item) = here {
                    *parent_key = self.key(item).as_small_str().clone();
                    fixes.push(self.put_back(item));
                }
            }
            OpKind::Create(create) => match here {
                Some(node) => {
                    create.parent_key = self.key(node).as_small_str().clone();
                    if self.is_list(self.parent(node)) {
                        fixes.push(self.put_back(node));
                    }
                }
                None => self.undo_create(&op.id, create, &mut fixes),
            },
            OpKind::UpdateText(_) => {}
        }
        (echo, fixes)
    }

    /// The node was created and is gone: delete it, and restore what it would push out.
    fn undo_create(&self, id: &NodeId, create: &Create, fixes: &mut Vec<Op>) {
        fixes.push(Op::new(id.clone(), OpKind::DeleteCrdt));
        let Some(parent) = self.find(&create.parent_id) else { return };
        match self.kind_at(parent) {
            NodeKind::Object | NodeKind::Map => {
                self.restore_keys(parent, std::iter::once(&create.parent_key), Intent::Set, fixes);
            }
            NodeKind::List if create.intent == Intent::Set => {
                let meant = create.deleted_id.as_ref();
                let meant = meant.and_then(|id| self.child_by_id(parent, id));
                let there = self.child(parent, &create.parent_key);
                for item in meant.into_iter().chain(there.filter(|there| Some(*there) != meant)) {
                    self.restore_subtree(item, Intent::Set, fixes);
                }
            }
            _ => {}
        }
    }
}
