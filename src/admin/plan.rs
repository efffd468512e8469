//! `GET /v1/services/{service}/plan?to=COLOUR`: what a switch would do now.
//!
//! Checks are made for real; nothing changes, so that whoever may look may ask.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    call_error::CallError, caller::Caller, context::Context, order::plan_within, path::Named,
};
use crate::{
    control::handle::SwitchOrder,
    core::{
        gate::plan::Plan,
        ids::{Colour, ServiceName},
        shift::Pace,
        switch::{WaitFor, Wish},
    },
};

/// Where it would lead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Aim {
    /// The colour that would be live.
    to: Colour,
}

/// Plans a switch of one service.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    query: Result<Query<Aim>, QueryRejection>,
) -> Result<Json<Plan>, CallError> {
    let to = aim(query)?;
    let name = ServiceName::new(&service);
    if context.handle.service(name.clone()).await?.is_none() {
        return Err(CallError::UnknownService(service));
    }
    let order = SwitchOrder {
        wish: Wish::Switch([(name, to)].into()),
        actor: caller.into_actor(),
        reason: None,
        force: false,
        expect_live: None,
        once: None,
        pace: Pace::AsFile,
        expect_tenure: None,
        wait: WaitFor::Committed,
    };
    plan_within(&context, order).await.map(Json)
}

/// The colour that is asked about.
pub(super) fn aim(query: Result<Query<Aim>, QueryRejection>) -> Result<Colour, CallError> {
    let Ok(Query(Aim { to })) = query else {
        return Err(CallError::Query {
            parameter: "to",
            expected: "`blue` or `green`, and the only parameter",
        });
    };
    Ok(to)
}
