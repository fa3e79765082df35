//! LiveText: flat rich text, its operations and how concurrent ones are merged.
//!
//! Indexes and lengths are UTF-16 code units throughout, as on the wire.

mod op;
mod segment;

pub use op::TextOp;
pub use segment::{Attributes, Segment};
