//! Who may join which room, and who may use the REST API.

use std::sync::Arc;

use livetree::server::Protocol;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::directory::Key;
use crate::outbox::Close;
use crate::record::Record;
use crate::room::Entry;
use crate::rooms::{RoomError, Rooms};
use crate::scopes::{self, Scopes};
use crate::tokens::{Claims, Grant, TokenError, Tokens};

/// What a client says when it joins.
#[derive(Clone, Debug, Deserialize)]
pub struct Join {
    /// The room.
    #[serde(rename = "roomId", default)]
    room: String,
    /// A public key,
    #[serde(default)]
    pubkey: Option<String>,
    /// or a token.
    #[serde(default)]
    tok: Option<String>,
}

/// Whether two keys are the same, in a time that says nothing about where they differ.
pub fn same_key(given: &str, expected: &str) -> bool {
    given.as_bytes().ct_eq(expected.as_bytes()).into()
}

/// Finds out whether a client may join, and as whom. A room that is missing is made for those
/// whose permissions do not stand in its record.
///
/// # Errors
/// How to close the connection.
pub async fn admit(
    rooms: &Arc<Rooms>,
    tokens: &Tokens,
    join: &Join,
    protocol: Protocol,
) -> Result<(Key, Entry), Close> {
    let refused = |reason: &str| Close::new(Close::NOT_ALLOWED, reason);
    let (key, scopes, claims) = match (&join.tok, &join.pubkey) {
        (Some(token), _) => {
            let claims = tokens.check(token).map_err(|error| match error {
                TokenError::Expired => Close::new(Close::TOKEN_EXPIRED, "The token has expired"),
                TokenError::Forged => refused("The token is invalid"),
            })?;
            let (key, scopes) = match &claims.grant {
                Grant::Access { perms } => {
                    let scopes = scopes::for_room(perms, &join.room);
                    let scopes = scopes.filter(|scopes| !scopes.is_empty());
                    let scopes = scopes.ok_or_else(|| refused("The token is not for this room"))?;
                    (make(rooms, &join.room, Scopes::default()).await?.0, scopes.clone())
                }
                Grant::Identity { gids } => {
                    let (key, record) = rooms.find(&join.room).map_err(|error| closing(&error))?;
                    (key, record.scopes_of(&claims.uid, gids))
                }
            };
            (key, scopes, Some(claims))
        }
        (None, Some(public)) if same_key(public, &rooms.config().public_key) => {
            let (key, record) = make(rooms, &join.room, Scopes::room_write()).await?;
            (key, record.default_accesses.clone(), None)
        }
        (None, Some(_)) => return Err(refused("The public key is wrong")),
        (None, None) => return Err(refused("There is neither a token nor a public key")),
    };
    if scopes.is_empty() {
        return Err(refused("You have no access to this room"));
    }
    let (user, info) = match claims {
        Some(Claims { uid, ui, .. }) => (Some(uid), ui),
        None => (None, None),
    };
    Ok((key, Entry { room: join.room.clone(), user, info, scopes, protocol }))
}

async fn make(
    rooms: &Rooms,
    id: &str,
    default_accesses: Scopes,
) -> Result<(Key, Arc<Record>), Close> {
    rooms
        .find_or_create(id, || Record::new(id, default_accesses))
        .await
        .map_err(|error| closing(&error))
}

/// What an error of a room means for who wants to join it.
pub fn closing(error: &RoomError) -> Close {
    let code = match error {
        RoomError::Missing(_) | RoomError::Exists(_) | RoomError::Invalid(_) => Close::NOT_ALLOWED,
        RoomError::Stopped => Close::RESTART,
        RoomError::Failed => Close::TRY_LATER,
    };
    Close::new(code, error.to_string())
}
