//! What a switch is asked to do, and why it may be refused.
//!
//! Owns the words of a switch; whether it may begin is said in `decide.rs`, how it goes on in `procedure.rs`, what it
//! leaves behind in `receipt.rs`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::receipt::{Broken, Cut, Outcome, Receipt};
use super::{
    gate::verdict::{GateKind, GateVerdict},
    ids::{Colour, GroupName, OpId, ServiceName, Tenure},
    once::Once,
    share::Share,
    shift::{Pace, ShiftView},
    time::Timestamp,
};

/// A wish to change which pool is live, of one service or of several at once: all of them or none.
#[derive(Clone, Debug)]
pub struct SwitchRequest {
    /// Its number; the answer carries it.
    pub op: OpId,
    /// What it is about.
    pub wish: Wish,
    /// Who asks.
    pub actor: Actor,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// Skip the gates.
    pub force: bool,
    /// Refuse if another colour is live.
    pub expect_live: Option<Colour>,
    /// Refuse if another tenure is the present one (`If-Match`).
    pub expect_tenure: Option<Tenure>,
    /// How gradually; a rollback and a switch of several services always go at once.
    pub pace: Pace,
    /// What it is known by if it is asked again.
    pub once: Option<Box<Once>>,
    /// When to answer.
    pub wait: WaitFor,
}

/// What a switch is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Make these colours live; never empty.
    Switch(BTreeMap<ServiceName, Colour>),
    /// Go back to the colour that was live before.
    Rollback(ServiceName),
    /// The same as `Switch`, of the services of a group.
    SwitchGroup(GroupName, BTreeMap<ServiceName, Colour>),
    /// Take back the last switch of a group, all of it or nothing.
    RollbackGroup(GroupName, BTreeSet<ServiceName>),
}

impl Wish {
    /// Whether it leads back.
    #[must_use]
    pub const fn is_rollback(&self) -> bool {
        match self {
            Self::Rollback(_) | Self::RollbackGroup(..) => true,
            Self::Switch(_) | Self::SwitchGroup(..) => false,
        }
    }

    /// The group that it is about.
    #[must_use]
    pub const fn group(&self) -> Option<&GroupName> {
        match self {
            Self::SwitchGroup(group, _) | Self::RollbackGroup(group, _) => Some(group),
            Self::Switch(_) | Self::Rollback(_) => None,
        }
    }

    /// The services that it is about.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceName> {
        match self {
            Self::Switch(colours) | Self::SwitchGroup(_, colours) => {
                colours.keys().cloned().collect()
            }
            Self::Rollback(service) => vec![service.clone()],
            Self::RollbackGroup(_, services) => services.iter().cloned().collect(),
        }
    }
}

/// Who asks for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// By which way.
    pub kind: ActorKind,
    /// The token's name, or what `X-Cutover-Actor` says, or the file.
    pub name: String,
}

/// By which way a change was asked for: the bounded part of an actor, usable as a label.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// The admin API, which is the command line's way, too.
    Admin,
    /// The configuration file.
    File,
    /// A signal to the process.
    Signal,
    /// A hook that has failed.
    Hook,
}

impl ActorKind {
    /// The lower-case name used as a label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::File => "file",
            Self::Signal => "signal",
            Self::Hook => "hook",
        }
    }
}

impl Actor {
    /// The configuration file itself.
    #[must_use]
    pub fn file() -> Self {
        Self {
            kind: ActorKind::File,
            name: "file".to_owned(),
        }
    }

    /// A hook that has failed.
    #[must_use]
    pub fn hook(name: &str) -> Self {
        Self {
            kind: ActorKind::Hook,
            name: name.to_owned(),
        }
    }

    /// Whether both are one person, as far as that can be told: by the token, whatever else a caller says of themselves.
    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        self.kind == other.kind && self.person() == other.person()
    }

    /// The name without what its bearer added to it.
    fn person(&self) -> &str {
        let name = self.name.split_once(" (");
        name.map_or(self.name.as_str(), |(person, _)| person)
    }
}

/// When a switch is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WaitFor {
    /// When the barrier has passed.
    #[default]
    Committed,
    /// When the first share of a gradual switch is published; when the barrier has passed, if it goes at once.
    Begun,
    /// When no claim of the old tenure is left.
    Drained,
}

/// What became of a request to switch.
#[derive(Clone, Debug, PartialEq)]
pub enum SwitchAnswer {
    /// Done, as far as was to be waited for.
    Done {
        /// One for each service that changed.
        receipts: Vec<Receipt>,
        /// Services on which the wanted colour was live already.
        unchanged: Vec<Unchanged>,
    },
    /// A shift, as it stands.
    Shifting(Box<ShiftView>),
    /// Not done; nothing has changed.
    Refused(Refusal),
}

