//! Any script of the simulated world keeps every promise that the world checks.

use arbitrary::{Arbitrary, Unstructured};

use crate::testing::world::script::{Rules, Script, Step};

/// The most steps of a script that are run.
const STEPS: usize = 96;

/// The script that these bytes stand for, if they do for one.
pub(super) fn script(bytes: &[u8]) -> Option<Script> {
    let mut script = Script::arbitrary_take_rest(Unstructured::new(bytes)).ok()?;
    script.steps.truncate(STEPS);
    script.steps = script.steps.into_iter().map(Step::tamed).collect();
    Some(script)
}

/// Runs a script; checks everything after every message, and that all agree at the end.
pub fn world(bytes: &[u8]) {
    let Some(script) = script(bytes) else { return };
    if let Err(broken) = script.run(&Rules::default()) {
        panic!("{broken}\n{script:#?}");
    }
}
