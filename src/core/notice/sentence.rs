//! A notice as one sentence, for people who watch.
//!
//! Owns the wording that `cutover events` and the operators' page show; log lines have their own, made of fields.

use std::fmt;

use super::{Notice, ShiftChange};
use crate::core::{
    gate::verdict::GateVerdict,
    health::Health,
    ids::ServiceName,
    share::Share,
    shift::ShiftRecord,
    switch::{Actor, Receipt},
};

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SwitchWaiting { .. } | Self::GateAnswered(_) | Self::HookCalled { .. } => {
                gates(self, f)
            }
            Self::SwitchRefused { .. }
            | Self::Switched { .. }
            | Self::Shift { .. }
            | Self::ShiftAborted { .. }
            | Self::Drained { .. }
            | Self::DrainDeadlinePassed { .. }
            | Self::BarrierMissed { .. } => switch(self, f),
            Self::HealthChanged { .. }
            | Self::Ejected { .. }
            | Self::Readmitted { .. }
            | Self::EndpointsChanged { .. }
            | Self::EndpointDrained { .. }
            | Self::EndpointLeft { .. }
            | Self::ResolveFailed { .. }
            | Self::ProbesLate { .. } => endpoint(self, f),
            Self::Reloaded { .. }
            | Self::ReloadFailed { .. }
            | Self::ServiceAdded { .. }
            | Self::ServiceRemoved { .. }
            | Self::JournalFailed { .. }
            | Self::JournalDamaged { .. }
            | Self::ListenerOpened { .. }
            | Self::ListenerClosed { .. }
            | Self::CertificatesRenewed { .. }
            | Self::CertificatesRefused { .. } => process(self, f),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`fmt` names every variant and sorts the others away"
)]
fn switch(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::Shift {
            change,
            share,
            record,
            by,
        } => shift(f, (*change, *share), record, by.as_ref()),
        Notice::ShiftAborted { receipt } => write!(
            f,
            "{}: {} aborted the shift to {}; all goes to {} again",
            receipt.service,
            by(&receipt.actor),
            receipt.to,
            receipt.from
        ),
        Notice::SwitchRefused {
            services,
            actor,
            refusal,
        } => write!(
            f,
            "{}: the switch that {} asked for was refused: {refusal}",
            names(services),
            by(actor)
        ),
        Notice::Switched { receipt, .. } => switched(f, receipt),
        Notice::Drained { receipt, took } => drained(f, receipt, took.as_millis()),
        Notice::DrainDeadlinePassed {
            service,
            colour,
            left,
        } => write!(
            f,
            "{service}: the drain deadline of {colour} passed with {left} still in flight; they are cut"
        ),
        Notice::BarrierMissed { services, workers } => write!(
            f,
            "{}: {workers} workers did not answer the barrier in time",
            names(services)
        ),
        _ => Ok(()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`fmt` names every variant and sorts the others away"
)]
fn gates(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::SwitchWaiting {
            service,
            to,
            actor,
            gate,
            longest,
        } => write!(
            f,
            "{service}: {} asked for {to}; waiting for {gate} for up to {longest:?}",
            by(actor)
        ),
        Notice::GateAnswered(verdict) => gate(f, verdict),
        Notice::HookCalled {
            service,
            at,
            hook,
            failure,
        } => match failure {
            None => write!(f, "{service}: hook `{hook}` ({}) has answered", at.as_str()),
            Some(why) => write!(
                f,
                "{service}: hook `{hook}` ({}) failed: {why}",
                at.as_str()
            ),
        },
        _ => Ok(()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`fmt` names every variant and sorts the others away"
)]
fn endpoint(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::HealthChanged { .. } | Notice::Ejected { .. } | Notice::Readmitted { .. } => {
            health(notice, f)
        }
        Notice::EndpointsChanged {
            service,
            colour,
            endpoint,
            registered,
            actor,
        } => {
            let done = if *registered {
                "registered"
            } else {
                "deregistered"
            };
            let by = by(actor);
            write!(f, "{service}: {by} {done} {colour} endpoint {endpoint}")
        }
        Notice::EndpointDrained {
            service,
            colour,
            endpoint,
            drained,
            actor,
        } => {
            let done = if *drained { "drained" } else { "undrained" };
            let by = by(actor);
            write!(f, "{service}: {by} {done} {colour} endpoint {endpoint}")
        }
        Notice::EndpointLeft { receipt, took } => write!(
            f,
            "{}: {} endpoint {} was left by its requests in {} ms: {} finished, {} replayed, {} cut",
            receipt.service,
            receipt.colour,
            receipt.endpoint,
            took.as_millis(),
            receipt.finished,
            receipt.replayed,
            receipt.cut
        ),
        Notice::ResolveFailed { endpoint, error } => {
            write!(f, "endpoint {endpoint} was not resolved: {error}")
        }
        Notice::ProbesLate { count, behind } => {
            let behind = behind.as_millis();
            write!(f, "{count} probes were late, by up to {behind} ms")
        }
        _ => Ok(()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`fmt` names every variant and sorts the others away"
)]
fn process(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::Reloaded { changes, .. } if changes.is_empty() => {
            f.write_str("the file was applied; nothing changed")
        }
        Notice::Reloaded { changes, .. } => write!(f, "the file was applied: {}", listed(changes)),
        Notice::ReloadFailed { errors } => {
            write!(f, "the file was not applied: {}", listed(errors))
        }
        Notice::ServiceAdded { service, live, .. } => {
            write!(f, "{service}: served from now on, {live} is live")
        }
        Notice::ServiceRemoved { service } => write!(f, "{service}: served no more"),
        Notice::JournalFailed { error } => write!(f, "the journal was not written: {error}"),
        Notice::JournalDamaged { set_aside, damage } => write!(
            f,
            "{} lines of the journal could not be read; it was set aside as {set_aside}",
            damage.len()
        ),
        Notice::ListenerOpened { listener, addr } => {
            write!(f, "listener {listener} accepts on {addr}")
        }
        Notice::ListenerClosed { listener } => write!(f, "listener {listener} accepts no more"),
        Notice::CertificatesRenewed { files } => {
            write!(f, "certificates were renewed: {}", listed(files))
        }
        Notice::CertificatesRefused { errors } => {
            write!(f, "changed certificates were refused: {}", listed(errors))
        }
        _ => Ok(()),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`fmt` names every variant and sorts the others away"
)]
fn health(notice: &Notice, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match notice {
        Notice::HealthChanged {
            service,
            colour,
            endpoint,
            health,
            why,
        } => match health {
            Health::Unhealthy => {
                write!(
                    f,
                    "{service}: {colour} endpoint {endpoint} is unhealthy: {why}"
                )
            }
            Health::Healthy => write!(f, "{service}: {colour} endpoint {endpoint} is healthy"),
            Health::Unknown => {
                write!(
                    f,
                    "{service}: nothing is known of {colour} endpoint {endpoint}"
                )
            }
        },
        Notice::Ejected {
            service,
            colour,
            endpoint,
            lasts,
            why,
        } => write!(
            f,
            "{service}: {colour} endpoint {endpoint} is out for {lasts:?} because of its traffic: {why}"
        ),
        Notice::Readmitted {
            service,
            colour,
            endpoint,
        } => write!(
            f,
            "{service}: {colour} endpoint {endpoint} takes traffic again"
        ),
        _ => Ok(()),
    }
}

