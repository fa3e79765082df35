//! Fitting, undoing and shortening lists of operations.
//!
//! These are the list-wise companions of [`Text::apply`]: what a server does to operations before
//! it applies them, what undo needs, and what keeps a typed word from travelling letter by letter.

use super::buffer::Text;
use super::op::TextOp;
use super::segment::Attributes;
use crate::SmallStr;
use crate::json::JsonObject;

/// Fits operations to a text: clips them to it, and keeps them from splitting surrogate pairs.
///
/// An insert inside a pair moves to the pair's start; a range that begins or ends inside a pair
/// grows around it. No operation is dropped, not even one that does nothing.
///
/// ```
/// use livetree::text::{Text, TextOp, normalize};
/// let text = Text::from("a😀");
/// let ops = [TextOp::Delete { index: 2, length: 99 }];
/// assert_eq!(normalize(&text, &ops), [TextOp::Delete { index: 1, length: 2 }]);
/// ```
#[must_use]
pub fn normalize(text: &Text, ops: &[TextOp]) -> Vec<TextOp> {
    let mut fitted = Vec::with_capacity(ops.len());
    walk(text, ops, |text, op| {
        let op = text.fit(op);
        fitted.push(op.clone());
        op
    });
    fitted
}

/// The operations that undo `ops`, which are fitted to `text` (see [`normalize`]).
///
/// Where the wire cannot say it (an attribute that was null), they come as close as it can;
/// [`Text::apply_undoable`] is exact.
///
/// ```
/// use livetree::text::{Text, TextOp, invert};
/// let mut text = Text::from("hello");
/// let ops = [TextOp::Delete { index: 1, length: 3 }];
/// let undo = invert(&text, &ops);
/// text.apply(&ops);
/// text.apply(&undo);
/// assert_eq!(text.to_string(), "hello");
/// ```
#[must_use]
pub fn invert(text: &Text, ops: &[TextOp]) -> Vec<TextOp> {
    let mut inverses = Vec::with_capacity(ops.len());
    walk(text, ops, |text, op| {
        inverses.push(text.inverse_of(op));
        op.clone()
    });
    inverses.into_iter().rev().flatten().collect()
}

/// Visits each operation with the text on which it acts. What the visit returns is applied before
/// the next one; the last one needs no copy of the text.
fn walk(text: &Text, ops: &[TextOp], mut visit: impl FnMut(&Text, &TextOp) -> TextOp) {
    let Some((last, init)) = ops.split_last() else { return };
    if init.is_empty() {
        visit(text, last);
        return;
    }
    let mut text = text.clone();
    for op in init {
        let op = visit(&text, op);
        text.apply(std::slice::from_ref(&op));
    }
    visit(&text, last);
}

/// Two lists, the second on the result of the first, as one list with the same meaning, in which
/// neighbours are merged where that makes no difference, not even to operations carried over them.
///
/// Text typed on inside or beside text just inserted joins it, text deleted from it leaves it,
/// deletions that touch become one, and so do formats of the same or touching ranges. Operations
/// that do nothing go. The operations must be fitted to their text (see [`normalize`]).
///
/// ```
/// use livetree::text::{TextOp, compose};
/// let typed = |index, text: &str| TextOp::Insert { index, text: text.into(), attributes: None };
/// let word = compose(&[typed(7, "w"), typed(8, "o")], &[typed(9, "r"), typed(10, "d")]);
/// assert_eq!(word, [typed(7, "word")]);
/// assert_eq!(compose(&word, &[TextOp::Delete { index: 7, length: 4 }]), []);
/// ```
#[must_use]
pub fn compose(first: &[TextOp], second: &[TextOp]) -> Vec<TextOp> {
    let mut out = Composer::default();
    for op in first.iter().chain(second) {
        out.push(op);
    }
    out.finish()
}

/// Appends operations to a list that was composed before, as [`compose`] does. O(m) for these m, however long the
/// list is: a long text at its end is left as it is, for it would have to be copied.
pub(crate) fn compose_onto(first: &mut Vec<TextOp>, second: &[TextOp]) {
    let mut out = Composer { ops: std::mem::take(first), open: None };
    let is_long = |op: &TextOp| matches!(op, TextOp::Insert { text, .. } if text.len() > LONG);
    if !out.ops.last().is_some_and(is_long) {
        out.reopen();
    }
    for op in second {
        out.push(op);
    }
    *first = out.finish();
}

/// In bytes.
const LONG: usize = 1 << 12;

/// The list so far; if its last operation is an insert, that is kept apart and open, as typing
/// on must not copy the text for every letter. It is a text that is edited like any other.
#[derive(Default)]
struct Composer {
    ops: Vec<TextOp>,
    open: Option<Open>,
}

struct Open {
    index: i64,
    text: Text,
    attributes: Option<Attributes>,
}

