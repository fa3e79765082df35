//! The REST API, as the official SDKs for Node and Python use it.

mod mutation;
mod presence;
mod rooms;
mod storage;
mod tokens;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::ApiError;
use crate::{App, auth, socket};

type ApiResult<T> = Result<T, ApiError>;

/// Everything that the server answers.
pub fn router(app: Arc<App>) -> Router {
    let limit = DefaultBodyLimit::max(app.rooms.config().max_message);
    let room = Router::new()
        .route("/", get(rooms::get).post(rooms::update).delete(rooms::delete))
        .route("/upsert", post(rooms::upsert))
        .route("/update-room-id", post(rooms::update_id))
        .route("/update-organization-id", post(rooms::update_organization))
        .route("/prewarm", get(rooms::prewarm))
        .route("/active-users", get(presence::active_users))
        .route("/presence", post(presence::set))
        .route("/broadcast-event", post(presence::broadcast))
        .route("/storage", get(storage::get).post(storage::initialize).delete(storage::delete))
        .route("/storage/json-patch", patch(storage::patch))
        .route("/request-storage-mutation", post(mutation::request))
        .route("/send-message", post(mutation::send));
    let api = Router::new()
        .route("/rooms", get(rooms::list).post(rooms::create))
        .nest("/rooms/{room}", room)
        .route("/authorize-user", post(tokens::authorize))
        .route("/identify-user", post(tokens::identify))
        .fallback(async || ApiError::no_route())
        .layer(middleware::map_response(with_reason))
        .layer(middleware::from_fn_with_state(app.clone(), require_secret_key));
    Router::new()
        .nest("/v2", api)
        .route("/v7", get(socket::v7))
        .route("/v8", get(socket::v8))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(async || ApiError::no_route())
        .layer(limit)
        .with_state(app)
}

/// Whether the server can do its work.
async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let (status, text) = if app.rooms.store().is_open() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be used")
    };
    (status, Json(json!({ "status": text })))
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([("content-type", "text/plain; version=0.0.4")], app.rooms.metrics().to_text())
}

/// Lets requests through that bring the secret key.
async fn require_secret_key(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer "));
    let key = key.ok_or_else(ApiError::missing_key)?;
    if !auth::same_key(key, &app.rooms.config().secret_key) {
        return Err(ApiError::wrong_key());
    }
    app.rooms.metrics().requests.add(1);
    Ok(next.run(request).await)
}

/// Gives a refusal the body of all errors, if it comes from the framework and has another.
async fn with_reason(response: Response) -> Response {
    let status = response.status();
    let is_json =
        response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if status.is_client_error() && !is_json {
        return ApiError::unreadable(status).into_response();
    }
    response
}

/// Reads a body.
fn parse<T: DeserializeOwned>(body: &Bytes) -> ApiResult<T> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::unprocessable(format!("The body: {error}")))
}
