//! `PUT` and `DELETE /v1/services/{service}/pools/{colour}/endpoints/{addr}`, and `POST` to `drain` and `undrain` below it.

use std::{num::NonZeroU16, time::Duration};

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    body::Body,
    call_error::CallError,
    caller::Caller,
    context::Context,
    order::colour,
    path::Named,
    wire::{EndpointBody, EndpointChanged},
};
use crate::{
    config::{parse_duration, parse_endpoint},
    control::handle::{EndpointChange, EndpointOrder},
    core::{
        event::{DrainChange, EndpointAnswer, LeaveTerms},
        ids::ServiceName,
        switch::WaitFor,
    },
};

/// The parts of a path that name an endpoint.
type Place = Named<(String, String, String)>;

/// How an endpoint is to leave, as it is typed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    /// Also the last ready endpoint of the live pool.
    #[serde(default)]
    force: bool,
    /// When to answer.
    #[serde(default)]
    wait: WaitFor,
    /// When to cut what is left, such as `30s`.
    deadline: Option<String>,
}

/// Registers an endpoint, or changes its weight.
pub(super) async fn register(
    State(context): State<Context>,
    path: Place,
    caller: Caller,
    body: Body<EndpointBody>,
) -> Result<Json<EndpointChanged>, CallError> {
    let Body { mut fields, .. } = body;
    let weight = fields.optional("weight", "a number from 1 to 65535")?;
    let change = EndpointChange::Register(weight.unwrap_or(NonZeroU16::MIN));
    carry_out(&context, path, caller, change).await
}

/// Deregisters an endpoint; its requests in flight go on to their end, or to a deadline.
pub(super) async fn deregister(
    State(context): State<Context>,
    path: Place,
    caller: Caller,
    terms: Result<Query<Terms>, QueryRejection>,
) -> Result<Json<EndpointChanged>, CallError> {
    let change = EndpointChange::Deregister(judged(terms)?);
    carry_out(&context, path, caller, change).await
}

/// Keeps requests away from an endpoint; those in flight go on to their end, or to a deadline.
pub(super) async fn drain(
    State(context): State<Context>,
    path: Place,
    caller: Caller,
    terms: Result<Query<Terms>, QueryRejection>,
) -> Result<Json<EndpointChanged>, CallError> {
    let change = EndpointChange::Drain(DrainChange::Drain(judged(terms)?));
    carry_out(&context, path, caller, change).await
}

/// Lets requests come back.
pub(super) async fn undrain(
    State(context): State<Context>,
    path: Place,
    caller: Caller,
) -> Result<Json<EndpointChanged>, CallError> {
    let change = EndpointChange::Drain(DrainChange::Undrain);
    carry_out(&context, path, caller, change).await
}

fn judged(terms: Result<Query<Terms>, QueryRejection>) -> Result<LeaveTerms, CallError> {
    let Ok(Query(terms)) = terms else {
        return Err(CallError::Query {
            parameter: "force, wait or deadline",
            expected: "`force=true`, `wait=committed` or `wait=drained`, `deadline=30s`, and nothing else",
        });
    };
    let deadline = terms.deadline.as_deref().map(parse_duration).transpose();
    let deadline = deadline.map_err(|_| CallError::Query {
        parameter: "deadline",
        expected: "a duration such as `30s`",
    })?;
    Ok(LeaveTerms {
        force: terms.force,
        wait: terms.wait,
        deadline,
    })
}

async fn carry_out(
    context: &Context,
    Named((service, in_pool, addr)): Place,
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
    let patience = patience(change);
    let answer = tokio::time::timeout(patience, context.handle.endpoint(order));
    match answer
        .await
        .map_err(|_| CallError::GaveUpWaiting(patience.as_secs()))??
    {
        EndpointAnswer::Done { changed, receipt } => Ok(Json(EndpointChanged {
            changed,
            receipt: receipt.map(|it| *it),
        })),
        EndpointAnswer::Refused(refusal) => Err(refusal.into()),
    }
}

/// How long it may take: the journal and the barrier, and what is waited for.
const fn patience(change: EndpointChange) -> Duration {
    let (EndpointChange::Deregister(terms) | EndpointChange::Drain(DrainChange::Drain(terms))) =
        change
    else {
        return SLACK;
    };
    match (terms.wait, terms.deadline) {
        (WaitFor::Begun | WaitFor::Committed, _) => SLACK,
        (WaitFor::Drained, Some(deadline)) => deadline.saturating_add(SLACK),
        (WaitFor::Drained, None) => LONGEST,
    }
}

/// For the journal, the barrier, and the cutting of what is left.
const SLACK: Duration = Duration::from_secs(15);
/// For requests that no deadline ends.
const LONGEST: Duration = Duration::from_secs(60 * 60);
