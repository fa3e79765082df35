//! What can be wrong with plain LSON, and where.

use std::fmt;

use crate::json::error::Location;
use crate::json::{JsonError, JsonReason};

/// Why a value is not the LSON it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LsonReason {
    /// The bytes are not JSON.
    #[error(transparent)]
    Json(#[from] JsonReason),
    /// The document itself must be a LiveObject (an object, for JSON made live).
    #[error("the root must be a LiveObject")]
    RootNotObject,
    /// There is no such live structure.
    #[error("unknown liveblocksType {found}")]
    UnknownType {
        /// The `liveblocksType`, as JSON.
        found: String,
    },
    /// A live structure has no `data`.
    #[error("a {structure} must have data")]
    MissingData {
        /// Its `liveblocksType`.
        structure: &'static str,
    },
    /// A live structure's `data` is of the wrong kind.
    #[error("the data of a {structure} must be {wanted}")]
    WrongData {
        /// Its `liveblocksType`.
        structure: &'static str,
        /// What the data must be.
        wanted: &'static str,
    },
    /// `liveblocksType`, `data` or `version` is there twice, so it is not clear what is meant.
    #[error("{member:?} is there twice")]
    Twice {
        /// The key.
        member: &'static str,
    },
    /// A LiveText's segment, version or attributes are wrong.
    #[error("{0}")]
    Text(&'static str),
    /// A LiveFile's metadata are wrong.
    #[error("{0}")]
    File(&'static str),
    /// Values inside each other beyond the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit that was in force.
        limit: usize,
    },
    /// Whatever was being built does not take the value.
    #[error("{0}")]
    Refused(String),
}

/// A value that could not be read as LSON.
///
/// ```
/// use livetree::Lson;
/// let error = Lson::from_slice(br#"{"liveblocksType":"LiveList","data":7}"#).unwrap_err();
/// assert_eq!(error.to_string(), "at /data (byte 36): the data of a LiveList must be an array");
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LsonError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    path: String,
    offset: Option<usize>,
    reason: LsonReason,
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Location { path: &self.path, offset: self.offset }, self.reason)
    }
}

impl LsonError {
    #[cold]
    pub(crate) fn new(offset: Option<usize>, reason: LsonReason) -> Self {
        Self(Box::new(Inner { path: String::new(), offset, reason }))
    }

    /// Puts `path` in front of the error's own.
    pub(crate) fn under(mut self, path: &str) -> Self {
        self.0.path.insert_str(0, path);
        self
    }

    /// Where the value is in the input, as a JSON Pointer; empty for the whole.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The byte at which reading stopped, if the value was read from bytes.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// What is wrong.
    pub fn reason(&self) -> &LsonReason {
        &self.0.reason
    }
}

impl From<JsonError> for LsonError {
    fn from(error: JsonError) -> Self {
        let (offset, path, reason) = error.into_parts();
        let reason = match reason {
            JsonReason::TooDeep { limit } => LsonReason::TooDeep { limit },
            reason => LsonReason::Json(reason),
        };
        Self(Box::new(Inner { path, offset: Some(offset), reason }))
    }
}

impl fmt::Debug for LsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
