//! The bodies of the fuzz targets: what must hold for any input, each against an oracle.
//!
//! A target takes plain bytes, so a saved input can be replayed by anything; where it needs typed
//! input, it decodes the bytes with `arbitrary`. A body panics when a promise is broken.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken promise is reported by a panic"
)]

mod client_bytes;
mod json;
mod nodes;
mod ops;
mod patch;
mod plain_lson;
mod positions;
mod server_bytes;
mod snapshot;
mod swarm;
mod words;
mod world;

pub use client_bytes::client_bytes;
pub use json::json;
pub use nodes::nodes;
pub use ops::ops;
pub use patch::patch;
pub use plain_lson::plain_lson;
pub use positions::positions;
pub use server_bytes::server_bytes;
pub use snapshot::snapshot;
pub use swarm::swarm;
pub use world::world;

/// A target: takes any bytes and panics if a promise is broken.
pub type Target = fn(&[u8]);

/// All targets by name: the name of their file in `fuzz/fuzz_targets` and of the folder in
/// `tests/crashes` that keeps their saved inputs.
pub const TARGETS: &[(&str, Target)] = &[
    ("client_bytes", client_bytes),
    ("json", json),
    ("nodes", nodes),
    ("ops", ops),
    ("patch", patch),
    ("plain_lson", plain_lson),
    ("positions", positions),
    ("server_bytes", server_bytes),
    ("snapshot", snapshot),
    ("swarm", swarm),
    ("world", world),
];
