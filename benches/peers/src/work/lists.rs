//! Local changes of a list that was loaded with so many items.

use livetree::testing::generate::Dice;
use serde_json::json;

use super::{Measurement, RUNS};
use crate::edit::Edit;
use crate::engine;
use crate::input::{Input, item, verify};
use crate::timing::per_item;

/// Inserts at random.
pub(super) fn insert(measurement: &mut Measurement) {
    let mut dice = Dice::seeded(4);
    let each = few(measurement);
    change(measurement, (RUNS, each), |len, n| Edit::Insert {
        index: dice.below(len + 1),
        item: item(n),
    });
}

/// Adds at the end.
pub(super) fn push(measurement: &mut Measurement) {
    let each = few(measurement);
    change(measurement, (RUNS, each), |_, n| Edit::Push { item: item(n) });
}

/// Moves from anywhere to anywhere.
pub(super) fn moves(measurement: &mut Measurement) {
    let mut dice = Dice::seeded(6);
    let each = few(measurement);
    let runs = measurement.runs_of(100_000, each);
    change(measurement, (runs, each), |len, _| Edit::Move {
        from: dice.below(len),
        to: dice.below(len),
    });
}

/// So few in a run that after [`RUNS`] of them a list is about as long as before.
fn few(measurement: &Measurement) -> usize {
    (measurement.size() / 20).clamp(50, 1_000)
}

/// `make` makes an edit of a list of a given length; an item that it makes is the `n`th. In so many runs of
/// so many.
fn change(
    measurement: &mut Measurement,
    (runs, each): (usize, usize),
    mut make: impl FnMut(usize, usize) -> Edit,
) {
    let size = measurement.size();
    let mut len = size;
    let mut edits = Vec::new();
    for n in size..size + runs * each {
        let edit = make(len, n);
        len += usize::from(!matches!(edit, Edit::Move { .. }));
        edits.push(edit);
    }
    let input = Input::items(size);
    for engine in engine::all() {
        let mut board = measurement.board(engine, &input);
        let (time, done) = per_item(&edits, runs, |edit| board.edit(edit));
        let order = model(size, &edits[..done]);
        verify(engine.name, &board.json(), &json!({ "shapes": {}, "order": order }));
        measurement.record(engine.name, time);
        measurement.check_done(engine.name, done, edits.len());
    }
}

/// What comes of the edits. Numbers stand for the items, since a million of them are moved often.
fn model(size: usize, edits: &[Edit]) -> Vec<String> {
    let number = |item: &str| item[1..].parse().unwrap();
    let mut order: Vec<u32> = (0..u32::try_from(size).unwrap()).collect();
    for edit in edits {
        match edit {
            Edit::Insert { index, item } => order.insert(*index, number(item)),
            Edit::Push { item } => order.push(number(item)),
            Edit::Move { from, to } => {
                let moved = order.remove(*from);
                order.insert(*to, moved);
            }
            Edit::Field { .. } | Edit::Delete { .. } => unreachable!("no such edit is made here"),
        }
    }
    order.into_iter().map(|number| item(number as usize)).collect()
}
