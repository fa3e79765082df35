//! How the Node SDK changes storage: it takes an actor number and the nodes, makes ops of its own,
//! and sends them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use livetree::ClientMessage;
use serde_json::{Value, json};

use super::{ApiResult, parse};
use crate::App;
use crate::error::ApiError;
use crate::room::{MutationError, Room};

/// `POST /v2/rooms/{id}/request-storage-mutation`. The content type must be this one to the letter.
pub(super) async fn request(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<impl IntoResponse> {
    let (key, _) = app.rooms.find(&id)?;
    let lines = app.rooms.run(key, Room::begin_mutation).await?;
    let lines = lines.map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines))
}

/// `POST /v2/rooms/{id}/send-message`
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    let (key, _) = app.rooms.find(&id)?;
    let messages = read(&body)?;
    let answers = app.rooms.run(key, |room| {
        let answers = room.receive_from_backend(messages)?;
        Ok::<_, MutationError>(answers.iter().map(to_json).collect::<Vec<_>>())
    });
    let answers = answers.await?.map_err(|error| ApiError::bad_mutation(error.to_string()))?;
    Ok(Json(json!({ "messages": [answers] })))
}

/// Reads the storage updates of a body.
fn read(body: &Bytes) -> ApiResult<Vec<ClientMessage>> {
    let body: Value = parse(body)?;
    let Some(messages @ Value::Array(_)) = body.get("messages") else {
        return Err(ApiError::bad_mutation("messages must be an array"));
    };
    let read = ClientMessage::read_frame(messages.to_string().as_bytes());
    let messages = read.map_err(|error| ApiError::bad_mutation(error.to_string()))?;
    let is_update =
        |message: &ClientMessage| matches!(message, ClientMessage::UpdateStorage { .. });
    if !messages.iter().all(is_update) {
        return Err(ApiError::bad_mutation("messages must be storage updates (type 201)"));
    }
    Ok(messages)
}

fn to_json(message: &livetree::ServerMessage) -> Value {
    let mut text = Vec::new();
    message.write(&mut text);
    serde_json::from_slice(&text).unwrap_or_default()
}
