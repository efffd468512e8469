//! The way of a switch through its gates.
//!
//! Owns the order of the gates and when one gives up; must not decide whether a switch may begin (`decide.rs`) or what
//! comes after the gates (`procedure.rs`). Gates of one kind are asked together, of all services of the switch; those of
//! the next kind when all of them are open. `min_ready` is asked of the state itself, as often as readiness changes, and
//! once more at the end: the others take time, and endpoints may have gone meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    ANSWER_SLACK,
    inquiry::{GateAnswer, Inquiry},
    round::Round,
    verdict::{GateKind, GateVerdict, Verdict},
};
use crate::core::{
    event::Effect,
    ids::{Colour, OpId, ServiceName},
    notice::Notice,
    operation::Asked,
    state::{State, Turn},
    switch::Refusal,
    time::{Timestamp, after},
};

/// A switch that waits for its gates.
#[derive(Debug)]
pub(in crate::core) struct Gated {
    pub(in crate::core) asked: Asked,
    pub(in crate::core) targets: BTreeMap<ServiceName, Colour>,
    gate_timeout: Duration,
    /// The kind of gate that it waits for now.
    pub(super) stage: Stage,
    /// Gates that are open; those of `min_ready` left out.
    pub(in crate::core) passed: Vec<GateVerdict>,
    /// Whether all kinds have been asked, so that `min_ready` alone is left.
    is_last_look: bool,
}

/// The gates of one kind.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) kind: GateKind,
    /// Empty for `min_ready`, which is read when somebody looks.
    pub(super) gates: Vec<GateVerdict>,
    /// Those whose failure does not matter, by their place.
    ignored: BTreeSet<usize>,
    wait: Wait,
}

/// How long a switch waits for the gates of one kind.
#[derive(Clone, Copy, Debug)]
pub(in crate::core) struct Wait {
    pub(in crate::core) since: Timestamp,
    pub(in crate::core) until: Timestamp,
    pub(in crate::core) due: Instant,
}

impl Wait {
    fn begins(wait: Duration, turn: &Turn) -> Self {
        let (since, due) = (turn.now.wall, after(turn.now.instant, wait));
        let wait = due.saturating_duration_since(turn.now.instant);
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self {
            since,
            until: Timestamp::from_millis(since.millis().saturating_add(millis)),
            due,
        }
    }
}

impl Gated {
    pub(in crate::core) fn new(
        asked: Asked,
        targets: BTreeMap<ServiceName, Colour>,
        gate_timeout: Duration,
        turn: &Turn,
    ) -> Self {
        Self {
            asked,
            targets,
            gate_timeout,
            stage: Stage::min_ready(gate_timeout, turn),
            passed: Vec::new(),
            is_last_look: false,
        }
    }

    pub(in crate::core) const fn kind(&self) -> GateKind {
        self.stage.kind
    }

    pub(in crate::core) const fn wait(&self) -> Wait {
        self.stage.wait
    }

    /// The gates of one service that are asked now, and those that have been; `min_ready` left out.
    pub(in crate::core) fn gates_of(
        &self,
        service: &ServiceName,
    ) -> impl Iterator<Item = &GateVerdict> {
        let all = self.passed.iter().chain(&self.stage.gates);
        all.filter(move |it| it.service == *service)
    }
}

impl State {
    /// Lets a switch that may begin wait for its gates.
    pub(in crate::core) fn wait_for_gates(&mut self, gated: Gated, turn: &mut Turn) {
        let op = gated.asked.op;
        self.operations.waiting.insert(op, gated);
        self.ask_gates_of(op, turn);
        let waits = self.operations.waiting.get(&op);
        if waits.is_some_and(|it| it.stage.kind == GateKind::MinReady) {
            self.tell_waiting(op, turn);
        }
    }

    /// Asks the gates of every switch that waits for them.
    pub(in crate::core) fn ask_gates(&mut self, turn: &mut Turn) {
        let waiting: Vec<OpId> = self.operations.waiting.keys().copied().collect();
        for op in waiting {
            self.ask_gates_of(op, turn);
        }
        self.ask_held(turn);
    }

