//! Local changes of a document of shapes.

use livetree::testing::generate::Dice;
use serde_json::Value;

use super::{Measurement, RUNS};
use crate::edit::{Edit, ThreeOps};
use crate::engine::{self, Board};
use crate::input::{Input, item, verify};
use crate::timing::per_item;

/// A patch of a million shapes is left to livetree and the limit: other engines need gigabytes and
/// minutes to load them.
const MOST_FOR_PEERS: usize = 100_000;

/// One field of a random shape, one in a transaction.
pub(super) fn fields(measurement: &mut Measurement) {
    const EACH: usize = 2_000;
    let mut dice = Dice::seeded(3);
    let shapes = measurement.size();
    let runs = measurement.runs_of(1_000_000, EACH);
    let edits: Vec<Edit> = (0..runs * EACH).map(|_| Edit::field(&mut dice, shapes)).collect();
    change(measurement, &edits, runs, |board, edit| board.edit(edit), Edit::apply);
}

/// `test` and `replace` of a field of one shape, `add` to the end of a list.
pub(super) fn patches(measurement: &mut Measurement) {
    let mut dice = Dice::seeded(10);
    let shape = item(500 % measurement.size());
    let mut old = {
        let x = &Input::shapes(measurement.size()).value()["shapes"][&shape]["x"];
        u32::try_from(x.as_u64().unwrap()).unwrap()
    };
    let patches: Vec<ThreeOps> = (0..RUNS * 1_000)
        .map(|_| {
            let new = dice.any() >> 8;
            ThreeOps::new(shape.clone(), std::mem::replace(&mut old, new), new)
        })
        .collect();
    change(measurement, &patches, RUNS, |board, patch| board.patch(patch), ThreeOps::apply);
}

/// Makes changes on every engine and on the plain value, which also says what must come of them.
fn change<T>(
    measurement: &mut Measurement,
    changes: &[T],
    runs: usize,
    each: impl Fn(&mut dyn Board, &T),
    model: impl Fn(&T, &mut Value),
) {
    let input = Input::shapes(measurement.size());
    let is_for_peers = measurement.size() <= MOST_FOR_PEERS;
    for engine in engine::all().take(if is_for_peers { usize::MAX } else { 1 }) {
        let mut board = measurement.board(engine, &input);
        let (time, done) = per_item(changes, runs, |change| each(&mut *board, change));
        let mut expected = input.value();
        changes[..done].iter().for_each(|change| model(change, &mut expected));
        verify(engine.name, &board.json(), &expected);
        measurement.record(engine.name, time);
        measurement.check_done(engine.name, done, changes.len());
    }
    let mut value = input.value();
    let (time, _) = per_item(changes, runs, |change| each(&mut value, change));
    measurement.record("limit:serde_json", time);
}
