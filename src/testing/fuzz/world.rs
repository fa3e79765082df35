//! Any script of the simulated world keeps every promise that the world checks.

use arbitrary::{Arbitrary, Unstructured};

use crate::testing::world::script::{Rules, Script, Step};

/// The most steps of a script that are run.
const STEPS: usize = 96;

/// Runs a script; checks everything after every message, and that all agree at the end.
pub fn world(bytes: &[u8]) {
    let Ok(mut script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    script.steps.truncate(STEPS);
    script.steps = script.steps.into_iter().map(Step::tamed).collect();
    if let Err(broken) = script.run(&Rules::default()) {
        panic!("{broken}\n{script:#?}");
    }
}
