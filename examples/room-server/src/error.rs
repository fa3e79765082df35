//! Errors as the REST API tells them: a status, and a body whose `message` the SDKs raise.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::rooms::RoomError;

/// An answer other than the one hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Body {
    error: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suggestion: Option<&'static str>,
}

impl ApiError {
    fn new(status: StatusCode, error: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: Body { error, message: message.into(), suggestion: None } }
    }

    fn suggesting(mut self, suggestion: &'static str) -> Self {
        self.body.suggestion = Some(suggestion);
        self
    }

    /// The request brought no secret key.
    pub fn missing_key() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "MISSING_SECRET_KEY", "The secret key is missing")
            .suggesting("Send the header \"Authorization: Bearer sk_…\"")
    }

    /// The request brought a wrong secret key.
    pub fn wrong_key() -> Self {
        Self::new(StatusCode::FORBIDDEN, "INVALID_SECRET_KEY", "The secret key is wrong")
    }

    /// There is no such room.
    pub fn no_room(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ROOM_NOT_FOUND", format!("There is no room {id:?}"))
    }

    /// There is a room of that name already.
    pub fn room_exists(id: &str) -> Self {
        let message = format!("There is a room {id:?} already");
        Self::new(StatusCode::CONFLICT, "ROOM_ALREADY_EXISTS", message)
    }

    /// The storage is not empty.
    pub fn storage_exists() -> Self {
        let error = "CANNOT_UPDATE_EXISTING_STORAGE";
        Self::new(StatusCode::CONFLICT, error, "The room's storage is not empty")
            .suggesting("Delete the storage first, or change it with a JSON Patch")
    }

    /// The request makes no sense.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE_ENTITY", message)
    }

    /// The messages of a backend cannot be carried out.
    pub fn bad_mutation(message: impl Into<String>) -> Self {
        let error = "INVALID_STORAGE_MUTATION_REQUEST";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error, message)
    }

    /// The request is none that there is, or too large.
    pub fn unreadable(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Bad Request");
        Self::new(status, "INVALID_REQUEST", format!("The request is not taken: {reason}"))
    }

    /// There is no such address.
    pub fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "There is nothing at this address")
    }

    /// The server failed; what happened is in its log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    /// The server is going down.
    pub fn unavailable() -> Self {
        let message = "The server is shutting down";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message)
    }
}

impl From<RoomError> for ApiError {
    fn from(error: RoomError) -> Self {
        match error {
            RoomError::Missing(id) => Self::no_room(&id),
            RoomError::Exists(id) => Self::room_exists(&id),
            RoomError::Invalid(reason) => Self::unprocessable(reason),
            RoomError::Stopped => Self::unavailable(),
            RoomError::Failed => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
