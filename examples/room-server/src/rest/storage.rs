//! A room's storage as a whole, and JSON Patch.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use livetree::patch;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiResult, parse};
use crate::App;
use crate::error::ApiError;
use crate::room::MutationError;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    #[default]
    PlainLson,
    Json,
}

#[derive(Debug, Deserialize)]
pub(super) struct GetStorage {
    #[serde(default)]
    format: Format,
}

/// `GET /v2/rooms/{id}/storage`
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<GetStorage>,
) -> ApiResult<impl IntoResponse> {
    let (key, _) = app.rooms.find(&id)?;
    let text = app.rooms.run(key, move |room| match query.format {
        Format::PlainLson => room.document().to_plain_lson(),
        Format::Json => room.document().to_json_text(),
    });
    Ok(as_json(text.await?))
}

fn as_json(text: Vec<u8>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], text)
}

/// `POST /v2/rooms/{id}/storage`: only while there is nothing in it.
pub(super) async fn initialize(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<impl IntoResponse> {
    let (key, _) = app.rooms.find(&id)?;
    let content: Value = parse(&body)?;
    if content.get("liveblocksType") != Some(&json!("LiveObject")) {
        return Err(ApiError::unprocessable("The storage must be a LiveObject in plain LSON"));
    }
    let text = app.rooms.run(key, move |room| {
        if !room.is_storage_empty() {
            return Err(ApiError::storage_exists());
        }
        room.replace(content).map_err(|error| refused(&error))?;
        Ok(room.document().to_plain_lson())
    });
    Ok(as_json(text.await??))
}

/// `DELETE /v2/rooms/{id}/storage`
pub(super) async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> ApiResult<()> {
    let (key, _) = app.rooms.find(&id)?;
    let emptied = app.rooms.run(key, |room| room.replace(json!({}))).await?;
    emptied.map_err(|error| ApiError::internal(error.to_string()))
}

/// `PATCH /v2/rooms/{id}/storage/json-patch`
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<()> {
    let (key, _) = app.rooms.find(&id)?;
    let patch = patch::from_slice(&body).map_err(|error| refused(&error.into()))?;
    app.rooms.run(key, move |room| room.patch(&patch)).await?.map_err(|error| refused(&error))
}

fn refused(error: &MutationError) -> ApiError {
    ApiError::unprocessable(error.to_string())
}
