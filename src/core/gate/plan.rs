//! What a switch would do now, without doing it.
//!
//! Owns the shape of a plan and what of it can be read from the state; checks are for the edge to make. Must not change
//! anything, which its `&self` says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    inquiry::CheckQuestion,
    round::{before, check_question},
    verdict::{GateFault, GateKind, GateVerdict, Verdict},
};
use crate::core::{
    decide::{Decision, decide},
    ids::{Colour, ServiceName, Tenure},
    pace::{Pace, ShiftPlan},
    share::Share,
    state::State,
    switch::{SwitchRequest, Unchanged},
    time::Now,
    view::MirrorView,
};

/// What a switch would do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// Whether it would be carried out, as far as that can be told without asking hooks and people.
    pub possible: bool,
    /// Why it would be refused at once, if it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Each service that would change.
    pub services: Vec<ServicePlan>,
    /// Services on which the wanted colour is live already.
    pub unchanged: Vec<Unchanged>,
}

/// What it would do to one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServicePlan {
    /// The service.
    pub service: ServiceName,
    /// The colour that is live.
    pub from: Colour,
    /// The colour that would be.
    pub to: Colour,
    /// The tenure that would begin.
    pub tenure: Tenure,
    /// Every gate with its verdict now.
    pub gates: Vec<GateVerdict>,
    /// What would have to drain.
    pub to_drain: ToDrain,
    /// How gradually it would go, if not all at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shift: Option<ShiftOutline>,
    /// What the file calls live.
    pub file_live: Colour,
    /// Whether file and state would differ afterwards.
    pub drift: bool,
    /// Whether a rollback would be possible afterwards.
    pub rollback: RollbackPlan,
    /// How the target pool has answered copies of live requests, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorView>,
}

/// What is in flight now and would have to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToDrain {
    /// Requests of the live tenure that are in flight, tunnels included.
    pub in_flight: u64,
    /// Of those: tunnels, such as WebSockets.
    pub tunnels: u64,
    /// Claims of older tenures that still drain.
    pub draining: u64,
    /// After it, what is left would be cut, in milliseconds.
    pub deadline_ms: u64,
}

/// How gradually a switch would go, as long as nothing holds it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShiftOutline {
    /// Shares of the requests that would go to the new colour, one after the other.
    pub steps: Vec<Share>,
    /// How long each of them would last, in milliseconds.
    pub every_ms: u64,
    /// How long the share would climb evenly to all of it after them, in milliseconds.
    pub ramp_ms: u64,
}

impl From<ShiftPlan> for ShiftOutline {
    fn from(plan: ShiftPlan) -> Self {
        Self {
            steps: plan.steps.to_vec(),
            every_ms: plan.every_ms,
            ramp_ms: plan.ramp_ms,
        }
    }
}

/// Whether a rollback would be possible afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackPlan {
    /// Whether its gates would be open, as the pool that is live now stands.
    pub possible: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A plan with the checks that its gates need.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The plan; gates that are checks are not asked yet.
    pub plan: Plan,
    /// The checks, each with the place of its service and the place of its gate there.
    pub checks: Vec<(usize, usize, CheckQuestion)>,
}

impl Draft {
    /// The plan with the outcomes of its checks, in their order.
    #[must_use]
    pub fn finished(mut self, outcomes: Vec<Result<(), GateFault>>) -> Plan {
        for ((service, gate, _), outcome) in self.checks.iter().zip(outcomes) {
            let service = self.plan.services.get_mut(*service);
            if let Some(gate) = service.and_then(|it| it.gates.get_mut(*gate)) {
                gate.answered(outcome);
            }
        }
        let mut gates = self.plan.services.iter().flat_map(|it| &it.gates);
        let closed = gates.any(|it| it.verdict == Verdict::Failed);
        self.plan.possible = self.plan.refusal.is_none() && !closed;
        self.plan
    }
}