/// A service on which the wanted colour was live already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unchanged {
    /// The service.
    pub service: ServiceName,
    /// The colour that is live.
    pub live: Colour,
    /// Its tenure.
    pub tenure: Tenure,
}

/// Typed reason why a switch did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such service.
    #[error("there is no service `{0}`")]
    UnknownService(String),
    /// `expect_live` did not hold.
    #[error(
        "service `{service}` has {live} live, not {expected}; look at `cutover status {service}` and decide again"
    )]
    NotExpectedLive {
        /// The service.
        service: ServiceName,
        /// What was expected.
        expected: Colour,
        /// What is so.
        live: Colour,
    },
    /// `If-Match` did not hold.
    #[error(
        "service `{service}` is in tenure {tenure}, not {expected}; read it again and decide again"
    )]
    StaleTenure {
        /// The service.
        service: ServiceName,
        /// What was expected.
        expected: Tenure,
        /// What is so.
        tenure: Tenure,
    },
    /// Another switch of the service waits for its gates, or has opened them and is not committed yet.
    #[error(
        "service `{service}` is being switched to {to} by `{actor}` since {since}; wait for it"
    )]
    Busy {
        /// The service.
        service: ServiceName,
        /// Where the first one leads.
        to: Colour,
        /// Who asked for the first one.
        actor: String,
        /// Since when.
        since: Timestamp,
    },
    /// A gradual switch is under way.
    #[error(
        "service `{service}` is being shifted to {to}, at {share} now, by `{actor}` since {since}; complete or abort \
         that first"
    )]
    Shifting {
        /// The service.
        service: ServiceName,
        /// Where the shift leads.
        to: Colour,
        /// Who asked for it.
        actor: String,
        /// Since when.
        since: Timestamp,
        /// How far it has come.
        share: Share,
    },
    /// No gradual switch is under way.
    #[error("service `{0}` has no gradual switch under way")]
    NotShifting(ServiceName),
    /// The gradual switch was aborted before it was committed.
    #[error(
        "the switch of service `{service}` to {to} was aborted by `{by}`; {live} is live, as before"
    )]
    Aborted {
        /// The service.
        service: ServiceName,
        /// Where it led.
        to: Colour,
        /// What is live.
        live: Colour,
        /// Who aborted it.
        by: String,
    },
    /// The gates did not open in time; nothing was changed.
    #[error("{}", gates(.0))]
    Gates(Vec<GateVerdict>),
    /// No switch of the service waits for its gates.
    #[error("no switch of service `{0}` waits for its gates")]
    NothingWaits(ServiceName),
    /// A switch waits, and not for approval.
    #[error(
        "the switch of service `{service}` waits for {gate} still, not for approval; say it again later"
    )]
    NotYet {
        /// The service.
        service: ServiceName,
        /// What it waits for.
        gate: GateKind,
    },
    /// Who has asked for a switch cannot approve it.
    #[error("`{0}` has asked for the switch; somebody else must approve it")]
    SamePerson(String),
    /// Not every service of the group stands where a switch of the group has left it.
    #[error(
        "service `{service}` does not stand where the last switch of group `{group}` has left it; roll back one service at a time"
    )]
    NotTogether {
        /// The group.
        group: GroupName,
        /// The first service that was switched otherwise since, or was never switched with the others.
        service: ServiceName,
    },
    /// The key was used for another call.
    #[error(
        "the key `{0}` was used for another call about the same service; take a new key for a new order"
    )]
    KeyReused(String),
    /// No earlier colour to go back to.
    #[error("service `{0}` has never been switched, there is no colour to roll back to")]
    NothingToRollBack(ServiceName),
    /// The target pool has no endpoint; not even `force` sends traffic nowhere.
    #[error("pool `{colour}` of service `{service}` has no endpoints; add one first")]
    EmptyPool {
        /// The service.
        service: ServiceName,
        /// The pool.
        colour: Colour,
    },
    /// The intent could not be written down; nothing was changed.
    #[error("the journal could not be written, nothing was switched: {0}")]
    Journal(String),
    /// The process is stopping.
    #[error("cutover is shutting down")]
    ShuttingDown,
}

impl Refusal {
    /// What whoever began a shift is told when it was aborted.
    pub(super) fn aborted(receipt: &Receipt) -> Self {
        let by = receipt.shift.as_ref().and_then(|it| it.aborted_by.as_ref());
        Self::Aborted {
            service: receipt.service.clone(),
            to: receipt.to,
            live: receipt.from,
            by: by.map_or_else(String::new, |it| it.name.clone()),
        }
    }
}

fn gates(failures: &[GateVerdict]) -> String {
    failures
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// The switch that a service is busy with, as others see it: it waits for gates, journal or barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Where it leads.
    pub to: Colour,
    /// Who asked.
    pub actor: Actor,
    /// Since when.
    pub since: Timestamp,
}
