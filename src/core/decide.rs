//! Whether a switch may begin, and what it would change.
//!
//! Owns the refusals that need no waiting; must not change anything: a refused switch leaves no trace. Gates
//! are asked again and again until they open, so they are `procedure.rs`'s.

use std::{collections::BTreeMap, time::Duration};

use super::{
    drain::DRAINS_MAX,
    ids::{Colour, ServiceName, Tenure},
    standing::Standing,
    state::State,
    switch::{Outcome, Refusal, SwitchRequest, Unchanged, Wish},
};

/// What a switch that may begin is about to do.
#[derive(Debug)]
pub(in crate::core) struct Decision {
    /// The services that change; empty if all are as wanted.
    pub(super) targets: BTreeMap<ServiceName, Colour>,
    /// The others.
    pub(super) unchanged: Vec<Unchanged>,
    /// The longest of the targets'.
    pub(super) gate_timeout: Duration,
}

/// Decides on `request`: refused at once, or may begin.
pub(super) fn decide(state: &State, request: &SwitchRequest) -> Result<Decision, Refusal> {
    if state.shutting_down {
        return Err(Refusal::ShuttingDown);
    }
    let mut decision = Decision {
        targets: BTreeMap::new(),
        unchanged: Vec::new(),
        gate_timeout: Duration::ZERO,
    };
    for (service, colour) in wanted(&request.wish) {
        let (Some(served), Some(standing)) =
            (state.services.get(&service), state.standings.get(&service))
        else {
            return Err(Refusal::UnknownService(service.to_string()));
        };
        let expectations = (request.expect_live, request.expect_tenure);
        expected(expectations, &service, standing)?;
        idle(state, &service)?;
        let to = colour
            .or_else(|| standing.rollback_to())
            .ok_or_else(|| Refusal::NothingToRollBack(service.clone()))?;
        if standing.live == to {
            decision.unchanged.push(Unchanged {
                service,
                live: to,
                tenure: standing.tenure(),
            });
        } else if state.is_empty_pool(&service, to) {
            let colour = to;
            return Err(Refusal::EmptyPool { service, colour });
        } else {
            decision.gate_timeout = decision.gate_timeout.max(served.spec.switch.gate_timeout);
            decision.targets.insert(service, to);
        }
    }
    together(state, &request.wish)?;
    Ok(decision)
}

/// The services and the colour wanted of each; none is the one before.
fn wanted(wish: &Wish) -> Vec<(ServiceName, Option<Colour>)> {
    match wish {
        Wish::Switch(wanted) | Wish::SwitchGroup(_, wanted) => wanted
            .iter()
            .map(|(service, to)| (service.clone(), Some(*to)))
            .collect(),
        Wish::Rollback(service) => vec![(service.clone(), None)],
        Wish::RollbackGroup(_, services) => {
            let services = services.iter().cloned();
            services.map(|service| (service, None)).collect()
        }
    }
}

/// Refuses to take back the switch of a group of which one service has gone its own way since: the others would go
/// back, and that one somewhere else.
fn together(state: &State, wish: &Wish) -> Result<(), Refusal> {
    let Wish::RollbackGroup(group, services) = wish else {
        return Ok(());
    };
    let newest = |service: &ServiceName| {
        // An aborted shift has left everything as it was.
        let mut history = state.standings.get(service)?.history.iter();
        let receipt = history.find(|it| it.outcome != Outcome::Aborted)?;
        let of_group = receipt.group.as_ref() == Some(group);
        of_group.then_some((receipt.requested_at, &receipt.actor, receipt.to))
    };
    let mut newest = services.iter().map(|service| (service, newest(service)));
    let Some((first, switched)) = newest.next() else {
        return Ok(());
    };
    let apart = match switched {
        None => Some(first),
        Some(_) => newest.find(|(_, other)| *other != switched).map(|it| it.0),
    };
    apart.map_or(Ok(()), |service| {
        Err(Refusal::NotTogether {
            group: group.clone(),
            service: service.clone(),
        })
    })
}

/// Refuses on stale belief.
pub(super) fn expected(
    (live_then, tenure_then): (Option<Colour>, Option<Tenure>),
    service: &ServiceName,
    standing: &Standing,
) -> Result<(), Refusal> {
    let (live, tenure) = (standing.live, standing.tenure());
    if let Some(expected) = live_then.filter(|expected| *expected != live) {
        return Err(Refusal::NotExpectedLive {
            service: service.clone(),
            expected,
            live,
        });
    }
    if let Some(expected) = tenure_then.filter(|expected| *expected != tenure) {
        return Err(Refusal::StaleTenure {
            service: service.clone(),
            expected,
            tenure,
        });
    }
    Ok(())
}

/// Refuses while another switch of the service has not committed, or cannot get rid of what it drains.
fn idle(state: &State, service: &ServiceName) -> Result<(), Refusal> {
    if let Some(shift) = state.shifts.get(service) {
        return Err(shift.refusal());
    }
    if let Some(first) = state.operations.busy.get(service) {
        return Err(Refusal::Busy {
            service: service.clone(),
            to: first.to,
            actor: first.actor.name.clone(),
            since: first.since,
        });
    }
    match state.drains.oldest_of(service) {
        Some(drain) if state.drains.count_of(service) >= DRAINS_MAX => Err(Refusal::Busy {
            service: service.clone(),
            to: drain.receipt.to,
            actor: drain.receipt.actor.name.clone(),
            since: drain.receipt.requested_at,
        }),
        _ => Ok(()),
    }
}
