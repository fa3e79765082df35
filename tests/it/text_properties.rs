//! What holds of all texts and operations: checked against a model that is nothing but code units.

use std::sync::Arc;

use livetree::text::{
    Anchor, Attributes, Bias, Entry, History, Order, Outcome, Segment, Text, TextOp,
};
use livetree::text::{compose, invert, normalize, transform, transform_index, transform_over};
use livetree::{Json, SmallStr};
use proptest::prelude::*;

const CHARACTERS: [&str; 5] = ["a", "b", "é", "e\u{301}", "😀"];
const KEYS: [&str; 2] = ["bold", "size"];

/// A text as one attribute set per UTF-16 code unit.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model(Vec<(u16, Option<Attributes>)>);

impl Model {
    fn new(segments: &[Segment]) -> Self {
        let mut model = Self::default();
        for segment in segments {
            model.insert(model.0.len(), &segment.text, segment.attributes.as_ref());
        }
        model
    }

    fn insert(&mut self, at: usize, text: &str, attributes: Option<&Attributes>) {
        let units = text.encode_utf16().map(|unit| (unit, attributes.cloned()));
        self.0.splice(at..at, units);
    }

    fn clip(&self, index: i64) -> usize {
        usize::try_from(index.clamp(0, i64::try_from(self.0.len()).unwrap())).unwrap()
    }

    fn apply(&mut self, ops: &[TextOp]) {
        for op in ops {
            match op {
                TextOp::Insert { index, text, attributes } => {
                    self.insert(self.clip(*index), text, attributes.as_ref());
                }
                TextOp::Delete { index, length } => {
                    let range = self.clip(*index)..self.clip(index + length);
                    self.0.drain(range);
                }
                TextOp::Format { index, length, attributes } => {
                    let range = self.clip(*index)..self.clip(index + length);
                    for (_, old) in &mut self.0[range] {
                        *old = changed(old.as_ref(), attributes);
                    }
                }
            }
        }
    }

    /// Segments, merged; fails on a lone surrogate.
    fn segments(&self) -> Vec<Segment> {
        let runs = self.0.chunk_by(|a, b| a.1 == b.1);
        let text = |run: &[(u16, _)]| {
            let units: Vec<u16> = run.iter().map(|(unit, _)| *unit).collect();
            String::from_utf16(&units).expect("no lone surrogates")
        };
        runs.map(|run| Segment { text: text(run).into(), attributes: run[0].1.clone() }).collect()
    }
}

fn changed(old: Option<&Attributes>, changes: &Attributes) -> Option<Attributes> {
    let mut new: std::collections::BTreeMap<SmallStr, Json> = std::collections::BTreeMap::new();
    new.extend(old.into_iter().flat_map(|old| old.iter().map(|(k, v)| (k.clone(), v.clone()))));
    new.extend(changes.iter().map(|(k, v)| (k.clone(), v.clone())));
    new.retain(|_, value| *value != Json::Null);
    (!new.is_empty()).then(|| Arc::new(new.into_iter().collect()))
}

fn string(most: usize) -> impl Strategy<Value = SmallStr> {
    prop::collection::vec(prop::sample::select(&CHARACTERS[..]), 0..most)
        .prop_map(|parts| SmallStr::from(parts.concat()))
}

fn values(null: bool) -> impl Strategy<Value = Attributes> {
    let value = if null {
        prop::sample::select(vec![Json::Null, true.into(), 2.into()])
    } else {
        prop::sample::select(vec![true.into(), 2.into()])
    };
    prop::collection::vec((prop::sample::select(&KEYS[..]), value), 1..3)
        .prop_map(|entries| Arc::new(entries.into_iter().map(|(k, v)| (k.into(), v)).collect()))
}

/// Segments as a document may hold them: not merged, some empty, short or long.
fn content() -> impl Strategy<Value = Vec<Segment>> {
    let segment = (string(6), prop::option::of(values(false)))
        .prop_map(|(text, attributes)| Segment { text, attributes });
    let repeated = (prop::collection::vec(segment, 0..5), prop::sample::select(vec![1, 1, 60]));
    repeated.prop_map(|(segments, times)| {
        segments.iter().cycle().take(segments.len() * times).cloned().collect()
    })
}

fn op() -> impl Strategy<Value = TextOp> {
    let index = prop_oneof![-2i64..24, -2i64..24, 0i64..600];
    let length = prop_oneof![0i64..8, 0i64..8, 0i64..400];
    (index, length, string(4), prop::option::of(values(false)), values(true), 0..3).prop_map(
        |(index, length, text, attributes, changes, kind)| match kind {
            0 => TextOp::Insert { index, text, attributes },
            1 => TextOp::Delete { index, length },
            _ => TextOp::Format { index, length, attributes: changes },
        },
    )
}

fn ops() -> impl Strategy<Value = Vec<TextOp>> {
    prop::collection::vec(op(), 0..7)
}

