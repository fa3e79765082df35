//! The laws of positions, and the reference's examples.

use proptest::prelude::*;

use super::*;

fn position(text: &str) -> Position {
    text.parse().unwrap()
}

fn verbatim(text: &str) -> Position {
    Position::verbatim(text.into())
}

/// Canonical positions, with many runs of the digits at either end of the alphabet.
fn canonical() -> impl Strategy<Value = Position> {
    let digit =
        prop_oneof![Just(' '), Just('~'), Just('}'), Just('!'), proptest::char::range(' ', '~')];
    proptest::collection::vec(digit, 1..30)
        .prop_map(|digits| Position::clamp(&digits.into_iter().collect::<String>()))
}

/// Any key, near the edges of the alphabet and of the ways to encode Unicode.
fn any_key() -> impl Strategy<Value = Position> {
    let character = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        4 => Just(' '),
        1 => proptest::sample::select(vec!['\0', '\x1f', '\x7f', 'é', '\u{e000}', '\u{ffff}', '😀']),
        1 => any::<char>(),
    ];
    proptest::collection::vec(character, 0..12)
        .prop_map(|text| verbatim(&text.into_iter().collect::<String>()))
}

fn utf16_order(a: &Position, b: &Position) -> Ordering {
    a.as_str().encode_utf16().cmp(b.as_str().encode_utf16())
}

proptest! {
    #[test]
    fn before_and_after_are_canonical_and_short(p in canonical()) {
        let (before, after) = (p.before(), p.after());
        prop_assert!(before < p && p < after);
        prop_assert!(before.is_canonical() && after.is_canonical());
        prop_assert!(before.len() <= p.len() + 1);
        prop_assert!(after.len() <= p.len().next_multiple_of(3) + 3);
    }

    #[test]
    fn between_is_strictly_between_and_short(a in canonical(), b in canonical()) {
        prop_assume!(a != b);
        let between = Position::between(&a, &b).unwrap();
        let (lo, hi) = if a < b { (&a, &b) } else { (&b, &a) };
        prop_assert!(lo < &between && &between < hi);
        prop_assert!(between.is_canonical());
        prop_assert!(between.len() <= a.len().max(b.len()) + 1);
        prop_assert_eq!(Position::between(&b, &a).unwrap(), between);
    }

    #[test]
    fn short_positions_follow_the_rules_of_long_ones(a in "[ -~]{1,7}", b in "[ !}~]{1,8}") {
        let (a, b) = (verbatim(&a), verbatim(&b));
        prop_assert_eq!(a.after(), a.after_long());
        prop_assert_eq!(b.after(), b.after_long());
        for (lo, hi) in [(&a, &b), (&b, &a), (&a.before(), &a), (&b, &b.after())] {
            if lo < hi {
                prop_assert_eq!(lo.halfway_to(hi), lo.halfway_to_long(hi));
            }
        }
    }

    #[test]
    fn clamp_is_idempotent_and_total(p in any_key()) {
        let clamped = Position::clamp(p.as_str());
        prop_assert!(clamped.is_canonical());
        prop_assert_eq!(Position::clamp(clamped.as_str()), clamped.clone());
        prop_assert_eq!(p.clamped(), clamped.clone());
        prop_assert_eq!(p.is_canonical(), p == clamped);
        prop_assert_eq!(p.is_canonical(), p.as_str().parse::<Position>().is_ok());
    }

    #[test]
    fn order_is_that_of_utf16(a in any_key(), b in any_key()) {
        prop_assert_eq!(a.cmp(&b), utf16_order(&a, &b));
        prop_assert_eq!(a.cmp_text(&b), utf16_order(&a, &b));
    }

    #[test]
    fn sort_keys_agree_with_the_order(a in any_key(), b in any_key()) {
        prop_assert_eq!(a.sort_key().position(), a.sort_key().is_exact().then(|| a.clone()));
        match a.sort_key().cmp(&b.sort_key()) {
            Ordering::Equal if a.sort_key().is_exact() => prop_assert_eq!(a, b),
            Ordering::Equal => {}
            order => prop_assert_eq!(a.cmp(&b), order),
        }
    }

    #[test]
    fn sort_keys_agree_with_the_order_of_bytes(a in any_key(), b in any_key()) {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let keys = (SortKey::of_bytes(a), SortKey::of_bytes(b));
        match keys.0.cmp(&keys.1) {
            Ordering::Equal if keys.0.is_exact() => prop_assert_eq!(a, b),
            Ordering::Equal => {}
            order => prop_assert_eq!(a.cmp(b), order),
        }
    }

    #[test]
    fn sort_keys_agree_with_the_order_of_similar_texts(
        a in "[a\u{7e}\u{7f}\u{80}\0]{0,10}", b in "[a\u{7e}\u{7f}\u{80}\0]{0,10}"
    ) {
        let (a, b) = (verbatim(&a), verbatim(&b));
        prop_assert!(a.sort_key().cmp(&b.sort_key()).then(a.cmp_text(&b)) == a.cmp_text(&b));
        prop_assert_eq!(a.cmp(&b), a.cmp_text(&b));
    }

    #[test]
    fn any_key_has_an_after(p in any_key()) {
        prop_assert!(p < p.after());
    }

    #[test]
    fn any_key_has_a_before_if_a_canonical_one_exists(p in any_key()) {
        let before = p.before();
        prop_assert!(before.is_canonical());
        let hopeless = p.as_str().trim_start_matches(' ').chars().next().is_none_or(|c| c < ' ');
        prop_assert_eq!(before < p, !hopeless);
    }

    #[test]
    fn any_two_keys_have_a_between_if_there_is_room(a in any_key(), b in any_key()) {
        prop_assume!(a != b);
        let between = Position::between(&a, &b).unwrap();
        let (lo, hi) = if a < b { (&a, &b) } else { (&b, &a) };
        let rest = hi.as_str().strip_prefix(lo.as_str());
        let hopeless =
            rest.is_some_and(|r| r.trim_start_matches(' ').chars().next().is_none_or(|c| c < ' '));
        prop_assert!(hopeless || (lo < &between && &between < hi), "{:?} {:?} {:?}", lo, between, hi);
    }

    #[test]
    fn spread_is_ascending_and_inside(
        count in 0..300usize,
        lo in proptest::option::of(canonical()),
        hi in proptest::option::of(canonical()),
    ) {
        prop_assume!(lo.is_none() || lo != hi);
        let spread: Vec<_> = Position::spread(count, lo.as_ref(), hi.as_ref()).collect();
        prop_assert_eq!(spread.len(), count);
        prop_assert!(spread.iter().all(Position::is_canonical));
        let (lo, hi) = match (lo, hi) {
            (Some(lo), Some(hi)) if lo > hi => (Some(hi), Some(lo)),
            bounds => bounds,
        };
        let longest = lo.iter().chain(&hi).map(Position::len).max().unwrap_or(0);
        prop_assert!(spread.iter().all(|p| p.len() <= longest + 2));
        let all: Vec<_> = lo.into_iter().chain(spread).chain(hi).collect();
        prop_assert!(all.is_sorted_by(|a, b| a < b), "{:?}", all);
    }

    #[test]
    fn spread_takes_any_bounds(count in 0..9usize, lo in any_key(), hi in any_key()) {
        let spread: Vec<_> = Position::spread(count, Some(&lo), Some(&hi)).collect();
        prop_assert!(spread.is_sorted_by(|a, b| a < b));
    }
}

