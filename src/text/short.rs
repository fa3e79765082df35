//! Editing a short text, which is nothing but its segments.
//!
//! Documents hold many tiny texts (titles, labels, cells); for those a rope would be mostly empty
//! space. The functions here expect ranges that are clipped and split no surrogate pair.

use std::ops::Range;

use smallvec::SmallVec;

use super::segment::{Attributes, Segment};
use super::units::{slice_units, split_at_unit, utf16_len};
use crate::SmallStr;
use crate::json::{Json, JsonObject};

/// A few segments on the stack, while they are edited.
pub(crate) type Segments = SmallVec<[Segment; 4]>;

pub(crate) fn insert(
    segments: &mut Segments,
    at: usize,
    text: &SmallStr,
    attributes: Option<&Attributes>,
) {
    let mut start = 0;
    for segment in segments.iter_mut() {
        let units = utf16_len(&segment.text);
        if at <= start + units && segment.attributes.as_ref() == attributes {
            let (head, tail) = split_at_unit(&segment.text, at - start);
            segment.text = concat(&[head, text, tail]);
            return;
        }
        start += units;
        if at < start {
            break;
        }
    }
    let index = split(segments, at);
    segments.insert(index, Segment { text: text.clone(), attributes: attributes.cloned() });
}

pub(crate) fn remove(segments: &mut Segments, range: Range<usize>) {
    let mut start = 0;
    for segment in segments.iter_mut() {
        let units = utf16_len(&segment.text);
        let (from, to) = overlap(&range, start, units);
        if from < to {
            let head = slice_units(&segment.text, 0, from);
            let tail = slice_units(&segment.text, to, units);
            segment.text = concat(&[head, tail]);
        }
        start += units;
    }
    normalize(segments);
}

pub(crate) fn format(segments: &mut Segments, range: Range<usize>, changes: &Attributes) {
    let from = split(segments, range.start);
    let to = split(segments, range.end);
    for segment in segments.iter_mut().take(to).skip(from) {
        segment.attributes = changed(segment.attributes.as_ref(), changes);
    }
    normalize(segments);
}

/// The parts of segments that lie in `range`.
pub(crate) fn slice<'a>(
    segments: impl IntoIterator<Item = &'a Segment>,
    range: Range<usize>,
) -> impl Iterator<Item = Segment> {
    let mut start = 0;
    segments.into_iter().filter_map(move |segment| {
        let units = utf16_len(&segment.text);
        let (from, to) = overlap(&range, start, units);
        start += units;
        let text = SmallStr::from(slice_units(&segment.text, from, to));
        (from < to).then(|| Segment { text, attributes: segment.attributes.clone() })
    })
}

/// Drops empty segments and merges neighbours with equal attributes.
pub(crate) fn normalize(segments: &mut Segments) {
    if is_normal(segments) {
        return;
    }
    let mut out = Segments::new();
    let mut run: Vec<SmallStr> = Vec::new();
    let mut attributes = None;
    for segment in segments.drain(..).filter(|segment| !segment.text.is_empty()) {
        if !run.is_empty() && attributes != segment.attributes {
            out.push(joined(&mut run, attributes));
        }
        attributes = segment.attributes;
        run.push(segment.text);
    }
    if !run.is_empty() {
        out.push(joined(&mut run, attributes));
    }
    *segments = out;
}

/// Whether no segment is empty and no two neighbours have equal attributes.
pub(crate) fn is_normal(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| !segment.text.is_empty())
        && segments.iter().zip(segments.iter().skip(1)).all(|(a, b)| a.attributes != b.attributes)
}

/// What becomes of attributes under a format: a null removes, anything else sets.
pub(crate) fn changed(old: Option<&Attributes>, changes: &Attributes) -> Option<Attributes> {
    let kept = old
        .into_iter()
        .flat_map(|old| old.iter())
        .filter(|(key, _)| changes.get(key).is_none())
        .chain(changes.iter().filter(|(_, value)| **value != Json::Null));
    let new: JsonObject = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    (!new.is_empty()).then(|| Attributes::new(new))
}

/// Makes a segment begin at unit `at`; its index.
fn split(segments: &mut Segments, at: usize) -> usize {
    let mut start = 0;
    for index in 0..segments.len() {
        if at <= start {
            return index;
        }
        let Some(segment) = segments.get_mut(index) else { break };
        let units = utf16_len(&segment.text);
        if at < start + units {
            let (head, tail) = split_at_unit(&segment.text, at - start);
            let (head, tail) = (SmallStr::from(head), SmallStr::from(tail));
            let attributes = segment.attributes.clone();
            segment.text = head;
            segments.insert(index + 1, Segment { text: tail, attributes });
            return index + 1;
        }
        start += units;
    }
    segments.len()
}

/// The part of `range` inside a segment, counted from the segment's start.
fn overlap(range: &Range<usize>, start: usize, units: usize) -> (usize, usize) {
    (range.start.saturating_sub(start).min(units), range.end.saturating_sub(start).min(units))
}

fn joined(run: &mut Vec<SmallStr>, attributes: Option<Attributes>) -> Segment {
    let text = match run.as_slice() {
        [only] => only.clone(),
        many => SmallStr::from(many.iter().map(SmallStr::as_str).collect::<String>()),
    };
    run.clear();
    Segment { text, attributes }
}

fn concat(parts: &[&str]) -> SmallStr {
    SmallStr::from(parts.concat())
}
