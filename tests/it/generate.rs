//! Strategies: the throws of the dice are chosen, and shrunk, by proptest.

use livetree::testing::generate::{self, Dice};
use livetree::{Document, Json, Op};
use proptest::prelude::*;

/// Dice for one thing that needs up to `throws` decisions.
pub(crate) fn dice(throws: usize) -> impl Strategy<Value = Dice> {
    prop::collection::vec(any::<u32>(), 0..=throws).prop_map(Dice::given)
}

/// Ops of the small world, each with its own name.
pub(crate) fn ops(len: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(dice(14), 0..=len).prop_map(|dice| {
        let mut clock = 0;
        let op = |dice: Dice| {
            clock += 1;
            generate::op(&mut dice.with_clock(clock))
        };
        dice.into_iter().map(op).collect()
    })
}

/// As [`ops`], and updates of texts. The model knows nothing of these.
pub(crate) fn ops_and_text(len: usize) -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec((dice(16), prop::bool::weighted(0.3)), 0..=len).prop_map(|dice| {
        let mut clock = 0;
        let op = |(dice, text): (Dice, bool)| {
            clock += 1;
            let mut dice = dice.with_clock(clock);
            if text { generate::text_op(&mut dice) } else { generate::op(&mut dice) }
        };
        dice.into_iter().map(op).collect()
    })
}

/// Documents with a handful of nodes.
pub(crate) fn document() -> impl Strategy<Value = Document> {
    dice(120).prop_map(|mut dice| generate::document(&mut dice))
}

/// JSON objects to reconcile with.
pub(crate) fn state() -> impl Strategy<Value = Json> {
    dice(90).prop_map(|mut dice| {
        let entries =
            (0..3).map(|n| (["todos", "a", "b"][n].into(), generate::state(&mut dice, 3)));
        Json::object(entries.collect::<Vec<_>>())
    })
}

/// The text with other digits at up to so many of the places where there is one, from a place on.
pub(crate) fn with_other_digits(text: &[u8], from: usize, most: usize, dice: &mut Dice) -> Vec<u8> {
    let digits: Vec<_> = (from..text.len()).filter(|at| text[*at].is_ascii_digit()).collect();
    let mut text = text.to_vec();
    for _ in 0..=dice.below(most) {
        text[*dice.pick(&digits)] = *dice.pick(b"0123456789");
    }
    text
}

/// The bytes of a replica of this kind that was saved with a document, and in this state.
pub(crate) fn saved_as(kind: &str, state: &str, document: &Document) -> Vec<u8> {
    let len = (state.len() as u64).to_le_bytes();
    let begin = format!("livetree {kind}\x01");
    [begin.as_bytes(), &len, state.as_bytes(), &document.to_snapshot()].concat()
}

/// Few cases where every test is to be run quickly.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, ..ProptestConfig::default() }
}
