//! Why a patch was not applied: which operation, which pointer, and what is wrong there.

use std::fmt;

use json_patch::PatchOperation;
use thiserror::Error;

use super::operation::Fault;
use crate::edit::EditError;
use crate::{JsonError, LimitError, LsonError, Rejection};

/// Why a patch was not applied. Nothing of it has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatchError {
    /// Index of the operation that failed; for a text that is no patch, of the one it breaks off in.
    pub operation: usize,
    /// What the operation is: `"add"`, ...; empty if it could not be read.
    pub op: &'static str,
    /// The pointer at fault, which may be the operation's `from`.
    pub pointer: String,
    /// What is wrong.
    pub reason: PatchReason,
}

/// What is wrong with an operation of a patch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchReason {
    /// There is nothing at the pointer.
    #[error("there is nothing there")]
    Missing,
    /// There is nothing on the way to the pointer's target.
    #[error("there is nothing at {at}")]
    MissingParent {
        /// The prefix of the pointer that leads nowhere.
        at: String,
    },
    /// The pointer's last token is an index that the list does not have.
    #[error("index {index} is past the end of a list of {len}")]
    IndexPastEnd {
        /// The index.
        index: usize,
        /// The list's length.
        len: usize,
    },
    /// The pointer's last token is not an index that a list could have.
    #[error("{token:?} is not an index of a list")]
    NotAnIndex {
        /// The token, decoded.
        token: String,
    },
    /// `-` is the place after a list's last item, where there is nothing yet.
    #[error("'-' names the end of the list, where there is nothing")]
    EndOfList,
    /// The pointer goes on below a value that has no inside.
    #[error("the value at {at} is {kind}, which a patch cannot go into")]
    ThroughLeaf {
        /// The prefix of the pointer that leads to the leaf.
        at: String,
        /// What is there, in words.
        kind: &'static str,
    },
    /// The value is not the one that was expected.
    #[error("expected {expected}, found {found}")]
    TestFailed {
        /// The expected value as JSON, cut if it is long.
        expected: String,
        /// The value that is there as JSON, cut if it is long.
        found: String,
    },
    /// A value cannot become a part of itself.
    #[error("{from:?} cannot be moved into itself")]
    MoveIntoItself {
        /// The pointer to what was to be moved.
        from: String,
    },
    /// The root is always a LiveObject.
    #[error("the root can only be replaced by an object")]
    RootNotObject,
    /// The root is always there.
    #[error("the root cannot be removed")]
    RootRemoved,
    /// The value cannot become part of a document.
    #[error("its value, {0}")]
    Value(LsonError),
    /// A LiveText would no longer be one.
    #[error("the LiveText at {at} would not be one any more: {why}")]
    Text {
        /// The prefix of the pointer that leads to the text.
        at: String,
        /// What would be wrong with it.
        why: &'static str,
    },
    /// The change would exceed a limit.
    #[error(transparent)]
    Limit(LimitError),
    /// The document does not take the op that the operation became.
    #[error(transparent)]
    Rejected(Rejection),
    /// The edit that the operation became cannot be made.
    #[error(transparent)]
    Edit(EditError),
    /// The patch's text is not JSON, or not an array of objects.
    #[error("{0}")]
    Malformed(JsonError),
    /// There is no such operation.
    #[error("there is no operation {op:?}")]
    UnknownOp {
        /// The `op`.
        op: String,
    },
    /// A member that the operation needs is not there.
    #[error("the member {member:?} is missing")]
    MissingMember {
        /// Its name.
        member: &'static str,
    },
    /// A member is not of the kind it must be.
    #[error("the member {member:?} must be {wanted}")]
    WrongMember {
        /// Its name.
        member: &'static str,
        /// What it must be, in words.
        wanted: &'static str,
    },
    /// A member is there twice, so it is not clear what is meant.
    #[error("the member {member:?} is there twice")]
    Twice {
        /// Its name.
        member: &'static str,
    },
}

impl PatchError {
    /// Whether the patch would have exceeded a limit.
    pub fn is_limit(&self) -> bool {
        matches!(self.reason, PatchReason::Limit(_))
    }

    /// Whether the patch's text could not be read.
    pub fn is_malformed(&self) -> bool {
        use PatchReason::{Malformed, MissingMember, Twice, UnknownOp, WrongMember};
        matches!(
            self.reason,
            Malformed(_)
                | UnknownOp { .. }
                | MissingMember { .. }
                | WrongMember { .. }
                | Twice { .. }
        )
    }

    /// Whether a `test` operation found another value than it expected.
    pub fn is_test(&self) -> bool {
        matches!(self.reason, PatchReason::TestFailed { .. })
    }

    #[cold]
    pub(super) fn of(index: usize, operation: &PatchOperation, fault: Fault<'_>) -> Self {
        let pointer = fault.pointer.as_str().to_owned();
        Self { operation: index, op: name(operation), pointer, reason: fault.reason }
    }

    #[cold]
    pub(super) fn unreadable(index: usize, op: &'static str, reason: PatchReason) -> Self {
        Self { operation: index, op, pointer: String::new(), reason }
    }
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, op, pointer, reason } = self;
        if let PatchReason::Malformed(error) = reason {
            return write!(f, "not a JSON Patch: {error}");
        }
        match (*op, pointer.as_str()) {
            ("", _) => write!(f, "operation {operation}: {reason}"),
            (op, "") if self.is_malformed() => write!(f, "operation {operation} ({op}): {reason}"),
            (op, "") => write!(f, "operation {operation} ({op} of the root): {reason}"),
            (op, pointer) => write!(f, "operation {operation} (\"{op} {pointer}\"): {reason}"),
        }
    }
}

impl std::error::Error for PatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            PatchReason::Value(error) => Some(error),
            PatchReason::Limit(error) => Some(error),
            PatchReason::Rejected(error) => Some(error),
            PatchReason::Edit(error) => Some(error),
            PatchReason::Malformed(error) => Some(error),
            _ => None,
        }
    }
}

impl From<EditError> for PatchReason {
    #[cold]
    fn from(error: EditError) -> Self {
        match error {
            EditError::IndexPastEnd { index, len, .. } => Self::IndexPastEnd { index, len },
            EditError::Limit(limit) => Self::Limit(limit),
            EditError::Rejected(rejection) => Self::Rejected(rejection),
            other => Self::Edit(other),
        }
    }
}

impl From<LimitError> for PatchReason {
    fn from(error: LimitError) -> Self {
        Self::Limit(error)
    }
}
