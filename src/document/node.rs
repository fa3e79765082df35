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
    pub(super) body: PackedBody,
}

/// The key under which a node hangs in its parent.
///
/// A position is a key that has an order of its own; both are kept in one place since every node
/// has exactly one of them, and which one follows from the parent.
pub(crate) type LinkKey = Position;

/// The kind of a node and what it holds, in eight bytes: of a register its value, if that is short; else where
/// it is among what nodes of its kind hold.
///
/// The first byte is that of a register's value or tells another kind. Then come three bytes that objects use,
/// and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedBody([u8; 8]);

/// The first bytes of bodies that are not registers'; no value begins with them. Snapshots hold them too.
pub(super) const OBJECT: u8 = 48;
pub(super) const LIST: u8 = 49;
pub(super) const MAP: u8 = 50;
pub(super) const TEXT: u8 = 51;
pub(super) const FILE: u8 = 52;
/// The first byte of no body and of no value.
pub(super) const NOTHING: u8 = 53;

impl PackedBody {
    /// Of an object without entries.
    pub(super) const EMPTY_OBJECT: Self = Self([OBJECT, 0, 0, 0, 0, 0, 0, 0]);
    /// Of no node. Its kind counts as that of a register, but it is not the value of any.
    pub(super) const VACANT: Self = Self([NOTHING; 8]);

    /// Of a list, map, text or file: its number among them.
    pub(super) fn numbered(kind: NodeKind, number: u32) -> Self {
        let first = match kind {
            NodeKind::Object => OBJECT,
            NodeKind::List => LIST,
            NodeKind::Map => MAP,
            NodeKind::Text => TEXT,
            NodeKind::File => FILE,
            NodeKind::Register => NOTHING,
        };
        debug_assert!(first > OBJECT && first < NOTHING, "a {kind:?} is more than a number");
        let [a, b, c, d] = number.to_le_bytes();
        Self([first, 0, 0, 0, a, b, c, d])
    }

    /// The number of a list, map, text or file.
    #[inline]
    pub(super) fn number(self) -> u32 {
        let Self([.., a, b, c, d]) = self;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Of an object: where it is, and 24 bits about its keys.
    #[inline]
    pub(super) fn object(place: u32, keys: u32) -> Self {
        debug_assert!(keys < 1 << 24);
        let bits = u64::from(place) << 32 | u64::from(keys) << 8 | u64::from(OBJECT);
        Self(bits.to_le_bytes())
    }

    /// What an [`object`](Self::object) is made of.
    #[inline]
    pub(super) fn of_object(self) -> (u32, u32) {
        let Self([_, a, b, c, ..]) = self;
        (self.number(), u32::from_le_bytes([a, b, c, 0]))
    }

    /// Of a register: bytes that begin with its value, or with what says where that is.
    pub(super) fn register(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The bytes of a [`register`](Self::register).
    pub(super) fn of_register(&self) -> &[u8; 8] {
        &self.0
    }

    #[inline]
    pub(super) fn kind(self) -> NodeKind {
        let Self([first, ..]) = self;
        match first {
            OBJECT => NodeKind::Object,
            LIST => NodeKind::List,
            MAP => NodeKind::Map,
            TEXT => NodeKind::Text,
            FILE => NodeKind::File,
            _ => NodeKind::Register,
        }
    }
}

impl Node {
    /// What is at a place where no node is.
    pub(super) fn vacant() -> Self {
        Self { body: PackedBody::VACANT, ..Self::root() }
    }

    /// The root of a document, without fields.
    pub(super) fn root() -> Self {
        Self {
            id: PackedId::ROOT,
            parent: NodeIx::ROOT,
            key: Position::verbatim(SmallStr::EMPTY),
            depth: 0,
            body: PackedBody::EMPTY_OBJECT,
        }
    }
}
