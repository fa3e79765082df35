//! Making the edit of a step: its ops, as far as they still make sense.

use crate::edit::Session;
use crate::op::{Intent, OpKind};
use crate::prediction::{Inverse, Neighbours, Prediction, inverse_of, neighbours};
use crate::{Document, Op};

impl Session<'_> {
    /// Applies an op of an undo step, unless it no longer makes sense.
    pub(super) fn apply_inverse(&mut self, op: Op, neighbours: Option<&Neighbours>) {
        let mut op = neighbours::in_place_of(self.document, op);
        if let Some(neighbours) = neighbours {
            neighbours.place_back(self.document, &mut op);
        }
        match self.vacate(&mut op) {
            None => self.apply_inverse_alone(op),
            // Two ops, but taken back as one.
            Some(inverse) => {
                let first = self.trail.ops.len().saturating_sub(1);
                self.apply_inverse_alone(op);
                if let Some([item, create]) = self.predictions_from(first) {
                    item.inverse = inverse;
                    create.inverse.clear();
                }
            }
        }
    }

    /// If an op puts one item in place of another: takes that out by an op of its own, and tells what
    /// takes both ops back.
    ///
    /// In one op it would stay where the item that comes has come already, since that op is ignored then.
    fn vacate(&mut self, op: &mut Op) -> Option<Inverse> {
        if !self.document.would_change(op) {
            return None;
        }
        let inverse = inverse_of(self.document, op);
        let OpKind::Create(create) = &mut op.kind else { return None };
        let item = self.document.pushed_out(create)?;
        create.deleted_id = None;
        create.intent = Intent::Insert;
        self.name_and_apply(item);
        Some(inverse)
    }

    fn apply_inverse_alone(&mut self, op: Op) {
        let mut op = neighbours::in_free_place(self.document, op);
        express_now(self.document, &mut op);
        if self.document.would_change(&op) {
            self.name_and_apply(op);
        }
    }

    /// The predictions of the ops from a number on.
    fn predictions_from(&mut self, first: usize) -> Option<&mut [Prediction]> {
        self.trail.predictions.as_mut()?.get_mut(first..)
    }

    /// An op that the document rejects is left out, as one without effect is.
    fn name_and_apply(&mut self, mut op: Op) {
        let op_id = self.ids.mint_op_id();
        op.begin_anew(&op_id);
        op.op_id = Some(op_id);
        let target = self.document.target(&op);
        let _ = self.try_op(target, op);
    }
}

/// Says of a text update that it is of the text which is there now.
pub(crate) fn express_now(document: &Document, op: &mut Op) {
    if let (OpKind::UpdateText(update), Some(text)) = (&mut op.kind, document.find_text(&op.id)) {
        update.base_version = text.version();
        update.version = None;
    }
}
