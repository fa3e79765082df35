//! The content of a `LiveText`: characters and their formats, edited by UTF-16 index.
//!
//! A [`Text`] has two shapes that behave alike. A short one is just its segments, 24 bytes and at
//! most one small allocation, because documents hold hundreds of thousands of tiny texts. A long
//! one becomes a rope with the formats beside it, on its first edit, so that an edit costs the
//! same however long the text is. Until its first edit a text of either length is kept exactly
//! as it was given, because that is how it must be exported.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::long::LongText;
use super::op::TextOp;
use super::runs::Run;
use super::segment::{Attributes, Segment, most_attributes};
use super::short::{self, Segments};
use super::units::{byte_of_unit, clip, signed, utf16_len};
use crate::SmallStr;

/// A text becomes a rope beyond this many bytes, ...
const LONG_BYTES: usize = 512;
/// ... or this many segments; it goes back to segments at a quarter of both.
const LONG_SEGMENTS: usize = 16;

/// Rich text: what a `LiveText` holds. Cloning is O(1); equality is by characters and formats.
///
/// ```
/// use livetree::text::{Segment, Text, TextOp};
/// let mut text = Text::from_segments(vec![Segment::plain("hello 😀")]);
/// text.apply(&[
///     TextOp::Insert { index: 5, text: ", world".into(), attributes: None },
///     TextOp::Delete { index: 0, length: 1 },
///     TextOp::Insert { index: 0, text: "H".into(), attributes: None },
/// ]);
/// assert_eq!(text.to_string(), "Hello, world 😀");
/// assert_eq!(text.len_utf16(), 15);
/// ```
#[derive(Clone, Default)]
pub struct Text(Repr);

#[derive(Clone, Default)]
enum Repr {
    #[default]
    Empty,
    One(Segment),
    Many(Arc<[Segment]>),
    Long(Arc<LongText>),
}

/// What takes a [`Text`] back to exactly where it was before an edit.
///
/// Unlike the operations that [`invert`](super::invert) makes, this is exact even where the wire
/// cannot say it (a null attribute, segments that were not normal), and it cannot travel.
#[derive(Clone, Debug)]
pub struct TextUndo(Undo);

#[derive(Clone, Debug)]
enum Undo {
    /// The text as it was; as cheap as a step where the text is short, or is formatted again and again.
    Whole(Text),
    /// Steps, to be taken from the last to the first.
    Steps(Vec<Step>),
}

/// If there are more formats in an update the text is kept as it was: each could change all runs anew.
const MANY_FORMATS: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Remove(Range<usize>),
    Restore { at: usize, text: String, runs: Vec<Run> },
    Reformat { range: Range<usize>, runs: Vec<Run> },
}

/// A range of a text replaced by another: what an edit, or taking one back, comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    pub(crate) at: usize,
    pub(crate) removed: usize,
    pub(crate) inserted: usize,
}

/// What was replaced in a text, one range after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Splices {
    Ranges(Vec<Splice>),
    /// Perhaps all of it.
    Everything,
}

impl TextUndo {
    /// What the edit that this takes back has replaced; `ops` are the operations as applied.
    pub(crate) fn splices(&self, ops: &[TextOp]) -> Splices {
        // Where a text was normalised all of it may have moved, though no character has.
        if matches!(&self.0, Undo::Whole(before) if !before.is_normal()) {
            return Splices::Everything;
        }
        let splice = |op: &TextOp| {
            let range = fitted_range(op);
            let inserted = match op {
                TextOp::Insert { text, .. } => utf16_len(text),
                TextOp::Delete { .. } => 0,
                TextOp::Format { .. } => range.len(),
            };
            Splice { at: range.start, removed: range.len(), inserted }
        };
        Splices::Ranges(ops.iter().map(splice).collect())
    }
}

impl Text {
    /// No text.
    pub const EMPTY: Self = Self(Repr::Empty);

    /// The text of these segments, which are kept exactly as given until the first edit.
    pub fn from_segments(segments: Vec<Segment>) -> Self {
        let mut segments = segments;
        match segments.pop() {
            None => Self(Repr::Empty),
            Some(only) if segments.is_empty() => Self(Repr::One(only)),
            Some(last) => {
                segments.push(last);
                Self(Repr::Many(segments.into()))
            }
        }
    }

