//! Replicas as bytes: what they know besides, as JSON, and a snapshot of the document beneath it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::Document;
use crate::document::SnapshotError;
use crate::json::{from_text, to_text};

const VERSION: u8 = 1;

/// Why bytes are no saved [`Client`](crate::Client) or [`Peer`](crate::Peer).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// They do not begin as what was saved does.
    #[error("this was not saved as a {0}")]
    NotSaved(&'static str),
    /// It is of a version that this crate does not know, perhaps a later one.
    #[error("what was saved in version {0} cannot be restored, only in version {VERSION}")]
    UnknownVersion(u8),
    /// It ends too early, or what is said besides the document cannot be read.
    #[error("what was saved is damaged: {0}")]
    Malformed(String),
    /// The document cannot be read.
    #[error("what was saved is damaged: {0}")]
    Document(#[from] SnapshotError),
}

impl RestoreError {
    /// What is said besides the document cannot be so, for this reason.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }
}

/// The kind of a replica in words, which the bytes begin with, what is known besides, and the document.
pub(crate) fn write(kind: &str, known: &impl Serialize, snapshot: &[u8]) -> Vec<u8> {
    let known = to_text(known);
    let len = (known.len() as u64).to_le_bytes();
    [b"livetree ", kind.as_bytes(), &[VERSION], &len, &known, snapshot].concat()
}

/// What [`write()`] was told.
pub(crate) fn read<T: DeserializeOwned>(
    kind: &'static str,
    bytes: &[u8],
) -> Result<(T, Document), RestoreError> {
    let rest = bytes.strip_prefix(b"livetree ").and_then(|rest| rest.strip_prefix(kind.as_bytes()));
    let cut = || RestoreError::malformed("it ends too early");
    let rest = rest.ok_or(RestoreError::NotSaved(kind))?;
    let (version, rest) = rest.split_first().ok_or_else(cut)?;
    if *version != VERSION {
        return Err(RestoreError::UnknownVersion(*version));
    }
    let (len, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| cut())?;
    let (known, snapshot) = rest.split_at_checked(len).ok_or_else(cut)?;
    let known = from_text(known).map_err(RestoreError::Malformed)?;
    Ok((known, Document::from_snapshot(snapshot)?))
}