    fn ask_gates_of(&mut self, op: OpId, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get(&op) else {
            return;
        };
        let unready = match self.unready(&gated.targets, turn.now.instant) {
            Err(refusal) => return self.refuse_gated(op, refusal, turn),
            Ok(_) if gated.asked.force => return self.gates_open(op, turn),
            Ok(unready) => unready,
        };
        let is_due = turn.now.instant >= gated.stage.wait.due;
        match gated.stage.kind {
            GateKind::MinReady if unready.is_empty() => self.next_gates(op, turn),
            GateKind::MinReady if is_due => self.refuse_gated(op, Refusal::Gates(unready), turn),
            GateKind::MinReady => {}
            GateKind::Hook | GateKind::Check | GateKind::Approval | GateKind::WarmUp if is_due => {
                self.gates_overdue(op, turn);
            }
            GateKind::Hook | GateKind::Check | GateKind::Approval | GateKind::WarmUp => {}
        }
    }

    /// Pools of the targets of which too little is ready; a refusal where waiting is no use any more.
    pub(in crate::core) fn unready(
        &self,
        targets: &BTreeMap<ServiceName, Colour>,
        now: Instant,
    ) -> Result<Vec<GateVerdict>, Refusal> {
        let mut unready = Vec::new();
        for (service, &colour) in targets {
            let gate = self.min_ready_of(service, colour, now)?;
            unready.extend(Some(gate).filter(GateVerdict::is_closed));
        }
        Ok(unready)
    }

    pub(in crate::core) fn min_ready_of(
        &self,
        service: &ServiceName,
        colour: Colour,
        now: Instant,
    ) -> Result<GateVerdict, Refusal> {
        let served = self
            .services
            .get(service)
            .ok_or_else(|| Refusal::UnknownService(service.to_string()))?;
        let pool = &served.pools[colour];
        if pool.present() == 0 {
            let service = service.clone();
            return Err(Refusal::EmptyPool { service, colour });
        }
        Ok(pool.gate((service, colour), served.spec.switch.min_ready, now))
    }

    /// Asks the gates of the next kind that there are any of; after the last, they are open.
    fn next_gates(&mut self, op: OpId, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get_mut(&op) else {
            return;
        };
        let done = std::mem::take(&mut gated.stage.gates);
        gated.passed.extend(done);
        if gated.is_last_look {
            return self.gates_open(op, turn);
        }
        let last = gated.stage.kind;
        let Some(gated) = self.operations.waiting.get(&op) else {
            return;
        };
        for kind in KINDS.into_iter().filter(|kind| *kind > last) {
            let round = self.round(kind, gated);
            if !round.gates.is_empty() {
                return self.ask(op, kind, round, turn);
            }
        }
        if last == GateKind::MinReady {
            return self.gates_open(op, turn);
        }
        self.look_again(op, turn);
    }

    fn ask(&mut self, op: OpId, kind: GateKind, round: Round, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get_mut(&op) else {
            return;
        };
        let longest = match round.questions.is_empty() {
            true => round.longest,
            false => round.longest.saturating_add(ANSWER_SLACK),
        };
        gated.stage = Stage {
            kind,
            gates: round.gates,
            ignored: round.ignored,
            wait: Wait::begins(longest, turn),
        };
        self.tell_waiting(op, turn);
        if !round.questions.is_empty() {
            turn.does(Effect::Ask(Inquiry {
                op,
                gate: kind,
                questions: round.questions,
            }));
        }
    }

    /// All other gates are open: enough must be ready still.
    fn look_again(&mut self, op: OpId, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get_mut(&op) else {
            return;
        };
        gated.is_last_look = true;
        gated.stage = Stage::min_ready(gated.gate_timeout, turn);
        self.ask_gates_of(op, turn);
        if self.operations.waiting.contains_key(&op) {
            self.tell_waiting(op, turn);
        }
    }

