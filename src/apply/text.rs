//! Updates of a text: brought up to date with what was accepted since, then applied.

use super::Outcome;
use crate::document::{NodeIx, TextNode};
use crate::op::{Op, OpKind, UpdateText};
use crate::text::{self, Budget};
use crate::{Document, OpId};

impl Document {
    pub(super) fn apply_update_text(
        &mut self,
        op: &Op,
        node: NodeIx,
        update: &UpdateText,
        budget: &mut Budget,
    ) -> Outcome {
        self.take_update(op, node, update, |text| text.update(op.op_id.as_ref(), update, budget))
    }

    /// Applies an op that an authority has accepted, as a replica hears of it.
    ///
    /// As [`apply`](Self::apply), except that a text update counts whatever its name is, and even if
    /// nothing of it is left: the authority has given it a version.
    pub(crate) fn hear(&mut self, op: &Op) -> Outcome {
        if let (OpKind::UpdateText(update), Some(node)) = (&op.kind, self.find(&op.id)) {
            return self.take_update(op, node, update, |text| text.hear(update));
        }
        self.apply(op)
    }

    /// Applies a text update that may have been accepted before: only what is new in it, so that
    /// nothing is lost and nothing doubled. For the budget see [`apply_to`](Self::apply_to).
    pub(crate) fn apply_text_again(
        &mut self,
        op: &Op,
        op_id: &OpId,
        update: &UpdateText,
        budget: &mut Budget,
    ) -> Outcome {
        let Some(node) = self.find(&op.id) else { return Outcome::Ignored };
        self.take_update(op, node, update, |text| text.update_again(op_id, update, budget))
    }

    /// Applies a text update as an authority applied it earlier, and remembers what was received.
    pub(crate) fn restore_text(
        &mut self,
        op: &Op,
        op_id: &OpId,
        applied: &UpdateText,
        received: &UpdateText,
    ) -> Outcome {
        let Some(node) = self.find(&op.id) else { return Outcome::Ignored };
        self.take_update(op, node, applied, |text| text.restore(op_id, applied, received))
    }

    fn take_update(
        &mut self,
        op: &Op,
        node: NodeIx,
        update: &UpdateText,
        take: impl FnOnce(&mut TextNode) -> text::Outcome,
    ) -> Outcome {
        if let Err(error) = update.check() {
            return Outcome::Rejected(error.into());
        }
        let stored = |base_version, version, ops: &[text::TextOp]| {
            let update = UpdateText { base_version, version: Some(version), ops: ops.to_vec() };
            Box::new(Op { kind: OpKind::UpdateText(update), ..op.clone() })
        };
        match self.update_text(node, take) {
            None | Some(text::Outcome::Ignored) => Outcome::Ignored,
            Some(text::Outcome::Accepted(accepted)) => {
                let op = stored(accepted.base_version, accepted.version, &accepted.ops);
                Outcome::Accepted { corrected: Some(op), fix: None }
            }
            Some(text::Outcome::Rectified { base_version, version, ops }) => {
                Outcome::Rectified { op: stored(base_version, version, &ops), fix: None }
            }
            Some(text::Outcome::Rejected(error)) => Outcome::Rejected(error.into()),
        }
    }
}
