//! Lingering: sessions that were begun on the old colour finish there after a switch.
//!
//! Owns what is open to them and until when. Their requests are claimed apart from those that were in flight at the
//! commit, so that the receipt of the old tenure stays exact. When the time is over, or another switch comes, that is
//! published behind a barrier, and what is left has the drain deadline to end. As with holds nothing is written down while
//! it lasts: it follows from the receipt of the present tenure and from the file. A rollback leaves nobody behind: it is
//! for getting away from the colour that it leaves.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    affinity::AffinityMode,
    event::{BarrierPassed, Effect, Entry},
    ids::{Colour, ServiceName, Tenure},
    in_flight::{Counts, TenureCounter},
    notice::Notice,
    operation::Committing,
    receipt::{AffinityAccount, Outcome, Receipt},
    snapshot::FormerSnapshot,
    state::{State, Turn},
    time::{Now, Timestamp, after},
    view::FinishingView,
};

/// Old colours that sessions finish on, and those that they have left. One of each service is open at most; the others
/// end by their drain deadline.
#[derive(Debug, Default)]
pub(super) struct Lingers {
    open: BTreeMap<ServiceName, Linger>,
    closed: BTreeMap<(ServiceName, Tenure), Closed>,
}

/// An old colour that sessions finish on.
#[derive(Debug)]
struct Linger {
    counter: Arc<TenureCounter>,
    /// The tenure in which they were begun.
    session: Tenure,
    /// The tenure of the switch that they outlasted.
    switch: Tenure,
    end: Instant,
    until: Timestamp,
    /// How long what is left then may last.
    drains_for: Duration,
}

/// One that takes no more requests.
#[derive(Debug)]
struct Closed {
    counter: Arc<TenureCounter>,
    switch: Tenure,
    drains_for: Duration,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The barrier has yet to be asked for.
    Fresh,
    /// Workers may still route there.
    Barrier,
    /// Nobody does; what is left may last until then.
    Drains(Instant),
    /// What was left is being ended.
    Cut,
}

impl Lingers {
    pub(super) fn snapshot(&self, service: &ServiceName) -> Option<FormerSnapshot> {
        let linger = self.open.get(service)?;
        Some(FormerSnapshot {
            session: linger.session,
            tenure: Arc::clone(&linger.counter),
        })
    }

    /// When the next one ends, or is cut.
    pub(super) fn next_end(&self) -> Option<Instant> {
        let drains = self.closed.values().filter_map(|it| match it.stage {
            Stage::Drains(deadline) => Some(deadline),
            Stage::Fresh | Stage::Barrier | Stage::Cut => None,
        });
        self.open.values().map(|it| it.end).chain(drains).min()
    }

    /// The counters of one service.
    pub(super) fn counters(
        &self,
        service: &ServiceName,
    ) -> impl Iterator<Item = &Arc<TenureCounter>> {
        let open = self.open.get(service).map(|it| &it.counter);
        let closed = self.closed.values().map(|it| &it.counter);
        open.into_iter()
            .chain(closed.filter(move |it| it.service() == service))
    }

    /// Whether requests may go to a pool for its sessions' sake, and until when, if that is known.
    pub(super) fn may_reach(
        &self,
        service: &ServiceName,
        colour: Colour,
    ) -> Option<Option<Timestamp>> {
        let open = self.open.get(service);
        if let Some(open) = open.filter(|it| it.counter.colour() == colour) {
            return Some(Some(open.until));
        }
        let mut closed = self.closed.values();
        let unproven = closed.any(|it| {
            it.counter.service() == service
                && it.counter.colour() == colour
                && matches!(it.stage, Stage::Fresh | Stage::Barrier)
        });
        unproven.then_some(None)
    }

    pub(super) fn view(&self, service: &ServiceName) -> Option<FinishingView> {
        let linger = self.open.get(service)?;
        let counts = linger.counter.counts();
        Some(FinishingView {
            colour: linger.counter.colour(),
            tenure: linger.session,
            until: linger.until,
            requests: counts.claimed,
            in_flight: counts.in_flight(),
        })
    }
}

impl State {
    /// A switch has ended the tenure of `old`: its sessions finish there, if the file says so.
    pub(super) fn linger_after(&mut self, receipt: &Receipt, old: &TenureCounter, now: Now) {
        self.close_linger(&receipt.service);
        if !receipt.rollback {
            self.open_linger(receipt, old.tenure(), now.wall, now);
        }
    }

    /// What a restart finds: sessions whose time is not over since the last switch.
    pub(super) fn restore_linger(&mut self, service: &ServiceName, now: Now) {
        let Some(standing) = self.standings.get(service) else {
            return;
        };
        let committed = |it: &&Receipt| it.outcome != Outcome::Aborted;
        let mut switches = standing.history.iter().filter(committed);
        let Some(last) = switches.find(|it| it.tenure == standing.tenure()) else {
            return;
        };
        let before = switches.next().map_or(Tenure(1), |it| it.tenure);
        let last = last.clone();
        if !last.rollback {
            self.open_linger(&last, before, last.live_since(), now);
        }
    }

