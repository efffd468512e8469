//! How a shift goes: begin, steps, ramp.
//!
//! Owns the order of the steps; the two ends are in `shift_end.rs`. Each step is written to the journal before it is
//! published, so that a restart goes on with the same one, from its beginning: while the process was away nobody watched
//! it. The ramp is one step to the journal, whatever it publishes.

use std::time::Instant;

use super::{
    event::{Effect, Entry},
    gate::{Gated, verdict::GateVerdict},
    ids::{ServiceName, Tenure},
    notice::{Notice, ShiftChange},
    operation::{Asked, Journaling, is_own},
    shift::{Shift, ShiftAccount, ShiftPlan, ShiftRecord, ShiftView, Stage},
    state::{State, Turn},
    switch::{Actor, Refusal, SwitchAnswer, WaitFor, Waiting},
};

impl State {
    /// The way of a switch whose gates are open; `None` if it goes at once. A rollback always does, and so do several
    /// services in one publish.
    pub(super) fn shift_plan(&self, gated: &Gated) -> Option<ShiftPlan> {
        let mut targets = gated.targets.keys();
        match (targets.next(), targets.next()) {
            (Some(service), None) if !gated.asked.rollback => {
                let spec = &self.services.get(service)?.spec;
                spec.switch.shift.plan(&gated.asked.pace)
            }
            _ => None,
        }
    }

    /// The gates are open: the first step goes to the journal.
    pub(super) fn begin_shift(&mut self, gated: Gated, plan: ShiftPlan, turn: &mut Turn) {
        let Some((service, to)) = gated.targets.first_key_value() else {
            return;
        };
        let (service, to) = (service.clone(), *to);
        let Some(standing) = self.standings.get(&service) else {
            return;
        };
        let passed = gated.gates_of(&service).cloned().collect();
        let asked = gated.asked;
        let gates = turn.now.instant.duration_since(asked.at.instant);
        let record = ShiftRecord {
            from: standing.live,
            to,
            tenure: standing.next_tenure(),
            service,
            actor: asked.actor.clone(),
            reason: asked.reason.clone(),
            forced: asked.force,
            requested_at: asked.at.wall,
            began_at: turn.now.wall,
            gate_ms: u64::try_from(gates.as_millis()).unwrap_or(u64::MAX),
            gates: passed,
            plan,
            step: 0,
            paused: false,
            once: asked.once.clone(),
        };
        let op = asked.op;
        let record = Box::new(record);
        let entry = Entry::Shifting {
            shift: record.clone(),
        };
        let journaling = Journaling::Shift(asked, record);
        self.operations.journaling.insert(op, journaling);
        turn.does(Effect::Journal(op, entry));
    }

    /// The journal has the first step: it is published.
    pub(super) fn shift_began(&mut self, asked: Asked, record: ShiftRecord, turn: &mut Turn) {
        let service = record.service.clone();
        let (op, wait) = (asked.op, asked.wait);
        self.enter_shift(record, asked, turn);
        self.tell_shift(&service, ShiftChange::Began, None, turn);
        // Before the answer: whoever hears that it has begun must find it so.
        self.publish(turn);
        self.shift_takes_up_the_wish(&service, turn);
        if wait == WaitFor::Begun && !is_own(op) {
            self.answer_as_it_stands(&service, op, turn);
            self.nobody_waits_for(&service);
        }
        self.answer_begun(&service, turn);
        if !self.services.contains_key(&service) {
            self.abort_unnamed(&service, turn);
        } else if self.shutting_down {
            self.leave_shifts(turn);
        }
    }

    fn shift_takes_up_the_wish(&mut self, service: &ServiceName, turn: &mut Turn) {
        let actor = self.shifts.get(service).map(|it| it.asked.actor.clone());
        if let Some(actor) = actor {
            self.wish_ends(&actor, [service], turn);
        }
    }

    fn enter_shift(&mut self, record: ShiftRecord, asked: Asked, turn: &Turn) {
        let service = record.service.clone();
        if let Some(standing) = self.standings.get_mut(&service) {
            standing.last_tenure = standing.last_tenure.max(record.tenure);
        }
        let shift = Shift::new(record, asked, self.workers, turn.now.instant);
        self.shifts.insert(service.clone(), shift);
        self.touch(&service);
    }

