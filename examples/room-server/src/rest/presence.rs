//! Who is in a room, and events for those who are.

use std::sync::Arc;

use axum::Json as Body;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use livetree::Json;
use serde_json::Value;

use super::{ApiResult, parse};
use crate::App;
use crate::error::ApiError;
use crate::room::SetPresence;

/// `GET /v2/rooms/{id}/active-users`
pub(super) async fn active_users(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<Body<Value>> {
    let (key, _) = app.rooms.find(&id)?;
    Ok(Body(app.rooms.run(key, |room| room.active_users()).await?))
}

/// `POST /v2/rooms/{id}/presence`
pub(super) async fn set(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<StatusCode> {
    let (key, _) = app.rooms.find(&id)?;
    let body: SetPresence = parse(&body)?;
    let ttl = body.check().map_err(ApiError::unprocessable)?;
    let set = app.rooms.run(key, move |room| room.set_presence(body, ttl)).await?;
    set.map_err(ApiError::internal)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v2/rooms/{id}/broadcast-event`; an empty body is `null`.
pub(super) async fn broadcast(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<StatusCode> {
    let (key, _) = app.rooms.find(&id)?;
    let event = if body.is_empty() { Ok(Json::Null) } else { Json::from_slice(&body) };
    let event = event.map_err(|error| ApiError::unprocessable(format!("The event: {error}")))?;
    app.rooms.run(key, |room| room.broadcast(event)).await?;
    Ok(StatusCode::NO_CONTENT)
}
