//! What the calls that switch have in common: their terms, their precondition, and the bounded wait.

use std::{future::Future, sync::Arc, time::Duration};

use super::{body::Fields, call_error::CallError, context::Context};
use crate::{
    config::Config,
    control::handle::{Gone, SwitchOrder},
    core::{
        gate::{plan::Plan, spec::GatesSpec},
        ids::{Colour, ServiceName},
        service::ServiceSpec,
        shift::ShiftView,
        switch::{Receipt, SwitchAnswer, Unchanged, WaitFor},
    },
};

/// Why, how hard, and how long.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) reason: Option<String>,
    pub(super) force: bool,
    pub(super) wait: WaitFor,
}

impl Terms {
    /// Takes the fields that every switch may have.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, CallError> {
        Ok(Self {
            reason: reason(fields)?,
            force: fields.optional("force", "true or false")?.unwrap_or(false),
            wait: fields
                .optional("wait", "`begun`, `committed` or `drained`")?
                .unwrap_or_default(),
        })
    }
}

pub(super) fn reason(fields: &mut Fields) -> Result<Option<String>, CallError> {
    let expected = "a text of at most 512 printable characters";
    let Some(text) = fields.optional::<String>("reason", expected)? else {
        return Ok(None);
    };
    let wrong = |found: &str| CallError::Field {
        field: "reason",
        expected,
        found: found.to_owned(),
    };
    if text.chars().count() > REASON_LIMIT {
        return Err(wrong("a longer one"));
    }
    // It is shown in terminals, where control characters are orders.
    if text.chars().any(char::is_control) {
        return Err(wrong("one with control characters"));
    }
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Has the order carried out, and waits for no longer than it can take.
pub(super) async fn carry_out(context: &Context, order: SwitchOrder) -> Result<Carried, CallError> {
    let patience = patience(&*context.handle.config().await?, &order);
    Carried::of(wait_for(patience, context.handle.switch(order)).await?)
}

/// Waits for no longer than `patience`.
pub(super) async fn wait_for(
    patience: Duration,
    answer: impl Future<Output = Result<SwitchAnswer, Gone>>,
) -> Result<SwitchAnswer, CallError> {
    match tokio::time::timeout(patience, answer).await {
        Err(_) => Err(CallError::GaveUpWaiting(patience.as_secs())),
        Ok(answer) => Ok(answer?),
    }
}

/// What an order that was not refused has led to.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// One for each service that changed, or was kept from changing by an abort.
    pub(super) receipts: Vec<Receipt>,
    /// Services on which the wanted colour was live already.
    pub(super) unchanged: Vec<Unchanged>,
    /// A gradual switch that goes on.
    pub(super) shift: Option<ShiftView>,
}

impl Carried {
    pub(super) fn of(answer: SwitchAnswer) -> Result<Self, CallError> {
        match answer {
            SwitchAnswer::Done {
                receipts,
                unchanged,
            } => Ok(Self {
                receipts,
                unchanged,
                shift: None,
            }),
            SwitchAnswer::Shifting(shift) => Ok(Self {
                shift: Some(*shift),
                ..Self::default()
            }),
            SwitchAnswer::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// What the order would do, as soon as its checks have been made.
pub(super) async fn plan_within(context: &Context, order: SwitchOrder) -> Result<Plan, CallError> {
    let config = context.handle.config().await?;
    let checks = each(&config, &order, GatesSpec::checks_longest);
    let patience = checks.saturating_add(SLACK);
    match tokio::time::timeout(patience, context.handle.plan(order)).await {
        Err(_) => Err(CallError::Timeout(patience.as_secs())),
        Ok(plan) => Ok(plan?),
    }
}

/// How long the gates, the steps, the barrier and, where it is waited for, the drain may take by the file.
fn patience(config: &Config, order: &SwitchOrder) -> Duration {
    let longest = concerned(config, order)
        .map(|service| {
            // Where others are asked, enough must be ready once more when they have answered.
            let looks = 1 + u32::from(!service.switch.gates.is_empty());
            let gates = service.switch.gate_timeout.saturating_mul(looks);
            let plan = service.switch.shift.plan(&order.pace);
            let shift = plan.map_or(Duration::ZERO, |plan| plan.lasts());
            match order.wait {
                WaitFor::Begun => gates,
                WaitFor::Committed => gates.saturating_add(shift),
                WaitFor::Drained => gates
                    .saturating_add(shift)
                    .saturating_add(service.switch.drain_deadline),
            }
        })
        .max();
    longest
        .unwrap_or_default()
        .saturating_add(each(config, order, GatesSpec::longest))
        .saturating_add(SLACK)
}

/// How long the end of a gradual switch may take.
pub(super) fn patience_of(config: &Config, name: &ServiceName, wait: WaitFor) -> Duration {
    let mut services = config.services.iter();
    let drain = match wait {
        WaitFor::Begun | WaitFor::Committed => None,
        WaitFor::Drained => services.find(|it| it.name == *name),
    };
    let drain = drain.map_or(Duration::ZERO, |it| it.switch.drain_deadline);
    drain.saturating_add(SLACK)
}

/// How long the gates that others are asked about may take; those of several services are asked in turn.
fn each(
    config: &Config,
    order: &SwitchOrder,
    longest: fn(&GatesSpec, usize) -> Duration,
) -> Duration {
    concerned(config, order)
        .map(|service| {
            let pools = service.pools.iter().map(|(_, pool)| pool.len());
            longest(&service.switch.gates, pools.max().unwrap_or(1))
        })
        .fold(Duration::ZERO, Duration::saturating_add)
}

fn concerned<'a>(
    config: &'a Config,
    order: &'a SwitchOrder,
) -> impl Iterator<Item = &'a Arc<ServiceSpec>> {
    let named = order.wish.services();
    let services = config.services.iter();
    services.filter(move |it| named.contains(&it.name))
}

/// The colour named in a path.
pub(super) fn colour(text: &str) -> Result<Colour, CallError> {
    text.parse()
        .map_err(|_| CallError::UnknownColour(text.to_owned()))
}

/// Characters of a reason.
const REASON_LIMIT: usize = 512;
/// For the journal, the barrier, and the cutting of what is left.
const SLACK: Duration = Duration::from_secs(15);
