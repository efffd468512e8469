//! A call that is made again under the same key: it does nothing new, and is answered as the first was.
//!
//! Owns how the first is found: under way, in history, or among those that changed nothing. The key is kept where the
//! deed is kept, in the receipt and in the record of a shift, so that both are written at one stroke and outlive the
//! process together. A table of keys beside them would have to be written before and after, and a crash between the two
//! would leave the very doubt that keys are there to end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    event::Effect,
    ids::{ServiceName, Tenure},
    notice::Notice,
    operation::{Asked, Committing, Draining, Journaling, Waiter},
    state::{State, Turn},
    switch::{Outcome, Receipt, Refusal, SwitchAnswer, SwitchRequest, Unchanged, WaitFor, Wish},
    time::Timestamp,
};

/// What a call is known by when it is made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Once {
    /// The key that the caller chose.
    pub key: String,
    /// A digest of what was asked for; when it is to be answered is not part of that.
    pub order: String,
}

/// Calls with a key that found everything as they wanted it, newest first; forgotten by a restart.
#[derive(Debug, Default)]
pub(super) struct Idle(VecDeque<(Once, Vec<Unchanged>)>);

impl Idle {
    /// Keeps the answer of a call that changed nothing.
    pub(super) fn keep(&mut self, once: Option<&Once>, unchanged: &[Unchanged]) {
        if let Some(once) = once {
            self.0.push_front((once.clone(), unchanged.to_vec()));
            self.0.truncate(IDLE_LIMIT);
        }
    }

    fn find(&self, key: &str, services: &[ServiceName]) -> Option<&(Once, Vec<Unchanged>)> {
        let concerns = |it: &Unchanged| services.contains(&it.service);
        let mut kept = self.0.iter();
        kept.find(|(once, unchanged)| once.key == key && unchanged.iter().any(concerns))
    }
}

impl State {
    /// Answers a call that was made before under its key, or sees to its answer; whether that is so. What was refused
    /// has done nothing and is not known: its key is as good as new.
    pub(super) fn again(&mut self, request: &SwitchRequest, turn: &mut Turn) -> bool {
        let Some(once) = &request.once else {
            return false;
        };
        let services = request.wish.services();
        let Some(order) = self.order_of(&once.key, &services) else {
            return false;
        };
        if order != once.order {
            self.refuse_key(request, services, turn);
            return true;
        }
        let waiter = Waiter::new(request.op, request.wait);
        if let Some(joined) = self.joins((&once.key, &services), waiter, turn) {
            return joined;
        }
        let receipts = self.receipts_of_key(&once.key, &services);
        if let Some((aborted, _)) = receipts
            .iter()
            .find(|(it, aborts)| is_aborted(it) && !aborts)
        {
            let refusal = Refusal::aborted(aborted);
            turn.does(Effect::Answer(request.op, refusal.into()));
            return true;
        }
        let receipts: Vec<_> = receipts.into_iter().map(|(receipt, _)| receipt).collect();
        let unchanged = match self.idle.find(&once.key, &services) {
            Some((_, unchanged)) if receipts.is_empty() => unchanged.clone(),
            Some(_) | None => self.stayed(&request.wish, &receipts),
        };
        self.answer_again(waiter, (receipts, unchanged), turn);
        true
    }

    /// What was asked for under this key.
    fn order_of(&mut self, key: &str, services: &[ServiceName]) -> Option<String> {
        let under_way = self.asked_by(key, services).and_then(|it| it.once.clone());
        let aborting = || self.aborting_by(key, services).map(|(once, _)| once);
        let once = under_way.or_else(aborting);
        let once = once.or_else(|| {
            let receipts = self.receipts_of_key(key, services);
            let (receipt, aborts) = receipts.first()?;
            match aborts {
                false => receipt.once.clone(),
                true => abort_of(receipt).cloned(),
            }
        });
        let idle = || Some(self.idle.find(key, services)?.0.clone());
        once.or_else(idle).map(|it| it.order)
    }

