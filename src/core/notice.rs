//! What people are told. Core emits notices; `telemetry/notice.rs` alone makes a log line and a metric of
//! each, so that the two cannot disagree.

use std::time::Duration;

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
#[derive(Clone, Debug, PartialEq)]
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
        /// How long it will wait for those, at most.
        longest: Duration,
    },
    /// A gate of a switch has been asked by cutover, and was answered.
    GateAnswered(GateVerdict),
    /// A hook was called after a switch had gone on, and has answered or failed.
    HookCalled {
        /// The service.
        service: ServiceName,
        /// When it was called.
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
        /// Why not.
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
        /// From the barrier to the end.
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
        /// For how long.
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
        changes: Vec<String>,
    },
    /// A file was not applied; everything is as it was.
    ReloadFailed {
        /// Every reason, each with its position.
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
        /// From the barrier to the end.
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
        files: Vec<String>,
    },
    /// Files of certificates, keys or authorities have changed and cannot be used; what they held before is in use.
    CertificatesRefused {
        /// What is wrong with each.
        errors: Vec<String>,
    },
    /// A name could not be resolved; its last addresses stay in use.
    ResolveFailed {
        /// The endpoint.
        endpoint: EndpointAddr,
        /// Why.
        error: String,
    },
}

/// What has changed about a gradual switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
