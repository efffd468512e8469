//! The two ends of a shift: its commit and its abort.
//!
//! Owns both. The commit is the ordinary switch, to which the new tenure brings its number and its counter. An abort
//! publishes the old colour alone, behind a barrier of its own; it never fails: if the disk does, it goes on without,
//! because nothing must keep an operator from going back.

use std::{sync::Arc, time::Duration};

use super::{
    drain::Drain,
    event::{BarrierPassed, Effect, Entry},
    ids::{OpId, ServiceName},
    notice::Notice,
    once::Once,
    operation::{Aborting, Asked, Committing, Handover, Intent, Journaling, Waiter},
    procedure::at_commit,
    shift::{ShiftAccount, ShiftRecord, Stage},
    state::{State, Turn},
    switch::{Actor, Outcome, Receipt, Refusal},
    time::after,
};

/// An abort, whoever asked for it.
#[derive(Debug)]
pub(super) struct Abort {
    pub(super) by: Actor,
    pub(super) reason: Option<String>,
    pub(super) waiter: Option<Waiter>,
    pub(super) once: Option<Once>,
}

impl State {
    /// All at once now: the ordinary switch begins with its journal.
    pub(super) fn commit_shift(
        &mut self,
        service: &ServiceName,
        joined: Option<Waiter>,
        turn: &mut Turn,
    ) {
        let Some(shift) = self.shifts.get_mut(service) else {
            return;
        };
        shift.stage = Stage::Ending;
        let mut asked = shift.asked.clone();
        asked.joined = joined;
        let (to, account) = (shift.record.to, shift.account());
        let (tenure, gate_ms) = (shift.record.tenure, shift.record.gate_ms);
        let gates = shift.record.gates.clone();
        let Some(mut intent) = self.intent((&asked, gates), (service, to), turn) else {
            return;
        };
        intent.receipt.tenure = tenure;
        intent.receipt.gate_ms = gate_ms;
        intent.receipt.shift = Some(account);
        self.write_switch(asked, vec![intent], turn);
    }

    /// The commit could not be written down: the shift stays where it is, and tries again unless it is paused. Says
    /// whether there is one.
    pub(super) fn commit_unwritten(
        &mut self,
        intent: &Intent,
        asked: &mut Asked,
        turn: &Turn,
    ) -> bool {
        let shift = self.shifts.get_mut(&intent.receipt.service);
        let Some(shift) = shift.filter(|it| it.record.tenure == intent.receipt.tenure) else {
            return false;
        };
        // Some may have called again since the end began.
        shift.asked.again = std::mem::take(&mut asked.again);
        if shift.record.paused {
            shift.stage = Stage::Paused;
        } else {
            shift.retries(turn.now.instant);
        }
        true
    }

    /// Back to nothing: the end goes to the journal.
    pub(super) fn abort_shift(&mut self, service: &ServiceName, abort: Abort, turn: &mut Turn) {
        let Some(shift) = self.shifts.get_mut(service) else {
            return;
        };
        shift.stage = Stage::Ending;
        let receipt = shift.record.aborted(shift.account(), &abort);
        let served = self.services.get(service);
        let deadline = served.map(|it| it.spec.switch.drain_deadline);
        let intent = Intent {
            receipt: receipt.clone(),
            drain_deadline: deadline.unwrap_or(DRAIN_DEADLINE),
        };
        let op = self.operations.own_op();
        let journaling =
            Journaling::Abort(op, Box::new(intent), abort.waiter.into_iter().collect());
        self.operations.journaling.insert(op, journaling);
        let receipt = Box::new(receipt);
        turn.does(Effect::Journal(op, Entry::Aborted { receipt }));
    }

    /// Its service has no place in the file any more.
    pub(super) fn abort_unnamed(&mut self, service: &ServiceName, turn: &mut Turn) {
        self.abort_by_file(service, UNNAMED, turn);
    }

    /// The file wants it no more.
    pub(super) fn abort_by_file(&mut self, service: &ServiceName, why: &str, turn: &mut Turn) {
        let shift = self.shifts.get(service);
        if shift.is_none_or(|it| matches!(it.stage, Stage::Ending)) {
            return;
        }
        let abort = Abort {
            by: Actor::file(),
            reason: Some(why.to_owned()),
            waiter: None,
            once: None,
        };
        self.abort_shift(service, abort, turn);
    }

