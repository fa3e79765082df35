//! Turns: what peers tell each other.

use serde::{Deserialize, Serialize};

use super::{PeerError, Version};
use crate::json::{from_text, to_text};
use crate::{Actor, Op};

/// Ops that one actor made one after the other, without hearing of others in between.
///
/// Turns are independent of how they travel, and of when: a peer takes those that it has already for nothing,
/// and says what is missing before others. With serde they are JSON, with the ops as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Who made the ops.
    pub actor: Actor,
    /// The counters of all earlier ops of this actor are below this; those come in earlier turns.
    pub after: u64,
    /// What the actor had of others then.
    #[serde(default, skip_serializing_if = "Version::is_empty")]
    pub seen: Version,
    /// The ops. The clock of an op's id is its counter: greater than those of all ops that the actor had.
    pub ops: Vec<Op>,
}

impl Turn {
    /// Turns as JSON text.
    #[must_use]
    pub fn write_all(turns: &[Self]) -> Vec<u8> {
        to_text(turns)
    }

    /// Reads what [`write_all`](Self::write_all) has written.
    ///
    /// # Errors
    /// If the text is not JSON, or something else.
    pub fn read_all(text: &[u8]) -> Result<Vec<Self>, PeerError> {
        from_text(text).map_err(PeerError::Unreadable)
    }
}
