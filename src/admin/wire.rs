//! The JSON that the admin API and its clients exchange; written and read by both from one definition.
//!
//! Owns the shapes that are not [`core`](crate::core)'s already (views and receipts are). Must not know how
//! they travel.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::{
    gate::verdict::GateVerdict,
    ids::{ByColour, Colour, EndpointAddr, GroupName, ServiceName},
    leave::LeaveReceipt,
    share::Share,
    shift::ShiftView,
    switch::{Receipt, Unchanged, WaitFor},
    view::{ServiceView, WaitingView},
};
use crate::telemetry::traffic::Traffic;

/// Answer of `GET /v1/services`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServicesAnswer {
    /// Every service, by name.
    pub services: Vec<ServiceView>,
}

/// Data of a `pulse` of `GET /v1/events`: what has changed since the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pulse {
    /// Services that look different; in the first pulse, all.
    pub services: Vec<ServicePulse>,
    /// Services that are served no more.
    pub removed: Vec<ServiceName>,
}

/// One service with its traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServicePulse {
    /// Its state.
    #[serde(flatten)]
    pub view: ServiceView,
    /// What each pool has answered so far.
    pub traffic: ByColour<Traffic>,
}

/// Answer of `GET /v1/about`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct About {
    /// The version of cutover.
    pub version: String,
    /// Who the caller is, as history would keep it.
    pub actor: String,
    /// Whether the caller may change something.
    pub may_operate: bool,
}

/// Answer of `GET /v1/diff`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DiffAnswer {
    /// The file on the disk against the one that is applied.
    pub file: FileDiff,
    /// Services that stand otherwise than the applied file says.
    pub services: Vec<ServiceDiff>,
}

/// The file on the disk against the one that is applied.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FileDiff {
    /// Whether they are the same.
    pub applied: bool,
    /// Why the file on the disk could not be applied, each with its position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Keys with another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyDiff>,
    /// Whether only values differ that are not shown, because they may be secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// A key with another value; without one where it is not there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KeyDiff {
    /// Such as `service.shop.switch.min_ready`.
    pub key: String,
    /// What it is in the applied file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<serde_json::Value>,
    /// What it is in the file on the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<serde_json::Value>,
}

/// A service that stands otherwise than the applied file says.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServiceDiff {
    /// The service.
    pub service: ServiceName,
    /// The colour that is live.
    pub live: Colour,
    /// The colour that the applied file calls live.
    pub file_live: Colour,
    /// Endpoints that were registered or drained at run time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<RuntimeEndpoint>,
    /// A switch that waits for its gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingView>,
    /// A gradual switch under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftView>,
}

impl ServiceDiff {
    /// Whether there is nothing to tell.
    #[must_use]
    pub const fn is_as_filed(&self) -> bool {
        matches!(
            (self.live, self.file_live),
            (Colour::Blue, Colour::Blue) | (Colour::Green, Colour::Green)
        ) && self.endpoints.is_empty()
            && self.waiting.is_none()
            && self.shift.is_none()
    }
}

/// An endpoint that was registered or drained at run time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RuntimeEndpoint {
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub addr: EndpointAddr,
    /// Its weight.
    pub weight: u32,
    /// Whether no file names it.
    pub registered: bool,
    /// Whether requests stay away from it.
    pub drained: bool,
}

/// Answer of `GET /v1/groups`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupsAnswer {
    /// The services of each group.
    pub groups: BTreeMap<GroupName, BTreeSet<ServiceName>>,
}

/// Body of `POST /v1/groups/{group}/switch`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SwitchGroupBody {
    /// The colour to make live.
    pub to: Colour,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    #[schemars(with = "Option<bool>")]
    pub force: bool,
    /// When to answer.
    #[schemars(with = "Option<WaitFor>")]
    pub wait: WaitFor,
}

/// Answer of `GET /v1/history` and `GET /v1/services/{service}/history`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct HistoryAnswer {
    /// Past switches, newest first.
    pub receipts: Vec<Receipt>,
}

