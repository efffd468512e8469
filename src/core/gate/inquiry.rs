//! What the edge is asked to find out, and its answers.
//!
//! Owns the questions: they hold all that is needed to ask, so that the edge need not look anything up. One question is
//! one gate, and has one answer.

use std::{net::SocketAddr, sync::Arc};

use super::{
    spec::CheckSpec,
    verdict::{GateFault, GateKind},
};
use crate::core::{
    ids::{EndpointAddr, OpId},
    proxy_header::ProxyVersion,
    service::UpstreamProtocol,
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
    /// Send requests to the target pool.
    Check(CheckQuestion),
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
