//! One error for those who do not care which part failed.
//!
//! Every function returns the precise error of its module; `?` turns any of them into [`Error`].

use std::fmt;

use crate::document::{NodesError, PointerError, SnapshotError};
use crate::edit::EditError;
use crate::node::NodeError;
use crate::op::OpError;
use crate::patch::PatchError;
use crate::{JsonError, LimitError, LsonError, PositionError};

/// Anything that can go wrong in this crate.
///
/// Opaque and one word wide; ask it with the predicates, or take the precise error out of
/// [`source`](std::error::Error::source).
pub struct Error(Box<Kind>);

macro_rules! kinds {
    ($($variant:ident($source:ty)),* $(,)?) => {
        enum Kind {
            $($variant($source)),*
        }

        $(impl From<$source> for Error {
            #[cold]
            fn from(source: $source) -> Self {
                Self(Box::new(Kind::$variant(source)))
            }
        })*

        impl Error {
            fn inner(&self) -> &(dyn std::error::Error + 'static) {
                match &*self.0 {
                    $(Kind::$variant(source) => source),*
                }
            }
        }
    };
}

kinds! {
    Edit(EditError),
    Json(JsonError),
    Limit(LimitError),
    Lson(LsonError),
    Node(NodeError),
    Nodes(NodesError),
    Op(OpError),
    Patch(PatchError),
    Pointer(PointerError),
    Position(PositionError),
    Serde(serde_json::Error),
    Snapshot(SnapshotError),
}

impl Error {
    /// Whether bytes could not be read: they are not JSON, or not what was expected there.
    pub fn is_malformed(&self) -> bool {
        matches!(
            *self.0,
            Kind::Json(_)
                | Kind::Lson(_)
                | Kind::Node(_)
                | Kind::Op(_)
                | Kind::Position(_)
                | Kind::Serde(_)
                | Kind::Snapshot(_)
        )
    }

    /// Whether a change would have passed one of the [`Limits`](crate::Limits).
    pub fn is_limit(&self) -> bool {
        match &*self.0 {
            Kind::Limit(_) => true,
            Kind::Edit(error) => error.is_limit(),
            Kind::Patch(error) => error.is_limit(),
            _ => false,
        }
    }

    /// Whether a JSON Patch could not be applied.
    pub fn is_patch(&self) -> bool {
        matches!(*self.0, Kind::Patch(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.inner(), f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.inner(), f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.inner())
    }
}