    /// The segments: as given, or, since the first edit, merged and without empty ones.
    pub fn segments(&self) -> Vec<Segment> {
        self.iter().collect()
    }

    /// The [`segments`](Self::segments), one after another.
    pub fn iter(&self) -> impl Iterator<Item = Segment> {
        let long = self.long();
        let long = long.into_iter().flat_map(|long| long.segments(0..long.len_utf16()));
        self.short().iter().cloned().chain(long)
    }

    /// At least as many attributes as any segment has. O(1) for a long text.
    pub(crate) fn most_attributes(&self) -> usize {
        let short = most_attributes(self.short().iter().map(|segment| &segment.attributes));
        short.max(self.long().map_or(0, LongText::most_attributes))
    }

    /// The characters, in pieces of any size.
    pub fn chunks(&self) -> impl Iterator<Item = &str> {
        let long = self.long().into_iter().flat_map(LongText::chunks);
        self.short().iter().map(|segment| segment.text.as_str()).chain(long)
    }

    /// The length in UTF-16 code units. O(1) for a long text that has been edited.
    pub fn len_utf16(&self) -> usize {
        match self.long() {
            Some(long) => long.len_utf16(),
            None => self.short().iter().map(|segment| utf16_len(&segment.text)).sum(),
        }
    }

    /// The length in UTF-8 bytes.
    pub fn len_bytes(&self) -> usize {
        match self.long() {
            Some(long) => long.len_bytes(),
            None => self.short().iter().map(|segment| segment.text.len()).sum(),
        }
    }

    /// Whether there are no characters.
    pub fn is_empty(&self) -> bool {
        self.len_bytes() == 0
    }

    /// The length in characters (Unicode scalar values). O(n) where the text is not all ASCII.
    pub fn len_chars(&self) -> usize {
        self.utf16_to_char(self.len_utf16())
    }

    /// The UTF-16 range of a range of characters (Unicode scalar values).
    pub fn chars_to_utf16(&self, range: Range<usize>) -> Range<usize> {
        self.char_to_utf16(range.start)..self.char_to_utf16(range.end)
    }

    /// The UTF-16 range of a range of bytes; characters that it cuts are wholly in it at its start,
    /// and out of it at its end.
    pub fn bytes_to_utf16(&self, range: Range<usize>) -> Range<usize> {
        self.byte_to_utf16(range.start)..self.byte_to_utf16(range.end)
    }

    /// The characters of a UTF-16 range, clipped to the text. A surrogate pair is wholly in or
    /// out, as its first unit is.
    pub fn slice(&self, range: Range<usize>) -> String {
        match self.long() {
            Some(long) => long.slice(self.clipped(&range)),
            None => self.slice_segments(range).iter().map(|s| s.text.as_str()).collect(),
        }
    }

    /// The segments of a UTF-16 range, cut at its ends, clipped to the text.
    pub fn slice_segments(&self, range: Range<usize>) -> Vec<Segment> {
        let range = self.clipped(&range);
        match self.long() {
            Some(long) => long.segments(range).collect(),
            None => short::slice(self.short(), range).collect(),
        }
    }

    /// The byte index of a UTF-16 index; of its pair's start where it points inside a pair.
    pub fn utf16_to_byte(&self, index: usize) -> usize {
        match self.long() {
            Some(long) => long.byte_of_unit(index),
            None => self.scan(index, utf16_len, |text, left| byte_of_unit(text, left).0, str::len),
        }
    }

    /// The UTF-16 index of the character around a byte index.
    pub fn byte_to_utf16(&self, index: usize) -> usize {
        match self.long() {
            Some(long) => long.unit_of_byte(index),
            None => self.scan(index, str::len, units_before_byte, utf16_len),
        }
    }

    /// The index of the character (Unicode scalar value) at or around a UTF-16 index.
    /// O(n) where the text is not all ASCII.
    pub fn utf16_to_char(&self, index: usize) -> usize {
        let in_piece = |text: &str, left| {
            let (byte, _) = byte_of_unit(text, left);
            text.get(..byte).map_or(0, |head| head.chars().count())
        };
        self.scan(index, utf16_len, in_piece, |text| text.chars().count())
    }

    /// The UTF-16 index of a character (Unicode scalar value), by its index.
    /// O(n) where the text is not all ASCII.
    pub fn char_to_utf16(&self, index: usize) -> usize {
        let in_piece = |text: &str, left| text.chars().take(left).map(char::len_utf16).sum();
        self.scan(index, |text| text.chars().count(), in_piece, utf16_len)
    }

