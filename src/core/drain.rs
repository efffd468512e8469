//! Drains: old tenures whose requests run to their end, side by side.
//!
//! Owns the receipts between commit and settlement. A drain never holds up a switch or a rollback; it is keyed
//! by service and tenure, never by pool, so that a pool that is live again does not mix its new claims with
//! the old ones. It outlives its service: a reload that removes the service ends no request.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    event::{Effect, Entry},
    gate::spec::HookPoint,
    ids::{Colour, OpId, ServiceName, Tenure},
    in_flight::{Counts, TenureCounter},
    linger::is_lingering,
    notice::Notice,
    state::{State, Turn},
    switch::{Outcome, Receipt, SwitchAnswer},
};

/// All drains.
#[derive(Debug, Default)]
pub(super) struct Drains(BTreeMap<(ServiceName, Tenure), Drain>);

/// One old tenure whose claims have not all ended.
#[derive(Debug)]
pub(super) struct Drain {
    /// As it stood at the commit.
    pub(super) receipt: Receipt,
    pub(super) counter: Arc<TenureCounter>,
    /// The counter's reading at the barrier.
    pub(super) at_commit: Counts,
    pub(super) began: Instant,
    pub(super) deadline: Instant,
    /// Whether the workers were told to end what is left.
    pub(super) cut: bool,
    /// The switch whose answer waits for it.
    pub(super) awaited_by: Option<OpId>,
}

impl Drain {
    /// The receipt as it stands when `counts` is the counter's reading.
    pub(super) fn account(&self, counts: &Counts) -> Receipt {
        let mut receipt = self.receipt.clone();
        receipt.account(&counts.since(&self.at_commit));
        receipt
    }

    fn end(&mut self, turn: &mut Turn) {
        self.cut = true;
        let left = self.counter.counts().in_flight();
        // With nothing left the drainer is about to say so; a worker that missed the barrier is cut anyway.
        if left > 0 {
            turn.tells(Notice::DrainDeadlinePassed {
                service: self.counter.service().clone(),
                colour: self.counter.colour(),
                left,
            });
        }
        turn.does(Effect::Cut(Arc::clone(&self.counter)));
    }
}

impl Drains {
    /// Begins a drain. Beyond [`DRAINS_LIMIT`] of one service the oldest that was not cut yet is cut at once.
    pub(super) fn begin(&mut self, drain: Drain, turn: &mut Turn) {
        let service = drain.counter.service().clone();
        turn.does(Effect::Drain(Arc::clone(&drain.counter)));
        let key = (service.clone(), drain.counter.tenure());
        self.0.insert(key, drain);
        if self.count_of(&service) > DRAINS_LIMIT
            && let Some(oldest) = self.of_mut(&service).find(|drain| !drain.cut)
        {
            oldest.end(turn);
        }
    }

    /// Cuts every drain whose deadline has passed.
    pub(super) fn cut_overdue(&mut self, turn: &mut Turn) {
        for drain in self.0.values_mut() {
            if !drain.cut && drain.deadline <= turn.now.instant {
                drain.end(turn);
            }
        }
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let open = self.0.values().filter(|drain| !drain.cut);
        open.map(|drain| drain.deadline).min()
    }

    /// Drains of one service, oldest first.
    pub(super) fn of(&self, service: &ServiceName) -> impl DoubleEndedIterator<Item = &Drain> {
        self.0.range(span(service)).map(|(_, drain)| drain)
    }

    fn of_mut(&mut self, service: &ServiceName) -> impl Iterator<Item = &mut Drain> {
        self.0.range_mut(span(service)).map(|(_, drain)| drain)
    }

    pub(super) fn oldest_of(&self, service: &ServiceName) -> Option<&Drain> {
        self.of(service).next()
    }

    pub(super) fn count_of(&self, service: &ServiceName) -> usize {
        self.of(service).count()
    }

    /// Claims of the draining tenures of one pool.
    pub(super) fn counts_of(&self, service: &ServiceName, colour: Colour) -> Counts {
        self.of(service)
            .filter(|drain| drain.counter.colour() == colour)
            .fold(Counts::default(), |sum, drain| {
                sum.plus(&drain.counter.counts())
            })
    }