impl State {
    /// What `request` would do now.
    #[must_use]
    pub fn plan(&self, request: &SwitchRequest, now: Now) -> Draft {
        let mut draft = Draft {
            plan: Plan {
                possible: false,
                refusal: None,
                services: Vec::new(),
                unchanged: Vec::new(),
            },
            checks: Vec::new(),
        };
        match decide(self, request) {
            Err(refusal) => draft.plan.refusal = Some(refusal.to_string()),
            Ok(Decision {
                targets, unchanged, ..
            }) => {
                draft.plan.unchanged = unchanged;
                self.plan_services(&targets, request, now, &mut draft);
            }
        }
        draft
    }

    fn plan_services(
        &self,
        targets: &BTreeMap<ServiceName, Colour>,
        request: &SwitchRequest,
        now: Now,
        draft: &mut Draft,
    ) {
        let rollback = request.wish.is_rollback();
        // As `State::shift_plan` has it.
        let is_gradual = targets.len() == 1 && !rollback;
        let pace = if is_gradual {
            &request.pace
        } else {
            &Pace::AtOnce
        };
        for (service, &to) in targets {
            let place = draft.plan.services.len();
            if let Some((mut plan, checks)) = self.plan_of((service, to), rollback, now) {
                let spec = self.services.get(service).map(|it| &it.spec.switch.shift);
                plan.shift = spec.and_then(|it| it.plan(pace)).map(ShiftOutline::from);
                let checks = checks.into_iter();
                draft
                    .checks
                    .extend(checks.map(|(gate, check)| (place, gate, check)));
                draft.plan.services.push(plan);
            }
        }
    }

    fn plan_of(
        &self,
        (service, to): (&ServiceName, Colour),
        rollback: bool,
        now: Now,
    ) -> Option<(ServicePlan, Vec<(usize, CheckQuestion)>)> {
        let (served, standing) = (self.services.get(service)?, self.standings.get(service)?);
        let mut gates = vec![self.min_ready_of(service, to, now.instant).ok()?];
        let mut checks = Vec::new();
        let spec = &served.spec.switch.gates;
        let aim = (service, to);
        let unasked = |kind, name| GateVerdict::unasked(kind, name, aim);
        let hooks = spec.hooks_at(before(rollback));
        gates.extend(hooks.map(|it| unasked(GateKind::Hook, Some(it.name.clone()))));
        for check in &spec.checks {
            checks.push((gates.len(), check_question(served, to, check)));
            gates.push(unasked(GateKind::Check, Some(check.name.clone())));
        }
        if spec.approval.is_some() && !rollback {
            gates.push(unasked(GateKind::Approval, None));
        }
        if spec.warm_up {
            gates.push(unasked(GateKind::WarmUp, None));
        }
        let counts = standing.counter.counts();
        let deadline = served.spec.switch.drain_deadline.as_millis();
        let draining = Colour::ALL.map(|it| self.drains.counts_of(service, it).in_flight());
        let plan = ServicePlan {
            service: service.clone(),
            from: standing.live,
            to,
            tenure: standing.next_tenure(),
            gates,
            to_drain: ToDrain {
                in_flight: counts.in_flight(),
                tunnels: counts.tunnels,
                draining: draining.iter().sum(),
                deadline_ms: u64::try_from(deadline).unwrap_or(u64::MAX),
            },
            shift: None,
            file_live: standing.file_live,
            drift: standing.file_live != to,
            rollback: self.rollback_after(service, standing.live, now),
            // The edge has it.
            mirror: None,
        };
        Some((plan, checks))
    }

    /// Whether there would be a way back to `colour`.
    fn rollback_after(&self, service: &ServiceName, colour: Colour, now: Now) -> RollbackPlan {
        let why = match self.min_ready_of(service, colour, now.instant) {
            Ok(gate) => gate.is_closed().then(|| gate.to_string()),
            Err(refusal) => Some(refusal.to_string()),
        };
        RollbackPlan {
            possible: why.is_none(),
            why,
        }
    }
}
