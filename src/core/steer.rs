//! What operators ask of a shift under way: stay, go on, be done, go back. The last is asked of a switch that waits for
//! its gates, too.
//!
//! Owns the wishes and their refusals; what comes of them is done in `shifting.rs`. Each may be repeated: what is so
//! already is answered as it stands.

use super::{
    decide::expected,
    event::Effect,
    ids::{Colour, OpId, ServiceName, Tenure},
    notice::{Notice, ShiftChange},
    once::Once,
    operation::Waiter,
    shift::Stage,
    shift_end::Abort,
    state::{State, Turn},
    switch::{Actor, Refusal, SwitchAnswer, SwitchRequest, WaitFor},
};

/// What an operator may ask of a shift under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Stay at the present share.
    Pause,
    /// Go on with the rest of the step.
    Resume,
    /// Commit now, whatever steps are left.
    Complete,
    /// Back to nothing now.
    Abort,
}

/// A wish about a shift under way.
#[derive(Clone, Debug)]
pub struct SteerRequest {
    /// Its number; the answer carries it.
    pub op: OpId,
    /// Of which service.
    pub service: ServiceName,
    /// What.
    pub steer: Steer,
    /// Who asks.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// Skip the gates; only for [`Steer::Complete`].
    pub force: bool,
    /// Refuse if another colour is live.
    pub expect_live: Option<Colour>,
    /// Refuse if another tenure is live (`If-Match`).
    pub expect_tenure: Option<Tenure>,
    /// When to answer a completion or an abort.
    pub wait: WaitFor,
    /// What an abort is known by if it is asked again.
    pub once: Option<Box<Once>>,
}

impl SteerRequest {
    /// A rollback while a shift is under way.
    pub(super) fn abort(service: ServiceName, request: SwitchRequest) -> Self {
        Self {
            op: request.op,
            service,
            steer: Steer::Abort,
            actor: request.actor,
            reason: request.reason,
            force: request.force,
            expect_live: request.expect_live,
            expect_tenure: request.expect_tenure,
            wait: request.wait,
            once: request.once,
        }
    }
}

impl State {
    /// Does what is asked of a shift, or refuses it.
    pub(super) fn steer(&mut self, request: SteerRequest, turn: &mut Turn) {
        if self.is_known(request.op) {
            return;
        }
        if let Err(refusal) = self.may_steer(&request, turn) {
            turn.tells(Notice::SwitchRefused {
                services: vec![request.service],
                actor: request.actor,
                refusal: refusal.clone(),
            });
            return turn.does(Effect::Answer(request.op, refusal.into()));
        }
        let (service, waiter) = (request.service, Waiter::new(request.op, request.wait));
        match request.steer {
            Steer::Pause => self.pause(&service, request.actor, turn),
            Steer::Resume => self.resume(&service, request.actor, turn),
            Steer::Complete => return self.commit_shift(&service, Some(waiter), turn),
            Steer::Abort => {
                if let Some(op) = self.waiting_op(&service) {
                    return self.abort_waiting(op, (service, request.actor), request.op, turn);
                }
                let abort = Abort {
                    by: request.actor,
                    reason: request.reason,
                    waiter: Some(waiter),
                    once: request.once.map(|it| *it),
                };
                return self.abort_shift(&service, abort, turn);
            }
        }
        self.answer_as_it_stands(&service, request.op, turn);
    }

    fn may_steer(&self, request: &SteerRequest, turn: &Turn) -> Result<(), Refusal> {
        if self.shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        let name = &request.service;
        let standing = self.standings.get(name);
        let Some(standing) = standing.filter(|_| self.services.contains_key(name)) else {
            return Err(Refusal::UnknownService(name.to_string()));
        };
        let expectations = (request.expect_live, request.expect_tenure);
        expected(expectations, name, standing)?;
        let aborts = request.steer == Steer::Abort;
        if aborts && self.waiting_op(name).is_some() {
            return Ok(());
        }
        let Some(shift) = self.shifts.get(name) else {
            return Err(Refusal::NotShifting(name.clone()));
        };
        if matches!(shift.stage, Stage::Ending) {
            return Err(shift.refusal());
        }
        let completes = request.steer == Steer::Complete;
        if completes && matches!(shift.stage, Stage::Writing) {
            return Err(shift.refusal());
        }
        match self.shift_gate(name, request.force, turn) {
            Some(closed) if completes => Err(closed),
            Some(_) | None => Ok(()),
        }
    }

    fn pause(&mut self, service: &ServiceName, by: Actor, turn: &mut Turn) {
        let Some(shift) = self.shifts.get_mut(service).filter(|it| !it.record.paused) else {
            return;
        };
        if matches!(shift.stage, Stage::Writing) {
            // It will pause when the step that is being written has begun.
            shift.record.paused = true;
        } else {
            let before = shift.share;
            shift.pauses(turn.now.instant);
            if shift.share != before {
                self.touch(service);
            }
        }
        self.record_shift(service, turn);
        self.tell_shift(service, ShiftChange::Paused, Some(by), turn);
        self.publish(turn);
    }

    fn resume(&mut self, service: &ServiceName, by: Actor, turn: &mut Turn) {
        let Some(shift) = self.shifts.get_mut(service).filter(|it| it.record.paused) else {
            return;
        };
        if matches!(shift.stage, Stage::Writing) {
            shift.record.paused = false;
        } else {
            shift.resumes(turn.now.instant);
        }
        self.record_shift(service, turn);
        self.tell_shift(service, ShiftChange::Resumed, Some(by), turn);
    }

    pub(super) fn answer_as_it_stands(&self, service: &ServiceName, op: OpId, turn: &mut Turn) {
        if let Some(view) = self.shift_view(service, turn.now.instant) {
            let answer = SwitchAnswer::Shifting(Box::new(view));
            turn.does(Effect::Answer(op, answer));
        }
    }
}
