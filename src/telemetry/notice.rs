//! Notices become log lines and metrics here, and nowhere else, so that the two cannot disagree.
//!
//! Owns the wording: messages are constant, lower case, past tense; whatever varies is a field. Must not decide
//! what is worth telling: core does. Free text (reasons, errors) is written as a quoted field, so that nothing
//! that came from outside can begin a line of its own.

mod gates;
mod kind;
mod shift;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tracing::{error, info, warn};

pub use self::kind::kind;
use super::{events::Events, metrics::Metrics};
use crate::core::{
    health::Health,
    ids::ServiceName,
    notice::Notice,
    switch::{Actor, Receipt},
    time::Timestamp,
    tls::CertificateInUse,
};

/// Tells people; cheap to clone.
#[derive(Clone, Debug)]
pub struct Notices {
    metrics: Arc<Metrics>,
    events: Arc<Events>,
}

impl Notices {
    /// Notices that count in `metrics`.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let events = Arc::new(Events::new(now()));
        Self { metrics, events }
    }

    /// What was told lately, for whoever watches.
    #[must_use]
    pub const fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// Shows until when certificates hold; those that were shown before are forgotten.
    pub fn certificates(&self, in_use: Vec<CertificateInUse>) {
        self.metrics.certificates(in_use);
    }

    /// Writes the log line of one notice, moves its metrics, and shows it to whoever watches.
    pub fn tell(&self, notice: &Notice) {
        self.metrics.count(notice);
        self.events.add(notice, now());
        match notice {
            Notice::SwitchWaiting { .. }
            | Notice::GateAnswered(_)
            | Notice::HookCalled { .. }
            | Notice::SwitchRefused { .. }
            | Notice::Switched { .. }
            | Notice::Shift { .. }
            | Notice::ShiftAborted { .. }
            | Notice::Drained { .. }
            | Notice::DrainDeadlinePassed { .. }
            | Notice::BarrierMissed { .. } => log_switch(notice),
            Notice::HealthChanged { .. }
            | Notice::Ejected { .. }
            | Notice::Readmitted { .. }
            | Notice::EndpointsChanged { .. }
            | Notice::EndpointDrained { .. }
            | Notice::EndpointLeft { .. }
            | Notice::ResolveFailed { .. }
            | Notice::ProbesLate { .. } => log_endpoint(notice),
            Notice::Reloaded { .. }
            | Notice::ReloadFailed { .. }
            | Notice::ServiceAdded { .. }
            | Notice::ServiceRemoved { .. }
            | Notice::ListenerOpened { .. }
            | Notice::ListenerClosed { .. }
            | Notice::JournalFailed { .. }
            | Notice::JournalDamaged { .. }
            | Notice::CertificatesRenewed { .. }
            | Notice::CertificatesRefused { .. } => log_process(notice),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`tell` names every variant and sorts the others away"
)]
fn log_switch(notice: &Notice) {
    match notice {
        Notice::SwitchWaiting {
            service,
            to,
            actor,
            gate,
            longest,
        } => {
            let (by, actor) = who(actor);
            info!(target: LOG, %service, %to, %by, actor, %gate, ?longest, "gates asked");
        }
        Notice::GateAnswered(gate) => gates::log_gate(gate),
        Notice::HookCalled {
            service,
            at,
            hook,
            failure,
        } => gates::log_hook(service, *at, hook, failure.as_deref()),
        Notice::SwitchRefused {
            services,
            actor,
            refusal,
        } => {
            let (by, actor) = who(actor);
            let (services, refusal) = (names(services), refusal.to_string());
            warn!(target: LOG, services, %by, actor, refusal, "switch refused");
        }
        Notice::Switched {
            receipt,
            generation,
        } => log_switched(receipt, generation.0),
        Notice::Shift {
            change,
            share,
            record,
            by,
        } => shift::log(*change, *share, record, by.as_ref()),
        Notice::ShiftAborted { receipt } => shift::log_aborted(receipt),
        Notice::Drained { receipt, took } => log_drained(receipt, *took),
        Notice::DrainDeadlinePassed {
            service,
            colour,
            left,
        } => warn!(target: LOG, %service, %colour, left, "drain deadline passed"),
        Notice::BarrierMissed { services, workers } => {
            let services = names(services);
            error!(target: LOG, services, workers, "barrier missed");
        }
        _ => {}
    }
}

fn log_switched(receipt: &Receipt, generation: u64) {
    let (by, actor) = who(&receipt.actor);
    let tenure = receipt.tenure.0;
    let Receipt {
        service,
        from,
        to,
        reason,
        forced,
        gate_ms,
        barrier_us,
        in_flight_at_commit: in_flight,
        ..
    } = receipt;
    let reason = reason.as_deref();
    // The message is part of the macro, so that it is constant.
    if receipt.rollback {
        info!(
            target: LOG, %service, %from, %to, generation, tenure, %by, actor, reason, forced, gate_ms,
            barrier_us, in_flight, "rolled back"
        );
    } else {
        info!(
            target: LOG, %service, %from, %to, generation, tenure, %by, actor, reason, forced, gate_ms,
            barrier_us, in_flight, "switched"
        );
    }
}

