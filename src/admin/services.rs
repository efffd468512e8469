//! `GET /v1/services` and `GET /v1/services/{service}`.

use axum::{Json, extract::State};

use super::{
    call_error::CallError, context::Context, path::Named, precondition::Tagged,
    wire::ServicesAnswer,
};
use crate::core::{ids::ServiceName, view::ServiceView};

/// Every service.
pub(super) async fn all(State(context): State<Context>) -> Result<Json<ServicesAnswer>, CallError> {
    let services = context.handle.services().await?;
    Ok(Json(ServicesAnswer { services }))
}

/// One service; its tenure is the `ETag`.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
) -> Result<Tagged<ServiceView>, CallError> {
    let name = ServiceName::new(&service);
    let view = context.handle.service(name).await?;
    let view = view.ok_or(CallError::UnknownService(service))?;
    Ok(Tagged(Some(view.tenure), view))
}
