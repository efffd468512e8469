//! `POST /v1/switch`: several services in one publish, all of them or none.

use std::collections::BTreeMap;

use axum::{Json, extract::State};

use super::{
    body::Body,
    call_error::CallError,
    caller::Caller,
    context::Context,
    once::IdempotencyKey,
    order::{Terms, carry_out},
    precondition::Unconditional,
    wire::{SwitchManyAnswer, SwitchManyBody},
};
use crate::{
    control::handle::SwitchOrder,
    core::{
        ids::{Colour, ServiceName},
        shift::Pace,
        switch::Wish,
    },
};

/// Makes a colour live in each of several services.
pub(super) async fn many(
    State(context): State<Context>,
    caller: Caller,
    _: Unconditional,
    key: IdempotencyKey,
    body: Body<SwitchManyBody>,
) -> Result<Json<SwitchManyAnswer>, CallError> {
    let Body { mut fields, .. } = body;
    let once = key.over(&fields);
    let colours: BTreeMap<ServiceName, Colour> = fields.required("services", SERVICES)?;
    if colours.is_empty() {
        return Err(CallError::MissingField {
            field: "services",
            expected: SERVICES,
        });
    }
    let terms = Terms::take(&mut fields)?;
    let order = SwitchOrder {
        wish: Wish::Switch(colours),
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live: None,
        expect_tenure: None,
        pace: Pace::AtOnce,
        once,
        wait: terms.wait,
    };
    let carried = carry_out(&context, order).await?;
    Ok(Json(SwitchManyAnswer {
        changed: !carried.receipts.is_empty(),
        receipts: carried.receipts,
        unchanged: carried.unchanged,
    }))
}

const SERVICES: &str =
    "names of services with `blue` or `green` each, such as {\"shop\":\"green\"}";
