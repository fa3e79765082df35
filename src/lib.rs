//! livetree: a pure, in-memory engine for live documents.
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used
)]

// 1. Words
mod small_str;
pub use small_str::SmallStr;
mod id;
pub use id::{Actor, NodeId, OpId};
pub mod json;
pub use json::{Json, JsonError, JsonReason, ReadLimits};
mod file;
pub use file::FileMeta;
pub mod text;
pub use text::Segment;
mod lson;
pub use lson::{Lson, LsonError, LsonReason};