#[test]
fn spread_is_as_short_as_that_many_can_be() {
    for (count, longest) in [(94, 1), (95, 2), (9_024, 2), (9_025, 3), (857_374, 3)] {
        let lengths = Position::spread(count, None, None).map(|p| p.len());
        assert_eq!(lengths.max(), Some(longest), "{count}");
    }
    let (lo, hi) = (position("a"), position("b"));
    assert!(Position::spread(94, Some(&lo), Some(&hi)).all(|p| p.len() == 2));
}

#[test]
fn spread_finds_room_where_there_is_little() {
    let lo = position(&format!("a{}", "~".repeat(50)));
    let hi = position(&format!("b{}!", " ".repeat(50)));
    let spread: Vec<_> = Position::spread(3, Some(&lo), Some(&hi)).collect();
    assert!(lo < spread[0] && spread[2] < hi);
    assert_eq!(Position::spread(1, Some(&lo), Some(&hi)).next().unwrap().as_str(), "b");
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &str| text.parse::<Position>().unwrap_err().to_string();
    assert_eq!(error(""), "a position cannot be empty");
    assert_eq!(error("a "), "a position cannot end in a space, its digit zero");
    assert_eq!(error("ab\té"), "character '\\t' at byte 2 of a position is not printable ASCII");
    assert_eq!(
        Position::between(&position("a"), &position("a")).unwrap_err().to_string(),
        "no position lies between Position(\"a\") and itself"
    );
}

#[test]
fn serde_is_strict() {
    assert_eq!(serde_json::to_string(&position("a\"")).unwrap(), r#""a\"""#);
    assert_eq!(serde_json::from_str::<Position>(r#""a\"""#).unwrap(), position("a\""));
    assert!(serde_json::from_str::<Position>(r#""a ""#).is_err());
}

#[test]
fn keys_that_are_not_canonical_follow_the_reference_where_it_makes_sense() {
    assert_eq!(verbatim("a ").after(), position("a!"));
    assert_eq!(verbatim("").after(), position("!"));
    assert_eq!(verbatim(" ").after(), position("!"));
    assert_eq!(verbatim("é").after(), verbatim("é!"));
    assert_eq!(verbatim("  ").before(), position("!"));
    assert_eq!(verbatim("").before(), position("!"));
    let between = |a, b| Position::between(&verbatim(a), &verbatim(b)).unwrap();
    assert_eq!(between("a", "a "), position("a O"));
    // DIFFERENCE: the reference leaves the alphabet here.
    assert_eq!(between("a", "é"), position("o"));
}

#[test]
fn between_finds_the_room_that_the_rule_overlooks() {
    let between = |a, b| Position::between(&verbatim(a), &verbatim(b)).unwrap();
    assert_eq!(between("é", "ê"), verbatim("é!"));
    assert_eq!(between("é", "é!"), verbatim("é ~"));
}

#[test]
fn long_positions_take_linear_time() {
    let zeros = position(&format!("{}!", " ".repeat(1_000_000)));
    let nines = position(&"~".repeat(1_000_000));
    let mixed = position(&"a!".repeat(500_000));
    for p in [&zeros, &nines, &mixed] {
        assert!(&p.before() < p && p < &p.after());
        assert_eq!(&Position::clamp(p.as_str()), p);
        let next = p.after();
        let between = Position::between(p, &next).unwrap();
        assert!(p < &between && between < next);
        assert_eq!(Position::spread(9, Some(p), Some(&next)).len(), 9);
    }
}