fn with(text: &Text, lists: &[&[TextOp]]) -> Text {
    let mut text = text.clone();
    for ops in lists {
        text.apply(ops);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_text_equals_its_code_units(
        data in content(),
        lists in prop::collection::vec(ops(), 1..8),
    ) {
        let mut text = Text::from_segments(data.clone());
        let mut model = Model::new(&data);
        prop_assert_eq!(text.segments(), data);
        for ops in lists {
            let ops = normalize(&text, &ops);
            text.apply(&ops);
            model.apply(&ops);
            let expected = model.segments();
            prop_assert_eq!(text.segments(), expected.clone());
            prop_assert_eq!(&text, &Text::from_segments(expected.clone()));
            prop_assert_eq!(text.len_utf16(), model.0.len());
            let whole: String = expected.iter().map(|s| s.text.as_str()).collect();
            prop_assert_eq!(text.to_string(), whole.as_str());
            prop_assert_eq!(text.len_bytes(), whole.len());
        }
    }

    #[test]
    fn concurrent_edits_meet(data in content(), a in ops(), b in ops(), after in any::<bool>()) {
        let base = Text::from_segments(data);
        let (a, b) = (normalize(&base, &a), normalize(&base, &b));
        let order = if after { Order::After } else { Order::Before };
        let (a2, b2) = transform(&a, &b, order);
        let (one, other) = (with(&base, &[&a, &b2]), with(&base, &[&b, &a2]));
        prop_assert_eq!(&one, &other);
        // Nor is a pair ever split: the model would find the halves.
        let mut model = Model::new(&base.segments());
        model.apply(&a);
        model.apply(&b2);
        prop_assert_eq!(one.segments(), model.segments());
        prop_assert_eq!(&transform_over(&a, &b, order), &a2);
        prop_assert_eq!(transform(&b, &a, order.reversed()), (b2, a2));
    }

    #[test]
    fn carrying_over_two_lists_is_carrying_over_both(
        data in content(), a in ops(), b in ops(), c in ops(),
    ) {
        let base = Text::from_segments(data);
        let (a, b) = (normalize(&base, &a), normalize(&base, &b));
        let c = normalize(&with(&base, &[&b]), &c);
        let stepwise = transform_over(&transform_over(&a, &b, Order::After), &c, Order::After);
        prop_assert_eq!(transform_over(&a, b.iter().chain(&c), Order::After), stepwise);
    }

    #[test]
    fn an_inverse_restores(data in content(), ops in ops()) {
        let mut base = Text::from_segments(data);
        let ops = normalize(&base, &ops);
        let inverse = invert(&base, &ops);
        base.apply(&[]);
        prop_assert_eq!(with(&base, &[&ops, &inverse]).segments(), base.segments());
    }

    #[test]
    fn undo_is_exact(data in content(), lists in prop::collection::vec(ops(), 1..5)) {
        let mut text = Text::from_segments(data);
        let mut undos = Vec::new();
        for ops in &lists {
            undos.push((text.segments(), text.apply_undoable(ops)));
        }
        for (before, undo) in undos.into_iter().rev() {
            text.undo(undo);
            prop_assert_eq!(text.segments(), before);
        }
    }

    #[test]
    fn composed_means_one_after_the_other(
        data in content(), a in ops(), b in ops(), c in ops(), after in any::<bool>(),
    ) {
        let base = Text::from_segments(data);
        let a = normalize(&base, &a);
        let b = normalize(&with(&base, &[&a]), &b);
        let c = normalize(&base, &c);
        let both = compose(&a, &b);
        prop_assert!(both.len() <= a.len() + b.len());
        prop_assert_eq!(with(&base, &[&both]), with(&base, &[&a, &b]));
        // It also means the same to others.
        let order = if after { Order::After } else { Order::Before };
        let (both2, c2) = transform(&both, &c, order);
        let merged = with(&base, &[&both, &c2]);
        prop_assert_eq!(&merged, &with(&base, &[&c, &both2]));
        let separate: Vec<TextOp> = a.iter().chain(&b).cloned().collect();
        let (_, c3) = transform(&separate, &c, order);
        prop_assert_eq!(merged.to_string(), with(&base, &[&separate, &c3]).to_string());
    }

    #[test]
    fn indexes_convert(data in content(), index in 0usize..700) {
        let mut text = Text::from_segments(data);
        for edited in [false, true] {
            if edited {
                text.apply(&[]);
            }
            let whole = text.to_string();
            let units: Vec<u16> = whole.encode_utf16().collect();
            let inside = units.get(index).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
            let floor = index.min(units.len()) - usize::from(inside);
            let head = String::from_utf16(&units[..floor]).unwrap();
            prop_assert_eq!(text.utf16_to_byte(index), head.len());
            prop_assert_eq!(text.utf16_to_char(index), head.chars().count());
            prop_assert_eq!(text.byte_to_utf16(head.len()), floor);
            prop_assert_eq!(text.char_to_utf16(head.chars().count()), floor);
            let tail = String::from_utf16(&units[floor..]).unwrap();
            prop_assert_eq!(text.slice(index..usize::MAX), tail);
            prop_assert_eq!(text.slice(0..index), head);
        }
    }

    #[test]
    fn wild_operations_neither_panic_nor_split_pairs(
        data in content(),
        wild in prop::collection::vec((any::<i64>(), any::<i64>(), 0..3), 1..5),
        b in ops(),
    ) {
        let ops: Vec<TextOp> = wild.into_iter().map(|(index, length, kind)| match kind {
            0 => TextOp::Insert { index, text: "😀".into(), attributes: None },
            1 => TextOp::Delete { index, length },
            _ => TextOp::Format { index, length, attributes: Arc::default() },
        }).collect();
        let mut text = Text::from_segments(data);
        let fitted = normalize(&text, &ops);
        let _ = transform(&ops, &b, Order::After);
        let _ = transform(&ops, &ops, Order::Before);
        let _ = transform_index(i64::MAX, &ops, Bias::After);
        let _ = invert(&text, &ops);
        let _ = compose(&ops, &b);
        let mut model = Model::new(&text.segments());
        model.apply(&fitted);
        prop_assert_eq!(with(&text, &[&fitted]).segments(), model.segments());
        text.apply(&ops);
    }

    #[test]
    fn an_anchor_stays_with_its_neighbour(data in content(), at in 0usize..40, ops in ops()) {
        let base = Text::from_segments(data);
        let ops = normalize(&base, &ops);
        let at = base.byte_to_utf16(base.utf16_to_byte(at));
        // A mark inserted at the position, which the operations carry along, is the reference.
        let mark = [TextOp::Insert { index: i64::try_from(at).unwrap(), text: "|".into(), attributes: None }];
        for (bias, order) in [(Bias::Before, Order::Before), (Bias::After, Order::After)] {
            let moved = transform_over(&mark, &ops, order);
            let mut anchor = Anchor { index: i64::try_from(at).unwrap(), bias };
            anchor.advance(&ops);
            let expected = with(&base, &[&ops, &moved]).to_string();
            let (head, _) = expected.split_once('|').unwrap();
            prop_assert_eq!(anchor.index, i64::try_from(head.encode_utf16().count()).unwrap());
        }
    }

    #[test]
    fn a_history_reverts_exactly(
        data in content(),
        updates in prop::collection::vec((ops(), 0u64..4, 0u32..6), 1..12),
        limit in 0usize..6,
    ) {
        let (mut history, mut text, mut version) =
            (History::with_limit(limit), Text::from_segments(data), 5);
        let state = |history: &History, text: &Text, version: u64| {
            let entries: Vec<_> = history.entries()
                .map(|e| (e.op_id().cloned(), e.version(), e.ops().clone(), e.received_ops().clone()))
                .collect();
            let known: Vec<_> = (0..6)
                .map(|n| history.of_op(&format!("1:{n}").as_str().into()).map(Entry::version))
                .collect();
            (format!("{entries:?}"), known, text.segments(), version)
        };
        let mut reverts = Vec::new();
        for (ops, age, clock) in updates {
            let before = state(&history, &text, version);
            let op_id = format!("1:{clock}").as_str().into();
            let base = version.saturating_sub(age);
            let outcome = if age == 3 {
                history.rectify_resent(&mut text, &mut version, &op_id, base, &ops)
            } else {
                history.receive(&mut text, &mut version, Some(&op_id), base, &ops)
            };
            if let Outcome::Accepted(accepted) = outcome {
                prop_assert_eq!(accepted.version, version);
                reverts.push((before, accepted.revert));
            } else {
                prop_assert_eq!(state(&history, &text, version), before);
            }
        }
        for (before, revert) in reverts.into_iter().rev() {
            history.revert(&mut text, &mut version, revert);
            prop_assert_eq!(state(&history, &text, version), before);
        }
    }
}

#[test]
fn a_hundred_thousand_operations_are_no_recursion() {
    let insert = |index| TextOp::Insert { index, text: "x".into(), attributes: None };
    let many: Vec<TextOp> = (0..100_000).map(|n| insert(n / 2)).collect();
    let one = [insert(70_000)];
    assert_eq!(transform_over(&one, &many, Order::After), [insert(170_000)]);
    let (one2, many2) = transform(&one, &many, Order::After);
    assert_eq!((one2.len(), many2.len()), (1, many.len()));
    assert_eq!(transform(&many, &one, Order::Before).1, [insert(170_000)]);
    // An operation in pieces.
    let delete = [TextOp::Delete { index: 20_000, length: 9 }];
    let inside: Vec<TextOp> = (0..100_000).map(|_| insert(20_004)).collect();
    assert_eq!(transform_over(&delete, &inside, Order::After).len(), 2);
    assert_eq!(compose(&[], &inside).len(), 1);
}
