//! What tests, fuzz targets, benches and examples share: models, generators, runners and doors to
//! what is private. Behind the private feature `__testing`; nothing here is stable.
//!
//! This code is allowed to panic on what cannot happen, and touches the file system, which the
//! engine itself never does.
#![allow(missing_docs, reason = "not part of the public interface")]
#![allow(clippy::pedantic, reason = "as tests, this is written to be short")]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::struct_excessive_bools,
    reason = "only for tests"
)]

pub mod cases;
pub mod conformance;
pub mod fuzz;
pub mod generate;
pub mod model;
mod named;
pub mod probe;
pub mod shapes;
pub mod swarm;
pub mod traces;
pub mod world;