    /// Applies operations, each to the result of the one before, clipping them to the text.
    ///
    /// An operation that would split a surrogate pair is fitted as [`normalize`](super::normalize)
    /// does it: an index moves to the pair's start, a range grows around the pair. (Except that a
    /// deletion from inside one pair to inside another leaves the character that the two halves
    /// make.) Segments are merged even if there are no operations.
    pub fn apply(&mut self, ops: &[TextOp]) {
        self.begin();
        for op in ops {
            self.apply_one(op, None);
        }
        self.settle();
    }

    /// Like [`apply`](Self::apply), and returns what takes it back.
    pub fn apply_undoable(&mut self, ops: &[TextOp]) -> TextUndo {
        self.recorded(ops, |text, mut steps| {
            for op in ops {
                text.apply_one(op, steps.as_deref_mut());
            }
        })
    }

    /// Normalises operations one by one while applying them; the operations as applied, and what
    /// takes them back.
    pub(crate) fn apply_normalized(&mut self, ops: &[TextOp]) -> (Vec<TextOp>, TextUndo) {
        let mut applied = Vec::with_capacity(ops.len());
        let undo = self.recorded(ops, |text, mut steps| {
            for op in ops {
                let op = text.fit(op);
                text.perform(&op, fitted_range(&op), steps.as_deref_mut());
                applied.push(op);
            }
        });
        (applied, undo)
    }

    /// Takes an edit back. Edits are taken back in the reverse of their order.
    pub fn undo(&mut self, undo: TextUndo) {
        let _ = self.take_back(undo);
    }

    /// As [`undo`](Self::undo), and says what it replaced.
    pub(crate) fn take_back(&mut self, undo: TextUndo) -> Splices {
        let steps = match undo.0 {
            Undo::Whole(text) => {
                *self = text;
                return Splices::Everything;
            }
            Undo::Steps(steps) => steps,
        };
        let mut splices = Vec::with_capacity(steps.len());
        let Some(long) = self.make_long() else { return Splices::Everything };
        for step in steps.into_iter().rev() {
            splices.push(match step {
                Step::Remove(range) => {
                    let (at, removed) = (range.start, range.len());
                    long.remove(range, false);
                    Splice { at, removed, inserted: 0 }
                }
                Step::Restore { at, text, runs } => {
                    long.restore(at, &text, runs);
                    Splice { at, removed: 0, inserted: utf16_len(&text) }
                }
                Step::Reformat { range, runs } => {
                    let (at, length) = (range.start, range.len());
                    long.reformat(range, runs);
                    Splice { at, removed: length, inserted: length }
                }
            });
        }
        self.settle();
        Splices::Ranges(splices)
    }

    /// Whether no segment is empty and no two neighbours have equal attributes, as after any edit.
    pub(crate) fn is_normal(&self) -> bool {
        short::is_normal(self.short())
    }

    /// One operation, clipped to this text and kept from splitting a surrogate pair.
    pub(crate) fn fit(&self, op: &TextOp) -> TextOp {
        let mut op = op.clone();
        let length = self.len_utf16();
        match &mut op {
            TextOp::Insert { index, .. } => {
                *index = signed(self.floor(clip(*index, length)));
            }
            TextOp::Delete { index, length: units }
            | TextOp::Format { index, length: units, .. } => {
                let start = clip(*index, length);
                let end = clip(index.saturating_add(*units), length);
                let range = self.around_pairs(start..end.max(start));
                *index = signed(range.start);
                *units = signed(range.len());
            }
        }
        op
    }

    /// The operations that undo one fitted operation on this text.
    pub(crate) fn inverse_of(&self, op: &TextOp) -> Vec<TextOp> {
        let range = self.clip_op(op);
        match op {
            TextOp::Insert { text, .. } => {
                let (index, length) = (signed(range.start), signed(utf16_len(text)));
                vec![TextOp::Delete { index, length }]
            }
            TextOp::Delete { .. } => self.insertions(range).collect(),
            TextOp::Format { attributes, .. } => {
                let old = self.placed_segments(range).map(|(index, segment)| {
                    let length = signed(utf16_len(&segment.text));
                    let old = |key: &str| segment.attributes.as_ref()?.get(key).cloned();
                    let keys = attributes.iter().map(|(key, _)| key);
                    let values = keys.map(|key| (key.clone(), old(key).unwrap_or_default()));
                    let attributes = Arc::new(values.collect());
                    TextOp::Format { index, length, attributes }
                });
                let mut ops: Vec<TextOp> = old.collect();
                ops.reverse();
                ops
            }
        }
    }

