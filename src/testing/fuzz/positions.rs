//! Positions keep their laws, whatever text they are made from.

use std::cmp::Ordering;

use arbitrary::{Arbitrary, Unstructured};

use crate::Position;

/// A text that is likely to be a position, or close to one.
#[derive(Arbitrary)]
enum Text {
    /// Digits, mapped into the alphabet.
    Digits(Vec<u8>),
    /// Only the ends of the alphabet, where carries happen.
    Ends(Vec<End>),
    Any(String),
}

#[derive(Arbitrary)]
enum End {
    Zero,
    One,
    BelowMax,
    Max,
}

#[derive(Arbitrary)]
struct Script {
    texts: [Text; 2],
    spread: u8,
    /// Where items are inserted into a list.
    inserts: Vec<u8>,
}

impl Text {
    fn into_string(self) -> String {
        match self {
            Self::Digits(digits) => digits.iter().map(|d| char::from(b' ' + d % 95)).collect(),
            Self::Ends(ends) => ends
                .iter()
                .map(|end| match end {
                    End::Zero => ' ',
                    End::One => '!',
                    End::BelowMax => '}',
                    End::Max => '~',
                })
                .collect(),
            Self::Any(text) => text,
        }
    }
}

/// Clamping, neighbours, betweenness and spreading of any two texts.
pub fn positions(bytes: &[u8]) {
    let Ok(script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let [a, b] = script.texts.map(Text::into_string);
    clamp(&a);
    order(&a, &b);
    let (p, q) = (Position::clamp(&a), Position::clamp(&b));
    neighbours(&p);
    hostile_neighbours(&Position::verbatim(a.as_str().into()));
    between(&p, &q);
    // Not canonical, so there may be no room; but nothing may panic and equality is the one error.
    let (raw, other) =
        (Position::verbatim(a.as_str().into()), Position::verbatim(b.as_str().into()));
    assert_eq!(Position::between(&raw, &other).is_err(), a == b);
    for bounds in [(None, None), (Some(&p), None), (None, Some(&q)), (Some(&p), Some(&q))] {
        spread(script.spread.into(), bounds.0, bounds.1);
    }
    inserts(p, &script.inserts);
}

/// The rule of the wire format, word for word.
fn clamp(text: &str) {
    let position = Position::clamp(text);
    assert!(position.is_canonical());
    assert_eq!(Position::clamp(position.as_str()), position);
    assert_eq!(text.parse::<Position>().is_ok(), position.as_str() == text);
    let units: Vec<u16> = text.encode_utf16().map(|unit| unit.clamp(0x20, 0x7e)).collect();
    let clamped = String::from_utf16(&units).unwrap();
    let trimmed = clamped.trim_end_matches(' ');
    assert_eq!(position.as_str(), if trimmed.is_empty() { "!" } else { trimmed });
}

fn order(a: &str, b: &str) {
    let [p, q] = [a, b].map(|text| Position::verbatim(text.into()));
    assert_eq!(p.cmp(&q), a.encode_utf16().cmp(b.encode_utf16()));
    assert_eq!(p == q, a == b);
}

fn neighbours(position: &Position) {
    let (before, after) = (position.before(), position.after());
    assert!(before < *position && *position < after);
    assert!(before.is_canonical() && after.is_canonical());
    assert_eq!(Position::make(None, Some(position)), before);
    assert_eq!(Position::make(Some(position), None), after);
    assert!(before.len() <= position.len() + 1 && after.len() <= position.len() + 6);
}

fn hostile_neighbours(position: &Position) {
    assert!(position < &position.after());
    assert!(position.before().is_canonical());
}

fn between(p: &Position, q: &Position) {
    let (lo, hi) = match p.cmp(q) {
        Ordering::Equal => {
            assert!(Position::between(p, q).is_err());
            assert_eq!(Position::make(Some(p), Some(q)), p.after());
            return;
        }
        Ordering::Less => (p, q),
        Ordering::Greater => (q, p),
    };
    let middle = Position::between(lo, hi).unwrap();
    assert_eq!(Position::between(hi, lo), Ok(middle.clone()));
    assert!(middle.is_canonical() && lo < &middle && &middle < hi, "{lo:?} {middle:?} {hi:?}");
    assert!(middle.len() <= lo.len().max(hi.len()) + 1);
}

fn spread(count: usize, lo: Option<&Position>, hi: Option<&Position>) {
    let positions: Vec<Position> = Position::spread(count, lo, hi).collect();
    assert_eq!(positions.len(), count);
    assert!(positions.is_sorted_by(|a, b| a < b));
    assert!(positions.iter().all(Position::is_canonical));
    let (lo, hi) = match (lo, hi) {
        (Some(lo), Some(hi)) if lo == hi => (Some(lo), None),
        (Some(lo), Some(hi)) => (Some(lo.min(hi)), Some(lo.max(hi))),
        bounds => bounds,
    };
    for position in &positions {
        assert!(lo.is_none_or(|lo| lo < position) && hi.is_none_or(|hi| position < hi));
    }
}

/// A list that only ever inserts stays sorted, without a position twice.
fn inserts(first: Position, inserts: &[u8]) {
    let mut list = vec![first];
    for at in inserts.iter().take(64) {
        let at = usize::from(*at) % (list.len() + 1);
        let lo = at.checked_sub(1).map(|before| &list[before]);
        list.insert(at, Position::make(lo, list.get(at)));
    }
    assert!(list.is_sorted_by(|a, b| a < b));
}