    fn open_linger(&mut self, receipt: &Receipt, session: Tenure, since: Timestamp, now: Now) {
        let service = &receipt.service;
        let Some(served) = self.services.get(service) else {
            return;
        };
        let affinity = served.spec.affinity.as_ref();
        let Some(affinity) = affinity.filter(|it| it.mode == AffinityMode::Finish) else {
            return;
        };
        let until = since.plus(affinity.deadline);
        if until <= now.wall {
            return;
        }
        let number = Tenure(LINGERING | session.0);
        // A service that went and came back, with requests of the same sessions left from before: they move.
        if self.lingers.closed.contains_key(&(service.clone(), number)) {
            return;
        }
        let counter = TenureCounter::new(service.clone(), receipt.from, number, self.workers);
        let linger = Linger {
            counter: Arc::new(counter),
            session,
            switch: receipt.tenure,
            end: after(now.instant, until.since(now.wall)),
            until,
            drains_for: served.spec.switch.drain_deadline,
        };
        self.lingers.open.insert(service.clone(), linger);
        self.touch(service);
    }

    /// Nobody finishes there any more; the caller publishes.
    pub(super) fn close_linger(&mut self, service: &ServiceName) {
        let Some(linger) = self.lingers.open.remove(service) else {
            return;
        };
        let key = (service.clone(), linger.counter.tenure());
        let closed = Closed {
            counter: linger.counter,
            switch: linger.switch,
            drains_for: linger.drains_for,
            stage: Stage::Fresh,
        };
        self.lingers.closed.insert(key, closed);
        self.touch(service);
    }

    /// Ends what was open to sessions and is not by the present file.
    pub(super) fn reconcile_linger(&mut self, service: &ServiceName) {
        let spec = self.services.get(service).map(|it| &it.spec);
        let affinity = spec.and_then(|it| it.affinity.as_ref());
        if affinity.is_none_or(|it| it.mode != AffinityMode::Finish) {
            self.close_linger(service);
        }
    }

    /// Ends those whose time is over, and cuts what is left of those that drain.
    pub(super) fn end_lingers(&mut self, turn: &mut Turn) {
        let now = turn.now.instant;
        let due = self.lingers.open.iter().filter(|(_, it)| it.end <= now);
        let due: Vec<_> = due.map(|(service, _)| service.clone()).collect();
        for service in due {
            self.close_linger(&service);
        }
        for closed in self.lingers.closed.values_mut() {
            if matches!(closed.stage, Stage::Drains(deadline) if deadline <= now) {
                closed.stage = Stage::Cut;
                turn.does(Effect::Cut(Arc::clone(&closed.counter)));
            }
        }
    }

    /// Asks every worker to leave the snapshots in which those were open that were closed by this event.
    pub(super) fn ask_lingers(&mut self, turn: &mut Turn) {
        for (key, closed) in &mut self.lingers.closed {
            if closed.stage == Stage::Fresh {
                closed.stage = Stage::Barrier;
                let op = self.operations.own_op();
                turn.does(Effect::Barrier(op, vec![Arc::clone(&closed.counter)]));
                let left = Committing::Linger(key.0.clone(), key.1);
                self.operations.barriers.insert(op, left);
            }
        }
    }

    /// Every worker has left them, but for those that missed the barrier.
    pub(super) fn linger_left(
        &mut self,
        key: &(ServiceName, Tenure),
        passed: &BarrierPassed,
        turn: &mut Turn,
    ) {
        if passed.missing > 0 {
            self.unproven.insert(key.0.clone());
            turn.tells(Notice::BarrierMissed {
                services: vec![key.0.clone()],
                workers: passed.missing,
            });
        }
        if let Some(closed) = self.lingers.closed.get_mut(key) {
            closed.stage = Stage::Drains(after(turn.now.instant, closed.drains_for));
            turn.does(Effect::Drain(Arc::clone(&closed.counter)));
        }
    }

    /// The last request of such sessions has ended: the receipt of the switch that they outlasted says how many there were.
    pub(super) fn linger_drained(
        &mut self,
        key: &(ServiceName, Tenure),
        counts: &Counts,
        turn: &mut Turn,
    ) {
        let Some(closed) = self.lingers.closed.remove(key) else {
            return;
        };
        let standing = self.standings.get_mut(&key.0);
        let receipts = standing.map(|it| it.history.iter_mut());
        let receipt = receipts.and_then(|mut it| it.find(|it| it.tenure == closed.switch));
        let Some(receipt) = receipt else {
            return;
        };
        receipt.affinity = Some(AffinityAccount {
            stayed: counts.claimed,
            stranded: counts.cut_by_deadline + counts.cut_by_shutdown,
            ended_at: turn.now.wall,
        });
        // One that drains still is written when it has settled.
        if !matches!(receipt.outcome, Outcome::Committing | Outcome::Draining) {
            let receipt = Box::new(receipt.clone());
            turn.does(Effect::Record(Entry::Settled { receipt }));
        }
    }
}

/// Whether the number is one of a counter of sessions.
pub(super) const fn is_lingering(tenure: Tenure) -> bool {
    tenure.0 & LINGERING != 0
}

/// The tenure that requests of a counter belong to in the eyes of people.
#[must_use]
pub const fn shown(tenure: Tenure) -> Tenure {
    Tenure(tenure.0 & !LINGERING)
}

/// The bit that tells the counter of a tenure's lingering sessions from that of the tenure itself.
const LINGERING: u64 = 1 << 62;