    /// The operations that insert a range of this text, where it is.
    pub(crate) fn insertions(&self, range: Range<usize>) -> impl Iterator<Item = TextOp> {
        self.placed_segments(range).map(|(index, Segment { text, attributes })| TextOp::Insert {
            index,
            text,
            attributes,
        })
    }

    /// The segments of a range, each with where it begins.
    fn placed_segments(&self, range: Range<usize>) -> impl Iterator<Item = (i64, Segment)> {
        let mut at = range.start;
        self.slice_segments(range).into_iter().map(move |segment| {
            let index = signed(at);
            at += utf16_len(&segment.text);
            (index, segment)
        })
    }

    /// An estimate of the bytes on the heap that this text keeps alive, shared or not.
    pub fn heap_bytes(&self) -> usize {
        let attributes = |a: &Attributes| 40 + a.len() * 32;
        let segment =
            |s: &Segment| s.text.heap_bytes() + s.attributes.as_ref().map_or(0, attributes);
        match &self.0 {
            Repr::Empty => 0,
            Repr::One(only) => segment(only),
            Repr::Many(many) => {
                40 + many.iter().map(|s| size_of::<Segment>() + segment(s)).sum::<usize>()
            }
            Repr::Long(long) => 16 + long.heap_bytes(),
        }
    }

    fn short(&self) -> &[Segment] {
        match &self.0 {
            Repr::One(only) => std::slice::from_ref(only),
            Repr::Many(many) => many,
            Repr::Empty | Repr::Long(_) => &[],
        }
    }

    fn long(&self) -> Option<&LongText> {
        match &self.0 {
            Repr::Long(long) => Some(long),
            _ => None,
        }
    }

    fn clipped(&self, range: &Range<usize>) -> Range<usize> {
        let end = range.end.min(self.len_utf16());
        range.start.min(end)..end
    }

    /// Where an operation acts when applied. A negative index becomes 0 before the length counts.
    fn clip_op(&self, op: &TextOp) -> Range<usize> {
        let length = self.len_utf16();
        match op {
            TextOp::Insert { index, .. } => {
                let at = self.floor(clip(*index, length));
                at..at
            }
            TextOp::Delete { index, length: units }
            | TextOp::Format { index, length: units, .. } => {
                let start = clip(*index, length);
                let end = clip(signed(start).saturating_add(*units), length);
                self.around_pairs(start..end.max(start))
            }
        }
    }

    fn around_pairs(&self, range: Range<usize>) -> Range<usize> {
        let start = self.floor(range.start);
        if range.is_empty() {
            return start..start;
        }
        start..range.end + usize::from(self.is_inside_pair(range.end))
    }

    fn floor(&self, at: usize) -> usize {
        at - usize::from(self.is_inside_pair(at))
    }

    fn is_inside_pair(&self, at: usize) -> bool {
        if let Some(long) = self.long() {
            return long.is_inside_pair(at);
        }
        let mut start = 0;
        for segment in self.short() {
            let units = utf16_len(&segment.text);
            if at < start + units {
                return units < segment.text.len() && byte_of_unit(&segment.text, at - start).1;
            }
            start += units;
        }
        false
    }

    /// Walks the characters for as long as whole chunks fit into `left`, measured by `measure`;
    /// the sum of `whole` over those, plus `part` of the chunk where it ends.
    fn scan(
        &self,
        index: usize,
        measure: impl Fn(&str) -> usize,
        part: impl Fn(&str, usize) -> usize,
        whole: impl Fn(&str) -> usize,
    ) -> usize {
        if self.len_bytes() == self.len_utf16() {
            return index.min(self.len_bytes());
        }
        let (mut left, mut sum) = (index, 0);
        for text in self.chunks() {
            let size = measure(text);
            if left < size {
                return sum + part(text, left);
            }
            left -= size;
            sum += whole(text);
        }
        sum
    }

    /// Prepares for an edit: merges segments, and makes a rope of a long text.
    fn begin(&mut self) {
        if self.long().is_none() {
            if !short::is_normal(self.short()) {
                let mut segments = self.take_short();
                short::normalize(&mut segments);
                self.put_short(segments);
            }
            self.settle();
        }
    }

