//! How a switch goes: gates, journal, publish, barrier, drain.
//!
//! Owns the order of the steps; must not decide whether a switch may begin (`decide.rs`), how it comes through its gates
//! (`gate/`) or how a drain ends (`drain.rs`). Each step is one function that is entered by one event and leaves the operation in the map of
//! the next step. Rollbacks and the file's wishes take the same way: a second way back would be tested less
//! than the way there.

use std::sync::Arc;

use super::{
    answer::answer,
    decide::decide,
    drain::Drain,
    event::{BarrierPassed, Effect, Entry},
    gate::{Gated, spec::HookPoint, verdict::GateVerdict},
    ids::{Colour, ServiceName},
    in_flight::Counts,
    notice::Notice,
    operation::{Asked, Committing, Handover, Intent, Journaling},
    state::{State, Turn},
    steer::SteerRequest,
    switch::{Outcome, Receipt, Refusal, SwitchRequest, Waiting, Wish},
    time::after,
};

impl State {
    /// Begins a switch or refuses it at once.
    pub(super) fn switch(&mut self, request: SwitchRequest, turn: &mut Turn) {
        // Numbers are never used twice; one that is could not be answered apart.
        if self.is_known(request.op) {
            return;
        }
        if self.again(&request, turn) {
            return;
        }
        if let Wish::Rollback(service) = &request.wish
            && self.shifts.contains_key(service)
        {
            let service = service.clone();
            return self.steer(SteerRequest::abort(service, request), turn);
        }
        let decision = match decide(self, &request) {
            Ok(decision) => decision,
            Err(refusal) => {
                let services = request.wish.services();
                let asked = Asked::new(request, Vec::new(), turn.now);
                return self.refuse(&asked, services, refusal, turn);
            }
        };
        let asked = Asked::new(request, decision.unchanged, turn.now);
        if decision.targets.is_empty() {
            self.idle.keep(asked.once.as_ref(), &asked.unchanged);
            return answer(asked, Vec::new(), turn);
        }
        for (service, to) in &decision.targets {
            let waiting = Waiting {
                to: *to,
                actor: asked.actor.clone(),
                since: turn.now.wall,
            };
            self.operations.busy.insert(service.clone(), waiting);
        }
        let gated = Gated::new(asked, decision.targets, decision.gate_timeout, turn);
        self.wait_for_gates(gated, turn);
    }

    /// The gates are open: the intent goes to the journal.
    pub(super) fn write_intent(&mut self, gated: Gated, turn: &mut Turn) {
        let targets = gated.targets.iter();
        let intents: Vec<_> = targets
            .filter_map(|(service, to)| {
                let gates = gated.gates_of(service).cloned().collect();
                self.intent((&gated.asked, gates), (service, *to), turn)
            })
            .collect();
        self.write_switch(gated.asked, intents, turn);
    }

    pub(super) fn write_switch(&mut self, asked: Asked, intents: Vec<Intent>, turn: &mut Turn) {
        let receipts = intents.iter().map(|it| it.receipt.clone()).collect();
        let op = asked.op;
        self.operations
            .journaling
            .insert(op, Journaling::Switch(asked, intents));
        turn.does(Effect::Journal(op, Entry::Switched { receipts }));
    }

    pub(super) fn intent(
        &self,
        (asked, gates): (&Asked, Vec<GateVerdict>),
        (service, to): (&ServiceName, Colour),
        turn: &Turn,
    ) -> Option<Intent> {
        let standing = self.standings.get(service)?;
        let served = self.services.get(service)?;
        let took = turn.now.instant.duration_since(asked.at.instant);
        let receipt = Receipt {
            rollback: asked.rollback,
            forced: asked.force,
            group: asked.group.clone(),
            once: asked.once.clone(),
            gate_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            gates,
            ..Receipt::intended(
                (service, standing.live, to, standing.next_tenure()),
                (&asked.actor, asked.reason.as_ref(), asked.at.wall),
            )
        };
        Some(Intent {
            receipt,
            drain_deadline: served.spec.switch.drain_deadline,
        })
    }

    /// The journal has it: every service of the switch changes in one publish.
    pub(super) fn switch_journaled(&mut self, asked: Asked, intents: Vec<Intent>, turn: &mut Turn) {
        let mut handovers = Vec::with_capacity(intents.len());
        for intent in intents {
            let service = intent.receipt.service.clone();
            // A service that the file has stopped naming meanwhile changes all the same, unserved: what the
            // journal says is so.
            let shift = self.shifts.remove(&service);
            if let Some(standing) = self.standings.get_mut(&service) {
                let begun = shift.map(|shift| shift.counter);
                let old = standing.begin_tenure(intent.receipt.clone(), begun, self.workers);
                self.linger_after(&intent.receipt, &old, turn.now);
                handovers.push(Handover { intent, old });
            }
            if let Some(served) = self.services.get(&service) {
                self.publication.touch(served.slot);
            }
            self.hold(&service, turn.now);
        }
        self.publish(turn);
        let counters = handovers.iter().map(|it| Arc::clone(&it.old)).collect();
        turn.does(Effect::Barrier(asked.op, counters));
        let services = handovers.iter().map(|it| &it.intent.receipt.service);
        self.wish_ends(&asked.actor, services, turn);
        self.operations
            .barriers
            .insert(asked.op, Committing::Switch(asked, handovers));
    }

