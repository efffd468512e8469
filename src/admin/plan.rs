//! `GET /v1/services/{service}/plan?to=COLOUR`, and how gradually: what a switch would do now.
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
    switch::paced,
};
use crate::{
    control::handle::SwitchOrder,
    core::{
        gate::plan::Plan,
        ids::{Colour, ServiceName},
        share::Share,
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

/// Where it would lead, and how gradually if not as the file says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    /// The colour that would be live.
    to: Colour,
    /// Shares with commas between them, as a switch may be asked for.
    steps: Option<String>,
    /// How long each of them lasts.
    every: Option<String>,
    /// All at once, whatever the file says; as a rollback goes.
    at_once: Option<bool>,
}

/// Plans a switch of one service.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    query: Result<Query<Way>, QueryRejection>,
) -> Result<Json<Plan>, CallError> {
    let Ok(Query(way)) = query else {
        return Err(CallError::Query {
            parameter: "to",
            expected: "`blue` or `green`; beside it are `steps`, `every` and `at_once`, and nothing else",
        });
    };
    let (to, pace) = (way.to, pace(way)?);
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
        pace,
        expect_tenure: None,
        wait: WaitFor::Committed,
    };
    plan_within(&context, order).await.map(Json)
}

fn pace(way: Way) -> Result<Pace, CallError> {
    let shares = |text: String| {
        text.split(',')
            .map(str::parse)
            .collect::<Result<Vec<Share>, _>>()
    };
    let steps = way.steps.map(shares).transpose();
    let steps = steps.map_err(|_| CallError::Query {
        parameter: "steps",
        expected: "shares such as `1%,10%,50%`",
    })?;
    paced(steps, way.every, way.at_once)
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
