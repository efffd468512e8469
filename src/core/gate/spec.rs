//! Gates as the file has them, validated.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};

/// What a switch of a service waits for besides `min_ready`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatesSpec {
    /// Requests that the target pool must answer well, in the order of the file.
    pub checks: Vec<Arc<CheckSpec>>,
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
    /// How long the gates may take together, `min_ready` left out, with so many endpoints in the target pool.
    #[must_use]
    pub fn longest(&self, endpoints: usize) -> Duration {
        let checks = self.checks.iter().map(|it| it.longest(endpoints));
        checks.fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// Bytes of the body of an answer that are looked at.
pub const ANSWER_LIMIT: usize = 64 * 1024;
/// Endpoints that one check asks at once.
pub const CHECKED_AT_ONCE: usize = 64;
