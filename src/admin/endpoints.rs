//! `PUT` and `DELETE /v1/services/{service}/pools/{colour}/endpoints/{addr}`.

use std::num::NonZeroU16;

use axum::{Json, extract::State};

use super::{
    body::Fields, call_error::CallError, caller::Caller, context::Context, order::colour,
    path::Named, wire::EndpointChanged,
};
use crate::{
    config::parse_endpoint,
    control::handle::{EndpointChange, EndpointOrder},
    core::{event::EndpointAnswer, ids::ServiceName},
};

/// Registers an endpoint, or changes its weight.
pub(super) async fn register(
    State(context): State<Context>,
    path: Named<(String, String, String)>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<EndpointChanged>, CallError> {
    let mut fields = fields.only(&["weight"])?;
    let weight = fields.optional("weight", "a number from 1 to 65535")?;
    let change = EndpointChange::Register(weight.unwrap_or(NonZeroU16::MIN));
    carry_out(&context, path, caller, change).await
}

/// Deregisters an endpoint; its requests in flight go on to their end.
pub(super) async fn deregister(
    State(context): State<Context>,
    path: Named<(String, String, String)>,
    caller: Caller,
) -> Result<Json<EndpointChanged>, CallError> {
    carry_out(&context, path, caller, EndpointChange::Deregister).await
}

async fn carry_out(
    context: &Context,
    Named((service, in_pool, addr)): Named<(String, String, String)>,
    caller: Caller,
    change: EndpointChange,
) -> Result<Json<EndpointChanged>, CallError> {
    let order = EndpointOrder {
        service: ServiceName::new(&service),
        colour: colour(&in_pool)?,
        addr: parse_endpoint(&addr)?,
        change,
        actor: caller.into_actor(),
    };
    match context.handle.endpoint(order).await? {
        EndpointAnswer::Done { changed } => Ok(Json(EndpointChanged { changed })),
        EndpointAnswer::Refused(refusal) => Err(refusal.into()),
    }
}
