//! A shift: a gradual switch under way, during which a share of the requests goes to the new colour already.
//!
//! Owns the words of a shift; how it goes is `shifting.rs`'s. While it lasts the old colour is
//! live, so that exactly one is; the new colour's tenure has its number and its counter from the beginning.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::pace::{BadSteps, EVERY, Pace, STEPS_LIMIT, ShiftPlan, ShiftSpec, steps};
use super::{
    gate::verdict::GateVerdict,
    ids::{Colour, ServiceName, Tenure},
    in_flight::TenureCounter,
    leg::Leg,
    once::Once,
    operation::Asked,
    share::Share,
    shift_key::ShiftKey,
    snapshot::ShiftSnapshot,
    switch::Actor,
    time::Timestamp,
};

/// A shift as the journal knows it: written when it begins and at each step, pause and resumption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRecord {
    /// The service.
    pub service: ServiceName,
    /// The colour that is live.
    pub from: Colour,
    /// The colour that it leads to.
    pub to: Colour,
    /// The number of that one's tenure.
    pub tenure: Tenure,
    /// Who asked.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Whether gates are skipped.
    pub forced: bool,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When its gates had opened.
    pub began_at: Timestamp,
    /// How long they took, in milliseconds.
    pub gate_ms: u64,
    /// Those of them that were asked of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateVerdict>,
    /// Its way.
    pub plan: ShiftPlan,
    /// The present step, from 0; one beyond the last is the ramp.
    pub step: usize,
    /// Whether it stays where it is until it is resumed.
    pub paused: bool,
    /// What the call that began it is known by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
}

impl ShiftRecord {
    /// Whether the present step is the last, the ramp included.
    pub(super) fn is_last(&self) -> bool {
        self.step + 1 >= self.plan.legs()
    }

    /// The share that its present step begins with.
    pub(super) fn share(&self) -> Share {
        let reached = self.plan.steps.get(self.step).or(self.plan.steps.last());
        reached.copied().unwrap_or(Share::NONE)
    }

    /// Whether the share climbs at present.
    #[must_use]
    pub fn is_ramp(&self) -> bool {
        self.step >= self.plan.steps.len()
    }

    fn leg(&self, now: Instant) -> Leg {
        match self.plan.steps.get(self.step) {
            Some(share) => Leg::level(*share, now, self.plan.every()),
            None => Leg::climb(self.share(), now, self.plan.ramp()),
        }
    }
}

/// What a shift is at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// On its way; looked at again at that moment.
    Goes(Instant),
    /// Stays where it is until it is resumed.
    Paused,
    /// Its step is over, and the gate of the next has closed meanwhile.
    Held,
    /// Its next step is being written down.
    Writing,
    /// Its commit or its abort is being written down.
    Ending,
}

/// A shift under way.
#[derive(Debug)]
pub(super) struct Shift {
    pub(super) record: ShiftRecord,
    /// The switch that waits for it; nobody does after a restart or once it is answered.
    pub(super) asked: Asked,
    pub(super) counter: Arc<TenureCounter>,
    /// The share as it is published.
    pub(super) share: Share,
    pub(super) stage: Stage,
    leg: Leg,
}

impl Shift {
    pub(super) fn new(record: ShiftRecord, asked: Asked, workers: usize, now: Instant) -> Self {
        let counter = TenureCounter::new(record.service.clone(), record.to, record.tenure, workers);
        let leg = record.leg(now);
        let mut shift = Self {
            share: leg.share_at(now),
            stage: Stage::Paused,
            counter: Arc::new(counter),
            record,
            asked,
            leg,
        };
        if !shift.record.paused {
            shift.goes_on(now);
        }
        shift
    }

