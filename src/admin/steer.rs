//! `POST /v1/services/{service}/pause`, `/resume`, `/complete` and `/abort`: what may be asked of a gradual switch under
//! way.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    body::Fields,
    call_error::CallError,
    caller::Caller,
    context::Context,
    order::{Carried, Terms, if_match, patience_of, wait_for},
    path::Named,
    switch,
};
use crate::{
    control::handle::SteerOrder,
    core::{ids::ServiceName, steer::Steer},
};

/// One call: the context, the service, and what came with it.
type Call = (State<Context>, Named<String>, Caller, HeaderMap, Fields);

/// Stays at the present share.
pub(super) async fn pause(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    steer(Steer::Pause, (context, service, caller, headers, fields)).await
}

/// Goes on with the rest of the step.
pub(super) async fn resume(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    steer(Steer::Resume, (context, service, caller, headers, fields)).await
}

/// Commits now.
pub(super) async fn complete(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    steer(Steer::Complete, (context, service, caller, headers, fields)).await
}

/// Goes back to the live colour alone.
pub(super) async fn abort(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    steer(Steer::Abort, (context, service, caller, headers, fields)).await
}

async fn steer(steer: Steer, call: Call) -> Result<Response, CallError> {
    let (State(context), Named(service), caller, headers, fields) = call;
    let known: &[&str] = match steer {
        Steer::Pause | Steer::Resume => &["reason"],
        Steer::Complete => &["reason", "force", "wait"],
        Steer::Abort => &["reason", "wait"],
    };
    let mut fields = fields.only(known)?;
    let terms = Terms::take(&mut fields)?;
    let order = SteerOrder {
        service: ServiceName::new(&service),
        steer,
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_tenure: if_match(&headers)?,
        wait: terms.wait,
    };
    let config = context.handle.config().await?;
    let patience = patience_of(&config, &order.service, order.wait);
    let answer = wait_for(patience, context.handle.steer(order)).await?;
    Ok(switch::answer(Carried::of(answer)?))
}
