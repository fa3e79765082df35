//! `LiveText`: flat rich text, its operations and how concurrent ones are merged.
//!
//! Indexes and lengths are UTF-16 code units throughout, as on the wire. Nothing here knows about
//! documents, clients or servers: a [`Text`] is content, operations are values.

mod anchor;
mod budget;
mod buffer;
mod compose;
mod difference;
mod history;
mod incarnation;
mod long;
mod op;
mod op_index;
mod resend;
mod runs;
mod segment;
mod short;
mod transform;
mod units;

pub use anchor::{Anchor, Bias, transform_index};
pub(crate) use budget::Budget;
pub(crate) use buffer::{Splice, Splices};
pub use buffer::{Text, TextUndo};
pub(crate) use compose::compose_onto;
pub use compose::{compose, invert, normalize};
pub(crate) use difference::difference;
pub(crate) use history::LAST_VERSION;
pub use history::{Accepted, Entry, History, Outcome, Revert, UpdateError};
pub(crate) use incarnation::Incarnation;
pub use op::TextOp;
pub(crate) use segment::most_attributes;
pub use segment::{Attributes, Segment};
pub use transform::{Order, transform, transform_one, transform_over};
pub(crate) use units::{clip, signed, utf16_len};

/// Segments with operations applied to them.
pub(crate) fn apply(segments: &[Segment], ops: &[TextOp]) -> Vec<Segment> {
    let mut text = Text::from_segments(segments.to_vec());
    text.apply(ops);
    text.segments()
}
