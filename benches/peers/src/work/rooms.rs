//! What a host holds of many rooms where nothing happens.

use super::Measurement;
use crate::engine::{self, Room};
use crate::heap;
use crate::input::{Input, verify};
use crate::timing::count;

/// Each with an empty document.
pub(super) fn empty(measurement: &mut Measurement) {
    hold(measurement, &Input::empty());
}

/// Each with a small drawing.
pub(super) fn ten_shapes(measurement: &mut Measurement) {
    hold(measurement, &Input::shapes(10));
}

fn hold(measurement: &mut Measurement, input: &Input) {
    let expected = input.value();
    for engine in engine::all() {
        let open = || (engine.room)(input);
        let (mut rooms, bytes) = heap::measured(|| {
            (0..measurement.size()).map(|_| open()).collect::<Vec<Box<dyn Room>>>()
        });
        verify(engine.name, &rooms[0].json(), &expected);
        measurement.record(engine.name, bytes / count(measurement.size()));
    }
}
