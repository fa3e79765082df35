//! Positions that stay put while the text around them changes: cursors and selections.

use super::op::TextOp;
use super::units::signed_len;

/// To which side a position clings when text is inserted exactly there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bias {
    /// It stays before the new text, with what precedes it.
    Before,
    /// It moves behind the new text, with what follows it; as a cursor does when one types.
    #[default]
    After,
}

/// A position in a text, as a UTF-16 index that can be carried through later operations.
///
/// ```
/// use livetree::text::{Anchor, Bias, TextOp};
/// let mut cursor = Anchor { index: 5, bias: Bias::After };
/// cursor.advance(&[TextOp::Insert { index: 0, text: "😀".into(), attributes: None }]);
/// assert_eq!(cursor.index, 7);
/// cursor.advance(&[TextOp::Delete { index: 1, length: 100 }]);
/// assert_eq!(cursor.index, 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// The position, in UTF-16 code units from the text's start.
    pub index: i64,
    /// To which side it clings.
    pub bias: Bias,
}

impl Anchor {
    /// Carries the position through operations that were applied to the text.
    pub fn advance(&mut self, ops: &[TextOp]) {
        self.index = transform_index(self.index, ops, self.bias);
    }
}

/// Where a position is after operations. A position whose surroundings are deleted is where they
/// were. Positions are assumed to lie in the text, and operations to be fitted to it.
#[must_use]
pub fn transform_index(index: i64, ops: &[TextOp], bias: Bias) -> i64 {
    ops.iter().fold(index, |index, op| match op {
        TextOp::Insert { index: at, text, .. } => {
            let moves = *at < index || (*at == index && bias == Bias::After);
            if moves { index.saturating_add(signed_len(text)) } else { index }
        }
        TextOp::Delete { index: start, length } if *start < index => {
            (*start).max(index.saturating_sub((*length).max(0)))
        }
        TextOp::Delete { .. } | TextOp::Format { .. } => index,
    })
}