fn log_drained(receipt: &Receipt, took: Duration) {
    info!(
        target: LOG,
        service = %receipt.service,
        colour = %receipt.drains(),
        tenure = receipt.tenure.0,
        in_flight_at_commit = receipt.in_flight_at_commit,
        finished = receipt.finished,
        replayed = receipt.replayed,
        cut = receipt.cut.total(),
        ?took,
        "drained"
    );
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`tell` names every variant and sorts the others away"
)]
fn log_endpoint(notice: &Notice) {
    match notice {
        Notice::HealthChanged {
            service,
            colour,
            endpoint,
            health,
            why,
        } => match health {
            Health::Unhealthy => {
                let health = "unhealthy";
                warn!(target: LOG, %service, %colour, %endpoint, %health, why, "health changed");
            }
            Health::Healthy => {
                let health = "healthy";
                info!(target: LOG, %service, %colour, %endpoint, %health, why, "health changed");
            }
            Health::Unknown => {
                let health = "unknown";
                info!(target: LOG, %service, %colour, %endpoint, %health, why, "health changed");
            }
        },
        Notice::Ejected {
            service,
            colour,
            endpoint,
            lasts,
            why,
        } => warn!(target: LOG, %service, %colour, %endpoint, ?lasts, why, "endpoint ejected"),
        Notice::Readmitted {
            service,
            colour,
            endpoint,
        } => info!(target: LOG, %service, %colour, %endpoint, "endpoint readmitted"),
        Notice::EndpointsChanged {
            service,
            colour,
            endpoint,
            registered,
            actor,
        } => {
            let (by, actor) = who(actor);
            if *registered {
                info!(target: LOG, %service, %colour, %endpoint, %by, actor, "endpoint registered");
            } else {
                info!(target: LOG, %service, %colour, %endpoint, %by, actor, "endpoint deregistered");
            }
        }
        Notice::EndpointDrained { .. } | Notice::EndpointLeft { .. } => log_leave(notice),
        Notice::ResolveFailed { endpoint, error } => {
            warn!(target: LOG, %endpoint, error, "name not resolved");
        }
        Notice::ProbesLate { count, behind } => {
            let behind_ms = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
            warn!(target: LOG, count, behind_ms, "probes late");
        }
        _ => {}
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`tell` names every variant and sorts the others away"
)]
fn log_leave(notice: &Notice) {
    match notice {
        Notice::EndpointDrained {
            service,
            colour,
            endpoint,
            drained,
            actor,
        } => {
            let (by, actor) = who(actor);
            if *drained {
                info!(target: LOG, %service, %colour, %endpoint, %by, actor, "endpoint drained");
            } else {
                info!(target: LOG, %service, %colour, %endpoint, %by, actor, "endpoint undrained");
            }
        }
        Notice::EndpointLeft { receipt, took } => info!(
            target: LOG,
            service = %receipt.service,
            colour = %receipt.colour,
            endpoint = %receipt.endpoint,
            in_flight_at_leaving = receipt.in_flight_at_leaving,
            finished = receipt.finished,
            replayed = receipt.replayed,
            cut = receipt.cut,
            left = receipt.left(),
            ?took,
            "endpoint left"
        ),
        _ => {}
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`tell` names every variant and sorts the others away"
)]
fn log_process(notice: &Notice) {
    match notice {
        Notice::Reloaded {
            generation,
            changes,
        } => info!(target: LOG, generation = generation.0, changes = listed(changes), "reloaded"),
        Notice::ReloadFailed { errors } => {
            warn!(target: LOG, count = errors.len(), errors = listed(errors), "reload failed");
        }
        Notice::ServiceAdded {
            service,
            live,
            restored,
        } => info!(target: LOG, %service, %live, restored, "service added"),
        Notice::ServiceRemoved { service } => info!(target: LOG, %service, "service removed"),
        Notice::ListenerOpened { listener, addr } => {
            info!(target: LOG, %listener, %addr, "listener opened");
        }
        Notice::ListenerClosed { listener } => info!(target: LOG, %listener, "listener closed"),
        Notice::JournalFailed { error } => error!(target: LOG, error, "journal not written"),
        Notice::JournalDamaged { set_aside, damage } => {
            let count = damage.len();
            warn!(target: LOG, set_aside, count, damage = listed(damage), "journal damaged");
        }
        Notice::CertificatesRenewed { files } => {
            info!(target: LOG, count = files.len(), files = listed(files), "certificates renewed");
        }
        Notice::CertificatesRefused { errors } => {
            let count = errors.len();
            warn!(target: LOG, count, errors = listed(errors), "certificates refused");
        }
        _ => {}
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an edge: a notice is dated when it is told, like its log line"
)]
fn now() -> Timestamp {
    SystemTime::now().into()
}

/// An actor as the fields `by` and `actor`.
fn who(actor: &Actor) -> (&'static str, &str) {
    (actor.kind.as_str(), &actor.name)
}

fn names(services: &[ServiceName]) -> String {
    let texts: Vec<_> = services.iter().map(ServiceName::as_str).collect();
    listed(&texts)
}

/// The first of many, so that one line stays a line.
fn listed(texts: &[impl AsRef<str>]) -> String {
    let shown: Vec<_> = texts.iter().take(LISTED_LIMIT).map(AsRef::as_ref).collect();
    match texts.len().saturating_sub(LISTED_LIMIT) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// The target of every notice, for `CUTOVER_LOG`.
const LOG: &str = "cutover";
/// Names, changes or errors shown in one line.
const LISTED_LIMIT: usize = 16;
