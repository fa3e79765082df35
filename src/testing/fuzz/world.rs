//! Any script of the simulated world keeps every promise that the world checks.

use arbitrary::{Arbitrary, Unstructured};

use crate::testing::world::script::{Rules, Script, Step};

/// The most steps of a script, and edits of a batch, that are run.
const STEPS: usize = 96;
const EDITS: usize = 8;

/// Runs a script; checks everything after every message, and that all agree at the end.
pub fn world(bytes: &[u8]) {
    let Ok(mut script) = Script::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    script.steps.truncate(STEPS);
    for step in &mut script.steps {
        match step {
            Step::Edit { edits, .. } => edits.truncate(EDITS),
            // More frames than can be under way are no more than all.
            Step::Up { frames, .. } | Step::Down { frames, .. } => *frames %= 16,
            _ => {}
        }
    }
    if let Err(broken) = script.run(&Rules::default()) {
        panic!("{broken}\n{script:#?}");
    }
}
