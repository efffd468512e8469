//! `POST /v1/services/{service}/rollback`.

use axum::extract::State;

use super::{
    body::Body,
    call_error::CallError,
    caller::Caller,
    context::Context,
    once::IdempotencyKey,
    order::{Terms, carry_out},
    path::Named,
    precondition::{IfMatch, Tagged},
    switch,
    wire::{RollbackBody, SwitchOneAnswer},
};
use crate::{
    control::handle::SwitchOrder,
    core::{ids::ServiceName, shift::Pace, switch::Wish},
};

/// Goes back to the colour that was live before.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    (IfMatch(expect_tenure), key): (IfMatch, IdempotencyKey),
    body: Body<RollbackBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    let Body { mut fields, .. } = body;
    let once = key.over(&fields);
    let expect_live = fields.optional("expect_live", switch::COLOURS)?;
    let terms = Terms::take(&mut fields)?;
    let order = SwitchOrder {
        wish: Wish::Rollback(ServiceName::new(&service)),
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live,
        expect_tenure,
        pace: Pace::AtOnce,
        once,
        wait: terms.wait,
    };
    Ok(switch::answer(carry_out(&context, order).await?))
}
