//! `POST /v1/services/{service}/approve` and `/reject`: a second operator's word about a switch that waits for it.

use axum::{Json, extract::State};

use super::{
    body::Fields, call_error::CallError, caller::Caller, context::Context, order::reason,
    path::Named,
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
    fields: Fields,
) -> Result<Json<Heard>, CallError> {
    say(&context, (service, Word::Approve), caller, fields).await
}

/// It may not.
pub(super) async fn reject(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<Heard>, CallError> {
    say(&context, (service, Word::Reject), caller, fields).await
}

async fn say(
    context: &Context,
    (service, word): (String, Word),
    caller: Caller,
    fields: Fields,
) -> Result<Json<Heard>, CallError> {
    let mut fields = fields.only(&["reason"])?;
    let order = WordOrder {
        service: ServiceName::new(&service),
        word,
        actor: caller.into_actor(),
        reason: reason(&mut fields)?,
    };
    Ok(Json(context.handle.say(order).await??))
}