    /// Chooses the shape that fits the size.
    fn settle(&mut self) {
        match &self.0 {
            Repr::Long(long)
                if long.len_bytes() <= LONG_BYTES / 4 && long.run_count() <= LONG_SEGMENTS / 4 =>
            {
                let segments = long.segments(0..long.len_utf16()).collect();
                self.put_short(segments);
            }
            Repr::Long(_) => {}
            _ if self.len_bytes() > LONG_BYTES || self.short().len() > LONG_SEGMENTS => {
                self.make_long();
            }
            _ => {}
        }
    }

    /// Makes a rope of the text if it is none yet; always returns it.
    fn make_long(&mut self) -> Option<&mut LongText> {
        if self.long().is_none() {
            self.0 = Repr::Long(Arc::new(LongText::new(self.short())));
        }
        match &mut self.0 {
            Repr::Long(long) => Some(Arc::make_mut(long)),
            _ => None,
        }
    }

    fn take_short(&mut self) -> Segments {
        match std::mem::take(&mut self.0) {
            Repr::One(only) => Segments::from_iter([only]),
            Repr::Many(many) => many.iter().cloned().collect(),
            Repr::Empty | Repr::Long(_) => Segments::new(),
        }
    }

    fn put_short(&mut self, mut segments: Segments) {
        self.0 = match segments.len() {
            0 => Repr::Empty,
            1 => segments.pop().map_or(Repr::Empty, Repr::One),
            _ => Repr::Many(segments.into_vec().into()),
        };
    }

    fn recorded(
        &mut self,
        ops: &[TextOp],
        edit: impl FnOnce(&mut Self, Option<&mut Vec<Step>>),
    ) -> TextUndo {
        let formats = ops.iter().filter(|op| matches!(op, TextOp::Format { .. })).count();
        let is_whole = self.long().is_none() || formats > MANY_FORMATS;
        let whole = is_whole.then(|| self.clone());
        self.begin();
        let mut steps = Vec::new();
        edit(self, whole.is_none().then_some(&mut steps));
        self.settle();
        TextUndo(whole.map_or(Undo::Steps(steps), Undo::Whole))
    }

    fn apply_one(&mut self, op: &TextOp, mut steps: Option<&mut Vec<Step>>) {
        let range = self.clip_op(op);
        let halves = self.joined_halves(op, &range);
        let at = range.start;
        self.perform(op, range, steps.as_deref_mut());
        if let Some(Segment { text, attributes }) = halves {
            let op = TextOp::Insert { index: signed(at), text, attributes };
            self.perform(&op, at..at, steps);
        }
    }

    /// The character made of the first half of one pair and the second half of another, when a
    /// deletion takes out just what lies between them.
    fn joined_halves(&self, op: &TextOp, widened: &Range<usize>) -> Option<Segment> {
        let TextOp::Delete { index, length } = op else { return None };
        let start = clip(*index, self.len_utf16());
        let end = clip(signed(start).saturating_add(*length), self.len_utf16());
        if start != widened.start + 1 || end + 1 != widened.end {
            return None;
        }
        let cut = self.slice_segments(widened.clone());
        let (first, last) = (cut.first()?, cut.last()?);
        let mut units = [0; 2];
        let high = *first.text.chars().next()?.encode_utf16(&mut units).first()?;
        let low = *last.text.chars().next_back()?.encode_utf16(&mut units).last()?;
        let text = String::from_utf16(&[high, low]).ok()?;
        let attributes = first.attributes.clone();
        (attributes == last.attributes).then(|| Segment { text: text.into(), attributes })
    }

    /// Does one operation on a range that is clipped and splits no pair.
    fn perform(&mut self, op: &TextOp, range: Range<usize>, steps: Option<&mut Vec<Step>>) {
        let Repr::Long(long) = &mut self.0 else {
            self.perform_short(op, range);
            return;
        };
        let long = Arc::make_mut(long);
        let at = range.start;
        let step = match op {
            TextOp::Insert { text, attributes, .. } => {
                if text.is_empty() {
                    return;
                }
                long.insert(at, text, attributes.as_ref());
                steps.is_some().then(|| Step::Remove(at..at + utf16_len(text)))
            }
            _ if range.is_empty() => return,
            TextOp::Delete { .. } => {
                let removed = long.remove(range, steps.is_some());
                removed.map(|(text, runs)| Step::Restore { at, text, runs })
            }
            TextOp::Format { attributes, .. } => {
                let runs = long.runs(range.clone());
                let changed = runs.iter().map(|run| Run {
                    units: run.units,
                    attributes: short::changed(run.attributes.as_ref(), attributes),
                });
                long.reformat(range.clone(), changed.collect());
                Some(Step::Reformat { range, runs })
            }
        };
        if let (Some(steps), Some(step)) = (steps, step) {
            steps.push(step);
        }
    }

