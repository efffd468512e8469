//! What became of a gate.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::ids::{Colour, EndpointAddr, ServiceName};

/// A kind of gate, in the order in which they are asked.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Enough endpoints of the target pool are ready.
    MinReady,
    /// Somebody else's HTTP server lets it pass.
    Hook,
    /// A request to the target pool is answered as it should be.
    Check,
    /// A second operator approves.
    Approval,
    /// Each worker has a connection to each ready endpoint of the target pool.
    WarmUp,
}

impl GateKind {
    /// The name used as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinReady => "min_ready",
            Self::Hook => "hook",
            Self::Check => "check",
            Self::Approval => "approval",
            Self::WarmUp => "warm_up",
        }
    }
}

impl fmt::Display for GateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a gate is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Passed,
    /// It is not.
    Failed,
    /// It is not, and the file says that this does not matter.
    Ignored,
    /// It is being asked.
    Waiting,
    /// It has not been asked: its turn has not come, or somebody only looks.
    Unasked,
}

impl Verdict {
    /// The name used as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Ignored => "ignored",
            Self::Waiting => "waiting",
            Self::Unasked => "unasked",
        }
    }
}

/// One gate, and whether it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateVerdict {
    /// Its kind.
    pub gate: GateKind,
    /// Which of its kind; nothing where a service has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The service.
    pub service: ServiceName,
    /// The target pool.
    pub colour: Colour,
    /// Whether it is open.
    pub verdict: Verdict,
    /// Why, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Endpoints at which it failed, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointFault>,
}

/// An endpoint at which a gate failed, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndpointFault {
    /// The endpoint.
    pub endpoint: EndpointAddr,
    /// Such as `connect refused` or `not probed yet`.
    pub why: String,
}

/// Why a gate is not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateFault {
    /// In a few words.
    pub why: Option<String>,
    /// Where.
    pub endpoints: Vec<EndpointFault>,
}

impl GateVerdict {
    /// The verdict as it is after it was answered.
    pub(in crate::core) fn answered(&mut self, outcome: Result<(), GateFault>) {
        match outcome {
            Ok(()) => self.verdict = Verdict::Passed,
            Err(fault) => {
                self.verdict = Verdict::Failed;
                self.why = fault.why;
                self.endpoints = fault.endpoints;
            }
        }
    }

    /// A gate that has not been asked yet.
    pub(in crate::core) fn unasked(
        gate: GateKind,
        name: Option<String>,
        (service, colour): (&ServiceName, Colour),
    ) -> Self {
        Self {
            gate,
            name,
            service: service.clone(),
            colour,
            verdict: Verdict::Unasked,
            why: None,
            endpoints: Vec::new(),
        }
    }

    /// The same, while it is being asked.
    pub(in crate::core) fn being_asked(self) -> Self {
        Self {
            verdict: Verdict::Waiting,
            ..self
        }
    }

    /// Whether it is not open, or not yet.
    pub(in crate::core) fn is_closed(&self) -> bool {
        !matches!(self.verdict, Verdict::Passed | Verdict::Ignored)
    }
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            service, colour, ..
        } = self;
        let name = self.name.as_deref().unwrap_or_default();
        let verdict = self.verdict.as_str();
        match self.gate {
            GateKind::MinReady => write!(f, "pool `{colour}` of service `{service}` has")?,
            GateKind::Hook => write!(f, "hook `{name}` of service `{service}` {verdict}")?,
            GateKind::Check => {
                write!(
                    f,
                    "check `{name}` of service `{service}` {verdict} on {colour}"
                )?;
            }
            GateKind::Approval => write!(f, "approval of service `{service}` {verdict}")?,
            GateKind::WarmUp => {
                write!(
                    f,
                    "warm-up of pool `{colour}` of service `{service}` {verdict}"
                )?;
            }
        }
        if let Some(why) = &self.why {
            let separator = if self.gate == GateKind::MinReady {
                " "
            } else {
                ": "
            };
            write!(f, "{separator}{why}")?;
        }
        for it in &self.endpoints {
            write!(f, ", `{}`: {}", it.endpoint, it.why)?;
        }
        Ok(())
    }
}
