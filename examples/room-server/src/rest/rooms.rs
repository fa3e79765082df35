//! Rooms apart from their storage.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiResult, parse};
use crate::App;
use crate::directory::Filter;
use crate::error::ApiError;
use crate::record::{Record, RecordUpdate};
use crate::rooms::RoomError;
use crate::scopes::Scopes;

/// How many rooms a page may have, and has unless said otherwise.
const MAX_PAGE: usize = 100;
const PAGE: usize = 20;

/// `GET /v2/rooms`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let mut filter = Filter::default();
    let (mut limit, mut before) = (PAGE, None);
    // SDKs send empty parameters for what was not asked for.
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        let bad = |what: &str| ApiError::unprocessable(format!("{name} must be {what}"));
        match name.as_str() {
            "limit" => {
                limit = value
                    .parse()
                    .ok()
                    .filter(|limit| (1..=MAX_PAGE).contains(limit))
                    .ok_or_else(|| bad("a number from 1 to 100"))?;
            }
            "startingAfter" => {
                before = Some(value.parse().map_err(|_| bad("a cursor from an earlier answer"))?);
            }
            "query" => {
                let query = crate::query::Query::parse(value).map_err(ApiError::unprocessable)?;
                filter.query.and(query);
            }
            "organizationId" => filter.organization = Some(value.clone()),
            "userId" => filter.user = Some(value.clone()),
            "groupIds" => filter.groups = value.split(',').map(str::to_owned).collect(),
            _ => {
                if let Some(key) = name.strip_prefix("metadata.") {
                    filter.query.and_metadata(key, value);
                }
            }
        }
    }
    let (rooms, next) = app.rooms.list(&filter, before, limit);
    let rooms: Vec<Value> = rooms.iter().map(|record| record.to_json()).collect();
    Ok(Json(json!({ "data": rooms, "nextCursor": next.map(|key| key.to_string()) })))
}

#[derive(Debug, Deserialize)]
struct CreateRoom {
    id: String,
    #[serde(flatten)]
    rest: RecordUpdate,
}

#[derive(Debug, Deserialize)]
pub(super) struct CreateQuery {
    /// One SDK sends no value for yes, the other sends `false` for no.
    idempotent: Option<String>,
}

/// `POST /v2/rooms`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Query(query): Query<CreateQuery>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    let CreateRoom { id, rest } = parse(&body)?;
    let mut record = Record::new(&id, Scopes::default());
    record.update(rest);
    let idempotent = query.idempotent.is_some_and(|value| value != "false");
    let record = match app.rooms.create(record).await {
        Err(RoomError::Exists(_)) if idempotent => app.rooms.find(&id)?.1,
        created => created?,
    };
    Ok(Json(record.to_json()))
}

/// `GET /v2/rooms/{id}`
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    Ok(Json(app.rooms.find(&id)?.1.to_json()))
}

/// `POST /v2/rooms/{id}`
pub(super) async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    // A room that is not there is told of before what is wrong with the body.
    app.rooms.find(&id)?;
    Ok(Json(app.rooms.update(&id, parse(&body)?).await?.to_json()))
}

#[derive(Debug, Deserialize)]
struct Upsert {
    #[serde(default)]
    update: RecordUpdate,
    #[serde(default)]
    create: RecordUpdate,
}

/// `POST /v2/rooms/{id}/upsert`
pub(super) async fn upsert(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    let Upsert { update, create } = parse(&body)?;
    let mut record = Record::new(&id, Scopes::default());
    record.update(create);
    record.update(update.clone());
    let record = match app.rooms.create(record).await {
        Err(RoomError::Exists(_)) => app.rooms.update(&id, update).await?,
        created => created?,
    };
    Ok(Json(record.to_json()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateId {
    new_room_id: String,
}

/// `POST /v2/rooms/{id}/update-room-id`
pub(super) async fn update_id(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    let UpdateId { new_room_id } = parse(&body)?;
    Ok(Json(app.rooms.rename(&id, &new_room_id).await?.to_json()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateOrganization {
    from_organization_id: String,
    to_organization_id: String,
}

/// `POST /v2/rooms/{id}/update-organization-id`
pub(super) async fn update_organization(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Bytes,
) -> ApiResult<Json<Value>> {
    let body: UpdateOrganization = parse(&body)?;
    let change = |record: &mut Record| {
        if record.organization != body.from_organization_id {
            let message = format!("The room belongs to organization {:?}", record.organization);
            return Err(RoomError::Invalid(message));
        }
        record.organization = body.to_organization_id;
        Ok(())
    };
    Ok(Json(app.rooms.change(&id, change).await?.to_json()))
}

/// `DELETE /v2/rooms/{id}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    app.rooms.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v2/rooms/{id}/prewarm`: loads the room.
pub(super) async fn prewarm(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let (key, _) = app.rooms.find(&id)?;
    app.rooms.run(key, |_| ()).await?;
    Ok(StatusCode::NO_CONTENT)
}
