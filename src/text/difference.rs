//! The operations between two states of a text that are not known to descend from each other.

use std::sync::Arc;

use super::op::TextOp;
use super::segment::{Attributes, Segment};
use super::units::signed;
use crate::Json;
use crate::json::JsonObject;

/// A character with its attributes.
type Char<'a> = (char, Option<&'a Attributes>);

/// The most insertions and deletions that are looked for, and the most work that is done for it;
/// beyond that, all between what is shared at both ends is replaced.
const MOST_EDITS: usize = 512;
const MOST_WORK: usize = 10_000_000;

/// Operations that turn `before` into `after`: the fewest characters are inserted and deleted (as
/// long as they are not very many), and what stays is formatted where its attributes differ.
///
/// None if both have the same characters with the same attributes.
pub(crate) fn difference(before: &[Segment], after: &[Segment]) -> Vec<TextOp> {
    let start = shared(chars(before), chars(after));
    // What is shared at the start must not count twice.
    let (old, new) = (chars(before).count(), chars(after).count());
    let most = old.min(new) - start;
    let end = shared(chars(before).rev().take(most), chars(after).rev().take(most));
    let middle = |segments, all: usize| -> Vec<Char<'_>> {
        chars(segments).skip(start).take(all - start - end).collect()
    };
    let (a, b) = (middle(before, old), middle(after, new));

    let mut script = Script::default();
    for (a, b) in chars(before).zip(chars(after)).take(start) {
        script.keep(a, b);
    }
    let (mut x, mut y) = (0, 0);
    let kept = common(&a, &b);
    for (next_x, next_y) in kept.into_iter().chain([(a.len(), b.len())]) {
        a.get(x..next_x).into_iter().flatten().for_each(|gone| script.delete(*gone));
        b.get(y..next_y).into_iter().flatten().for_each(|new| script.insert(*new));
        if let (Some(a), Some(b)) = (a.get(next_x), b.get(next_y)) {
            script.keep(*a, *b);
        }
        (x, y) = (next_x + 1, next_y + 1);
    }
    for (a, b) in chars(before).skip(old - end).zip(chars(after).skip(new - end)) {
        script.keep(a, b);
    }
    script.finish()
}

fn chars(segments: &[Segment]) -> impl DoubleEndedIterator<Item = Char<'_>> {
    segments.iter().flat_map(|segment| {
        segment.text.chars().map(|character| (character, segment.attributes.as_ref()))
    })
}

/// How many characters two sequences have in common before they part.
fn shared<'a>(a: impl Iterator<Item = Char<'a>>, b: impl Iterator<Item = Char<'a>>) -> usize {
    a.zip(b).take_while(|(a, b)| stays(*a, *b)).count()
}

/// Whether a character may stay: it is the same, and a format can make its attributes the same.
fn stays(a: Char<'_>, b: Char<'_>) -> bool {
    a.0 == b.0 && (same(a.1, b.1) || b.1.is_none_or(|new| is_made_by_format(a.1, new)))
}

fn same(a: Option<&Attributes>, b: Option<&Attributes>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        _ => false,
    }
}

/// A format leaves no null, and no attributes rather than empty ones.
fn is_made_by_format(old: Option<&Attributes>, new: &Attributes) -> bool {
    let had_null = |key: &str| old.is_some_and(|old| old.get(key) == Some(&Json::Null));
    !new.is_empty() && new.iter().all(|(key, value)| *value != Json::Null || had_null(key))
}

/// The format that makes the attributes `new` of `old`.
fn format(old: Option<&Attributes>, new: Option<&Attributes>) -> JsonObject {
    let entries = |attributes: Option<&'_ Attributes>| -> Vec<_> {
        attributes.into_iter().flat_map(|a| a.iter().map(|(k, v)| (k.clone(), v.clone()))).collect()
    };
    let old_has = |key: &str, value: &Json| old.is_some_and(|old| old.get(key) == Some(value));
    let new_lacks = |key: &str| new.is_none_or(|new| new.get(key).is_none());
    let gone = entries(old).into_iter().filter(|(key, _)| new_lacks(key));
    let set = entries(new).into_iter().filter(|(key, value)| !old_has(key, value));
    gone.map(|(key, _)| (key, Json::Null)).chain(set).collect()
}

/// Which places of two sequences stay, in order: a longest common subsequence, found by the greedy
/// algorithm of Myers (1986). No places if that takes too many edits.
fn common(a: &[Char<'_>], b: &[Char<'_>]) -> Vec<(usize, usize)> {
    if a.is_empty() || b.is_empty() {
        return Vec::new();
    }
    let most = MOST_EDITS.min(MOST_WORK / (a.len() + b.len())).min(a.len() + b.len());
    // For each number of edits, how far (in `a`) each diagonal is reached: those on which `x - y` is
    // -edits, 2 - edits, ..., edits.
    let mut reached: Vec<Vec<usize>> = Vec::new();
    for edits in 0..=most {
        let mut row = Vec::with_capacity(edits + 1);
        for diagonal in 0..=edits {
            let mut x = begin(reached.last(), diagonal).0;
            let mut y = (x + edits).saturating_sub(2 * diagonal);
            while a.get(x).zip(b.get(y)).is_some_and(|(a, b)| stays(*a, *b)) {
                (x, y) = (x + 1, y + 1);
            }
            row.push(x);
            if x >= a.len() && y >= b.len() {
                reached.push(row);
                return trace(&reached, a.len(), b.len());
            }
        }
        reached.push(row);
    }
    Vec::new()
}

