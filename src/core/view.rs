//! How services look from outside: the JSON of the admin API and the text of `cutover status`.
//!
//! Owns shapes only; `State::views` fills them.

use serde::{Deserialize, Serialize};

use super::{
    health::Health,
    ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
    shift::ShiftView,
    switch::{Actor, GateFailure, Receipt},
    time::Timestamp,
};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceView {
    /// Its name.
    pub service: ServiceName,
    /// The colour that takes traffic.
    pub live: Colour,
    /// The number of the present tenure; the `ETag` of the service.
    pub tenure: Tenure,
    /// Its routes as they are matched.
    pub routes: Vec<String>,
    /// What the file calls live.
    pub file_live: Colour,
    /// Whether file and state differ.
    pub drift: bool,
    /// Where a rollback would lead, if it is possible.
    pub rollback_to: Option<Colour>,
    /// A switch that waits for its gates.
    pub waiting: Option<WaitingView>,
    /// The gradual switch under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftView>,
    /// Both pools.
    pub pools: ByColour<PoolView>,
    /// Switches whose old tenure still has claims, newest first.
    pub draining: Vec<Receipt>,
    /// The newest switch.
    pub last_switch: Option<Receipt>,
}

/// A switch that waits for its gates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingView {
    /// Where it leads.
    pub to: Colour,
    /// Who asked.
    pub actor: Actor,
    /// Since when.
    pub since: Timestamp,
    /// What it waits for.
    pub gates: Vec<GateFailure>,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolView {
    /// Endpoints that may be picked now.
    pub ready: usize,
    /// Claims of its present or draining tenures.
    pub in_flight: u64,
    /// Of those: tunnels.
    pub tunnels: u64,
    /// Its endpoints.
    pub endpoints: Vec<EndpointView>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// `host:port`.
    pub addr: EndpointAddr,
    /// Share relative to the others.
    pub weight: u32,
    /// Who named it.
    pub source: EndpointSource,
    /// What probes say.
    pub health: Health,
    /// May be picked now.
    pub ready: bool,
    /// Out because of its traffic until then.
    pub ejected_for_ms: Option<u64>,
    /// Why it is not ready, or what the last failed probe saw.
    pub why: Option<String>,
    /// Requests in flight on it.
    pub in_flight: u64,
}

/// Who named an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointSource {
    /// The file.
    File,
    /// An operator, at run time.
    Runtime,
}