    fn perform_short(&mut self, op: &TextOp, range: Range<usize>) {
        let mut segments = self.take_short();
        match op {
            TextOp::Insert { text, .. } if text.is_empty() => {}
            TextOp::Insert { text, attributes, .. } => {
                short::insert(&mut segments, range.start, text, attributes.as_ref());
            }
            _ if range.is_empty() => {}
            TextOp::Delete { .. } => short::remove(&mut segments, range),
            TextOp::Format { attributes, .. } => short::format(&mut segments, range, attributes),
        }
        self.put_short(segments);
        // Not only at the end: a long list of operations may make a long text of a short one.
        self.settle();
    }
}

/// Where an operation acts that is fitted to its text.
fn fitted_range(op: &TextOp) -> Range<usize> {
    let (index, length) = match op {
        TextOp::Insert { index, .. } => (*index, 0),
        TextOp::Delete { index, length } | TextOp::Format { index, length, .. } => {
            (*index, *length)
        }
    };
    let at = usize::try_from(index).unwrap_or(0);
    at..at + usize::try_from(length).unwrap_or(0)
}

fn units_before_byte(text: &str, byte: usize) -> usize {
    text.char_indices()
        .take_while(|(start, character)| start + character.len_utf8() <= byte)
        .map(|(_, character)| character.len_utf16())
        .sum()
}

impl From<&str> for Text {
    /// The text without formats.
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self(Repr::One(Segment::plain(text))) }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chunks().try_for_each(|chunk| f.write_str(chunk))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        if let (Some(a), Some(b)) = (self.long(), other.long()) {
            return a == b;
        }
        let normal = |text: &Self| {
            let mut segments: Segments = text.iter().collect();
            short::normalize(&mut segments);
            segments
        };
        self.len_bytes() == other.len_bytes() && normal(self) == normal(other)
    }
}

impl From<&SmallStr> for Text {
    /// The text without formats.
    fn from(text: &SmallStr) -> Self {
        if text.is_empty() {
            Self::default()
        } else {
            Self(Repr::One(Segment::plain(text.clone())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(index: i64, text: &str) -> TextOp {
        TextOp::Insert { index, text: text.into(), attributes: None }
    }

    #[test]
    fn a_text_is_three_words_and_a_tiny_one_nothing_else() {
        assert_eq!(size_of::<Text>(), 24);
        assert_eq!(Text::from("fourteen bytes").heap_bytes(), 0);
    }

    #[test]
    fn the_shape_follows_the_size() {
        let mut text = Text::from("short");
        text.apply(&[insert(2, &"long ".repeat(200))]);
        assert!(text.long().is_some());
        assert_eq!(text, Text::from(text.to_string().as_str()));
        let copy = text.clone();
        text.apply(&[TextOp::Delete { index: 2, length: 990 }]);
        assert!(text.long().is_none());
        assert_eq!(text.to_string(), "shlong long ort");
        assert_eq!(copy.len_utf16(), 1005);
        // A long list of operations on a short text does not wait for its end.
        text.apply(&vec![insert(0, "typed"); 1000]);
        assert!(text.long().is_some());
    }

    #[test]
    fn data_is_exported_as_given_until_the_first_edit() {
        let data = vec![Segment::plain("a"), Segment::plain("b"), Segment::plain("")];
        let mut text = Text::from_segments(data.clone());
        assert_eq!(text.segments(), data);
        assert_eq!(text, Text::from("ab"));
        let undo = text.apply_undoable(&[]);
        assert_eq!(text.segments(), [Segment::plain("ab")]);
        text.undo(undo);
        assert_eq!(text.segments(), data);
        assert_eq!(Text::from_segments(vec![Segment::plain("")]).segments(), [Segment::plain("")]);
    }
}