/// Body of `POST /v1/services/{service}/switch`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SwitchBody {
    /// The colour to make live.
    pub to: Colour,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    #[schemars(with = "Option<bool>")]
    pub force: bool,
    /// Refuse if another colour is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_live: Option<Colour>,
    /// When to answer.
    #[schemars(with = "Option<WaitFor>")]
    pub wait: WaitFor,
    /// Shares of a gradual switch, instead of the file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minItems" = 1, "maxItems" = 64))]
    pub steps: Option<Vec<Share>>,
    /// How long each of them lasts, such as `2m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// All at once, whatever the file says.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(with = "Option<bool>")]
    pub at_once: bool,
}

/// What a client sends to `POST /v1/services/{service}/pause`, `resume`, `complete` and `abort`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SteerBody {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Skip the gates; only to complete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// When to answer; only to complete or to abort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitFor>,
}

/// Body of `POST /v1/services/{service}/complete`.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompleteBody {
    /// Why.
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    pub force: Option<bool>,
    /// When to answer.
    pub wait: Option<WaitFor>,
}

/// Body of `POST /v1/services/{service}/abort`.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AbortBody {
    /// Why.
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// When to answer.
    pub wait: Option<WaitFor>,
}

/// Body of `POST /v1/groups/{group}/rollback`.
#[derive(Clone, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RollbackGroupBody {
    /// Why.
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    pub force: Option<bool>,
    /// When to answer.
    pub wait: Option<WaitFor>,
}

/// Body of `POST /v1/reload`: nothing, or an object without a member.
#[derive(Clone, Copy, Debug, Default, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReloadBody {}

/// Body of `POST /v1/services/{service}/rollback`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RollbackBody {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    #[schemars(with = "Option<bool>")]
    pub force: bool,
    /// Refuse if another colour is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect_live: Option<Colour>,
    /// When to answer.
    #[schemars(with = "Option<WaitFor>")]
    pub wait: WaitFor,
}

/// Body of `POST /v1/services/{service}/approve` and `reject`.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WordBody {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
}

/// Body of `POST /v1/switch`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SwitchManyBody {
    /// The colour to make live, for each service.
    #[schemars(extend("minProperties" = 1))]
    pub services: BTreeMap<ServiceName, Colour>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxLength" = 512, "pattern" = PRINTABLE))]
    pub reason: Option<String>,
    /// Skip the gates.
    #[schemars(with = "Option<bool>")]
    pub force: bool,
    /// When to answer.
    #[schemars(with = "Option<WaitFor>")]
    pub wait: WaitFor,
}

/// Answer to a switch or rollback of one service, or to what was asked of a gradual one: one of the last three members
/// is there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SwitchOneAnswer {
    /// Whether the live colour changed.
    pub changed: bool,
    /// The account of the switch, or of the one that was aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// How the service stands, where the wanted colour was live already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<Unchanged>,
    /// How a gradual switch stands that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftView>,
}

/// Answer to a switch of several services.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SwitchManyAnswer {
    /// Whether any live colour changed.
    pub changed: bool,
    /// One for each service that changed.
    pub receipts: Vec<Receipt>,
    /// Services on which the wanted colour was live already.
    pub unchanged: Vec<Unchanged>,
}

/// Body of `PUT /v1/services/{service}/pools/{colour}/endpoints/{addr}`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EndpointBody {
    /// Share relative to the other endpoints, 1 to 65535.
    #[schemars(with = "Option<u16>", range(min = 1))]
    pub weight: u16,
}

/// Answer to what was asked about an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EndpointChanged {
    /// Whether anything changed.
    pub changed: bool,
    /// What happened to the requests in flight there, if it has left the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<LeaveReceipt>,
}

/// Answer of `POST /v1/reload`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReloadApplied {
    /// Whether anything changed.
    pub changed: bool,
    /// What, a short sentence each.
    pub changes: Vec<String>,
}

/// An error, as RFC 9457 has it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProblemBody {
    /// Stable name: `urn:cutover:problem:` and a word for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the type means, always the same.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do about it.
    pub detail: String,
    /// Every gate that did not open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateVerdict>,
    /// Every error of a file that was not applied, each with its position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Further members, by the type of problem.
    #[serde(flatten)]
    pub members: serde_json::Map<String, serde_json::Value>,
}

/// Characters that neither move a cursor nor ring a bell.
const PRINTABLE: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
