//! `POST /v1/services/{service}/pause`, `/resume`, `/complete` and `/abort`: what may be asked of a gradual switch under
//! way.

use axum::extract::State;

use super::{
    body::{Body, Fields},
    call_error::CallError,
    caller::Caller,
    context::Context,
    order::{Carried, Terms, patience_of, wait_for},
    path::Named,
    precondition::{IfMatch, Tagged},
    switch,
    wire::{AbortBody, CompleteBody, SwitchOneAnswer, WordBody},
};
use crate::{
    control::handle::SteerOrder,
    core::{ids::ServiceName, steer::Steer},
};

/// One call: the context, the service, and what came with it.
type Call = (State<Context>, Named<String>, Caller, IfMatch, Fields);

/// Stays at the present share.
pub(super) async fn pause(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    expected: IfMatch,
    body: Body<WordBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    steer(
        Steer::Pause,
        (context, service, caller, expected, body.fields),
    )
    .await
}

/// Goes on with the rest of the step.
pub(super) async fn resume(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    expected: IfMatch,
    body: Body<WordBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    steer(
        Steer::Resume,
        (context, service, caller, expected, body.fields),
    )
    .await
}

/// Commits now.
pub(super) async fn complete(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    expected: IfMatch,
    body: Body<CompleteBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    steer(
        Steer::Complete,
        (context, service, caller, expected, body.fields),
    )
    .await
}

/// Goes back to the live colour alone.
pub(super) async fn abort(
    context: State<Context>,
    service: Named<String>,
    caller: Caller,
    expected: IfMatch,
    body: Body<AbortBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    steer(
        Steer::Abort,
        (context, service, caller, expected, body.fields),
    )
    .await
}

async fn steer(steer: Steer, call: Call) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    let (State(context), Named(service), caller, IfMatch(expect_tenure), mut fields) = call;
    let terms = Terms::take(&mut fields)?;
    let order = SteerOrder {
        service: ServiceName::new(&service),
        steer,
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_tenure,
        wait: terms.wait,
    };
    let config = context.handle.config().await?;
    let patience = patience_of(&config, &order.service, order.wait);
    let answer = wait_for(patience, context.handle.steer(order)).await?;
    Ok(switch::answer(Carried::of(answer)?))
}
