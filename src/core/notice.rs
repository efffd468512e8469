//! What people are told. Core emits notices; `telemetry/notice.rs` alone makes a log line and a metric of
//! each, so that the two cannot disagree.

mod sentence;

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{
    gate::{
        spec::HookPoint,
        verdict::{GateKind, GateVerdict},
    },
    health::Health,
    ids::{Colour, EndpointAddr, Generation, ListenerName, ServiceName},
    leave::LeaveReceipt,
    share::Share,
    shift::ShiftRecord,
    switch::{Actor, Receipt, Refusal},
};

/// Something worth telling a person.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Notice {
    /// A switch waits for its gates of one kind.
    SwitchWaiting {
        /// The service.
        service: ServiceName,
        /// Where it leads.
        to: Colour,
        /// Who asked.
        actor: Actor,
        /// The kind of gate.
        gate: GateKind,
        /// How long it will wait for those, at most; milliseconds in JSON.
        #[serde(rename = "longest_ms", serialize_with = "in_millis")]
        longest: Duration,
    },
    /// A gate of a switch has been asked by cutover, and was answered.
    GateAnswered(GateVerdict),
    /// A hook was called after a switch had gone on, and has answered or failed.
    HookCalled {
        /// The service.
        service: ServiceName,
        /// When it was called; `point` in JSON, where `at` is a time.
        #[serde(rename = "point")]
        at: HookPoint,
        /// Its name.
        hook: String,
        /// Why it failed, if it did.
        failure: Option<String>,
    },
    /// A switch did not happen.
    SwitchRefused {
        /// The services it was about.
        services: Vec<ServiceName>,
        /// Who asked.
        actor: Actor,
        /// Why not; a sentence in JSON.
        #[serde(serialize_with = "as_sentence")]
        refusal: Refusal,
    },
    /// The barrier of a switch has passed.
    Switched {
        /// Its receipt so far.
        receipt: Receipt,
        /// The snapshot that carried it.
        generation: Generation,
    },
    /// A gradual switch has begun, gone on or stopped.
    Shift {
        /// What has changed.
        change: ShiftChange,
        /// The share now.
        share: Share,
        /// The shift as the journal knows it.
        record: Box<ShiftRecord>,
        /// Who paused or resumed it.
        by: Option<Actor>,
    },
    /// A gradual switch was aborted, and the barrier has passed.
    ShiftAborted {
        /// Its receipt so far.
        receipt: Receipt,
    },
    /// The last claim of an old tenure has ended.
    Drained {
        /// The whole receipt.
        receipt: Receipt,
        /// From the barrier to the end; milliseconds in JSON.
        #[serde(rename = "took_ms", serialize_with = "in_millis")]
        took: Duration,
    },
    /// The drain deadline passed with claims left; they are being cut.
    DrainDeadlinePassed {
        /// The service.
        service: ServiceName,
        /// The pool that was draining.
        colour: Colour,
        /// Claims left.
        left: u64,
    },
    /// Not every worker answered a barrier in time.
    BarrierMissed {
        /// The services it was about.
        services: Vec<ServiceName>,
        /// How many workers did not answer.
        workers: usize,
    },
    /// An endpoint's health changed.
    HealthChanged {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        endpoint: EndpointAddr,
        /// Now.
        health: Health,
        /// What the last probe saw.
        why: String,
    },
    /// An endpoint was taken out because of its traffic.
    Ejected {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        endpoint: EndpointAddr,
        /// For how long; milliseconds in JSON.
        #[serde(rename = "lasts_ms", serialize_with = "in_millis")]
        lasts: Duration,
        /// What its traffic saw.
        why: &'static str,
    },
    /// An endpoint's time out has passed.
    Readmitted {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        endpoint: EndpointAddr,
    },
    /// A file was applied.
    Reloaded {
        /// The snapshot that carried it.
        generation: Generation,
        /// What changed, a short sentence each; empty if nothing did.
        #[serde(serialize_with = "the_first")]
        changes: Vec<String>,
    },
    /// A file was not applied; everything is as it was.
    ReloadFailed {
        /// Every reason, each with its position.
        #[serde(serialize_with = "the_first")]
        errors: Vec<String>,
    },
    /// A service is served for the first time by this process.
    ServiceAdded {
        /// The service.
        service: ServiceName,
        /// The colour that is live.
        live: Colour,
        /// Whether the journal said so, rather than the file.
        restored: bool,
    },
    /// A service is served no more.
    ServiceRemoved {
        /// The service.
        service: ServiceName,
    },
    /// An endpoint was registered or deregistered at run time.
    EndpointsChanged {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        endpoint: EndpointAddr,
        /// Whether it was registered, rather than deregistered.
        registered: bool,
        /// Who asked.
        actor: Actor,
    },
    /// Requests stay away from an endpoint, or may come back to it, by order of an operator.
    EndpointDrained {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
        /// The endpoint.
        endpoint: EndpointAddr,
        /// Whether they stay away.
        drained: bool,
        /// Who asked.
        actor: Actor,
    },
    /// The last request of an endpoint that left the traffic has ended, or it came back before that.
    EndpointLeft {
        /// The whole receipt.
        receipt: LeaveReceipt,
        /// From the barrier to the end; milliseconds in JSON.
        #[serde(rename = "took_ms", serialize_with = "in_millis")]
        took: Duration,
    },
    /// The journal could not be written where that does not refuse anything.
    JournalFailed {
        /// Why.
        error: String,
    },
    /// A part of the journal could not be read; it was set aside.
    JournalDamaged {
        /// Where it was put.
        set_aside: String,
        /// What was wrong, by line.
        #[serde(serialize_with = "the_first")]
        damage: Vec<String>,
    },
    /// A listener accepts.
    ListenerOpened {
        /// The listener.
        listener: ListenerName,
        /// Where.
        addr: std::net::SocketAddr,
    },
    /// A listener accepts no more.
    ListenerClosed {
        /// The listener.
        listener: ListenerName,
    },
    /// Certificates, keys or authorities have changed and are in use.
    CertificatesRenewed {
        /// The files.
        #[serde(serialize_with = "the_first")]
        files: Vec<String>,
    },
    /// Files of certificates, keys or authorities have changed and cannot be used; what they held before is in use.
    CertificatesRefused {
        /// What is wrong with each.
        #[serde(serialize_with = "the_first")]
        errors: Vec<String>,
    },
    /// A name could not be resolved; its last addresses stay in use.
    ResolveFailed {
        /// The endpoint.
        endpoint: EndpointAddr,
        /// Why.
        error: String,
    },
    /// Probes begin later than they are due: there is no keeping up with so many.
    ProbesLate {
        /// How many, since this was told last.
        count: u64,
        /// By how much the latest of them.
        #[serde(rename = "behind_ms", serialize_with = "in_millis")]
        behind: Duration,
    },
}

