//! Errors on the wire: `application/problem+json` (RFC 9457).
//!
//! Owns the one mapping from what went wrong to a status and a stable `type`; whoever adds an error is made to
//! decide both here, by the compiler. The table of them is in `docs/admin-api.md`.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{call_error::CallError, wire::ProblemBody};
use crate::core::{event::EndpointRefusal, switch::Refusal};

impl IntoResponse for CallError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only two have lists")]
    fn into_response(self) -> Response {
        let class = class(&self);
        let mut body = ProblemBody {
            kind: format!("{TYPE_PREFIX}{}", class.kind),
            title: class.title.to_owned(),
            status: class.status,
            detail: self.to_string(),
            ..ProblemBody::default()
        };
        let authenticate = challenge(&self);
        body.members = members(&self);
        match self {
            Self::Refused(Refusal::Gates(gates)) => body.gates = gates,
            Self::Reload(errors) => body.errors = errors,
            _ => {}
        }
        let status =
            StatusCode::from_u16(class.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        if let Some(challenge) = authenticate {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if class == OVERLOADED {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What all problems of one type have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
}

/// The one place where an error gets its status and its type.
const fn class(error: &CallError) -> Class {
    match error {
        CallError::UnknownPath(_) => UNKNOWN_PATH,
        CallError::Method(_) => METHOD,
        CallError::NoToken | CallError::WrongToken => UNAUTHENTICATED,
        CallError::ViewOnly(_) => VIEW_ONLY,
        CallError::ForeignHost(_) => FOREIGN_HOST,
        CallError::ForeignOrigin(_) => FOREIGN_ORIGIN,
        CallError::Header { .. } | CallError::Query { .. } => BAD_REQUEST,
        CallError::MediaType => MEDIA_TYPE,
        CallError::TooLarge(_) => TOO_LARGE,
        CallError::SlowBody(_) => SLOW_BODY,
        CallError::BrokenBody | CallError::Syntax(_) => BAD_BODY,
        CallError::Field { .. }
        | CallError::MissingField { .. }
        | CallError::UnknownField { .. }
        | CallError::Address(_) => INVALID_FIELD,
        CallError::UnknownService(_) => UNKNOWN_SERVICE,
        CallError::UnknownGroup(_) => UNKNOWN_GROUP,
        CallError::UnknownColour(_) => UNKNOWN_COLOUR,
        CallError::Refused(refusal) => switch_class(refusal),
        CallError::Endpoint(refusal) => endpoint_class(refusal),
        CallError::Reload(_) => RELOAD_REFUSED,
        CallError::Overloaded => OVERLOADED,
        CallError::Timeout(_) => TIMEOUT,
        CallError::GaveUpWaiting(_) => GAVE_UP_WAITING,
        CallError::Gone => SHUTTING_DOWN,
        CallError::Metrics(_) => INTERNAL,
    }
}

const fn switch_class(refusal: &Refusal) -> Class {
    match refusal {
        Refusal::UnknownService(_) => UNKNOWN_SERVICE,
        Refusal::NotExpectedLive { .. } => NOT_EXPECTED_LIVE,
        Refusal::StaleTenure { .. } => STALE_TENURE,
        Refusal::Busy { .. } | Refusal::Shifting { .. } => BUSY,
        Refusal::NotShifting(_) => NOT_SHIFTING,
        Refusal::Aborted { .. } => ABORTED,
        Refusal::Gates(_) => GATE_REFUSED,
        Refusal::NotTogether { .. } => NOT_TOGETHER,
        Refusal::NothingWaits(_) => NOTHING_WAITS,
        Refusal::NotYet { .. } => NOT_YET,
        Refusal::SamePerson(_) => SAME_PERSON,
        Refusal::KeyReused(_) => KEY_REUSED,
        Refusal::NothingToRollBack(_) => NOTHING_TO_ROLL_BACK,
        Refusal::EmptyPool { .. } => EMPTY_POOL,
        Refusal::Journal(_) => JOURNAL,
        Refusal::ShuttingDown => SHUTTING_DOWN,
    }
}

const fn endpoint_class(refusal: &EndpointRefusal) -> Class {
    match refusal {
        EndpointRefusal::UnknownService(_) => UNKNOWN_SERVICE,
        EndpointRefusal::UnknownEndpoint { .. } => UNKNOWN_ENDPOINT,
        EndpointRefusal::NamedByFile(_) => NAMED_BY_FILE,
        EndpointRefusal::LastOfLivePool(_) => LAST_OF_LIVE_POOL,
        EndpointRefusal::LastReadyOfLivePool(_) => LAST_READY_OF_LIVE_POOL,
        EndpointRefusal::TooManyLeaving(_) => TOO_MANY_LEAVING,
        EndpointRefusal::PoolFull { .. } => POOL_FULL,
        EndpointRefusal::Journal(_) => JOURNAL,
    }
}

/// What a machine may want to know besides the type.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of all others, the sentence says it all"
)]
fn members(error: &CallError) -> Map<String, Value> {
    let members = match error {
        CallError::Field {
            field, expected, ..
        }
        | CallError::MissingField { field, expected } => {
            json!({ "field": field, "expected": expected })
        }
        CallError::UnknownField { field, known } => json!({ "field": field, "expected": known }),
        CallError::Address(_) => json!({ "field": "addr", "expected": "`HOST:PORT`" }),
        CallError::Header { header, expected } => json!({ "header": header, "expected": expected }),
        CallError::Query {
            parameter,
            expected,
        } => json!({ "parameter": parameter, "expected": expected }),
        CallError::Refused(refusal) => refusal_members(refusal),
        _ => Value::Null,
    };
    match members {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn refusal_members(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::NotExpectedLive {
            service,
            expected,
            live,
        } => json!({ "service": service, "expected": expected, "live": live }),
        Refusal::StaleTenure {
            service,
            expected,
            tenure,
        } => json!({ "service": service, "expected": expected, "tenure": tenure }),
        Refusal::Busy {
            service,
            to,
            actor,
            since,
        } => json!({ "service": service, "to": to, "actor": actor, "since": since }),
        Refusal::EmptyPool { service, colour } => json!({ "service": service, "colour": colour }),
        Refusal::Shifting {
            service,
            to,
            actor,
            since,
            share,
        } => {
            json!({ "service": service, "to": to, "actor": actor, "since": since, "share": share })
        }
        Refusal::Aborted {
            service,
            to,
            live,
            by,
        } => json!({ "service": service, "to": to, "live": live, "by": by }),
        Refusal::NotYet { service, gate } => json!({ "service": service, "gate": gate }),
        Refusal::NotTogether { group, service } => json!({ "group": group, "service": service }),
        Refusal::SamePerson(actor) => json!({ "actor": actor }),
        Refusal::KeyReused(key) => json!({ "key": key }),
        Refusal::NothingToRollBack(service)
        | Refusal::NotShifting(service)
        | Refusal::NothingWaits(service) => json!({ "service": service }),
        Refusal::UnknownService(_)
        | Refusal::Gates(_)
        | Refusal::Journal(_)
        | Refusal::ShuttingDown => Value::Null,
    }
}

/// `WWW-Authenticate`, as RFC 6750 has it.
fn challenge(error: &CallError) -> Option<HeaderValue> {
    if *error == CallError::WrongToken {
        return Some(HeaderValue::from_static(
            "Bearer realm=\"cutover\", error=\"invalid_token\"",
        ));
    }
    (*error == CallError::NoToken).then(|| HeaderValue::from_static("Bearer realm=\"cutover\""))
}

impl Class {
    /// The header that comes with it, and what it tells.
    pub(super) fn header(&self) -> Option<(&'static str, &'static str)> {
        match self.status {
            401 => Some(("WWW-Authenticate", "which token is asked for")),
            _ if *self == OVERLOADED => Some(("Retry-After", "in how many seconds to call again")),
            _ => None,
        }
    }

    const fn new(status: u16, kind: &'static str, title: &'static str) -> Self {
        Self {
            status,
            kind,
            title,
        }
    }
}

/// What the type of every problem begins with.
pub const TYPE_PREFIX: &str = "urn:cutover:problem:";
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

pub(super) const BAD_REQUEST: Class =
    Class::new(400, "bad-request", "a header or parameter is wrong");
pub(super) const BAD_BODY: Class = Class::new(400, "bad-body", "the body cannot be read");
pub(super) const UNAUTHENTICATED: Class = Class::new(401, "unauthenticated", "no valid token");
pub(super) const VIEW_ONLY: Class =
    Class::new(403, "view-only", "the token may not change anything");
pub(super) const FOREIGN_HOST: Class = Class::new(403, "foreign-host", "called by a foreign name");
pub(super) const FOREIGN_ORIGIN: Class =
    Class::new(403, "foreign-origin", "called from a foreign site");
pub(super) const UNKNOWN_PATH: Class = Class::new(404, "unknown-path", "no such call");
pub(super) const UNKNOWN_SERVICE: Class = Class::new(404, "unknown-service", "no such service");
pub(super) const UNKNOWN_GROUP: Class = Class::new(404, "unknown-group", "no such group");
pub(super) const NOT_TOGETHER: Class = Class::new(
    409,
    "not-together",
    "a service of the group has gone its own way",
);
pub(super) const UNKNOWN_COLOUR: Class = Class::new(404, "unknown-colour", "no such colour");
pub(super) const UNKNOWN_ENDPOINT: Class = Class::new(404, "unknown-endpoint", "no such endpoint");
pub(super) const METHOD: Class =
    Class::new(405, "method-not-allowed", "the call has another method");
pub(super) const SLOW_BODY: Class = Class::new(408, "slow-body", "the body came too slowly");
pub(super) const GATE_REFUSED: Class = Class::new(409, "gate-refused", "the gates did not open");
pub(super) const NOT_EXPECTED_LIVE: Class = Class::new(
    409,
    "not-expected-live",
    "another colour is live than expected",
);
pub(super) const BUSY: Class = Class::new(409, "busy", "another switch is under way");
pub(super) const NOT_SHIFTING: Class =
    Class::new(409, "not-shifting", "no gradual switch is under way");
pub(super) const ABORTED: Class = Class::new(409, "aborted", "the switch was aborted");
pub(super) const NOTHING_WAITS: Class =
    Class::new(409, "nothing-waits", "no switch waits for its gates");
pub(super) const NOT_YET: Class =
    Class::new(409, "not-yet", "the switch does not wait for approval yet");
pub(super) const SAME_PERSON: Class = Class::new(
    403,
    "same-person",
    "who asked for the switch cannot approve it",
);
pub(super) const NOTHING_TO_ROLL_BACK: Class = Class::new(
    409,
    "nothing-to-roll-back",
    "the service was never switched",
);
pub(super) const EMPTY_POOL: Class =
    Class::new(409, "empty-pool", "the target pool has no endpoints");
pub(super) const NAMED_BY_FILE: Class =
    Class::new(409, "named-by-file", "the file names the endpoint");
const LAST_OF_LIVE_POOL: Class =
    Class::new(409, "last-of-live-pool", "the live pool would be empty");
pub(super) const LAST_READY_OF_LIVE_POOL: Class = Class::new(
    409,
    "last-ready-of-live-pool",
    "the live pool would have no ready endpoint",
);
const TOO_MANY_LEAVING: Class =
    Class::new(409, "too-many-leaving", "too many endpoints are leaving");
pub(super) const POOL_FULL: Class =
    Class::new(409, "pool-full", "the pool takes no more endpoints");
pub(super) const STALE_TENURE: Class =
    Class::new(412, "stale-tenure", "the service has been switched since");
pub(super) const TOO_LARGE: Class = Class::new(413, "too-large", "the body is too large");
pub(super) const MEDIA_TYPE: Class = Class::new(415, "media-type", "the body is not JSON");
pub(super) const INVALID_FIELD: Class =
    Class::new(422, "invalid-field", "a value is not what it must be");
pub(super) const KEY_REUSED: Class = Class::new(
    422,
    "idempotency-key-reused",
    "the key was used for another call",
);
pub(super) const RELOAD_REFUSED: Class =
    Class::new(422, "reload-refused", "the file was not applied");
pub(super) const INTERNAL: Class = Class::new(500, "internal", "cutover is broken");
pub(super) const JOURNAL: Class = Class::new(503, "journal", "the journal cannot be written");
pub(super) const SHUTTING_DOWN: Class = Class::new(503, "shutting-down", "the process is stopping");
pub(super) const OVERLOADED: Class = Class::new(503, "overloaded", "too many calls at once");
pub(super) const TIMEOUT: Class = Class::new(504, "timeout", "no answer in time");
pub(super) const GAVE_UP_WAITING: Class =
    Class::new(504, "gave-up-waiting", "the switch is not through yet");

/// Why a switch, a rollback or a plan may be refused, besides what the types of a call tell.
pub(super) const OF_SWITCHES: &[Class] = &[
    UNKNOWN_SERVICE,
    GATE_REFUSED,
    NOT_EXPECTED_LIVE,
    BUSY,
    ABORTED,
    NOTHING_TO_ROLL_BACK,
    EMPTY_POOL,
    JOURNAL,
    GAVE_UP_WAITING,
];
/// The same, of a group.
pub(super) const OF_GROUPS: &[Class] = &[
    UNKNOWN_GROUP,
    UNKNOWN_SERVICE,
    NOT_TOGETHER,
    GATE_REFUSED,
    BUSY,
    ABORTED,
    NOTHING_TO_ROLL_BACK,
    EMPTY_POOL,
    JOURNAL,
    GAVE_UP_WAITING,
];
/// Why a gradual switch may not be steered.
pub(super) const OF_STEERING: &[Class] = &[
    UNKNOWN_SERVICE,
    NOT_SHIFTING,
    GATE_REFUSED,
    BUSY,
    ABORTED,
    EMPTY_POOL,
    JOURNAL,
    GAVE_UP_WAITING,
];
/// Why a second operator's word may not count.
pub(super) const OF_WORDS: &[Class] = &[UNKNOWN_SERVICE, NOTHING_WAITS, NOT_YET, SAME_PERSON];
/// Why an endpoint may stay as it is.
pub(super) const OF_ENDPOINTS: &[Class] = &[
    UNKNOWN_SERVICE,
    UNKNOWN_COLOUR,
    UNKNOWN_ENDPOINT,
    NAMED_BY_FILE,
    LAST_OF_LIVE_POOL,
    LAST_READY_OF_LIVE_POOL,
    TOO_MANY_LEAVING,
    POOL_FULL,
    INVALID_FIELD,
    JOURNAL,
    GAVE_UP_WAITING,
];
