//! `POST /v1/services/{service}/approve` and `/reject`: a second operator's word about a switch that waits for it.

use axum::{Json, extract::State};

use super::{
    body::Body, call_error::CallError, caller::Caller, context::Context, order::reason,
    path::Named, wire::WordBody,
};
use crate::{
    control::handle::WordOrder,
    core::{
        gate::word::{Heard, Word},
        ids::ServiceName,
    },
};

/// The switch may go on.
pub(super) async fn approve(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    body: Body<WordBody>,
) -> Result<Json<Heard>, CallError> {
    say(&context, (service, Word::Approve), caller, body).await
}

/// It may not.
pub(super) async fn reject(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    body: Body<WordBody>,
) -> Result<Json<Heard>, CallError> {
    say(&context, (service, Word::Reject), caller, body).await
}

async fn say(
    context: &Context,
    (service, word): (String, Word),
    caller: Caller,
    body: Body<WordBody>,
) -> Result<Json<Heard>, CallError> {
    let Body { mut fields, .. } = body;
    let order = WordOrder {
        service: ServiceName::new(&service),
        word,
        actor: caller.into_actor(),
        reason: reason(&mut fields)?,
    };
    Ok(Json(context.handle.say(order).await??))
}
