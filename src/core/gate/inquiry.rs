//! What the edge is asked to find out, and its answers.
//!
//! Owns the questions: they hold all that is needed to ask, so that the edge need not look anything up. One question is
//! one gate, and has one answer.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    spec::{CheckSpec, HookPoint, HookSpec},
    verdict::{GateFault, GateKind},
};
use crate::core::{
    ids::{Colour, EndpointAddr, EndpointId, OpId, ServiceName, ServiceSlot, Tenure},
    proxy_header::ProxyVersion,
    service::UpstreamProtocol,
    switch::{Actor, Receipt},
    time::Timestamp,
    tls::UpstreamTls,
};

/// Everything that one switch asks at once.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// The switch.
    pub op: OpId,
    /// The kind of gate.
    pub gate: GateKind,
    /// The gates of that kind, asked one after the other; each is answered by its place.
    pub questions: Vec<Question>,
}

/// What is asked by one gate.
#[derive(Clone, Debug)]
pub enum Question {
    /// Call somebody else's HTTP server.
    Hook(HookQuestion),
    /// Have every worker connect to the target pool.
    WarmUp(WarmUpQuestion),
    /// Send requests to the target pool.
    Check(CheckQuestion),
}

/// A hook, and what it is told.
#[derive(Clone, Debug)]
pub struct HookQuestion {
    /// Whom to call.
    pub hook: Arc<HookSpec>,
    /// What it is told.
    pub description: Arc<Description>,
}

/// A pool to be warmed up.
#[derive(Clone, Debug)]
pub struct WarmUpQuestion {
    /// Where workers find the service.
    pub slot: ServiceSlot,
    /// Its name.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// Its endpoints that are ready.
    pub endpoints: Vec<(EndpointId, EndpointAddr)>,
    /// How long a worker may take for all of them.
    pub patience: Duration,
}

/// What a hook is told of a switch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// At which point.
    pub at: HookPoint,
    /// The service.
    pub service: ServiceName,
    /// The colour that is live, or was.
    pub from: Colour,
    /// The colour that is to be, or is.
    pub to: Colour,
    /// The tenure that begins.
    pub tenure: Tenure,
    /// Whether it is a rollback.
    pub rollback: bool,
    /// Whether its gates were skipped.
    pub forced: bool,
    /// Who asked.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub requested_at: Timestamp,
    /// Its account so far, once it is committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

impl Description {
    /// The same switch at another point, with its receipt.
    #[must_use]
    pub fn of_receipt(at: HookPoint, receipt: &Receipt) -> Self {
        Self {
            at,
            service: receipt.service.clone(),
            from: receipt.from,
            to: receipt.to,
            tenure: receipt.tenure,
            rollback: receipt.rollback,
            forced: receipt.forced,
            actor: receipt.actor.clone(),
            reason: receipt.reason.clone(),
            requested_at: receipt.requested_at,
            receipt: Some(receipt.clone()),
        }
    }
}

/// A hook that is called when a switch has gone on already.
#[derive(Clone, Debug)]
pub struct HookCall {
    /// Its number; the answer carries it.
    pub op: OpId,
    /// Whom to call, and what it is told.
    pub question: HookQuestion,
}

/// A check, and where it is to be made.
#[derive(Clone, Debug)]
pub struct CheckQuestion {
    /// What is asked.
    pub check: Arc<CheckSpec>,
    /// Of whom; none if no endpoint is ready.
    pub targets: Vec<Target>,
    /// How endpoints are spoken to.
    pub manner: Manner,
}

/// An endpoint to ask.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it was typed.
    pub addr: EndpointAddr,
    /// What it stands for.
    pub resolved: Arc<[SocketAddr]>,
}

/// How the endpoints of one pool are spoken to.
#[derive(Clone, Debug)]
pub struct Manner {
    /// What is spoken.
    pub protocol: UpstreamProtocol,
    /// How connections begin.
    pub introduces: Option<ProxyVersion>,
    /// Their TLS.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// The answer to one question of an inquiry.
#[derive(Clone, Debug)]
pub struct GateAnswer {
    /// The switch.
    pub op: OpId,
    /// The kind of gate.
    pub gate: GateKind,
    /// The place of the question in its inquiry.
    pub place: usize,
    /// Whether the gate is open.
    pub outcome: Result<(), GateFault>,
}
