//! The document: nodes in an arena, and the indexes that find them.

mod order;

/// A node's place in the document's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeIx(pub(crate) u32);