    /// The journal does not have it: nothing has changed.
    pub(super) fn switch_unjournaled(
        &mut self,
        mut asked: Asked,
        intents: Vec<Intent>,
        error: String,
        turn: &mut Turn,
    ) {
        let mut of_shift = false;
        for intent in &intents {
            of_shift |= self.commit_unwritten(intent, &mut asked, turn);
        }
        let services: Vec<_> = intents.into_iter().map(|it| it.receipt.service).collect();
        if !of_shift {
            return self.refuse_intended(&asked, services, error, turn);
        }
        // The shift goes on, and whoever began it goes on waiting.
        let refusal = Refusal::Journal(error);
        turn.tells(Notice::SwitchRefused {
            services,
            actor: asked.actor.clone(),
            refusal: refusal.clone(),
        });
        if let Some(joined) = asked.joined {
            turn.does(Effect::Answer(joined.op, refusal.into()));
        }
    }

    /// What was to begin could not be written down.
    pub(super) fn refuse_intended(
        &mut self,
        asked: &Asked,
        services: Vec<ServiceName>,
        error: String,
        turn: &mut Turn,
    ) {
        self.idle(&services);
        self.refuse(asked, services, Refusal::Journal(error), turn);
    }

    /// Every worker has left the older snapshot: the switch is committed, and the old tenures drain.
    pub(super) fn committed(
        &mut self,
        asked: Asked,
        handovers: Vec<Handover>,
        passed: &BarrierPassed,
        turn: &mut Turn,
    ) {
        self.idle(handovers.iter().map(|it| &it.intent.receipt.service));
        let drains: Vec<_> = handovers
            .into_iter()
            .map(|handover| self.commit(handover, passed, turn))
            .collect();
        for drain in &drains {
            turn.tells(Notice::Switched {
                receipt: drain.receipt.clone(),
                generation: self.publication.generation(),
            });
        }
        if passed.missing > 0 {
            let services = drains.iter().map(|it| it.receipt.service.clone());
            self.unproven.extend(services);
            turn.tells(Notice::BarrierMissed {
                services: drains.iter().map(|it| it.receipt.service.clone()).collect(),
                workers: passed.missing,
            });
        }
        let receipts: Vec<_> = drains.iter().map(|it| it.receipt.clone()).collect();
        let waiters = asked.waiters();
        for drain in self.answer_or_wait((waiters, asked.unchanged), drains, turn) {
            self.drains.begin(drain, turn);
        }
        for receipt in receipts {
            let at = match receipt.rollback {
                false => HookPoint::AfterCommit,
                true => HookPoint::AfterRollback,
            };
            self.call_hooks(at, &receipt, turn);
        }
    }

    fn commit(&mut self, handover: Handover, passed: &BarrierPassed, turn: &Turn) -> Drain {
        let Handover { intent, old } = handover;
        let at_commit = at_commit(passed, &old);
        let mut receipt = intent.receipt;
        receipt.committed_at = Some(turn.now.wall);
        receipt.unproven_workers = passed.missing as u64;
        receipt.barrier_us = Some(u64::try_from(passed.took.as_micros()).unwrap_or(u64::MAX));
        receipt.in_flight_at_commit = at_commit.in_flight();
        receipt.outcome = Outcome::Draining;
        if let Some(standing) = self.standings.get_mut(&receipt.service) {
            standing.amend(&receipt);
        }
        Drain {
            receipt,
            counter: old,
            at_commit,
            began: turn.now.instant,
            deadline: after(turn.now.instant, intent.drain_deadline),
            cut: false,
            awaited_by: None,
        }
    }

    pub(super) fn idle<'a>(&mut self, services: impl IntoIterator<Item = &'a ServiceName>) {
        for service in services {
            self.operations.busy.remove(service);
        }
    }
}

/// The reading of `counter` at the barrier. If a worker did not answer, the sum of the answers lacks its
/// shard, and a later reading of all shards is nearer to the truth.
pub(super) fn at_commit(
    passed: &BarrierPassed,
    counter: &super::in_flight::TenureCounter,
) -> Counts {
    let mut told = passed.counts.iter();
    let told = told
        .find(|(service, tenure, _)| service == counter.service() && *tenure == counter.tenure());
    match told {
        Some((_, _, counts)) if passed.missing == 0 => *counts,
        _ => counter.counts(),
    }
}
