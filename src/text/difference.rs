//! The operations between two states of a text that are not known to descend from each other.

use std::sync::Arc;

use super::op::TextOp;
use super::segment::{Attributes, Segment};

/// Operations that turn `before` into `after`: what the two share at the start and at the end
/// stays, one deletion and one insertion per run replace what lies between.
///
/// None if both have the same characters with the same attributes.
pub(crate) fn difference(before: &[Segment], after: &[Segment]) -> Vec<TextOp> {
    let shared_start: Vec<char> = shared(chars(before), chars(after));
    let start = shared_start.len();
    // What is shared at the start must not count twice.
    let most = chars(before).count().min(chars(after).count()) - start;
    let end = shared(chars(before).rev().take(most), chars(after).rev().take(most)).len();

    let gone = chars(before).count() - start - end;
    let gone: i64 = chars(before).skip(start).take(gone).map(|(c, _)| units(c)).sum();
    let mut index = shared_start.into_iter().map(units).sum();
    let mut ops = Vec::new();
    if gone > 0 {
        ops.push(TextOp::Delete { index, length: gone });
    }
    let mut skip = start;
    let mut left = chars(after).count() - start - end;
    for segment in after {
        let length = segment.text.chars().count();
        let run: String = segment.text.chars().skip(skip).take(left).collect();
        skip = skip.saturating_sub(length);
        left -= run.chars().count();
        if !run.is_empty() {
            let units = run.chars().map(units).sum::<i64>();
            let attributes = segment.attributes.clone();
            ops.push(TextOp::Insert { index, text: run.into(), attributes });
            index += units;
        }
    }
    ops
}

type Char<'a> = (char, Option<&'a Attributes>);

fn chars(segments: &[Segment]) -> impl DoubleEndedIterator<Item = Char<'_>> {
    segments.iter().flat_map(|segment| {
        segment.text.chars().map(|character| (character, segment.attributes.as_ref()))
    })
}

/// The characters that two sequences have in common before they part.
fn shared<'a>(a: impl Iterator<Item = Char<'a>>, b: impl Iterator<Item = Char<'a>>) -> Vec<char> {
    a.zip(b).take_while(|(a, b)| same(*a, *b)).map(|((character, _), _)| character).collect()
}

fn same(a: Char<'_>, b: Char<'_>) -> bool {
    let same_attributes = match (a.1, b.1) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        _ => false,
    };
    a.0 == b.0 && same_attributes
}

fn units(character: char) -> i64 {
    if character.len_utf16() == 1 { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Text;
    use super::*;
    use crate::Json;

    fn segments() -> impl Strategy<Value = Vec<Segment>> {
        let segment =
            ("[ab😀é]{0,4}", prop::option::of(0..2_u8)).prop_map(|(text, bold)| Segment {
                text: text.into(),
                attributes: bold.map(|bold| {
                    Arc::new([("bold".into(), Json::from(bold))].into_iter().collect())
                }),
            });
        prop::collection::vec(segment, 0..6)
    }

    fn normal(segments: Vec<Segment>) -> Vec<Segment> {
        let mut text = Text::from_segments(segments);
        text.apply(&[]);
        text.segments()
    }

    proptest! {
        #[test]
        fn leads_from_one_text_to_the_other(before in segments(), after in segments()) {
            let ops = difference(&before, &after);
            let mut text = Text::from_segments(before.clone());
            text.apply(&ops);
            prop_assert_eq!(text.segments(), normal(after.clone()));
            prop_assert_eq!(ops.is_empty(), normal(before) == normal(after));
        }
    }

    #[test]
    fn what_is_shared_stays() {
        let ops = difference(&[Segment::plain("a😀bb")], &[Segment::plain("a😀b")]);
        assert_eq!(ops, [TextOp::Delete { index: 4, length: 1 }]);
    }
}