/// What has changed about a gradual switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShiftChange {
    /// Its first share is published.
    Began,
    /// It goes on after a restart.
    Restored,
    /// Its next step is published.
    Stepped,
    /// The gate of its pool has closed; it goes on when that opens.
    Held,
    /// An operator has paused it.
    Paused,
    /// An operator has resumed it.
    Resumed,
}

impl Notice {
    /// The services it is about, if it is about any.
    #[must_use]
    pub fn services(&self) -> Vec<&ServiceName> {
        match self {
            Self::SwitchRefused { services, .. } | Self::BarrierMissed { services, .. } => {
                services.iter().collect()
            }
            Self::Switched { receipt, .. }
            | Self::ShiftAborted { receipt }
            | Self::Drained { receipt, .. } => vec![&receipt.service],
            Self::Shift { record, .. } => vec![&record.service],
            Self::GateAnswered(GateVerdict { service, .. })
            | Self::EndpointLeft {
                receipt: LeaveReceipt { service, .. },
                ..
            }
            | Self::EndpointDrained { service, .. }
            | Self::HookCalled { service, .. }
            | Self::SwitchWaiting { service, .. }
            | Self::DrainDeadlinePassed { service, .. }
            | Self::HealthChanged { service, .. }
            | Self::Ejected { service, .. }
            | Self::Readmitted { service, .. }
            | Self::ServiceAdded { service, .. }
            | Self::ServiceRemoved { service }
            | Self::EndpointsChanged { service, .. } => vec![service],
            Self::Reloaded { .. }
            | Self::ReloadFailed { .. }
            | Self::JournalFailed { .. }
            | Self::JournalDamaged { .. }
            | Self::ListenerOpened { .. }
            | Self::ListenerClosed { .. }
            | Self::CertificatesRenewed { .. }
            | Self::CertificatesRefused { .. }
            | Self::ResolveFailed { .. }
            | Self::ProbesLate { .. } => Vec::new(),
        }
    }
}

fn in_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The first of many, so that a file with ten thousand errors is no event of ten thousand lines.
fn the_first<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(texts.iter().take(TEXTS_LIMIT))
}

fn as_sentence<S: Serializer>(refusal: &Refusal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(refusal)
}

/// Texts of one notice that are written as JSON.
const TEXTS_LIMIT: usize = 64;
