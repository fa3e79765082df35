//! Local changes of a document of shapes.

use std::iter::repeat_with;

use livetree::testing::generate::Dice;
use serde_json::Value;

use super::{Measurement, RUNS};
use crate::edit::{Edit, ThreeOps};
use crate::engine::{self, Board};
use crate::input::{Input, item, verify};
use crate::timing::per_new;

/// A patch of a million shapes is left to livetree and the limit: other engines need gigabytes and
/// minutes to load them.
const MOST_FOR_PEERS: usize = 100_000;

/// One field of a random shape, one in a transaction.
pub(super) fn fields(measurement: &mut Measurement) {
    const EACH: usize = 2_000;
    let shapes = measurement.size();
    let runs = measurement.runs_of(1_000_000, EACH);
    let edits = || {
        let mut dice = Dice::seeded(3);
        repeat_with(move || Edit::field(&mut dice, shapes))
    };
    change(measurement, edits, (runs, EACH), |board, edit| board.edit(edit), Edit::apply);
}

/// `test` and `replace` of a field of one shape, `add` to the end of a list.
pub(super) fn patches(measurement: &mut Measurement) {
    let shape = item(500 % measurement.size());
    let first = {
        let x = &Input::shapes(measurement.size()).value()["shapes"][&shape]["x"];
        u32::try_from(x.as_u64().unwrap()).unwrap()
    };
    let patches = || {
        let (mut dice, mut old, shape) = (Dice::seeded(10), first, shape.clone());
        repeat_with(move || {
            let new = dice.any() >> 8;
            ThreeOps::new(shape.clone(), std::mem::replace(&mut old, new), new)
        })
    };
    change(measurement, patches, (RUNS, 1_000), |board, patch| board.patch(patch), ThreeOps::apply);
}

/// Makes changes on every engine and on the plain value, which also says what must come of them. They are
/// made in so many runs of so many, and are the same whenever `changes` is asked for them.
fn change<T, I: Iterator<Item = T>>(
    measurement: &mut Measurement,
    changes: impl Fn() -> I,
    (runs, each): (usize, usize),
    make: impl Fn(&mut dyn Board, &T),
    model: impl Fn(&T, &mut Value),
) {
    let input = Input::shapes(measurement.size());
    let is_for_peers = measurement.size() <= MOST_FOR_PEERS;
    for engine in engine::all().take(if is_for_peers { usize::MAX } else { 1 }) {
        let mut board = measurement.board(engine, &input);
        let (time, done) = per_new(changes(), (runs, each), |change| make(&mut *board, change));
        let mut expected = input.value();
        changes().take(done).for_each(|change| model(&change, &mut expected));
        verify(engine.name, &board.json(), &expected);
        measurement.record(engine.name, time);
        measurement.check_done(engine.name, done, runs * each);
    }
    let mut value = input.value();
    let (time, _) = per_new(changes(), (runs, each), |change| make(&mut value, change));
    measurement.record("limit:serde_json", time);
}