    /// Has whoever calls again wait beside the first, if that is under way; `Some(false)` if too many do already.
    fn joins(
        &mut self,
        (key, services): (&str, &[ServiceName]),
        waiter: Waiter,
        turn: &mut Turn,
    ) -> Option<bool> {
        if waiter.wait == WaitFor::Begun {
            let mut shifts = self.shifts.iter();
            let begun = shifts.find(|(name, it)| services.contains(name) && it.asked.has_key(key));
            if let Some(service) = begun.map(|(name, _)| name.clone()) {
                self.answer_as_it_stands(&service, waiter.op, turn);
                return Some(true);
            }
        }
        let waiters = match self.asked_by(key, services) {
            Some(asked) => &mut asked.again,
            None => self.aborting_by(key, services)?.1,
        };
        let room = waiters.len() < AGAIN_LIMIT;
        if room {
            waiters.push(waiter);
        }
        Some(room)
    }

    /// The call with this key that is under way, until its barrier has passed.
    fn asked_by(&mut self, key: &str, services: &[ServiceName]) -> Option<&mut Asked> {
        let ours = |receipt: &Receipt| services.contains(&receipt.service);
        let waiting = self.operations.waiting.values_mut();
        let waiting = waiting.filter(|it| it.targets.keys().any(|name| services.contains(name)));
        let journaling = self.operations.journaling.values_mut();
        let journaling = journaling.filter_map(|it| match it {
            Journaling::Switch(asked, intents) if intents.iter().any(|it| ours(&it.receipt)) => {
                Some(asked)
            }
            Journaling::Shift(asked, record) if services.contains(&record.service) => Some(asked),
            Journaling::Switch(..)
            | Journaling::Shift(..)
            | Journaling::Step(..)
            | Journaling::Abort(..)
            | Journaling::Late(..)
            | Journaling::Register(_)
            | Journaling::Deregister(_)
            | Journaling::Drain(_) => None,
        });
        let barriers = self.operations.barriers.values_mut();
        let barriers = barriers.filter_map(|it| match it {
            Committing::Switch(asked, all) if all.iter().any(|it| ours(&it.intent.receipt)) => {
                Some(asked)
            }
            Committing::Abort(it) if ours(&it.handover.intent.receipt) => Some(&mut it.asked),
            Committing::Switch(..)
            | Committing::Abort(_)
            | Committing::Linger(..)
            | Committing::Endpoint(..) => None,
        });
        let shifts = self.shifts.iter_mut();
        let shifts = shifts.filter(|(name, _)| services.contains(name));
        waiting
            .map(|it| &mut it.asked)
            .chain(journaling)
            .chain(barriers)
            .chain(shifts.map(|(_, it)| &mut it.asked))
            .find(|it| it.has_key(key))
    }

    /// The abort with this key that is under way, and who waits for it.
    fn aborting_by(
        &mut self,
        key: &str,
        services: &[ServiceName],
    ) -> Option<(Once, &mut Vec<Waiter>)> {
        let journaling = self.operations.journaling.values_mut();
        let journaling = journaling.filter_map(|it| match it {
            Journaling::Abort(_, intent, waiters) => Some((&intent.receipt, waiters)),
            Journaling::Switch(..)
            | Journaling::Shift(..)
            | Journaling::Step(..)
            | Journaling::Late(..)
            | Journaling::Register(_)
            | Journaling::Deregister(_)
            | Journaling::Drain(_) => None,
        });
        let barriers = self.operations.barriers.values_mut();
        let barriers = barriers.filter_map(|it| match it {
            Committing::Abort(it) => Some((&it.handover.intent.receipt, &mut it.waiters)),
            Committing::Switch(..) | Committing::Linger(..) | Committing::Endpoint(..) => None,
        });
        let mut aborts = journaling.chain(barriers);
        aborts.find_map(|(receipt, waiters)| {
            let once = abort_of(receipt).filter(|it| it.key == key)?;
            let ours = services.contains(&receipt.service);
            ours.then(|| (once.clone(), waiters))
        })
    }

