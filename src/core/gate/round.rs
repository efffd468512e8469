//! The gates of one kind, and what the edge is asked for each of them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    gated::Gated,
    inquiry::{CheckQuestion, Description, HookQuestion, Manner, Question, Target, WarmUpQuestion},
    spec::{CheckScope, CheckSpec, HookPoint, OnFailure, WARMED_AT_ONCE},
    verdict::{GateKind, GateVerdict},
};
use crate::core::{
    ids::{Colour, ServiceName},
    operation::Asked,
    standing::{Served, Standing},
    state::State,
};

/// The gates of one kind with what is to be asked, and how long the answers may take.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) gates: Vec<GateVerdict>,
    /// One for each gate; none for those that the edge cannot find out about.
    pub(super) questions: Vec<Question>,
    /// Gates whose failure does not matter, by their place.
    pub(super) ignored: BTreeSet<usize>,
    pub(super) longest: Duration,
}

/// One service of a switch.
#[derive(Clone, Copy)]
struct Aim<'a> {
    service: &'a ServiceName,
    to: Colour,
    served: &'a Served,
    standing: &'a Standing,
}

impl State {
    /// The gates of one kind of all targets, and what is to be asked for each.
    pub(super) fn round(&self, kind: GateKind, gated: &Gated) -> Round {
        let mut round = Round::default();
        for (service, &to) in &gated.targets {
            let served = self.services.get(service);
            let Some((served, standing)) = served.zip(self.standings.get(service)) else {
                continue;
            };
            let aim = Aim {
                service,
                to,
                served,
                standing,
            };
            match kind {
                GateKind::MinReady => {}
                GateKind::Hook => round.hooks(aim, &gated.asked),
                GateKind::Check => round.checks(aim),
                GateKind::Approval => round.approval(aim, &gated.asked),
                GateKind::WarmUp => round.warm_up(aim),
            }
        }
        round
    }
}

impl Round {
    fn adds(&mut self, gate: GateKind, name: Option<String>, aim: Aim<'_>) {
        let gate = GateVerdict::unasked(gate, name, (aim.service, aim.to));
        self.gates.push(gate.being_asked());
    }

    fn lasts(&mut self, longer: Duration) {
        self.longest = self.longest.saturating_add(longer);
    }

    fn hooks(&mut self, aim: Aim<'_>, asked: &Asked) {
        let at = before(asked.rollback);
        let description = Arc::new(Description {
            at,
            service: aim.service.clone(),
            from: aim.standing.live,
            to: aim.to,
            tenure: aim.standing.next_tenure(),
            rollback: asked.rollback,
            forced: asked.force,
            actor: asked.actor.clone(),
            reason: asked.reason.clone(),
            requested_at: asked.at.wall,
            receipt: None,
        });
        for hook in aim.served.spec.switch.gates.hooks_at(at) {
            if hook.on_failure == OnFailure::Ignore {
                self.ignored.insert(self.gates.len());
            }
            self.adds(GateKind::Hook, Some(hook.name.clone()), aim);
            self.lasts(hook.timeout);
            self.questions.push(Question::Hook(HookQuestion {
                hook: Arc::clone(hook),
                description: Arc::clone(&description),
            }));
        }
    }

    fn checks(&mut self, aim: Aim<'_>) {
        for check in &aim.served.spec.switch.gates.checks {
            let question = check_question(aim.served, aim.to, check);
            self.lasts(check.longest(question.targets.len()));
            self.adds(GateKind::Check, Some(check.name.clone()), aim);
            self.questions.push(Question::Check(question));
        }
    }

    fn warm_up(&mut self, aim: Aim<'_>) {
        let spec = &aim.served.spec;
        let ready = aim.served.pools[aim.to].endpoints().iter();
        let ready = ready.filter(|it| it.is_ready());
        let endpoints: Vec<_> = ready.map(|it| (it.id, it.addr.clone())).collect();
        if !spec.switch.gates.warm_up || endpoints.is_empty() {
            return;
        }
        let turns = endpoints.len().div_ceil(WARMED_AT_ONCE);
        let turns = u32::try_from(turns).unwrap_or(u32::MAX);
        let patience = spec.timeouts.connect.saturating_mul(turns);
        let patience = patience.saturating_add(WARM_UP_SLACK);
        self.lasts(patience);
        self.adds(GateKind::WarmUp, None, aim);
        self.questions.push(Question::WarmUp(WarmUpQuestion {
            slot: aim.served.slot,
            service: aim.service.clone(),
            colour: aim.to,
            endpoints,
            patience,
        }));
    }

    /// The way back must not wait for a second person.
    fn approval(&mut self, aim: Aim<'_>, asked: &Asked) {
        let wanted = aim.served.spec.switch.gates.approval;
        if let Some(patience) = wanted.filter(|_| !asked.rollback) {
            self.longest = self.longest.max(patience);
            self.adds(GateKind::Approval, None, aim);
        }
    }
}

/// For a worker that is busy to come to it.
const WARM_UP_SLACK: Duration = Duration::from_secs(1);

/// The point at which hooks are gates.
pub(super) const fn before(rollback: bool) -> HookPoint {
    match rollback {
        false => HookPoint::BeforeSwitch,
        true => HookPoint::BeforeRollback,
    }
}

/// A check of a pool as it is now.
pub(super) fn check_question(
    served: &Served,
    colour: Colour,
    check: &Arc<CheckSpec>,
) -> CheckQuestion {
    let ready = served.pools[colour].endpoints().iter();
    let ready = ready.filter(|it| it.is_ready());
    let targets = ready.map(|it| Target {
        addr: it.addr.clone(),
        resolved: Arc::clone(&it.resolved),
    });
    CheckQuestion {
        check: Arc::clone(check),
        targets: match check.on {
            CheckScope::One => targets.take(1).collect(),
            CheckScope::Every => targets.collect(),
        },
        manner: Manner {
            protocol: served.spec.protocol,
            introduces: served.spec.connections.introduces,
            tls: served.spec.upstream_tls[colour].clone(),
        },
    }
}