/// Where a diagonal begins after one more edit than those in `before`, and whether that edit is an
/// insertion.
fn begin(before: Option<&Vec<usize>>, diagonal: usize) -> (usize, bool) {
    let reached = |at: Option<usize>| before.and_then(|before| before.get(at?)).copied();
    match (reached(diagonal.checked_sub(1)), reached(Some(diagonal))) {
        (Some(deleting), inserting) if inserting.is_none_or(|x| x <= deleting) => {
            (deleting + 1, false)
        }
        (_, inserting) => (inserting.unwrap_or(0), true),
    }
}

/// Goes back from the end over what was reached.
fn trace(reached: &[Vec<usize>], end_x: usize, end_y: usize) -> Vec<(usize, usize)> {
    let (mut x, mut y) = (end_x, end_y);
    let mut kept = Vec::new();
    for edits in (0..reached.len()).rev() {
        let diagonal = (x + edits).saturating_sub(y) / 2;
        let before = edits.checked_sub(1).and_then(|before| reached.get(before));
        let (start, inserted) = begin(before, diagonal);
        while x > start && y > 0 {
            (x, y) = (x - 1, y - 1);
            kept.push((x, y));
        }
        if inserted {
            y = y.saturating_sub(1);
        } else {
            x = x.saturating_sub(1);
        }
    }
    kept.reverse();
    kept
}

/// Operations from the text's start to its end.
#[derive(Default)]
struct Script<'a> {
    ops: Vec<TextOp>,
    /// Where the next character goes in the text as it becomes, in UTF-16 units.
    at: usize,
    /// What is done to a run of characters that is still open.
    run: Option<Run<'a>>,
}

enum Run<'a> {
    Delete { units: usize },
    Insert { text: String, units: usize, attributes: Option<&'a Attributes> },
    Format { units: usize, old: Option<&'a Attributes>, new: Option<&'a Attributes> },
}

impl<'a> Script<'a> {
    fn delete(&mut self, (character, _): Char<'a>) {
        if let Some(Run::Delete { units }) = &mut self.run {
            *units += character.len_utf16();
            return;
        }
        self.close();
        self.run = Some(Run::Delete { units: character.len_utf16() });
    }

    fn insert(&mut self, (character, with): Char<'a>) {
        match &mut self.run {
            Some(Run::Insert { text, units, attributes }) if same(*attributes, with) => {
                text.push(character);
                *units += character.len_utf16();
            }
            _ => {
                self.close();
                let (text, units) = (character.to_string(), character.len_utf16());
                self.run = Some(Run::Insert { text, units, attributes: with });
            }
        }
    }

    fn keep(&mut self, (character, from): Char<'a>, (_, to): Char<'a>) {
        let more = character.len_utf16();
        match &mut self.run {
            Some(Run::Format { units, old, new }) if same(*old, from) && same(*new, to) => {
                *units += more;
            }
            None if same(from, to) => self.at += more,
            _ => {
                self.close();
                if same(from, to) {
                    self.at += more;
                } else {
                    self.run = Some(Run::Format { units: more, old: from, new: to });
                }
            }
        }
    }

    fn close(&mut self) {
        let index = signed(self.at);
        match self.run.take() {
            None => {}
            Some(Run::Delete { units }) => {
                self.ops.push(TextOp::Delete { index, length: signed(units) });
            }
            Some(Run::Insert { text, units, attributes }) => {
                let attributes = attributes.cloned();
                self.ops.push(TextOp::Insert { index, text: text.into(), attributes });
                self.at += units;
            }
            Some(Run::Format { units, old, new }) => {
                let attributes = Attributes::new(format(old, new));
                self.ops.push(TextOp::Format { index, length: signed(units), attributes });
                self.at += units;
            }
        }
    }

    fn finish(mut self) -> Vec<TextOp> {
        self.close();
        self.ops
    }
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
    fn what_is_shared_in_the_midst_stays() {
        let insert =
            |index, text: &str| TextOp::Insert { index, text: text.into(), attributes: None };
        let ops =
            difference(&[Segment::plain("one 😀 three")], &[Segment::plain("On 😀 twothree!")]);
        assert_eq!(
            ops,
            [
                TextOp::Delete { index: 0, length: 1 },
                insert(0, "O"),
                TextOp::Delete { index: 2, length: 1 },
                insert(6, "two"),
                insert(14, "!"),
            ]
        );
    }

    #[test]
    fn what_stays_is_formatted() {
        let bold = |value: Json| Arc::new(JsonObject::from_iter([("bold".into(), value)]));
        let attributes = Some(bold(true.into()));
        let after = [Segment::plain("a"), Segment { text: "b".into(), attributes }];
        let format = |value| TextOp::Format { index: 1, length: 1, attributes: bold(value) };
        assert_eq!(difference(&[Segment::plain("ab")], &after), [format(true.into())]);
        assert_eq!(difference(&after, &[Segment::plain("ab")]), [format(Json::Null)]);
    }

    #[test]
    fn what_is_shared_at_the_ends_stays() {
        let ops = difference(&[Segment::plain("a😀bb")], &[Segment::plain("a😀b")]);
        assert_eq!(ops, [TextOp::Delete { index: 4, length: 1 }]);
    }
}
