//! Peers without a server agree, whatever they do and whoever hears of it when.

use super::world::script;
use crate::testing::swarm::Swarm;

/// Runs a script among peers; checks what they report, and that all agree at the end.
pub fn swarm(bytes: &[u8]) {
    let Some(script) = script(bytes) else { return };
    if let Err(failure) = Swarm::run(&script) {
        panic!("{failure}\n{script:#?}");
    }
}