    /// Goes on with the shift that the journal knows of a service that is served again.
    pub(super) fn restore_shift(&mut self, record: ShiftRecord, turn: &mut Turn) {
        let service = record.service.clone();
        let waiting = Waiting {
            to: record.to,
            actor: record.actor.clone(),
            since: record.requested_at,
        };
        self.operations.busy.insert(service.clone(), waiting);
        let asked = Asked::restored(&record, self.operations.own_op(), turn.now);
        self.enter_shift(record, asked, turn);
        self.tell_shift(&service, ShiftChange::Restored, None, turn);
    }

    /// Looks at every shift that has to be looked at by now.
    pub(super) fn advance_shifts(&mut self, turn: &mut Turn) {
        if self.shutting_down {
            return;
        }
        let now = turn.now.instant;
        let due = |shift: &Shift| shift.due().is_some_and(|due| due <= now);
        let due: Vec<_> = self.shifts.iter().filter(|(_, it)| due(it)).collect();
        let due: Vec<_> = due
            .into_iter()
            .map(|(service, _)| service.clone())
            .collect();
        for service in due {
            let Some(shift) = self.shifts.get_mut(&service) else {
                continue;
            };
            if shift.is_over(now) {
                self.next_step(&service, turn);
                continue;
            }
            let climbs = shift.climbs(now);
            shift.goes_on(now);
            if climbs {
                self.touch(&service);
            }
        }
    }

    /// Asks the gates of shifts that are held by theirs.
    pub(super) fn ask_held(&mut self, turn: &mut Turn) {
        if self.shutting_down {
            return;
        }
        let held = |shift: &Shift| matches!(shift.stage, Stage::Held);
        let held: Vec<_> = self.shifts.iter().filter(|(_, it)| held(it)).collect();
        let held: Vec<_> = held
            .into_iter()
            .map(|(service, _)| service.clone())
            .collect();
        for service in held {
            self.next_step(&service, turn);
        }
    }

    /// A step is over: the next one goes to the journal, or the commit, unless the target's gate has closed.
    fn next_step(&mut self, service: &ServiceName, turn: &mut Turn) {
        let closed = self.shift_gate(service, false, turn).is_some();
        let Some(shift) = self.shifts.get_mut(service) else {
            return;
        };
        if closed {
            if !matches!(shift.stage, Stage::Held) {
                shift.stage = Stage::Held;
                self.tell_shift(service, ShiftChange::Held, None, turn);
            }
        } else if shift.record.is_last() {
            self.commit_shift(service, None, turn);
        } else {
            shift.stage = Stage::Writing;
            let mut record = shift.record.clone();
            record.step += 1;
            let op = self.operations.own_op();
            let journaling = Journaling::Step(service.clone(), record.tenure);
            self.operations.journaling.insert(op, journaling);
            turn.does(Effect::Journal(
                op,
                Entry::Shifting {
                    shift: Box::new(record),
                },
            ));
        }
    }

    /// The journal has the next step, or could not take it; then it is tried again.
    pub(super) fn step_written(
        &mut self,
        (service, tenure): (&ServiceName, Tenure),
        written: Result<(), String>,
        turn: &mut Turn,
    ) {
        let now = turn.now.instant;
        let shift = self.shifts.get_mut(service);
        let Some(shift) = shift.filter(|it| it.record.tenure == tenure) else {
            return;
        };
        // An abort may have overtaken it.
        if !matches!(shift.stage, Stage::Writing) {
            return;
        }
        let (failed, before) = (written.err(), shift.share);
        match &failed {
            None => shift.steps(now),
            Some(_) => shift.retries(now),
        }
        let paused = shift.record.paused;
        if paused {
            shift.pauses(now);
        }
        if shift.share != before {
            self.touch(service);
        }
        match failed {
            Some(error) => turn.tells(Notice::JournalFailed { error }),
            None => self.tell_shift(service, ShiftChange::Stepped, None, turn),
        }
        if paused {
            self.record_shift(service, turn);
        }
        self.publish(turn);
    }

