//! One error for those who do not care which part failed.
//!
//! Every function returns the precise error of its module; `?` turns any of them into [`Error`].

use std::fmt;

use crate::client::ClientError;
use crate::document::{NodesError, PointerError, SnapshotError};
use crate::edit::EditError;
use crate::message::MessageError;
use crate::node::NodeError;
use crate::op::OpError;
use crate::patch::PatchError;
use crate::peer::PeerError;
use crate::server::ServerError;
use crate::{FileError, JsonError, LimitError, LsonError, PositionError, RestoreError};

/// Anything that can go wrong in this crate.
///
/// Opaque and one word wide; ask it with the predicates, or take the precise error out of
/// [`get_ref`](Self::get_ref).
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
            /// The precise error, to be downcast.
            ///
            /// ```
            /// use livetree::{Document, Error, LsonError};
            /// let error = Error::from(Document::from_json(b"[1]").unwrap_err());
            /// assert!(error.get_ref().is::<LsonError>());
            /// ```
            pub fn get_ref(&self) -> &(dyn std::error::Error + 'static) {
                match &*self.0 {
                    $(Kind::$variant(source) => source),*
                }
            }
        }
    };
}

kinds! {
    Client(ClientError),
    Edit(EditError),
    File(FileError),
    Json(JsonError),
    Limit(LimitError),
    Lson(LsonError),
    Message(MessageError),
    Node(NodeError),
    Nodes(NodesError),
    Op(OpError),
    Patch(PatchError),
    Peer(PeerError),
    Pointer(PointerError),
    Position(PositionError),
    Restore(RestoreError),
    Serde(serde_json::Error),
    Server(ServerError),
    Snapshot(SnapshotError),
}

impl Error {
    /// Whether bytes could not be read: they are not JSON, or not what was expected there.
    pub fn is_malformed(&self) -> bool {
        matches!(
            *self.0,
            Kind::Client(ClientError::Message(_))
                | Kind::Json(_)
                | Kind::Lson(_)
                | Kind::Message(_)
                | Kind::Node(_)
                | Kind::Op(_)
                | Kind::Peer(PeerError::Malformed { .. } | PeerError::Unreadable(_))
                | Kind::Position(_)
                | Kind::Restore(_)
                | Kind::Serde(_)
                | Kind::Server(ServerError::Message(_))
                | Kind::Snapshot(_)
        )
    }

    /// Whether a change would have passed one of the [`Limits`](crate::Limits).
    pub fn is_limit(&self) -> bool {
        match &*self.0 {
            Kind::Limit(_) => true,
            Kind::Edit(error) | Kind::Client(ClientError::Edit(error)) => error.is_limit(),
            Kind::Patch(error) | Kind::Client(ClientError::Patch(error)) => error.is_limit(),
            _ => false,
        }
    }

    /// Whether a JSON Patch could not be applied.
    pub fn is_patch(&self) -> bool {
        matches!(*self.0, Kind::Patch(_) | Kind::Client(ClientError::Patch(_)))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.get_ref(), f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.get_ref(), f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.get_ref().source()
    }
}
