//! One error for those who do not care which part failed.
//!
//! Every function returns the precise error of its module; `?` turns any of them into [`Error`]. (Outcomes that
//! are no errors of a call, such as a [`Rejection`](crate::Rejection), are part of those.)

use std::fmt;

use crate::change::ReplayError;
use crate::client::ClientError;
use crate::document::{NodesError, PointerError, SnapshotError};
use crate::edit::EditError;
use crate::message::MessageError;
use crate::node::NodeError;
use crate::op::OpError;
use crate::patch::PatchError;
use crate::peer::PeerError;
use crate::server::ServerError;
use crate::{
    EqualPositions, FileError, JsonError, LimitError, LsonError, PositionError, RestoreError,
};

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
    EqualPositions(EqualPositions),
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
    Replay(ReplayError),
    Restore(RestoreError),
    Serde(serde_json::Error),
    Server(ServerError),
    Snapshot(SnapshotError),
}

impl Error {
    /// Whether bytes could not be read: they are not JSON, or not what was expected there.
    pub fn is_malformed(&self) -> bool {
        match &*self.0 {
            Kind::Patch(error) | Kind::Client(ClientError::Patch(error)) => error.is_malformed(),
            Kind::Snapshot(SnapshotError::UnknownVersion(_))
            | Kind::Restore(
                RestoreError::UnknownVersion(_)
                | RestoreError::Document(SnapshotError::UnknownVersion(_)),
            ) => false,
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
            | Kind::Snapshot(_) => true,
            _ => false,
        }
    }

    /// Whether a change would have exceeded one of the [`Limits`](crate::Limits).
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Json, Limits, Position, lson};

    #[test]
    fn predicates_say_what_kind_of_error_it_is() {
        let limited = |error: fn(&mut Document) -> Error| {
            let mut document = Document::new();
            document.set_limits(Limits::default().object_size(4));
            error(&mut document)
        };
        let edit = |document: &mut Document| -> Error {
            let mut ids = crate::IdSource::new(crate::Actor(0));
            document.edit(&mut ids, |root| root.set("k", "longer")).unwrap_err().into()
        };
        let patch = |document: &mut Document| -> Error {
            let mut ids = crate::IdSource::new(crate::Actor(0));
            let patch = crate::patch::from_slice(br#"[{"op":"add","path":"/k","value":"longer"}]"#);
            document.patch(&mut ids, &patch.unwrap()).unwrap_err().into()
        };
        let unfit = |document: &mut Document| -> Error {
            let mut ids = crate::IdSource::new(crate::Actor(0));
            let patch = crate::patch::from_slice(br#"[{"op":"remove","path":"/k"}]"#).unwrap();
            document.patch(&mut ids, &patch).unwrap_err().into()
        };
        let later = RestoreError::UnknownVersion(9);
        // The error; whether it is malformed, about a limit, of a patch.
        let errors: Vec<(Error, [bool; 3])> = vec![
            ("x".parse::<Json>().unwrap_err().into(), [true, false, false]),
            (Document::from_json(b"[1]").unwrap_err().into(), [true, false, false]),
            (Document::from_snapshot(b"").unwrap_err().into(), [true, false, false]),
            (SnapshotError::UnknownVersion(9).into(), [false, false, false]),
            (RestoreError::malformed("").into(), [true, false, false]),
            (later.into(), [false, false, false]),
            (crate::patch::from_slice(b"x").unwrap_err().into(), [true, false, true]),
            (crate::ServerMessage::read_frame(b"x").unwrap_err().into(), [true, false, false]),
            (ServerError::NoActorLeft.into(), [false, false, false]),
            (Position::between(&Position::FIRST, &Position::FIRST).unwrap_err().into(), [false; 3]),
            (limited(edit), [false, true, false]),
            (limited(patch), [false, true, true]),
            (limited(unfit), [false, false, true]),
            (
                Document::new()
                    .edit(&mut crate::IdSource::new(crate::Actor(0)), |root| {
                        root.set("l", lson!([1]))?;
                        root.list("l")?.delete(7)
                    })
                    .unwrap_err()
                    .into(),
                [false; 3],
            ),
        ];
        for (error, expected) in errors {
            let found = [error.is_malformed(), error.is_limit(), error.is_patch()];
            assert_eq!(found, expected, "{error}");
            assert_eq!(size_of_val(&error), size_of::<usize>());
        }
    }
}