    /// When it has to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.stage {
            Stage::Goes(due) => Some(due),
            Stage::Paused | Stage::Held | Stage::Writing | Stage::Ending => None,
        }
    }

    /// Whether its step is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.leg.end() <= now
    }

    /// The share of this moment; says whether that is another one.
    pub(super) fn climbs(&mut self, now: Instant) -> bool {
        let share = self.leg.share_at(now);
        std::mem::replace(&mut self.share, share) != share
    }

    /// Goes on with what is left of its step.
    pub(super) fn goes_on(&mut self, now: Instant) {
        self.stage = Stage::Goes(self.leg.next_look(now));
    }

    /// Stays where it is; what is left of its step is left then, too.
    pub(super) fn pauses(&mut self, now: Instant) {
        self.leg = self.leg.rest(now);
        self.share = self.leg.share_at(now);
        self.record.paused = true;
        self.stage = Stage::Paused;
    }

    pub(super) fn resumes(&mut self, now: Instant) {
        self.leg.begins(now);
        self.record.paused = false;
        self.goes_on(now);
    }

    /// The next step begins.
    pub(super) fn steps(&mut self, now: Instant) {
        self.record.step += 1;
        self.leg = self.record.leg(now);
        self.share = self.leg.share_at(now);
        self.goes_on(now);
    }

    /// Tries again later what could not be written down.
    pub(super) fn retries(&mut self, now: Instant) {
        self.leg = Leg::level(self.share, now, RETRY);
        self.goes_on(now);
    }

    /// What requests see of it.
    pub(super) fn snapshot(&self) -> ShiftSnapshot {
        ShiftSnapshot {
            share: self.share,
            key: self.record.plan.key.clone(),
            tenure: Arc::clone(&self.counter),
        }
    }

    /// How it looks from outside; `gate` is the gate of its target where that is closed.
    pub(super) fn view(&self, gate: Option<GateVerdict>, now: Instant) -> ShiftView {
        let left = match self.stage {
            Stage::Goes(_) => Some(self.leg.end().saturating_duration_since(now)),
            Stage::Paused => Some(self.leg.lasts()),
            Stage::Held | Stage::Writing | Stage::Ending => None,
        };
        ShiftView {
            to: self.record.to,
            tenure: self.record.tenure,
            share: self.share,
            step: self.record.step + 1,
            steps: self.record.plan.steps.to_vec(),
            ramping: self.record.is_ramp(),
            key: self.record.plan.key.clone(),
            paused: self.record.paused,
            held: matches!(self.stage, Stage::Held),
            gates: gate.into_iter().collect(),
            left_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            requests: self.counter.counts().claimed,
            actor: self.record.actor.clone(),
            reason: self.record.reason.clone(),
            since: self.record.requested_at,
        }
    }
}

/// A shift as it looks from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShiftView {
    /// Where it leads.
    pub to: Colour,
    /// The number of that colour's tenure.
    pub tenure: Tenure,
    /// The share of the requests that goes there now.
    pub share: Share,
    /// The present step, from 1.
    pub step: usize,
    /// The shares of all steps.
    pub steps: Vec<Share>,
    /// Whether the steps are over and the share climbs evenly.
    pub ramping: bool,
    /// What decides on which side a request is.
    pub key: ShiftKey,
    /// Whether it stays where it is until it is resumed.
    pub paused: bool,
    /// Whether its next step waits for the gate of its pool.
    pub held: bool,
    /// That gate, if it is closed.
    pub gates: Vec<GateVerdict>,
    /// What is left of the present step, in milliseconds, if it goes on by itself.
    pub left_ms: Option<u64>,
    /// Requests that went to the new colour so far.
    pub requests: u64,
    /// Who asked.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// What a receipt says of the shift that led to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShiftAccount {
    /// When the first share was published.
    pub began_at: Timestamp,
    /// The share that it had come to before it was completed or aborted.
    pub share: Share,
    /// Requests that went to the new colour while it lasted.
    pub requests: u64,
    /// Who aborted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aborted_by: Option<Actor>,
    /// Why, in that one's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_reason: Option<String>,
    /// What the call that aborted it is known by, if it is made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_once: Option<Once>,
}

/// All shifts, at most one of each service.
pub(super) type Shifts = BTreeMap<ServiceName, Shift>;

/// Until what could not be written down is tried again.
pub(super) const RETRY: Duration = Duration::from_secs(10);
