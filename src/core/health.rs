//! Health of one endpoint: what its probes and its traffic say of it.
//!
//! Owns rise/fall damping and passive ejection of a single endpoint; must not know the pool: how many may be
//! out at once is `state.rs`'s to say. Health, role and drain are three separate facts (invariant 6).

use serde::{Deserialize, Serialize};

/// What probes say of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not probed yet.
    #[default]
    Unknown,
    /// May take traffic.
    Healthy,
    /// May not.
    Unhealthy,
}

/// The verdict of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// As expected.
    Passed,
    /// Not as expected; says what was seen, such as `connect refused` or ``status 503, expected 200-399``.
    Failed(String),
}

/// What a worker saw go wrong on a connection to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassiveFailure {
    /// The connection was refused or unreachable.
    ConnectFailed,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// A fresh connection was reset, or closed without an answer.
    Reset,
}

impl PassiveFailure {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectFailed => "connect failed",
            Self::ConnectTimeout => "connect timeout",
            Self::Reset => "connection reset",
        }
    }
}