    /// The receipts of what was done under this key, and whether that was the abort of a shift.
    fn receipts_of_key(&self, key: &str, services: &[ServiceName]) -> Vec<(Receipt, bool)> {
        let standings = services.iter().filter_map(|it| self.standings.get(it));
        let receipts = standings.filter_map(|standing| {
            standing.history.iter().find_map(|receipt| {
                let has_key = |once: Option<&Once>| once.is_some_and(|it| it.key == key);
                let aborts = has_key(abort_of(receipt));
                let known = aborts || has_key(receipt.once.as_ref());
                known.then(|| (receipt.clone(), aborts))
            })
        });
        receipts.collect()
    }

    /// The services that a wish found as it wanted them, when it was carried out for the others.
    fn stayed(&self, wish: &Wish, receipts: &[Receipt]) -> Vec<Unchanged> {
        let (Wish::Switch(colours) | Wish::SwitchGroup(_, colours)) = wish else {
            return Vec::new();
        };
        let at = receipts.iter().map(|it| it.requested_at).min();
        let changed: BTreeSet<_> = receipts.iter().map(|it| &it.service).collect();
        let others = colours.iter().filter(|(name, _)| !changed.contains(name));
        let stayed = others.map(|(service, live)| Unchanged {
            service: service.clone(),
            live: *live,
            tenure: self.tenure_at(service, at),
        });
        stayed.collect()
    }

    fn tenure_at(&self, service: &ServiceName, at: Option<Timestamp>) -> Tenure {
        let Some(standing) = self.standings.get(service) else {
            return Tenure(1);
        };
        let mut history = standing.history.iter().filter(|it| !is_aborted(it));
        let then = history.find(|it| at.is_none_or(|at| it.requested_at <= at));
        match then {
            Some(receipt) => receipt.tenure,
            None if standing.history.is_empty() => standing.tenure(),
            None => Tenure(1),
        }
    }

    /// Says what was done, or has the caller wait for the drains that the first may be waiting for, too.
    fn answer_again(
        &mut self,
        waiter: Waiter,
        (receipts, unchanged): (Vec<Receipt>, Vec<Unchanged>),
        turn: &mut Turn,
    ) {
        let mut left = BTreeMap::new();
        if waiter.wait == WaitFor::Drained {
            left.extend(receipts.iter().filter_map(|it| self.drains.key_of(it)));
        }
        let first = left.values().flatten().next().copied();
        if let Some(draining) = first.and_then(|it| self.operations.draining.get_mut(&it))
            && draining.waiters.len() < AGAIN_LIMIT
        {
            draining.waiters.push(waiter.op);
            return;
        }
        if left.is_empty() || first.is_some() {
            let done = SwitchAnswer::Done {
                receipts,
                unchanged,
            };
            return turn.does(Effect::Answer(waiter.op, done));
        }
        let left: BTreeSet<_> = left.into_keys().collect();
        let settled = receipts.into_iter();
        let settled = settled
            .filter(|it| self.drains.key_of(it).is_none())
            .collect();
        self.drains.await_by(&left, waiter.op);
        let draining = Draining {
            waiters: vec![waiter.op],
            unchanged,
            left,
            settled,
        };
        self.operations.draining.insert(waiter.op, draining);
    }

    fn refuse_key(&self, request: &SwitchRequest, services: Vec<ServiceName>, turn: &mut Turn) {
        let key = request.once.as_ref().map(|it| it.key.clone());
        let refusal = Refusal::KeyReused(key.unwrap_or_default());
        turn.tells(Notice::SwitchRefused {
            services,
            actor: request.actor.clone(),
            refusal: refusal.clone(),
        });
        turn.does(Effect::Answer(request.op, refusal.into()));
    }
}

impl Asked {
    fn has_key(&self, key: &str) -> bool {
        self.once.as_ref().is_some_and(|it| it.key == key)
    }
}

/// The key under which a shift was aborted.
fn abort_of(receipt: &Receipt) -> Option<&Once> {
    receipt.shift.as_ref()?.abort_once.as_ref()
}

fn is_aborted(receipt: &Receipt) -> bool {
    receipt.outcome == Outcome::Aborted
}

/// Those who call again under one key and wait at once; beyond it they are refused as busy, or answered without the drain.
pub const AGAIN_LIMIT: usize = 64;
/// Calls with a key that changed nothing and are remembered.
pub const IDLE_LIMIT: usize = 256;
