//! Gates as the file has them, validated.

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use crate::core::tls::UpstreamTls;

/// What a switch of a service waits for besides `min_ready`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatesSpec {
    /// Requests that the target pool must answer well, in the order of the file.
    pub checks: Vec<Arc<CheckSpec>>,
    /// Whom to call at which point of a switch, in the order of the file.
    pub hooks: Vec<Arc<HookSpec>>,
    /// How long a second operator may take to approve; `None` needs nobody.
    pub approval: Option<Duration>,
    /// Whether each worker opens a connection to each endpoint of the target pool before the commit.
    pub warm_up: bool,
}

/// A request that cutover itself sends to the target pool, and what makes its answer a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSpec {
    /// What it is called in verdicts: method and path.
    pub name: String,
    /// How it asks.
    pub method: Method,
    /// Origin-form target.
    pub path: String,
    /// `Host`; the endpoint's `host:port` where not given.
    pub host: Option<HeaderValue>,
    /// Further fields to send.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent along.
    pub body: Option<String>,
    /// Status codes that pass.
    pub expect: RangeInclusive<u16>,
    /// Fields that the answer must have, with these values.
    pub expect_headers: Vec<(HeaderName, HeaderValue)>,
    /// A text that the first [`ANSWER_LIMIT`] bytes of the body must contain.
    pub body_contains: Option<String>,
    /// JSON pointers (RFC 6901) into the body, and the value that each must lead to.
    pub json: Vec<(String, JsonValue)>,
    /// Which endpoints are asked.
    pub on: CheckScope,
    /// How often each is asked, one time after the other; all must pass.
    pub repeat: u32,
    /// How long one time may take, connecting included.
    pub timeout: Duration,
}

/// A call to somebody else's HTTP server at one point of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSpec {
    /// What it is called in verdicts: its URL without a query.
    pub name: String,
    /// When it is called.
    pub at: HookPoint,
    /// `host:port`.
    pub address: String,
    /// `Host`.
    pub host: HeaderValue,
    /// Origin-form target.
    pub path: String,
    /// For `https`: whom its server is believed by.
    pub tls: Option<Arc<UpstreamTls>>,
    /// How long it may take, every time that it is asked again included.
    pub timeout: Duration,
    /// What its failure means.
    pub on_failure: OnFailure,
    /// File of the bearer token that is sent; read at each call.
    pub token_file: Option<PathBuf>,
}

/// A point of a switch at which others are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Enough of the target pool is ready, and nothing has changed yet.
    BeforeSwitch,
    /// A switch is committed; its old tenure drains.
    AfterCommit,
    /// The old tenure of a switch or rollback has drained.
    AfterDrain,
    /// The same as before a switch, for a rollback.
    BeforeRollback,
    /// A rollback is committed.
    AfterRollback,
}

impl HookPoint {
    /// Whether a switch waits for it.
    #[must_use]
    pub const fn is_before(self) -> bool {
        matches!(self, Self::BeforeSwitch | Self::BeforeRollback)
    }

    /// The name used in files and as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeSwitch => "before_switch",
            Self::AfterCommit => "after_commit",
            Self::AfterDrain => "after_drain",
            Self::BeforeRollback => "before_rollback",
            Self::AfterRollback => "after_rollback",
        }
    }
}

/// What the failure of a hook means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The switch is refused; only before it.
    Refuse,
    /// The switch is rolled back; only after it.
    Rollback,
    /// Nothing, but that it is told.
    Ignore,
}

/// Which endpoints of the target pool are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckScope {
    /// The first that is ready.
    One,
    /// All that are ready.
    Every,
}

/// A value in JSON that a file can name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonValue {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
}

impl CheckSpec {
    /// How long it may take with `endpoints` endpoints to ask.
    #[must_use]
    pub fn longest(&self, endpoints: usize) -> Duration {
        let endpoints = match self.on {
            CheckScope::One => 1,
            CheckScope::Every => endpoints.max(1),
        };
        let turns = u32::try_from(endpoints.div_ceil(CHECKED_AT_ONCE)).unwrap_or(u32::MAX);
        self.timeout
            .saturating_mul(self.repeat)
            .saturating_mul(turns)
    }
}

impl GatesSpec {
    /// How long the checks may take together with so many endpoints in the target pool.
    #[must_use]
    pub fn checks_longest(&self, endpoints: usize) -> Duration {
        let checks = self.checks.iter().map(|it| it.longest(endpoints));
        checks.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// How long the gates may take together, `min_ready` left out.
    #[must_use]
    pub fn longest(&self, endpoints: usize) -> Duration {
        let before = self.hooks.iter().filter(|it| it.at.is_before());
        before
            .map(|it| it.timeout)
            .chain(self.approval)
            .fold(self.checks_longest(endpoints), Duration::saturating_add)
    }

    /// Whether there is any gate besides `min_ready`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.longest(1).is_zero() && !self.warm_up
    }

    /// The hooks at one point.
    pub fn hooks_at(&self, point: HookPoint) -> impl Iterator<Item = &Arc<HookSpec>> {
        self.hooks.iter().filter(move |it| it.at == point)
    }
}

/// Bytes of the body of an answer that are looked at.
pub const ANSWER_LIMIT: usize = 64 * 1024;
/// Endpoints that one check asks at once.
pub const CHECKED_AT_ONCE: usize = 64;
/// Endpoints that one worker connects to at once when a pool is warmed up.
pub const WARMED_AT_ONCE: usize = 64;
