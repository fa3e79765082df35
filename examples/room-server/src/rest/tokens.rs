//! Tokens for a backend's users.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::{ApiResult, parse};
use crate::App;
use crate::error::ApiError;
use crate::tokens::{AuthorizeUser, Claims, IdentifyUser, answer};

type Answer = ApiResult<Json<BTreeMap<&'static str, String>>>;

/// `POST /v2/authorize-user`
pub(super) async fn authorize(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    sign(&app, parse::<AuthorizeUser>(&body)?.into())
}

/// `POST /v2/identify-user`
pub(super) async fn identify(State(app): State<Arc<App>>, body: Bytes) -> Answer {
    sign(&app, parse::<IdentifyUser>(&body)?.into())
}

fn sign(app: &App, claims: Claims) -> Answer {
    if claims.uid.is_empty() {
        return Err(ApiError::unprocessable("userId is empty"));
    }
    let token = app.tokens.sign(claims).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Json(answer(token)))
}
