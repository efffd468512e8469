//! How services look from outside: the JSON of the admin API and the text of `cutover status`.
//!
//! Owns shapes only; `State::views` fills them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    gate::verdict::{GateKind, GateVerdict},
    health::Health,
    ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
    leave::LeaveReceipt,
    shift::ShiftView,
    switch::{Actor, Receipt},
    time::Timestamp,
};

/// One service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Where a rollback would lead, if there is an earlier colour.
    pub rollback_to: Option<Colour>,
    /// Whether a rollback that is asked for now would open its gates at once.
    pub rollback_possible: bool,
    /// Why it would, or would not.
    pub rollback_why: String,
    /// Until when the standby is kept ready to return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standby_kept_until: Option<Timestamp>,
    /// A switch that waits for its gates.
    pub waiting: Option<WaitingView>,
    /// The gradual switch under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftView>,
    /// The old colour, while sessions that were begun there finish there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finishing: Option<FinishingView>,
    /// Both pools.
    pub pools: ByColour<PoolView>,
    /// What copies of live requests have shown of each pool as the standby, since the process began; empty without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirror: Vec<MirrorView>,
    /// Endpoints that are leaving the traffic, then the last that have left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<LeaveReceipt>,
    /// Switches whose old tenure still has claims, newest first.
    pub draining: Vec<Receipt>,
    /// The newest switch.
    pub last_switch: Option<Receipt>,
}

/// A switch that waits for its gates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitingView {
    /// Where it leads.
    pub to: Colour,
    /// Who asked.
    pub actor: Actor,
    /// Since when.
    pub since: Timestamp,
    /// The kind of gate that it waits for now.
    pub gate: GateKind,
    /// Since when it waits for those.
    pub gate_since: Timestamp,
    /// Until when; then it is refused.
    pub gate_until: Timestamp,
    /// Its gates so far, each with its verdict.
    pub gates: Vec<GateVerdict>,
}

/// An old colour that sessions finish on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FinishingView {
    /// The colour.
    pub colour: Colour,
    /// The tenure in which they were begun.
    pub tenure: Tenure,
    /// Until when.
    pub until: Timestamp,
    /// Requests that stayed there so far.
    pub requests: u64,
    /// Of those: in flight.
    pub in_flight: u64,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PoolView {
    /// Endpoints that may be picked now.
    pub ready: usize,
    /// Claims of its present or draining tenures.
    pub in_flight: u64,
    /// Of those: tunnels.
    pub tunnels: u64,
    /// Requests in flight that asked for the standby; none of them is among the others.
    #[serde(default)]
    pub previews: u64,
    /// Whether the pool may be stopped without anybody noticing; `safe-to-stop` says why not.
    #[serde(default)]
    pub safe_to_stop: bool,
    /// Its endpoints.
    pub endpoints: Vec<EndpointView>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointView {
    /// `host:port`.
    pub addr: EndpointAddr,
    /// Share relative to the others.
    pub weight: u32,
    /// Who named it.
    pub source: EndpointSource,
    /// What probes say.
    pub health: Health,
    /// Since when they say so; unknown until the first probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_since: Option<Timestamp>,
    /// May be picked now.
    pub ready: bool,
    /// Whether requests stay away from it, because an operator says so.
    #[serde(default)]
    pub drained: bool,
    /// The part of its share that it gets, in per cent, while it gets less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start_percent: Option<u32>,
    /// Out because of its traffic until then.
    pub ejected_for_ms: Option<u64>,
    /// Why it is not ready, or what the last failed probe saw.
    pub why: Option<String>,
    /// Requests in flight on it.
    pub in_flight: u64,
}

/// Who named an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndpointSource {
    /// The file.
    File,
    /// An operator, at run time.
    Runtime,
}

/// Whether a pool may be stopped without a request, or the way back, being lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SafeToStop {
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// Whether it may; then there are no reasons.
    pub safe: bool,
    /// Every reason why not.
    pub reasons: Vec<Hindrance>,
}

/// One reason why a pool must not be stopped yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hindrance {
    /// Of which kind.
    pub kind: HindranceKind,
    /// The reason, for people.
    pub detail: String,
    /// When it will have passed at the latest, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Kinds of reasons why a pool must not be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HindranceKind {
    /// It takes traffic.
    Live,
    /// A switch is under way, to it or away from it.
    Switching,
    /// Requests are in flight there.
    InFlight,
    /// Requests that asked for the standby are in flight there.
    Preview,
    /// Copies of live requests are in flight there.
    Mirror,
    /// A worker has not proved that it routes nothing there any more.
    Unproven,
    /// It is kept ready to return.
    Held,
    /// Sessions that were begun there finish there.
    Sessions,
}

/// How the answers of a standby compare with those of the live pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MirrorView {
    /// The pool that got the copies.
    pub colour: Colour,
    /// Copies both of whose answers came.
    pub compared: u64,
    /// Of those: the same status, type and length.
    pub same: u64,
    /// Of those: another status.
    pub status_differs: u64,
    /// Of those with the same status: another `Content-Type`.
    pub type_differs: u64,
    /// Of those with the same status and type: another `Content-Length`.
    pub length_differs: u64,
    /// Copies that the standby did not answer.
    pub unanswered: u64,
    /// Copies whose live request got no answer of an endpoint.
    pub without_live: u64,
    /// Copies that were not made, because too many were under way or no endpoint was ready.
    pub dropped: u64,
    /// Mean time to the response head of those compared, of the live pool, in microseconds.
    pub live_mean_us: u64,
    /// The same, of the standby.
    pub copy_mean_us: u64,
}