impl Composer {
    fn push(&mut self, op: &TextOp) {
        if is_nothing(op) || self.join_open(op) {
            return;
        }
        self.close();
        if let TextOp::Insert { .. } = op {
            self.open = Open::new(op);
        } else if !self.ops.last_mut().is_some_and(|last| join(last, op)) {
            self.ops.push(op.clone());
        }
    }

    /// Merges an operation into the open insert, if it acts inside or at its ends.
    fn join_open(&mut self, op: &TextOp) -> bool {
        let Some(open) = &mut self.open else { return false };
        let joined = open.join(op);
        if open.text.is_empty() {
            self.open = None;
            self.reopen();
        }
        joined
    }

    /// After an insert has gone, goes on from the operation before it.
    fn reopen(&mut self) {
        if let Some(TextOp::Insert { .. }) = self.ops.last() {
            self.open = self.ops.pop().and_then(|last| Open::new(&last));
        }
    }

    fn close(&mut self) {
        if let Some(Open { index, text, attributes, .. }) = self.open.take() {
            let text = SmallStr::from(text.to_string());
            self.ops.push(TextOp::Insert { index, text, attributes });
        }
    }

    fn finish(mut self) -> Vec<TextOp> {
        self.close();
        self.ops
    }
}

impl Open {
    fn new(op: &TextOp) -> Option<Self> {
        let TextOp::Insert { index, text, attributes } = op else { return None };
        Some(Self { index: *index, text: Text::from(text), attributes: attributes.clone() })
    }

    /// Does an operation here, if all of it is inside or at the ends of this text.
    fn join(&mut self, op: &TextOp) -> bool {
        let from_here = |index: &i64| index.saturating_sub(self.index);
        let inner = match op {
            TextOp::Insert { index, text, attributes } if *attributes == self.attributes => {
                let (index, text) = (from_here(index), text.clone());
                TextOp::Insert { index, text, attributes: None }
            }
            TextOp::Delete { index, length } => {
                TextOp::Delete { index: from_here(index), length: *length }
            }
            _ => return false,
        };
        // Fitting changes what is partly outside, or inside a pair.
        let fits = self.text.fit(&inner) == inner;
        if fits {
            self.text.apply(&[inner]);
        }
        fits
    }
}

/// Merges `next` into `last`, both deletions or both formats, if they touch.
fn join(last: &mut TextOp, next: &TextOp) -> bool {
    match (last, next) {
        (
            TextOp::Delete { index, length },
            TextOp::Delete { index: next_index, length: next_length },
        ) => {
            let touch = *next_index <= *index && *index <= next_index.saturating_add(*next_length);
            if touch {
                *index = *next_index;
                *length = length.saturating_add(*next_length);
            }
            touch
        }
        (
            TextOp::Format { index, length, attributes },
            TextOp::Format { index: next_index, length: next_length, attributes: next_attributes },
        ) => {
            if index == next_index && length == next_length {
                let entries = attributes.iter().chain(next_attributes.iter());
                let both: JsonObject = entries.map(|(k, v)| (k.clone(), v.clone())).collect();
                *attributes = Attributes::new(both);
                return true;
            }
            let touch = attributes == next_attributes
                && (index.saturating_add(*length) == *next_index
                    || next_index.saturating_add(*next_length) == *index);
            if touch {
                *index = (*index).min(*next_index);
                *length = length.saturating_add(*next_length);
            }
            touch
        }
        _ => false,
    }
}

fn is_nothing(op: &TextOp) -> bool {
    match op {
        TextOp::Insert { text, .. } => text.is_empty(),
        TextOp::Delete { length, .. } => *length <= 0,
        TextOp::Format { length, attributes, .. } => *length <= 0 || attributes.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn op() -> impl Strategy<Value = TextOp> {
        (0..3_u8, 0..12_i64, 1..4_i64).prop_map(|(kind, index, length)| match kind {
            0 => TextOp::Insert { index, text: "x".into(), attributes: None },
            1 => TextOp::Delete { index, length },
            _ => {
                let attributes = Attributes::new(JsonObject::of("b".into(), true.into()));
                TextOp::Format { index, length, attributes }
            }
        })
    }

    proptest! {
        /// Appended one by one they are as composed at once, but for a long text, which stays apart.
        #[test]
        fn appending_is_composing(ops in prop::collection::vec(op(), 0..30), pasted in any::<bool>()) {
            let mut text = Text::from("twelve units");
            let mut list = Vec::new();
            if pasted {
                let paste = TextOp::Insert { index: 3, text: "p".repeat(2 * LONG).into(), attributes: None };
                list.push(paste);
                text.apply(&list);
            }
            let (mut once, before) = (list.clone(), Text::from("twelve units"));
            for op in ops {
                let op = text.fit(&op);
                text.apply(std::slice::from_ref(&op));
                compose_onto(&mut list, std::slice::from_ref(&op));
                once.push(op);
            }
            let once = compose(&once, &[]);
            let mut after = before.clone();
            after.apply(&list);
            prop_assert_eq!(&after, &text);
            if !pasted {
                prop_assert_eq!(&list, &once);
            }
        }
    }
}
