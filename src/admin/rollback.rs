//! `POST /v1/services/{service}/rollback`.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    body::Fields,
    call_error::CallError,
    caller::Caller,
    context::Context,
    order::{Terms, carry_out, if_match},
    path::Named,
    switch,
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
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, CallError> {
    let mut fields = fields.only(&["reason", "force", "expect_live", "wait"])?;
    let expect_live = fields.optional("expect_live", switch::COLOURS)?;
    let terms = Terms::take(&mut fields)?;
    let order = SwitchOrder {
        wish: Wish::Rollback(ServiceName::new(&service)),
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live,
        expect_tenure: if_match(&headers)?,
        pace: Pace::AtOnce,
        wait: terms.wait,
    };
    Ok(switch::answer(carry_out(&context, order).await?))
}