    /// The edge has found out about one gate.
    pub(in crate::core) fn gate_answered(&mut self, answer: GateAnswer, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get_mut(&answer.op) else {
            return;
        };
        let place = gated.stage.gates.get_mut(answer.place);
        let Some(gate) =
            place.filter(|it| it.gate == answer.gate && it.verdict == Verdict::Waiting)
        else {
            return;
        };
        gate.answered(answer.outcome);
        if gate.verdict == Verdict::Failed && gated.stage.ignored.contains(&answer.place) {
            gate.verdict = Verdict::Ignored;
        }
        turn.tells(Notice::GateAnswered(gate.clone()));
        self.stage_answered(answer.op, turn);
    }

    /// No more answers are waited for.
    fn gates_overdue(&mut self, op: OpId, turn: &mut Turn) {
        if let Some(gated) = self.operations.waiting.get_mut(&op) {
            gated.stage.expires();
            self.stage_answered(op, turn);
        }
    }

    /// Goes on, or refuses, if all gates of the stage have been answered.
    pub(super) fn stage_answered(&mut self, op: OpId, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get(&op) else {
            return;
        };
        let gates = &gated.stage.gates;
        if gates.iter().any(|it| it.verdict == Verdict::Waiting) {
            return;
        }
        let failed = gates.iter().filter(|it| it.verdict == Verdict::Failed);
        let failed: Vec<_> = failed.cloned().collect();
        if failed.is_empty() {
            self.next_gates(op, turn);
        } else {
            self.refuse_gated(op, Refusal::Gates(failed), turn);
        }
    }

    fn tell_waiting(&self, op: OpId, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.get(&op) else {
            return;
        };
        let wait = gated.stage.wait;
        let of_kind = |service: &ServiceName| {
            let mut gates = gated.stage.gates.iter();
            gated.stage.kind == GateKind::MinReady || gates.any(|it| it.service == *service)
        };
        for (service, to) in gated.targets.iter().filter(|(service, _)| of_kind(service)) {
            turn.tells(Notice::SwitchWaiting {
                service: service.clone(),
                to: *to,
                actor: gated.asked.actor.clone(),
                gate: gated.stage.kind,
                longest: wait.due.saturating_duration_since(turn.now.instant),
            });
        }
    }

    fn gates_open(&mut self, op: OpId, turn: &mut Turn) {
        if let Some(gated) = self.operations.waiting.remove(&op) {
            match self.shift_plan(&gated) {
                Some(plan) => self.begin_shift(gated, plan, turn),
                None => self.write_intent(gated, turn),
            }
        }
    }

    /// Ends a switch that waits for its gates.
    pub(in crate::core) fn refuse_gated(&mut self, op: OpId, refusal: Refusal, turn: &mut Turn) {
        let Some(gated) = self.operations.waiting.remove(&op) else {
            return;
        };
        if gated.stage.kind != GateKind::MinReady {
            turn.does(Effect::Unask(op));
        }
        self.idle(gated.targets.keys());
        let services = gated.targets.into_keys().collect();
        self.refuse(&gated.asked, services, refusal, turn);
    }

    /// Refuses every switch that waits for its gates: the process is stopping.
    pub(in crate::core) fn refuse_waiting(&mut self, turn: &mut Turn) {
        let waiting: Vec<OpId> = self.operations.waiting.keys().copied().collect();
        for op in waiting {
            self.refuse_gated(op, Refusal::ShuttingDown, turn);
        }
    }
}

impl Stage {
    fn min_ready(gate_timeout: Duration, turn: &Turn) -> Self {
        Self {
            kind: GateKind::MinReady,
            gates: Vec::new(),
            ignored: BTreeSet::new(),
            wait: Wait::begins(gate_timeout, turn),
        }
    }

    /// Gates without an answer have failed by that.
    fn expires(&mut self) {
        let waiting = self.gates.iter_mut().enumerate();
        for (place, gate) in waiting.filter(|(_, it)| it.verdict == Verdict::Waiting) {
            gate.verdict = match self.ignored.contains(&place) {
                true => Verdict::Ignored,
                false => Verdict::Failed,
            };
            gate.why = Some("no answer in time".to_owned());
        }
    }
}

/// The kinds of gate after `min_ready`, in their order.
const KINDS: [GateKind; 4] = [
    GateKind::Hook,
    GateKind::Check,
    GateKind::Approval,
    GateKind::WarmUp,
];
