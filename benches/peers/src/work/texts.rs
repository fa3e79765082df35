//! A recorded editing session, keystroke by keystroke.

use crop::Rope;

use super::Measurement;
use crate::engine::{self, Text};
use crate::heap;
use crate::timing::{count, per_run};
use crate::trace::Trace;

fn type_in(mut text: Box<dyn Text>, trace: &Trace) -> Box<dyn Text> {
    trace.edits.iter().for_each(|edit| text.edit(edit));
    text
}

fn check(system: &str, text: &dyn Text, trace: &Trace) {
    assert!(text.content() == trace.content, "the text of {system} is wrong");
}

/// Times one keystroke on a system.
fn replay(measurement: &mut Measurement, system: &str, trace: &Trace, new: fn() -> Box<dyn Text>) {
    let runs = measurement.runs().min(3);
    let done = |text: Box<dyn Text>| check(system, &*text, trace);
    let time = per_run(runs, new, |text| type_in(text, trace), done);
    measurement.record(system, time / count(trace.edits.len()));
}

/// In a document, every keystroke a transaction with all that comes with it.
pub(super) fn in_document(measurement: &mut Measurement) {
    let trace = Trace::read(measurement.size());
    for engine in engine::all() {
        replay(measurement, engine.name, &trace, engine.text);
    }
    replay(measurement, "limit:crop", &trace, || Box::new(Rope::new()));
}

/// The type that LiveText builds on, by itself.
pub(super) fn bare(measurement: &mut Measurement) {
    let trace = Trace::read(measurement.size());
    replay(measurement, "livetree", &trace, || Box::new(livetree::text::Text::default()));
    replay(measurement, "limit:crop", &trace, || Box::new(Rope::new()));
}

/// What all of it holds in the end, for each keystroke.
pub(super) fn heap(measurement: &mut Measurement) {
    let trace = Trace::read(measurement.size());
    let mut hold = |system: &str, new: fn() -> Box<dyn Text>| {
        let (text, bytes) = heap::measured(|| type_in(new(), &trace));
        check(system, &*text, &trace);
        measurement.record(system, bytes / count(trace.edits.len()));
    };
    for engine in engine::all() {
        hold(engine.name, engine.text);
    }
    hold("limit:crop", || Box::new(Rope::new()));
}
