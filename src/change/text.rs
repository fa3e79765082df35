//! How a text differs from what it was, at the cost of what was touched in it.
//!
//! Every edit of a text, forward or back, replaces a range by something else. From these a list of
//! *patches* is kept: which stretches of the text now stand for which of the text before. What lies
//! between is untouched. At the end the two sides of each patch are compared, so that what was
//! rolled back and replayed is no change.

use std::ops::Range;

use crate::text::{Splice, Splices, Text, TextOp, difference};

/// A text that was touched.
#[derive(Debug)]
pub(super) struct TouchedText {
    before: Text,
    /// In order, and apart from each other. `None` if another text took its place.
    patches: Option<Vec<Patch>>,
}

/// A stretch of the text before, and what is there now; in UTF-16 units.
#[derive(Clone, Debug, PartialEq)]
struct Patch {
    old: Range<usize>,
    new: Range<usize>,
}

impl TouchedText {
    /// A text that is about to be touched: as it is.
    pub(super) fn new(before: Text) -> Self {
        Self { before, patches: Some(Vec::new()) }
    }

    /// Another text took its place.
    pub(super) fn replaced(&mut self) {
        self.patches = None;
    }

    pub(super) fn spliced(&mut self, splices: &Splices) {
        match (splices, &mut self.patches) {
            (_, None) => {}
            (Splices::Everything, patches) => *patches = None,
            (Splices::Ranges(ranges), Some(patches)) => {
                for splice in ranges {
                    splice_patches(patches, splice);
                }
            }
        }
    }

    /// Whether text operations lead to what the text is now. They always make a text whose segments
    /// are normalised, and not all texts are.
    pub(super) fn leads_to(&self, after: &Text) -> bool {
        after.is_normal() || self.before.segments() == after.segments()
    }

    /// The operations that lead to what the text is now, if it has changed. Perhaps none: then all
    /// that changed is that it is normalised.
    pub(super) fn changes_to(&self, after: &Text) -> Option<Vec<TextOp>> {
        let ops = self.operations(after);
        let normalised = || !self.before.is_normal() && self.before.segments() != after.segments();
        (!ops.is_empty() || normalised()).then_some(ops)
    }

    fn operations(&self, after: &Text) -> Vec<TextOp> {
        let whole = [Patch { old: 0..self.before.len_utf16(), new: 0..after.len_utf16() }];
        let patches = self.patches.as_deref().unwrap_or(&whole);
        let mut ops = Vec::new();
        for Patch { old, new } in patches {
            let (old, start) = (self.before.slice_segments(old.clone()), new.start);
            let mut part = difference(&old, &after.slice_segments(new.clone()));
            // The stretches before this one are as they will be.
            for op in &mut part {
                op.shift(start);
            }
            ops.append(&mut part);
        }
        ops
    }
}

/// Takes a splice of the text as it is now into the list.
fn splice_patches(patches: &mut Vec<Patch>, splice: &Splice) {
    let Splice { at, removed, inserted } = *splice;
    let end = at + removed;
    let first = patches.partition_point(|patch| patch.new.end < at);
    let next = patches.partition_point(|patch| patch.new.start <= end).max(first);
    // Where a place between two patches was in the text before.
    let before = |patches: &[Patch], next: usize, at: usize| {
        let last = next.checked_sub(1).and_then(|last| patches.get(last));
        last.map_or(at, |patch| at.saturating_sub(patch.new.end) + patch.old.end)
    };
    let (mut old, mut new) = (before(patches, first, at)..before(patches, next, end), at..end);
    if let Some(patch) = patches.get(first).filter(|patch| first < next && patch.new.start < at) {
        (old.start, new.start) = (patch.old.start, patch.new.start);
    } else if let Some(patch) = patches.get(first).filter(|_| first < next) {
        old.start = patch.old.start.saturating_sub(patch.new.start - at);
    }
    if let Some(patch) = patches.get(next.wrapping_sub(1)).filter(|_| first < next) {
        if patch.new.end > end {
            (old.end, new.end) = (patch.old.end, patch.new.end);
        }
    }
    new.end = new.end - removed + inserted;
    for patch in patches.iter_mut().skip(next) {
        patch.new = patch.new.start - removed + inserted..patch.new.end - removed + inserted;
    }
    patches.splice(first..next, [Patch { old, new }]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Segment;
    use crate::text::TextOp;

    fn op() -> impl Strategy<Value = TextOp> {
        (0..40_i64, 0..6_i64, "[a-c😀]{0,3}", 0..3).prop_map(|(index, length, text, kind)| {
            match kind {
                0 => TextOp::Insert { index, text: text.into(), attributes: None },
                1 => TextOp::Delete { index, length },
                _ => {
                    let bold = [("bold".into(), length.into())];
                    let attributes = std::sync::Arc::new(bold.into_iter().collect());
                    TextOp::Format { index, length, attributes }
                }
            }
        })
    }

    proptest! {
        /// Edits far and near, some of them taken back and made again.
        #[test]
        fn the_changes_lead_from_before_to_after(
            long in any::<bool>(),
            lists in prop::collection::vec((prop::collection::vec(op(), 0..4), any::<bool>()), 0..6),
        ) {
            let content = "what was there 😀 ".repeat(if long { 60 } else { 2 });
            let mut text = Text::from(content.as_str());
            text.apply(&[]);
            let before = text.clone();
            let mut touched = TouchedText::new(text.clone());
            let mut undos = Vec::new();
            for (ops, back) in lists {
                if let Some(undo) = back.then(|| undos.pop()).flatten() {
                    let splices = text.take_back(undo);
                    touched.spliced(&splices);
                } else {
                    let (applied, undo) = text.apply_normalized(&ops);
                    touched.spliced(&undo.splices(&applied));
                    undos.push(undo);
                }
            }
            let ops = touched.changes_to(&text).unwrap_or_default();
            let mut replayed = before.clone();
            replayed.apply(&ops);
            prop_assert_eq!(&replayed, &text);
            prop_assert_eq!(ops.is_empty(), before == text);
        }
    }

    #[test]
    fn edits_far_apart_are_told_apart() {
        let mut text = Text::from_segments(vec![Segment::plain("-".repeat(2000))]);
        text.apply(&[]);
        let mut touched = TouchedText::new(text.clone());
        let insert =
            |index, text: &str| TextOp::Insert { index, text: text.into(), attributes: None };
        let wanted = [insert(10, "left"), insert(1500, "right")];
        for ops in [[insert(10, "lef")], [insert(1499, "right")], [insert(13, "t")]] {
            let (applied, undo) = text.apply_normalized(&ops);
            touched.spliced(&undo.splices(&applied));
        }
        assert_eq!(touched.changes_to(&text).as_deref(), Some(&wanted[..]));
    }
}