fn gate(f: &mut fmt::Formatter<'_>, verdict: &GateVerdict) -> fmt::Result {
    let GateVerdict {
        service,
        gate,
        colour,
        ..
    } = verdict;
    write!(f, "{service}: {gate}")?;
    if let Some(name) = &verdict.name {
        write!(f, " `{name}`")?;
    }
    write!(f, " of {colour} {}", verdict.verdict.as_str())?;
    if let Some(why) = &verdict.why {
        write!(f, ": {why}")?;
    }
    verdict
        .endpoints
        .iter()
        .take(SHOWN_LIMIT)
        .try_for_each(|it| write!(f, "; {}: {}", it.endpoint, it.why))
}

fn shift(
    f: &mut fmt::Formatter<'_>,
    (change, share): (ShiftChange, Share),
    record: &ShiftRecord,
    steered_by: Option<&Actor>,
) -> fmt::Result {
    let ShiftRecord { service, to, .. } = record;
    let who = by(steered_by.unwrap_or(&record.actor));
    match change {
        ShiftChange::Began => write!(f, "{service}: {who} began a shift to {to}, {share} so far"),
        ShiftChange::Restored => write!(f, "{service}: the shift to {to} goes on at {share}"),
        ShiftChange::Stepped => write!(f, "{service}: {share} go to {to}"),
        ShiftChange::Held => {
            write!(
                f,
                "{service}: the shift is held at {share}, because {to} is not ready"
            )
        }
        ShiftChange::Paused => write!(f, "{service}: {who} paused the shift to {to} at {share}"),
        ShiftChange::Resumed => write!(f, "{service}: {who} resumed the shift to {to} at {share}"),
    }
}

fn switched(f: &mut fmt::Formatter<'_>, receipt: &Receipt) -> fmt::Result {
    let Receipt {
        service,
        from,
        to,
        tenure,
        in_flight_at_commit,
        ..
    } = receipt;
    let done = if receipt.rollback {
        "rolled back"
    } else {
        "switched"
    };
    write!(
        f,
        "{service}: {} {done} from {from} to {to}, tenure {tenure}, with {in_flight_at_commit} in flight",
        by(&receipt.actor)
    )?;
    match receipt.barrier_us {
        Some(barrier) => write!(f, "; barrier {barrier} \u{b5}s"),
        None => Ok(()),
    }
}

fn drained(f: &mut fmt::Formatter<'_>, receipt: &Receipt, millis: u128) -> fmt::Result {
    write!(
        f,
        "{}: {} drained in {millis} ms: {} finished, {} replayed, {} cut",
        receipt.service,
        receipt.from,
        receipt.finished,
        receipt.replayed,
        receipt.cut.total()
    )
}

/// An actor in a sentence.
fn by(actor: &Actor) -> String {
    if actor.name == actor.kind.as_str() {
        return format!("the {}", actor.name);
    }
    actor.name.clone()
}

fn names(services: &[ServiceName]) -> String {
    let names: Vec<_> = services.iter().map(ToString::to_string).collect();
    listed(&names)
}

/// The first few of many.
fn listed(texts: &[String]) -> String {
    let shown = texts.iter().take(SHOWN_LIMIT).cloned().collect::<Vec<_>>();
    match texts.len().saturating_sub(SHOWN_LIMIT) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// Names, changes or errors in one sentence.
const SHOWN_LIMIT: usize = 4;
