//! Peers without a server agree, whatever they do and whoever hears of it when.

use arbitrary::{Arbitrary, Unstructured};

use crate::testing::swarm::Swarm;
use crate::testing::world::script::{Script, Step};

/// The most steps of a script that are run.
const STEPS: usize = 96;

/// Runs a script among peers; checks what they report, and that all agree at the end.
pub fn swarm(bytes: &[u8]) {
    let Ok(mut script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    script.steps.truncate(STEPS);
    script.steps = script.steps.into_iter().map(Step::tamed).collect();
    if let Err(failure) = Swarm::run(&script) {
        panic!("{failure}\n{script:#?}");
    }
}
