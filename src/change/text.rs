//! How a text differs from what it was, at the cost of what was touched in it.
//!
//! Every edit of a text, forward or back, replaces a range by something else. From these a list of
//! *patches* is kept: which stretches of the text now stand for which of the text before. What lies
//! between is untouched. At the end the two sides of each patch are compared, so that what was
//! rolled back and replayed is no change.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{Accepted, Splice, Splices, Text, TextOp, TextUndo, difference};

/// A text that was touched.
#[derive(Debug)]
pub(super) struct TouchedText {
    before: Before,
    /// In order, and apart from each other. `None` if another text took its place.
    patches: Option<Vec<Patch>>,
}

/// What a text was before.
#[derive(Debug)]
enum Before {
    Text(Text),
    /// What one update leaves if it is taken back. There is no copy, since a text of which there is
    /// one is slower to edit. If all that it did was to insert or delete something, that is `only`.
    Update {
        undo: TextUndo,
        only: Option<TextOp>,
    },
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
        Self { before: Before::Text(before), patches: Some(Vec::new()) }
    }

    /// A text that was touched by one update so far.
    pub(super) fn updated(update: &Accepted) -> Self {
        let (undo, splices) = (update.undo().clone(), update.splices());
        let only = match (&update.ops[..], &splices) {
            ([op @ (TextOp::Insert { .. } | TextOp::Delete { .. })], Splices::Ranges(ranges))
                if ranges.iter().any(|splice| splice.removed + splice.inserted > 0) =>
            {
                Some(op.clone())
            }
            _ => None,
        };
        let mut touched = Self { before: Before::Update { undo, only }, patches: Some(Vec::new()) };
        touched.splice(&splices);
        touched
    }

    /// Another text is about to take the place of the one that is there now.
    pub(super) fn replaced(&mut self, now: &Text) {
        self.settle(now);
        self.patches = None;
    }

    /// The text that is there now is about to be changed.
    pub(super) fn spliced(&mut self, now: &Text, splices: &Splices) {
        self.settle(now);
        self.splice(splices);
    }

    fn splice(&mut self, splices: &Splices) {
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

    /// The text before, given the one that is there now, before anything else happens to it.
    fn before<'a>(&'a self, now: &Text) -> Cow<'a, Text> {
        match &self.before {
            Before::Text(before) => Cow::Borrowed(before),
            Before::Update { undo, .. } => {
                let mut before = now.clone();
                before.undo(undo.clone());
                Cow::Owned(before)
            }
        }
    }

    fn settle(&mut self, now: &Text) {
        if let Cow::Owned(before) = self.before(now) {
            self.before = Before::Text(before);
        }
    }

    /// Whether text operations lead to what the text is now. They always make a text whose segments
    /// are normalised, and not all texts are.
    pub(super) fn leads_to(&self, after: &Text) -> bool {
        after.is_normal() || self.before(after).segments() == after.segments()
    }

    /// The operations that lead to what the text is now, if it has changed. Perhaps none: then all
    /// that changed is that it is normalised.
    pub(super) fn changes_to(&self, after: &Text) -> Option<Vec<TextOp>> {
        // Shortcut: what was inserted or deleted is the difference, which need not be looked for.
        if let Before::Update { only: Some(op), .. } = &self.before {
            return Some(vec![op.clone()]);
        }
        self.difference_to(after)
    }

    fn difference_to(&self, after: &Text) -> Option<Vec<TextOp>> {
        let before = self.before(after);
        let whole = [Patch { old: 0..before.len_utf16(), new: 0..after.len_utf16() }];
        let mut ops = Vec::new();
        for Patch { old, new } in self.patches.as_deref().unwrap_or(&whole) {
            let (old, start) = (before.slice_segments(old.clone()), new.start);
            let mut part = difference(&old, &after.slice_segments(new.clone()));
            // The stretches before this one are as they will be.
            for op in &mut part {
                op.shift(start);
            }
            ops.append(&mut part);
        }
        if !ops.is_empty() && self.cancels_out(&before, after) {
            ops.clear();
        }
        let normalised = || !before.is_normal() && before.segments() != after.segments();
        (!ops.is_empty() || normalised()).then_some(ops)
    }

    /// Whether patches that differ, each by itself, come to nothing together: as where of two equal
    /// letters the first goes and one more comes after the second.
    fn cancels_out(&self, before: &Text, after: &Text) -> bool {
        const BLOCK: usize = 64;
        let Some([first, .., last]) = self.patches.as_deref() else { return false };
        if last.old.end != last.new.end {
            return false;
        }
        // By blocks, since what differs mostly does so at its beginning.
        (first.old.start..last.old.end).step_by(BLOCK).all(|start| {
            let block = start..last.old.end.min(start + BLOCK);
            before.slice_segments(block.clone()) == after.slice_segments(block)
        })
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
    use crate::text::{History, Outcome, TextOp};

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
                let now = text.clone();
                if let Some(undo) = back.then(|| undos.pop()).flatten() {
                    let splices = text.take_back(undo);
                    touched.spliced(&now, &splices);
                } else {
                    let (applied, undo) = text.apply_normalized(&ops);
                    touched.spliced(&now, &undo.splices(&applied));
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

    proptest! {
        /// One update, and perhaps another: as if there had been a copy of the text before.
        #[test]
        fn an_update_is_as_any_splice(
            long in any::<bool>(),
            ops in prop::collection::vec(op(), 1..3),
            more in prop::option::of(prop::collection::vec(op(), 1..3)),
        ) {
            let content = "what was there 😀 ".repeat(if long { 60 } else { 2 });
            let mut text = Text::from(content.as_str());
            text.apply(&[]);
            let before = text.clone();
            let (mut history, mut version) = (History::default(), 0);
            let outcome = history.receive(&mut text, &mut version, None, 0, &ops);
            let Outcome::Accepted(update) = outcome else { return Ok(()) };
            let mut touched = TouchedText::updated(&update);
            let mut copied = TouchedText::new(before.clone());
            copied.spliced(&before, &update.splices());
            if let Some(more) = more {
                let now = text.clone();
                let (applied, undo) = text.apply_normalized(&more);
                touched.spliced(&now, &undo.splices(&applied));
                copied.spliced(&now, &undo.splices(&applied));
            }
            prop_assert_eq!(touched.leads_to(&text), copied.leads_to(&text));
            prop_assert_eq!(touched.difference_to(&text), copied.difference_to(&text));
            let changes = touched.changes_to(&text);
            prop_assert_eq!(changes.is_some(), copied.changes_to(&text).is_some());
            let mut replayed = before.clone();
            replayed.apply(&changes.unwrap_or_default());
            prop_assert_eq!(&replayed, &text);
        }
    }

    #[test]
    fn of_equal_letters_one_may_go_and_another_come() {
        for between in ["", "llllllll", &"l".repeat(300)] {
            let mut text = Text::from(format!("He{between}llo").as_str());
            text.apply(&[]);
            let mut touched = TouchedText::new(text.clone());
            let index = 3 + i64::try_from(between.len()).unwrap();
            let insert = |text: &str| TextOp::Insert { index, text: text.into(), attributes: None };
            let delete = TextOp::Delete { index: 2, length: 1 };
            for (ops, is_same) in [([delete], false), ([insert("l")], true), ([insert("x")], false)]
            {
                let now = text.clone();
                let (applied, undo) = text.apply_normalized(&ops);
                touched.spliced(&now, &undo.splices(&applied));
                assert_eq!(touched.changes_to(&text).is_none(), is_same);
            }
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
            let now = text.clone();
            let (applied, undo) = text.apply_normalized(&ops);
            touched.spliced(&now, &undo.splices(&applied));
        }
        assert_eq!(touched.changes_to(&text).as_deref(), Some(&wanted[..]));
    }
}
