//! Texts without a document around them: livetree's own, and the rope that it builds on.

use crop::Rope;
use livetree::text::TextOp;

use super::Text;
use crate::trace::TextEdit;

impl Text for livetree::text::Text {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        let index = i64::try_from(*index).unwrap();
        if *delete > 0 {
            self.apply(&[TextOp::Delete { index, length: i64::try_from(*delete).unwrap() }]);
        }
        if !insert.is_empty() {
            let text = insert.as_str().into();
            self.apply(&[TextOp::Insert { index, text, attributes: None }]);
        }
    }

    fn content(&self) -> String {
        self.to_string()
    }
}

/// Counts in UTF-16 code units, as the wire does.
impl Text for Rope {
    fn edit(&mut self, TextEdit { index, delete, insert }: &TextEdit) {
        let start = self.byte_of_utf16_code_unit(*index);
        let end = if *delete > 0 { self.byte_of_utf16_code_unit(index + delete) } else { start };
        self.replace(start..end, insert);
    }

    fn content(&self) -> String {
        self.to_string()
    }
}
