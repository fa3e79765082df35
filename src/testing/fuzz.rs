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

mod json;
mod nodes;
mod ops;
mod patch;
mod plain_lson;
mod positions;
mod words;

pub use json::json;
pub use nodes::nodes;
pub use ops::ops;
pub use patch::patch;
pub use plain_lson::plain_lson;
pub use positions::positions;

/// A target: takes any bytes and panics if a promise is broken.
pub type Target = fn(&[u8]);

/// All targets by name: the name of their file in `fuzz/fuzz_targets` and of the folder in
/// `tests/crashes` that keeps their saved inputs.
pub const TARGETS: &[(&str, Target)] = &[
    ("json", json),
    ("nodes", nodes),
    ("ops", ops),
    ("patch", patch),
    ("plain_lson", plain_lson),
    ("positions", positions),
];