    /// The journal has the abort, or cannot have it: nothing goes to the new colour any more.
    pub(super) fn abort_written(
        &mut self,
        (op, intent, waiters): (OpId, Intent, Vec<Waiter>),
        turn: &mut Turn,
    ) {
        let service = intent.receipt.service.clone();
        let Some(shift) = self.shifts.remove(&service) else {
            return;
        };
        if let Some(standing) = self.standings.get_mut(&service) {
            standing.remember(intent.receipt.clone());
        }
        self.touch(&service);
        self.publish(turn);
        turn.does(Effect::Barrier(op, vec![Arc::clone(&shift.counter)]));
        let aborting = Aborting {
            asked: shift.asked,
            handover: Handover {
                intent,
                old: shift.counter,
            },
            waiters,
        };
        let committing = Committing::Abort(Box::new(aborting));
        self.operations.barriers.insert(op, committing);
    }

    /// Nobody can reach the new colour any more: its tenure drains.
    pub(super) fn aborted(&mut self, aborting: Aborting, passed: &BarrierPassed, turn: &mut Turn) {
        let Aborting {
            asked,
            handover: Handover { intent, old },
            waiters,
        } = aborting;
        let mut receipt = intent.receipt;
        self.operations.busy.remove(&receipt.service);
        let at_commit = at_commit(passed, &old);
        receipt.unproven_workers = passed.missing as u64;
        receipt.barrier_us = Some(u64::try_from(passed.took.as_micros()).unwrap_or(u64::MAX));
        receipt.in_flight_at_commit = at_commit.in_flight();
        if let Some(standing) = self.standings.get_mut(&receipt.service) {
            standing.amend(&receipt);
        }
        turn.tells(Notice::ShiftAborted {
            receipt: receipt.clone(),
        });
        if passed.missing > 0 {
            self.unproven.insert(receipt.service.clone());
            turn.tells(Notice::BarrierMissed {
                services: vec![receipt.service.clone()],
                workers: passed.missing,
            });
        }
        for op in asked.callers() {
            let refusal = Refusal::aborted(&receipt);
            turn.does(Effect::Answer(op, refusal.into()));
        }
        let drain = Drain {
            counter: old,
            at_commit,
            began: turn.now.instant,
            deadline: after(turn.now.instant, intent.drain_deadline),
            cut: false,
            awaited_by: None,
            receipt,
        };
        for drain in self.answer_or_wait((waiters, Vec::new()), vec![drain], turn) {
            self.drains.begin(drain, turn);
        }
    }

    /// Forgets the shifts of services that the journal knows and no file names: there is nothing to go on with.
    pub(super) fn forget_unnamed_shifts(&mut self, turn: &mut Turn) {
        for (name, standing) in &mut self.standings {
            if self.services.contains_key(name) {
                continue;
            }
            let Some(record) = standing.shift.take() else {
                continue;
            };
            let abort = Abort {
                by: Actor::file(),
                reason: Some(UNNAMED.to_owned()),
                waiter: None,
                once: None,
            };
            let account = ShiftAccount {
                began_at: record.began_at,
                share: record.share(),
                requests: 0,
                aborted_by: None,
                abort_reason: None,
                abort_once: None,
            };
            let receipt = record.aborted(account, &abort);
            standing.remember(receipt.clone());
            let receipt = Box::new(receipt);
            turn.does(Effect::Record(Entry::Aborted { receipt }));
        }
    }
}

impl ShiftRecord {
    fn aborted(&self, account: ShiftAccount, abort: &Abort) -> Receipt {
        Receipt {
            gate_ms: self.gate_ms,
            gates: self.gates.clone(),
            shift: Some(ShiftAccount {
                aborted_by: Some(abort.by.clone()),
                abort_reason: abort.reason.clone(),
                abort_once: abort.once.clone(),
                ..account
            }),
            forced: self.forced,
            group: None,
            once: self.once.clone(),
            outcome: Outcome::Aborted,
            ..Receipt::intended(
                (&self.service, self.from, self.to, self.tenure),
                (&self.actor, self.reason.as_ref(), self.requested_at),
            )
        }
    }
}

/// Why a shift is aborted whose service is gone.
const UNNAMED: &str = "the file does not name the service any more";
/// For the drain of a service that is gone, whose own is not known any more.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
