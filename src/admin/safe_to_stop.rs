//! `GET /v1/services/{service}/pools/{colour}/safe-to-stop`.

use axum::{Json, extract::State};

use super::{call_error::CallError, context::Context, order::colour, path::Named};
use crate::core::{ids::ServiceName, view::SafeToStop};

/// Whether a pool may be stopped. No is an answer, too, and no error.
pub(super) async fn one(
    State(context): State<Context>,
    Named((service, in_pool)): Named<(String, String)>,
) -> Result<Json<SafeToStop>, CallError> {
    let colour = colour(&in_pool)?;
    let name = ServiceName::new(&service);
    let verdict = context.handle.safe_to_stop(name, colour).await?;
    verdict.map(Json).ok_or(CallError::UnknownService(service))
}
