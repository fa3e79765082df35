//! Whole documents: loading, holding and writing them.

use std::hint::black_box;

use livetree::Document;
use livetree::testing::generate::Dice;
use serde_json::Value;

use super::Measurement;
use crate::edit::Edit;
use crate::engine::livetree::Live;
use crate::engine::{self, Board};
use crate::heap;
use crate::input::{Input, verify};
use crate::timing::{count, per_run};

/// How many nodes the drawing library has.
pub(super) const EXCALIDRAW_NODES: usize = 45_033;

fn shapes(measurement: &Measurement) -> Input {
    Input::shapes(measurement.size())
}

fn library(measurement: &Measurement) -> Input {
    let input = Input::excalidraw();
    let nodes = Document::from_json(&input.json).unwrap().node_count();
    assert_eq!(nodes, measurement.size());
    input
}

pub(super) fn load_shapes_lson(measurement: &mut Measurement) {
    let input = shapes(measurement);
    load_lson(measurement, &input);
}

pub(super) fn load_shapes_json(measurement: &mut Measurement) {
    let input = shapes(measurement);
    load_json(measurement, &input);
}

pub(super) fn heap_shapes(measurement: &mut Measurement) {
    let input = shapes(measurement);
    live_heap(measurement, &input);
}

pub(super) fn write_shapes_lson(measurement: &mut Measurement) {
    let input = shapes(measurement);
    write_lson(measurement, &input);
}

pub(super) fn write_shapes_json(measurement: &mut Measurement) {
    let input = shapes(measurement);
    write_json(measurement, &input);
}

pub(super) fn load_library_lson(measurement: &mut Measurement) {
    let input = library(measurement);
    load_lson(measurement, &input);
}

pub(super) fn load_library_json(measurement: &mut Measurement) {
    let input = library(measurement);
    load_json(measurement, &input);
}

pub(super) fn heap_library(measurement: &mut Measurement) {
    let input = library(measurement);
    live_heap(measurement, &input);
}

pub(super) fn write_library_lson(measurement: &mut Measurement) {
    let input = library(measurement);
    write_lson(measurement, &input);
}

pub(super) fn write_library_json(measurement: &mut Measurement) {
    let input = library(measurement);
    write_json(measurement, &input);
}

/// A limit: what `serde_json` takes to make a value of a text.
fn parse(measurement: &mut Measurement, text: &[u8]) {
    let runs = measurement.runs();
    let from_slice = |()| serde_json::from_slice::<Value>(text).unwrap();
    let time = per_run(runs, || (), from_slice, |value| drop(black_box(value)));
    measurement.record("limit:serde_json", time);
}

/// From plain LSON text, which says what is live. Only livetree reads it.
fn load_lson(measurement: &mut Measurement, input: &Input) {
    let expected = input.value();
    let runs = measurement.runs();
    let load = |()| Live::from_plain_lson(&input.lson);
    let time = per_run(runs, || (), load, |mut live| verify("livetree", &live.json(), &expected));
    measurement.record("livetree", time);
    parse(measurement, &input.lson);
}

/// From JSON text, where every object and array becomes live.
fn load_json(measurement: &mut Measurement, input: &Input) {
    let expected = input.value();
    let runs = measurement.runs();
    for engine in engine::all() {
        let mut is_verified = false;
        let load = |()| (engine.from_json)(&input.json);
        let time = per_run(
            runs,
            || (),
            load,
            |mut board| {
                if !is_verified {
                    verify(engine.name, &board.json(), &expected);
                    is_verified = true;
                }
            },
        );
        measurement.record(engine.name, time);
    }
    parse(measurement, &input.json);
}

/// Live bytes after loading, for each shape or node.
fn live_heap(measurement: &mut Measurement, input: &Input) {
    let expected = input.value();
    let size = count(measurement.size());
    for engine in engine::all() {
        let (mut board, bytes) = heap::measured(|| (engine.board)(input));
        verify(engine.name, &board.json(), &expected);
        measurement.record(engine.name, bytes / size);
    }
    let (_, bytes) = heap::measured(|| input.value());
    measurement.record("limit:serde_json", bytes / size);
}

/// To plain LSON text, again livetree's alone.
fn write_lson(measurement: &mut Measurement, input: &Input) {
    let runs = measurement.runs();
    let expected: Value = serde_json::from_slice(&input.lson).unwrap();
    let live = Live::from_plain_lson(&input.lson);
    let check = |text: Vec<u8>| verify("livetree", &text, &expected);
    let time = per_run(runs, || (), |()| live.plain_lson(), check);
    measurement.record("livetree", time);
    drop(live);
    let time = per_run(runs, || (), |()| serde_json::to_vec(&expected).unwrap(), |_| ());
    measurement.record("limit:serde_json", time);
}

/// To JSON text.
fn write_json(measurement: &mut Measurement, input: &Input) {
    let runs = measurement.runs();
    let mut expected = input.value();
    for engine in engine::all() {
        let mut board = (engine.board)(input);
        let mut last = Vec::new();
        let time = per_run(runs, || (), |()| board.json(), |text| last = text);
        verify(engine.name, &last, &expected);
        measurement.record(engine.name, time);
    }
    let time = per_run(runs, || (), |()| expected.json(), |_| ());
    measurement.record("limit:serde_json", time);
}

/// Any edit, after which an engine has nothing at hand that it has written before, and has read what it has
/// loaded.
fn an_edit(measurement: &Measurement) -> Edit {
    Edit::field(&mut Dice::seeded(8), measurement.size())
}

/// To the bytes that an engine stores, after an edit.
pub(super) fn write_snapshot(measurement: &mut Measurement) {
    let (input, edit) = (shapes(measurement), an_edit(measurement));
    let runs = measurement.runs();
    let write = |board: &mut dyn Board| {
        let edited_and_written = |()| {
            board.edit(&edit);
            board.snapshot()
        };
        per_run(runs, || (), edited_and_written, |_| ())
    };
    for engine in engine::all() {
        let time = write(&mut *(engine.board)(&input));
        measurement.record(engine.name, time);
    }
    let time = write(&mut input.value());
    measurement.record("limit:serde_json", time);
}

/// From the bytes that an engine stores, until the first edit has been made.
pub(super) fn load_snapshot(measurement: &mut Measurement) {
    let (input, edit) = (shapes(measurement), an_edit(measurement));
    let mut expected = input.value();
    edit.apply(&mut expected);
    let runs = measurement.runs();
    for engine in engine::all() {
        let bytes = (engine.board)(&input).snapshot();
        let load = |()| {
            let mut board = (engine.from_snapshot)(&bytes);
            board.edit(&edit);
            board
        };
        verify(engine.name, &load(()).json(), &expected);
        let time = per_run(runs, || (), load, drop);
        measurement.record(engine.name, time);
    }
    parse(measurement, &input.json);
}

/// The bytes that an engine stores, for each shape.
pub(super) fn snapshot_size(measurement: &mut Measurement) {
    let input = shapes(measurement);
    let size = count(measurement.size());
    for engine in engine::all() {
        let bytes = (engine.board)(&input).snapshot();
        measurement.record(engine.name, count(bytes.len()) / size);
    }
    measurement.record("limit:serde_json", count(input.value().snapshot().len()) / size);
}
