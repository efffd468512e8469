//! Who is answered what about a switch, and when.
//!
//! Owns the answers; what is done is done elsewhere. Operations of core's own are answered to nobody.

use super::{
    drain::Drain,
    event::Effect,
    ids::ServiceName,
    notice::Notice,
    operation::{Asked, Draining, Waiter, is_own},
    state::{State, Turn},
    switch::{Receipt, Refusal, SwitchAnswer, Unchanged, WaitFor},
};

impl State {
    /// Answers those who wait for the commit; those who wait for the drains are answered by the last of these.
    pub(super) fn answer_or_wait(
        &mut self,
        (waiters, unchanged): (Vec<Waiter>, Vec<Unchanged>),
        mut drains: Vec<Drain>,
        turn: &mut Turn,
    ) -> Vec<Drain> {
        let (patient, prompt): (Vec<_>, Vec<_>) = waiters
            .into_iter()
            .partition(|it| it.wait == WaitFor::Drained);
        for waiter in prompt {
            let done = SwitchAnswer::Done {
                receipts: drains.iter().map(|it| it.receipt.clone()).collect(),
                unchanged: unchanged.clone(),
            };
            turn.does(Effect::Answer(waiter.op, done));
        }
        let waiters: Vec<_> = patient.into_iter().map(|it| it.op).collect();
        if let Some(first) = waiters.first().copied() {
            let old = |it: &Drain| (it.receipt.service.clone(), it.counter.tenure());
            let draining = Draining {
                left: drains.iter().map(old).collect(),
                settled: Vec::new(),
                waiters,
                unchanged,
            };
            self.operations.draining.insert(first, draining);
            for drain in &mut drains {
                drain.awaited_by = Some(first);
            }
        }
        drains
    }

    /// Tells that a switch does not happen.
    pub(in crate::core) fn refuse(
        &mut self,
        asked: &Asked,
        services: Vec<ServiceName>,
        refusal: Refusal,
        turn: &mut Turn,
    ) {
        // What a process that stops has not come to is the next one's.
        if refusal != Refusal::ShuttingDown {
            self.wish_ends(&asked.actor, &services, turn);
        }
        turn.tells(Notice::SwitchRefused {
            services,
            actor: asked.actor.clone(),
            refusal: refusal.clone(),
        });
        for op in asked.callers() {
            turn.does(Effect::Answer(op, refusal.clone().into()));
        }
    }
}

/// Says what has become of a switch that need not be waited for.
pub(super) fn answer(asked: Asked, receipts: Vec<Receipt>, turn: &mut Turn) {
    let unchanged = asked.unchanged;
    let done = SwitchAnswer::Done {
        receipts,
        unchanged,
    };
    if !is_own(asked.op) {
        turn.does(Effect::Answer(asked.op, done));
    }
}