    /// Why the target's gate is closed, if it is.
    pub(super) fn shift_gate(
        &self,
        service: &ServiceName,
        force: bool,
        turn: &Turn,
    ) -> Option<Refusal> {
        let shift = self.shifts.get(service)?;
        match self.min_ready_of(service, shift.record.to, turn.now.instant) {
            Ok(gate) if !gate.is_closed() || force || shift.record.forced => None,
            Ok(closed) => Some(Refusal::Gates(vec![closed])),
            Err(refusal) => Some(refusal),
        }
    }

    /// Answers those that wait for shifts: the process is stopping, and the next one goes on with them.
    pub(super) fn leave_shifts(&mut self, turn: &mut Turn) {
        let names: Vec<_> = self.shifts.keys().cloned().collect();
        for service in names {
            let Some(shift) = self.shifts.get(&service) else {
                continue;
            };
            // Whoever waits for an end that is being written hears of that.
            if matches!(shift.stage, Stage::Ending) {
                continue;
            }
            for op in shift.asked.callers() {
                let refusal = SwitchAnswer::Refused(Refusal::ShuttingDown);
                turn.does(Effect::Answer(op, refusal));
            }
            self.nobody_waits_for(&service);
            if let Some(shift) = self.shifts.get_mut(&service) {
                shift.asked.again.clear();
            }
        }
    }

    /// Answers those who have called again and wait for no more than that it has begun.
    fn answer_begun(&mut self, service: &ServiceName, turn: &mut Turn) {
        let Some(shift) = self.shifts.get_mut(service) else {
            return;
        };
        let again = std::mem::take(&mut shift.asked.again);
        let (begun, later): (Vec<_>, Vec<_>) =
            again.into_iter().partition(|it| it.wait == WaitFor::Begun);
        shift.asked.again = later;
        for waiter in begun {
            self.answer_as_it_stands(service, waiter.op, turn);
        }
    }

    fn nobody_waits_for(&mut self, service: &ServiceName) {
        let op = self.operations.own_op();
        if let Some(shift) = self.shifts.get_mut(service) {
            shift.asked.op = op;
            shift.asked.wait = WaitFor::Committed;
        }
    }

    /// Notes that requests would see a difference in this service.
    pub(super) fn touch(&mut self, service: &ServiceName) {
        if let Some(served) = self.services.get(service) {
            self.publication.touch(served.slot);
        }
    }

    /// Writes down how the shift stands.
    pub(super) fn record_shift(&self, service: &ServiceName, turn: &mut Turn) {
        if let Some(shift) = self.shifts.get(service) {
            let shift = Box::new(shift.record.clone());
            turn.does(Effect::Record(Entry::Shifting { shift }));
        }
    }

    pub(super) fn tell_shift(
        &self,
        service: &ServiceName,
        change: ShiftChange,
        by: Option<Actor>,
        turn: &mut Turn,
    ) {
        if let Some(shift) = self.shifts.get(service) {
            turn.tells(Notice::Shift {
                change,
                share: shift.share,
                record: Box::new(shift.record.clone()),
                by,
            });
        }
    }

    /// The shift of a service as it looks from outside.
    pub(super) fn shift_view(&self, service: &ServiceName, now: Instant) -> Option<ShiftView> {
        let shift = self.shifts.get(service)?;
        let to = shift.record.to;
        let served = self.services.get(service)?;
        let min_ready = served.spec.switch.min_ready;
        let gate = served.pools[to].gate((service, to), min_ready, now);
        Some(shift.view(Some(gate).filter(GateVerdict::is_closed), now))
    }
}

impl Shift {
    /// What a receipt says of it at this moment.
    pub(super) fn account(&self) -> ShiftAccount {
        ShiftAccount {
            began_at: self.record.began_at,
            share: self.share,
            requests: self.counter.counts().claimed,
            aborted_by: None,
            abort_reason: None,
            abort_once: None,
        }
    }

    /// Why nothing else can be done with its service.
    pub(super) fn refusal(&self) -> Refusal {
        Refusal::Shifting {
            service: self.record.service.clone(),
            to: self.record.to,
            actor: self.record.actor.name.clone(),
            since: self.record.requested_at,
            share: self.share,
        }
    }
}
