//! The nodes of the tree and where they live.

use super::ids::PackedId;
use crate::SmallStr;
use crate::op::NodeKind;
use crate::position::Position;

/// A node's place in the arena. Only meaningful together with its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeIx(pub(crate) u32);

impl NodeIx {
    /// The root, which is never moved or freed.
    pub(crate) const ROOT: Self = Self(0);
}

/// A node that is about to be put into the tree: who it is, where it hangs and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: PackedId,
    /// The container it hangs in; the root names itself.
    pub(super) parent: NodeIx,
    /// Its key in the parent; in a list, its position.
    pub(super) key: LinkKey,
    /// How many parents it has; never changes, as nodes never change their parent.
    pub(super) depth: u16,
    pub(super) kind: NodeKind,
    pub(super) body: BodyIx,
}

/// The key under which a node hangs in its parent.
///
/// A position is a key that has an order of its own; both are kept in one place since every node
/// has exactly one of them, and which one follows from the parent.
pub(crate) type LinkKey = Position;

/// Where what a node holds is, among what those of its kind hold. Of a register a cell; of an
/// object a cell or a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyIx(pub(super) u32);

impl BodyIx {
    /// Of an object without entries.
    pub(super) const EMPTY: Self = Self(0);
}

impl Node {
    /// What is at a place where no node is.
    pub(super) fn vacant() -> Self {
        Self { kind: NodeKind::Register, ..Self::root() }
    }

    /// The root of a document, without fields.
    pub(super) fn root() -> Self {
        Self {
            id: PackedId::ROOT,
            parent: NodeIx::ROOT,
            key: Position::verbatim(SmallStr::EMPTY),
            depth: 0,
            kind: NodeKind::Object,
            body: BodyIx::EMPTY,
        }
    }
}
