//! A document as few bytes that are quickly read again: for a database, a cache or a new replica.
//!
//! A snapshot holds what [`Document::nodes`] tells, so ids, positions and the versions of texts, and neither
//! pending savepoints nor the updates that led to a text. Replicas with the same content have the same
//! snapshot. It is no part of the wire format of Liveblocks.
//!
//! Version 1 is, with numbers as LEB128 unless a byte is meant, and texts as their length in bytes and UTF-8:
//!
//! * `livetree`, and the version as a byte.
//! * The number of nodes, the root not counted, and their ids in ascending order, in *runs*: 0 and a text; or
//!   1 for `si:<clock>`, or 2 more than the actor for `<actor>:<clock>`, the first clock, and how many follow
//!   one upon the other.
//! * The root and all below it, parents before their children and siblings in order, each as what it holds
//!   and, but for the root, before that its *place* among the ids: by how much it is more than the last one's
//!   plus 1, with the sign in the lowest bit.
//!
//! What a node holds is a *value* if it is a register, or a byte for its kind and
//!
//! * of an object (48) a list of keys, and a value for each: 0, the number of keys and the keys, if the list
//!   is a new one, or else the number of an earlier one, with lists of more than 64 keys not counted. A child
//!   is the value 24, followed by the child;
//! * of a list (49) or map (50) the number of children, and before each its position or key;
//! * of a text (51) its version and its segments as JSON text, of a file (52) its data as JSON text.
//!
//! A value is the bytes that the [table](super::objects) of packed values says, without those of leaves: these
//! are 23 and a JSON text. Keys and positions that follow one upon the other are a byte that tells with how
//! many bytes of the one before they begin, and a text with the rest.

mod read;
mod write;

use thiserror::Error;

use super::Document;
use read::Reader;
use write::Writer;

const MAGIC: &[u8; 8] = b"livetree";
const VERSION: u8 = 1;

/// Why bytes are no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// They do not begin as a snapshot does.
    #[error("this is no snapshot")]
    NoSnapshot,
    /// It is of a version that this crate does not know, perhaps a later one.
    #[error("a snapshot of version {0} cannot be read, only of version {VERSION}")]
    UnknownVersion(u8),
    /// It is damaged, or was made by somebody else.
    #[error("snapshot, at byte {offset}: {reason}")]
    Malformed {
        /// Where it was noticed.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
}

impl Document {
    /// The document as a snapshot.
    ///
    /// O(n log n) for n nodes; a few bytes more for each than its keys and values take.
    ///
    /// ```
    /// use livetree::{Actor, Document, IdSource};
    /// let mut doc = Document::from_json(br#"{"todos":["ship it"]}"#)?;
    /// let bytes = doc.to_snapshot();
    /// assert_eq!(Document::from_snapshot(&bytes)?, doc);
    /// # Ok::<(), livetree::Error>(())
    /// ```
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        Writer::new(self, out).write()
    }

    /// Reads a [snapshot](Self::to_snapshot). The document has the default [`Limits`](crate::Limits).
    ///
    /// O(n log n) for n bytes, and O(n) of memory, whoever made them. There is no checksum: bytes in which some bits
    /// are wrong may be another snapshot, so a store that can damage them keeps one.
    ///
    /// # Errors
    /// If the bytes are not a snapshot as a whole: says where, and what is wrong there.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some(([magic @ .., version], _)) = bytes.split_first_chunk::<{ MAGIC.len() + 1 }>()
        else {
            return Err(SnapshotError::NoSnapshot);
        };
        match (magic == MAGIC, *version) {
            (true, VERSION) => Reader::new(bytes, MAGIC.len() + 1).read(),
            (true, version) => Err(SnapshotError::UnknownVersion(version)),
            (false, _) => Err(SnapshotError::NoSnapshot),
        }
    }
}
