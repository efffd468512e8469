//! What became of one switch, and of every request that it met.
//!
//! Owns the account; must not decide when it is settled, which is `drain.rs`'s.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    gate::verdict::GateVerdict,
    ids::{Colour, GroupName, ServiceName, Tenure},
    in_flight::Counts,
    once::Once,
    shift::ShiftAccount,
    switch::Actor,
    time::Timestamp,
};

/// Stored account of one switch and of every request it met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The service.
    pub service: ServiceName,
    /// The colour that was live.
    pub from: Colour,
    /// The colour that is live since.
    pub to: Colour,
    /// The tenure that began.
    pub tenure: Tenure,
    /// Who asked.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Whether it was asked for as a rollback.
    pub rollback: bool,
    /// Whether the gates were skipped.
    pub forced: bool,
    /// The group that was switched as one, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupName>,
    /// What the call is known by if it is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the barrier had passed.
    pub committed_at: Option<Timestamp>,
    /// How long the gates took, in milliseconds.
    pub gate_ms: u64,
    /// The gates that it passed besides `min_ready`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateVerdict>,
    /// From the publish to the last worker's answer, in microseconds.
    pub barrier_us: Option<u64>,
    /// Workers that had not answered when the barrier was given up: 0 is the proof that nobody can reach the old
    /// pool any more; with any other number the switch is committed, but not proven.
    #[serde(default)]
    pub unproven_workers: u64,
    /// Claims of the old tenure at the moment of the barrier.
    pub in_flight_at_commit: u64,
    /// Of those: ended by themselves.
    pub finished: u64,
    /// Of those: sent again, by the new snapshot.
    pub replayed: u64,
    /// Of those: cut, by cause.
    pub cut: Cut,
    /// Of those finished: broken off by a peer, not by cutover.
    pub broken: Broken,
    /// When the last claim had ended.
    pub drained_at: Option<Timestamp>,
    /// How it stands.
    pub outcome: Outcome,
    /// The shift that led to it, if it went gradually.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftAccount>,
    /// What became of the sessions that finished on the old colour, when none does any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<AffinityAccount>,
}

/// What became of sessions that were begun on the old colour and finished there after a switch. Their requests are not among
/// those in flight at the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AffinityAccount {
    /// Requests that stayed on the old colour for their session's sake.
    pub stayed: u64,
    /// Of those: cut at the end.
    pub stranded: u64,
    /// When the last of them had ended.
    pub ended_at: Timestamp,
}

/// Claims that cutover itself ended, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cut {
    /// The drain deadline passed.
    pub drain_deadline: u64,
    /// The process stopped.
    pub shutdown: u64,
}

impl Cut {
    /// Over all causes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.drain_deadline + self.shutdown
    }
}

/// Claims that a peer broke off while they drained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Broken {
    /// By the client.
    pub client: u64,
    /// By the endpoint.
    pub upstream: u64,
}

/// How a switch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Written to the journal, the barrier has not passed yet.
    Committing,
    /// Committed; claims of the old tenure are left.
    Draining,
    /// Every claim has ended by itself or was replayed.
    Drained,
    /// Every claim has ended, some because they were cut.
    Cut,
    /// The process ended before the drain did; what was in flight ended with it.
    Interrupted,
    /// A shift that was aborted: `from` stayed live, and what was in flight on `to` is what is accounted for.
    Aborted,
}

impl Receipt {
    /// The receipt of a switch that is about to be written down: nothing has happened yet.
    pub(super) fn intended(
        (service, from, to, tenure): (&ServiceName, Colour, Colour, Tenure),
        (actor, reason, requested_at): (&Actor, Option<&String>, Timestamp),
    ) -> Self {
        Self {
            service: service.clone(),
            from,
            to,
            tenure,
            actor: actor.clone(),
            reason: reason.cloned(),
            rollback: false,
            forced: false,
            group: None,
            once: None,
            requested_at,
            committed_at: None,
            gate_ms: 0,
            gates: Vec::new(),
            barrier_us: None,
            unproven_workers: 0,
            in_flight_at_commit: 0,
            finished: 0,
            replayed: 0,
            cut: Cut::default(),
            broken: Broken::default(),
            drained_at: None,
            outcome: Outcome::Committing,
            shift: None,
            affinity: None,
        }
    }

    /// The colour whose requests are accounted for: the one that was live, or the one that a shift came to nothing with.
    #[must_use]
    pub fn drains(&self) -> Colour {
        match self.outcome {
            Outcome::Aborted => self.to,
            Outcome::Committing
            | Outcome::Draining
            | Outcome::Drained
            | Outcome::Cut
            | Outcome::Interrupted => self.from,
        }
    }

    /// The colour that the switch has left live.
    #[must_use]
    pub fn live(&self) -> Colour {
        self.drains().other()
    }

    /// Writes `met`, what has happened to the old tenure since the barrier, into the receipt.
    pub const fn account(&mut self, met: &Counts) {
        self.in_flight_at_commit = met.claimed;
        self.finished = met.finished;
        self.replayed = met.replayed;
        self.cut = Cut {
            drain_deadline: met.cut_by_deadline,
            shutdown: met.cut_by_shutdown,
        };
        self.broken = Broken {
            client: met.client_gone,
            upstream: met.upstream_failed,
        };
    }

    /// When the colour became live, as nearly as is known: the commit, or, where the process ended before it, the
    /// moment at which the gates had opened.
    #[must_use]
    pub fn live_since(&self) -> Timestamp {
        let gates = Duration::from_millis(self.gate_ms);
        self.committed_at
            .unwrap_or_else(|| self.requested_at.plus(gates))
    }

    /// Claims not yet accounted for.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.in_flight_at_commit
            .saturating_sub(self.finished + self.replayed + self.cut.total())
    }
}
