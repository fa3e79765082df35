//! How a text differs from what it was, at the cost of what was touched in it.
//!
//! Every edit of a text, forward or back, replaces a range by something else. From these a list of
//! *patches* is kept: which stretches of the text now stand for which of the text before. What lies
//! between is untouched. At the end the two sides of each patch are compared, so that what was
//! rolled back and replayed is no change.
//!
//! Two sides do not tell which of two equal letters is the new one. So the operations are noted down as well,
//! or told by whoever took some back and applied them again: if they do lead to the text that is there, the
//! changes are what is left of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{
    Accepted, Splice, Splices, Text, TextOp, TextUndo, clip, difference, signed, utf16_len,
};

/// A text that was touched.
#[derive(Debug)]
pub(super) struct TouchedText {
    before: Before,
    /// In order, and apart from each other. `None` if another text took its place.
    patches: Option<Vec<Patch>>,
    /// The operations that were applied to it. `None` if any were taken back, or if all that happened was the
    /// `only` one.
    applied: Option<Vec<TextOp>>,
    /// The operations that are said to lead from what it was to what it is.
    told: Vec<TextOp>,
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
        let (patches, applied) = (Some(Vec::new()), Some(Vec::new()));
        Self { before: Before::Text(before), patches, applied, told: Vec::new() }
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
        let applied = only.is_none().then(|| update.ops.to_vec());
        let (before, patches) = (Before::Update { undo, only }, Some(Vec::new()));
        let mut touched = Self { before, patches, applied, told: Vec::new() };
        touched.splice(&splices);
        touched
    }

    /// Another text is about to take the place of the one that is there now.
    pub(super) fn replaced(&mut self, now: &Text) {
        self.settle(now);
        self.patches = None;
        self.applied = None;
    }

    /// The text that is there now was changed: by operations, or by taking some back.
    pub(super) fn spliced(&mut self, now: &Text, splices: &Splices, ops: Option<&[TextOp]>) {
        self.settle(now);
        self.splice(splices);
        match (&mut self.applied, ops) {
            (Some(applied), Some(ops)) => applied.extend_from_slice(ops),
            (applied, _) => *applied = None,
        }
    }

    /// These operations are said to have led from what was told of before to the text that is there now.
    pub(super) fn told(&mut self, ops: &[TextOp]) {
        self.told.extend_from_slice(ops);
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
        if let Before::Update { only: Some(op), .. } = &self.before {
            self.applied = Some(vec![op.clone()]);
        }
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
        let before = self.before(after);
        let difference = self.difference(&before, after)?;
        Some(self.remaining(&before, after).unwrap_or(difference))
    }

    /// What is left of the operations that were applied, or told: what they have inserted and deleted, and formats.
    /// `None` if they do not lead to what the text is now, or are so many that it takes too long.
    fn remaining(&self, before: &Text, after: &Text) -> Option<Vec<TextOp>> {
        let ops = self.applied.as_deref().unwrap_or(&self.told);
        let mut edits = inserted_and_deleted(before, after, ops)?.into_iter().peekable();
        let whole = [Patch { old: 0..before.len_utf16(), new: 0..after.len_utf16() }];
        let mut all = Vec::with_capacity(edits.len());
        // What lies between patches was not touched, so it is enough to look at each.
        for patch in self.patches.as_deref().unwrap_or(&whole) {
            let inside = std::iter::from_fn(|| edits.next_if(|edit| patch.holds(edit))).collect();
            all.append(&mut patch.with_formats(inside, before, after)?);
        }
        edits.next().is_none().then_some(all)
    }

    fn difference(&self, before: &Text, after: &Text) -> Option<Vec<TextOp>> {
        let whole = [Patch { old: 0..before.len_utf16(), new: 0..after.len_utf16() }];
        let mut ops = Vec::new();
        for Patch { old, new } in self.patches.as_deref().unwrap_or(&whole) {
            let (old, start) = (before.slice_segments(old.clone()), signed(new.start));
            let mut part = difference(&old, &after.slice_segments(new.clone()));
            // The stretches before this one are as they will be.
            for op in &mut part {
                op.shift(start);
            }
            ops.append(&mut part);
        }
        if !ops.is_empty() && self.cancels_out(before, after) {
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

/// A stretch of a text that was changed.
enum Piece {
    /// As it was: where that was.
    Kept(Range<usize>),
    /// So many units are new.
    New(usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Kept(kept) => kept.len(),
            Self::New(len) => *len,
        }
    }

    /// Cuts it in two.
    fn split(&mut self, at: usize) -> Self {
        match self {
            Self::Kept(kept) => {
                let rest = kept.start + at..kept.end;
                kept.end = rest.start;
                Self::Kept(rest)
            }
            Self::New(len) => Self::New(std::mem::replace(len, at) - at),
        }
    }
}

/// What is kept of a text of this length, and what is new between. `None` if there are too many operations: each
/// takes time for all that came before.
fn pieces(len: usize, ops: &[TextOp]) -> Option<Vec<Piece>> {
    const MOST: usize = 1024;
    if ops.len() > MOST {
        return None;
    }
    let mut pieces = vec![Piece::Kept(0..len)];
    for op in ops {
        match op {
            TextOp::Insert { index, text, .. } => {
                let at = begin_piece(&mut pieces, clip(*index, usize::MAX));
                // What is typed is one piece.
                match at.checked_sub(1).and_then(|before| pieces.get_mut(before)) {
                    Some(Piece::New(len)) => *len += utf16_len(text),
                    _ => pieces.insert(at, Piece::New(utf16_len(text))),
                }
            }
            TextOp::Delete { index, length } => {
                let first = begin_piece(&mut pieces, clip(*index, usize::MAX));
                let next =
                    begin_piece(&mut pieces, clip(index.saturating_add(*length), usize::MAX));
                pieces.drain(first..next.max(first));
            }
            TextOp::Format { .. } => {}
        }
    }
    Some(pieces)
}

/// What operations have inserted and deleted in the end, in order of the text as it is `after`; `None` if that is not
/// as long as it is then.
fn inserted_and_deleted(before: &Text, after: &Text, ops: &[TextOp]) -> Option<Vec<TextOp>> {
    let mut edits = Vec::new();
    // How far the two texts have been gone through, and how much that is new comes next.
    let (mut old_at, mut new_at, mut inserted) = (0, 0_usize, 0);
    let end = Piece::Kept(before.len_utf16()..before.len_utf16());
    for piece in pieces(before.len_utf16(), ops)?.into_iter().chain([end]) {
        let kept = match piece {
            Piece::Kept(kept) => kept,
            Piece::New(len) => {
                inserted += len;
                continue;
            }
        };
        if kept.start > old_at {
            let (index, length) = (signed(new_at), signed(kept.start - old_at));
            edits.push(TextOp::Delete { index, length });
        }
        let added = new_at..new_at + std::mem::take(&mut inserted);
        new_at = added.end + kept.len();
        edits.extend(after.insertions(added));
        old_at = kept.end;
    }
    (new_at == after.len_utf16()).then_some(edits)
}

impl Patch {
    /// Whether an insertion or deletion lies in it, in the text as it is then.
    fn holds(&self, edit: &TextOp) -> bool {
        let (index, len) = match edit {
            TextOp::Insert { index, text, .. } => (*index, utf16_len(text)),
            TextOp::Delete { index, .. } | TextOp::Format { index, .. } => (*index, 0),
        };
        let at = clip(index, usize::MAX);
        self.new.start <= at && at + len <= self.new.end
    }

    /// The edits in it, and the formats that lead from there to the text as it is `after`; `None` if no formats do.
    fn with_formats(
        &self,
        mut edits: Vec<TextOp>,
        before: &Text,
        after: &Text,
    ) -> Option<Vec<TextOp>> {
        // A deletion that goes on behind it would be clipped here, and nowhere else.
        let growth: i64 = edits.iter().map(TextOp::growth).sum();
        if signed(self.old.len()) + growth != signed(self.new.len()) {
            return None;
        }
        let start = signed(self.new.start);
        for edit in &mut edits {
            edit.shift(-start);
        }
        let mut text = Text::from_segments(before.slice_segments(self.old.clone()));
        text.apply(&edits);
        let formats = difference(&text.segments(), &after.slice_segments(self.new.clone()));
        if formats.iter().any(|op| !matches!(op, TextOp::Format { .. })) {
            return None;
        }
        edits.extend(formats);
        for edit in &mut edits {
            edit.shift(start);
        }
        Some(edits)
    }
}

/// The number of the piece that begins at this place; that may make two of one.
fn begin_piece(pieces: &mut Vec<Piece>, at: usize) -> usize {
    let mut left = at;
    let Some(number) = pieces.iter().position(|piece| {
        let is_here = left < piece.len();
        left -= if is_here { 0 } else { piece.len() };
        is_here
    }) else {
        return pieces.len();
    };
    if left == 0 {
        return number;
    }
    if let Some(rest) = pieces.get_mut(number).map(|piece| piece.split(left)) {
        pieces.insert(number + 1, rest);
    }
    number + 1
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
                    touched.spliced(&now, &splices, None);
                } else {
                    let (applied, undo) = text.apply_normalized(&ops);
                    touched.spliced(&now, &undo.splices(&applied), Some(&applied));
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
            copied.spliced(&before, &update.splices(), Some(&update.ops));
            if let Some(more) = more {
                let now = text.clone();
                let (applied, undo) = text.apply_normalized(&more);
                touched.spliced(&now, &undo.splices(&applied), Some(&applied));
                copied.spliced(&now, &undo.splices(&applied), Some(&applied));
            }
            prop_assert_eq!(touched.leads_to(&text), copied.leads_to(&text));
            prop_assert_eq!(touched.difference(&before, &text), copied.difference(&before, &text));
            let changes = touched.changes_to(&text);
            prop_assert_eq!(changes.is_some(), copied.changes_to(&text).is_some());
            let mut replayed = before.clone();
            replayed.apply(&changes.unwrap_or_default());
            prop_assert_eq!(&replayed, &text);
        }
    }

    proptest! {
        /// Of letters that are mostly the same: each that stays is kept, which cannot be seen from the texts.
        #[test]
        fn what_stays_is_kept_by_what_remains(
            long in any::<bool>(),
            lists in prop::collection::vec(prop::collection::vec(op(), 1..4), 2..6),
            told in any::<bool>(),
        ) {
            let mut text = Text::from("aabbaab😀".repeat(if long { 60 } else { 2 }).as_str());
            text.apply(&[]);
            let before = text.clone();
            let mut touched = TouchedText::new(before.clone());
            let mut all = Vec::new();
            for ops in lists {
                let now = text.clone();
                let (applied, undo) = text.apply_normalized(&ops);
                touched.spliced(&now, &undo.splices(&applied), (!told).then_some(&applied));
                if told {
                    touched.told(&applied);
                }
                all.extend(applied);
            }
            let Some(ops) = touched.changes_to(&text) else { return Ok(()) };
            prop_assert!(touched.remaining(&before, &text).is_some());
            let mut replayed = before.clone();
            replayed.apply(&ops);
            prop_assert_eq!(&replayed, &text);
            let index = |ops: &[TextOp], unit: usize| {
                let mut at = Some(unit);
                for op in ops {
                    at = at.and_then(|at| match op {
                        TextOp::Insert { index, text, .. } if clip(*index, usize::MAX) <= at => {
                            Some(at + utf16_len(text))
                        }
                        TextOp::Delete { index, length } => {
                            let (start, len) = (clip(*index, usize::MAX), clip(*length, usize::MAX));
                            match at {
                                at if at < start => Some(at),
                                at if at < start + len => None,
                                at => Some(at - len),
                            }
                        }
                        _ => Some(at),
                    });
                }
                at
            };
            for unit in 0..before.len_utf16() {
                prop_assert_eq!(index(&all, unit), index(&ops, unit), "unit {}", unit);
            }
        }
    }

    #[test]
    fn what_is_told_wrongly_is_not_believed() {
        let mut text = Text::from("abc");
        text.apply(&[]);
        let now = text.clone();
        let insert = |index| TextOp::Insert { index, text: "x".into(), attributes: None };
        for (told, right) in [(insert(1), true), (insert(2), false), (insert(9), false)] {
            let mut touched = TouchedText::new(now.clone());
            let mut text = now.clone();
            let (applied, undo) = text.apply_normalized(&[insert(1)]);
            touched.spliced(&now, &undo.splices(&applied), None);
            touched.told(&[told]);
            assert_eq!(touched.remaining(&now, &text).is_some(), right);
            assert_eq!(touched.changes_to(&text), Some(vec![insert(1)]));
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
                touched.spliced(&now, &undo.splices(&applied), Some(&applied));
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
            touched.spliced(&now, &undo.splices(&applied), Some(&applied));
        }
        assert_eq!(touched.changes_to(&text).as_deref(), Some(&wanted[..]));
    }
}
