//! `GET /v1/config`: the file that is applied, with every default filled in and no secret.

use axum::{Json, extract::State};
use serde_json::Value;

use super::{call_error::CallError, context::Context};

/// The effective configuration.
pub(super) async fn effective(State(context): State<Context>) -> Result<Json<Value>, CallError> {
    let config = context.handle.config().await?;
    Ok(Json(config.redacted()))
}
