//! LiveText: flat rich text, its operations and how concurrent ones are merged.
//!
//! Indexes and lengths are UTF-16 code units throughout, as on the wire.

mod op;
mod segment;

pub(crate) fn apply(segments: &[Segment], ops: &[TextOp]) -> Vec<Segment> {
    let _ = ops;
    segments.to_vec()
}

pub(crate) fn difference(before: &[Segment], after: &[Segment]) -> Vec<TextOp> {
    let _ = (before, after);
    Vec::new()
}

pub use op::TextOp;
pub use segment::{Attributes, Segment};
