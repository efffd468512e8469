//! `POST /v1/services/{service}/switch`.

use std::collections::BTreeMap;

use axum::extract::State;

use super::{
    body::{Body, Fields},
    call_error::CallError,
    caller::Caller,
    context::Context,
    once::IdempotencyKey,
    order::{Carried, Terms, carry_out},
    path::Named,
    precondition::{IfMatch, Tagged},
    wire::{SwitchBody, SwitchOneAnswer},
};
use crate::{
    config::parse_period,
    control::handle::SwitchOrder,
    core::{
        ids::{Colour, ServiceName},
        share::Share,
        shift::{self, Pace},
        switch::{Outcome, Wish},
    },
};

/// Makes a colour live.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    caller: Caller,
    (IfMatch(expect_tenure), key): (IfMatch, IdempotencyKey),
    body: Body<SwitchBody>,
) -> Result<Tagged<SwitchOneAnswer>, CallError> {
    let Body { mut fields, .. } = body;
    let once = key.over(&fields);
    let to: Colour = fields.required("to", COLOURS)?;
    let expect_live = fields.optional("expect_live", COLOURS)?;
    let pace = pace(&mut fields)?;
    let terms = Terms::take(&mut fields)?;
    let order = SwitchOrder {
        wish: Wish::Switch(BTreeMap::from([(ServiceName::new(&service), to)])),
        actor: caller.into_actor(),
        reason: terms.reason,
        force: terms.force,
        expect_live,
        expect_tenure,
        pace,
        once,
        wait: terms.wait,
    };
    Ok(answer(carry_out(&context, order).await?))
}

fn pace(fields: &mut Fields) -> Result<Pace, CallError> {
    let typed: Option<Vec<Share>> = fields.optional("steps", STEPS)?;
    let every: Option<String> = fields.optional("every", EVERY)?;
    let at_once = fields.optional("at_once", "true or false")?;
    paced(typed, every, at_once)
}

/// How gradually, by what was typed of it.
pub(super) fn paced(
    typed: Option<Vec<Share>>,
    every: Option<String>,
    at_once: Option<bool>,
) -> Result<Pace, CallError> {
    let wrong = |field, expected, found: String| CallError::Field {
        field,
        expected,
        found,
    };
    if at_once == Some(true) {
        return match typed {
            None => Ok(Pace::AtOnce),
            Some(_) => Err(wrong(
                "steps",
                "not there with `at_once`",
                "a list".to_owned(),
            )),
        };
    }
    let every = every
        .map(|text| parse_period(&text).map_err(|_| wrong("every", EVERY, format!("`{text}`"))))
        .transpose()?;
    match (typed, every) {
        (None, None) => Ok(Pace::AsFile),
        (None, Some(_)) => Err(CallError::MissingField {
            field: "steps",
            expected: STEPS,
        }),
        (Some(typed), every) => {
            let steps = shift::steps(&typed);
            let steps = steps.map_err(|bad| wrong("steps", STEPS, format!("that: {bad}")))?;
            Ok(Pace::Steps(steps, every))
        }
    }
}

/// The answer about one service, with its tenure from now on.
pub(super) fn answer(carried: Carried) -> Tagged<SwitchOneAnswer> {
    let receipt = carried.receipts.into_iter().next();
    let unchanged = carried.unchanged.into_iter().next();
    let committed = receipt
        .as_ref()
        .filter(|receipt| receipt.outcome != Outcome::Aborted);
    let tenure = committed
        .map(|receipt| receipt.tenure)
        .or(unchanged.as_ref().map(|unchanged| unchanged.tenure));
    let body = SwitchOneAnswer {
        changed: committed.is_some(),
        receipt,
        unchanged,
        shift: carried.shift,
    };
    Tagged(tenure, body)
}

const STEPS: &str = "a list of at most 64 shares that rise, such as [\"1%\",\"10%\",\"50%\"]";
const EVERY: &str = "a duration such as \"2m\"";
/// What a field that names a colour must be.
pub(super) const COLOURS: &str = "`blue` or `green`";
