//! `POST /v1/groups/{group}/switch` and `/rollback`, `GET /v1/groups` and `/v1/groups/{group}/plan`: the services of a
//! group, all of them or none.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};

use super::{
    body::Body,
    call_error::CallError,
    caller::Caller,
    context::Context,
    once::IdempotencyKey,
    order::{Terms, carry_out, plan_within},
    path::Named,
    plan::{Aim, aim},
    precondition::Unconditional,
    switch,
    wire::{GroupsAnswer, RollbackGroupBody, SwitchGroupBody, SwitchManyAnswer},
};
use crate::{
    config::GroupConfig,
    control::handle::SwitchOrder,
    core::{
        gate::plan::Plan,
        ids::Colour,
        shift::Pace,
        switch::{WaitFor, Wish},
    },
};

/// Every group, with its services.
pub(super) async fn all(State(context): State<Context>) -> Result<Json<GroupsAnswer>, CallError> {
    let config = context.handle.config().await?;
    let groups = config.groups.iter();
    Ok(Json(GroupsAnswer {
        groups: groups
            .map(|it| (it.name.clone(), it.services.clone()))
            .collect(),
    }))
}

/// Makes a colour live in every service of a group.
pub(super) async fn switch(
    State(context): State<Context>,
    Named(group): Named<String>,
    caller: Caller,
    (_, key): (Unconditional, IdempotencyKey),
    body: Body<SwitchGroupBody>,
) -> Result<Json<SwitchManyAnswer>, CallError> {
    let Body { mut fields, .. } = body;
    let once = key.over(&fields);
    let to: Colour = fields.required("to", switch::COLOURS)?;
    let terms = Terms::take(&mut fields)?;
    let wish = to_colour(find(&context, group).await?, to);
    let order = SwitchOrder {
        once,
        ..order(wish, caller, terms)
    };
    answered(&context, order).await
}

/// Takes back the last switch of a group.
pub(super) async fn rollback(
    State(context): State<Context>,
    Named(group): Named<String>,
    caller: Caller,
    (_, key): (Unconditional, IdempotencyKey),
    body: Body<RollbackGroupBody>,
) -> Result<Json<SwitchManyAnswer>, CallError> {
    let Body { mut fields, .. } = body;
    let once = key.over(&fields);
    let terms = Terms::take(&mut fields)?;
    let group = find(&context, group).await?;
    let wish = Wish::RollbackGroup(group.name, group.services);
    let order = SwitchOrder {
        once,
        ..order(wish, caller, terms)
    };
    answered(&context, order).await
}

/// Plans a switch of a group.
pub(super) async fn plan(
    State(context): State<Context>,
    Named(group): Named<String>,
    caller: Caller,
    query: Result<Query<Aim>, QueryRejection>,
) -> Result<Json<Plan>, CallError> {
    let to = aim(query)?;
    let wish = to_colour(find(&context, group).await?, to);
    let terms = Terms {
        reason: None,
        force: false,
        wait: WaitFor::Committed,
    };
    plan_within(&context, order(wish, caller, terms))
        .await
        .map(Json)
}

async fn find(context: &Context, group: String) -> Result<GroupConfig, CallError> {
    let config = context.handle.config().await?;
    let mut groups = config.groups.iter();
    let found = groups.find(|it| it.name.as_str() == group).cloned();
    found.ok_or(CallError::UnknownGroup(group))
}

fn to_colour(group: GroupConfig, to: Colour) -> Wish {
    let services = group.services.into_iter();
    let colours: BTreeMap<_, _> = services.map(|service| (service, to)).collect();
    Wish::SwitchGroup(group.name, colours)
}

fn order(wish: Wish, caller: Caller, terms: Terms) -> SwitchOrder {
    SwitchOrder {
        wish,
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live: None,
        expect_tenure: None,
        pace: Pace::AtOnce,
        once: None,
        wait: terms.wait,
    }
}

async fn answered(
    context: &Context,
    order: SwitchOrder,
) -> Result<Json<SwitchManyAnswer>, CallError> {
    let carried = carry_out(context, order).await?;
    Ok(Json(SwitchManyAnswer {
        changed: !carried.receipts.is_empty(),
        receipts: carried.receipts,
        unchanged: carried.unchanged,
    }))
}