    /// The drain that a receipt tells of, if it lasts, and whose answer waits for it.
    pub(super) fn key_of(
        &self,
        receipt: &Receipt,
    ) -> Option<((ServiceName, Tenure), Option<OpId>)> {
        let mut drains = self.of(&receipt.service);
        let drain = drains.find(|it| it.receipt.tenure == receipt.tenure)?;
        let key = (receipt.service.clone(), drain.counter.tenure());
        Some((key, drain.awaited_by))
    }

    /// Has the answer of an operation wait for these.
    pub(super) fn await_by(&mut self, keys: &BTreeSet<(ServiceName, Tenure)>, op: OpId) {
        for key in keys {
            if let Some(drain) = self.0.get_mut(key) {
                drain.awaited_by = Some(op);
            }
        }
    }

    /// The receipts of one service's drains as they stand now, newest first.
    pub(super) fn receipts_of(&self, service: &ServiceName) -> Vec<Receipt> {
        let newest_first = self.of(service).rev();
        newest_first
            .map(|drain| drain.account(&drain.counter.counts()))
            .collect()
    }
}

fn span(service: &ServiceName) -> std::ops::RangeInclusive<(ServiceName, Tenure)> {
    (service.clone(), Tenure(0))..=(service.clone(), Tenure(u64::MAX))
}

impl State {
    /// Settles the receipt of a tenure of which no claim is left.
    pub(super) fn drained(&mut self, key: (ServiceName, Tenure), counts: &Counts, turn: &mut Turn) {
        if is_lingering(key.1) {
            return self.linger_drained(&key, counts, turn);
        }
        let Some(drain) = self.drains.0.remove(&key) else {
            return;
        };
        let mut receipt = drain.account(counts);
        receipt.drained_at = Some(turn.now.wall);
        receipt.outcome = match (receipt.outcome, receipt.cut.total()) {
            // That it came to nothing says more than how.
            (Outcome::Aborted, _) => Outcome::Aborted,
            (_, 0) => Outcome::Drained,
            _ => Outcome::Cut,
        };
        if let Some(standing) = self.standings.get_mut(&key.0) {
            receipt.affinity = standing.affinity_of(receipt.tenure);
            standing.amend(&receipt);
        }
        turn.does(Effect::Record(Entry::Settled {
            receipt: Box::new(receipt.clone()),
        }));
        // Of an aborted shift nothing was switched, and nobody is told.
        if receipt.outcome != Outcome::Aborted {
            self.call_hooks(HookPoint::AfterDrain, &receipt, turn);
        }
        let took: Duration = turn.now.instant.duration_since(drain.began);
        turn.tells(Notice::Drained {
            receipt: receipt.clone(),
            took,
        });
        if let Some(op) = drain.awaited_by {
            self.answer_drained(op, &key, receipt, turn);
        }
    }

    /// Answers the switch that waits for its drains, if this was the last one.
    fn answer_drained(
        &mut self,
        op: OpId,
        key: &(ServiceName, Tenure),
        receipt: Receipt,
        turn: &mut Turn,
    ) {
        let Some(waiting) = self.operations.draining.get_mut(&op) else {
            return;
        };
        waiting.left.remove(key);
        waiting.settled.push(receipt);
        if waiting.left.is_empty()
            && let Some(draining) = self.operations.draining.remove(&op)
        {
            let mut receipts = draining.settled;
            receipts.sort_by(|a, b| a.service.cmp(&b.service));
            for waiter in draining.waiters {
                let answer = SwitchAnswer::Done {
                    receipts: receipts.clone(),
                    unchanged: draining.unchanged.clone(),
                };
                turn.does(Effect::Answer(waiter, answer));
            }
        }
    }
}

/// Drains of one service side by side; beyond it the oldest is cut without waiting for its deadline.
pub const DRAINS_LIMIT: usize = 64;
/// Drains of one service, those being cut included; while there are so many, its switches are refused as busy.
pub const DRAINS_MAX: usize = 2 * DRAINS_LIMIT;
