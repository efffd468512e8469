//! Claims: who is in flight, counted without a shared cache line.
//!
//! Owns the counters of tenures and endpoints and the guards that move them. Must not decide what a count
//! means. A single atomic per tenure would be simpler, and every request of every worker would fight for its
//! cache line twice; here each worker writes to a shard of its own, and whoever asks adds them up.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use serde::{Deserialize, Serialize};

use super::ids::{Colour, ServiceName, Tenure};

/// How a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The response ended whole, or the tunnel was closed by one of its ends.
    Finished,
    /// The client went away before the end. Counts as finished, too: nobody waits for the rest.
    ClientGone,
    /// The endpoint broke off. Counts as finished, too: cutover ended nothing.
    UpstreamFailed,
    /// The request was sent again under another claim.
    Replayed,
    /// The drain deadline of the tenure passed.
    CutByDeadline,
    /// The process was shutting down and its deadline passed.
    CutByShutdown,
}

/// Endings that are counted apart.
const ENDINGS: usize = 6;

/// What happened to the claims of one tenure so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Claims made.
    pub claimed: u64,
    /// Ended by themselves, those broken off by a peer included.
    pub finished: u64,
    /// Of those finished: broken off by the client.
    pub client_gone: u64,
    /// Of those finished: broken off by the endpoint.
    pub upstream_failed: u64,
    /// Sent again under another claim.
    pub replayed: u64,
    /// Cut because the drain deadline passed.
    pub cut_by_deadline: u64,
    /// Cut because the process stopped.
    pub cut_by_shutdown: u64,
    /// Of those in flight: tunnels (WebSocket and other upgrades).
    pub tunnels: u64,
}

impl Counts {
    /// Claims that have not ended.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        let ended = self.finished + self.replayed + self.cut_by_deadline + self.cut_by_shutdown;
        self.claimed.saturating_sub(ended)
    }

    /// What has happened since `earlier`, a reading of the same counter. `claimed` becomes the number that
    /// was in flight then, so that a closed tenure's difference adds up by itself. Saturating: a reading that
    /// is not later counts as nothing new.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            claimed: self.claimed.saturating_sub(earlier.claimed) + earlier.in_flight(),
            finished: self.finished.saturating_sub(earlier.finished),
            client_gone: self.client_gone.saturating_sub(earlier.client_gone),
            upstream_failed: self.upstream_failed.saturating_sub(earlier.upstream_failed),
            replayed: self.replayed.saturating_sub(earlier.replayed),
            cut_by_deadline: self.cut_by_deadline.saturating_sub(earlier.cut_by_deadline),
            cut_by_shutdown: self.cut_by_shutdown.saturating_sub(earlier.cut_by_shutdown),
            tunnels: self.tunnels,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            claimed: self.claimed + other.claimed,
            finished: self.finished + other.finished,
            client_gone: self.client_gone + other.client_gone,
            upstream_failed: self.upstream_failed + other.upstream_failed,
            replayed: self.replayed + other.replayed,
            cut_by_deadline: self.cut_by_deadline + other.cut_by_deadline,
            cut_by_shutdown: self.cut_by_shutdown + other.cut_by_shutdown,
            tunnels: self.tunnels + other.tunnels,
        }
    }
}

/// One worker's counters of one tenure. 128 bytes apart: two cache lines, because the adjacent-line
/// prefetcher of x86 pairs them.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    claimed: AtomicU64,
    ended: [AtomicU64; ENDINGS],
    tunnels: AtomicU64,
}

/// Adds to a counter that only the calling thread writes: a load and a store, no locked instruction.
/// `Release` pairs with the `Acquire` of [`TenureCounter::counts`], so that a reader that sees a claim
/// ended also sees it claimed.
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Release);
}

/// The claims of one tenure of one service, over all workers.
#[derive(Debug)]
pub struct TenureCounter {
    service: ServiceName,
    colour: Colour,
    tenure: Tenure,
    shards: Box<[Shard]>,
}

impl TenureCounter {
    /// A counter for `workers` workers.
    #[must_use]
    pub fn new(service: ServiceName, colour: Colour, tenure: Tenure, workers: usize) -> Self {
        Self {
            service,
            colour,
            tenure,
            shards: (0..workers).map(|_| Shard::default()).collect(),
        }
    }

    /// The service.
    #[must_use]
    pub const fn service(&self) -> &ServiceName {
        &self.service
    }

    /// The colour that is, or was, live in this tenure.
    #[must_use]
    pub const fn colour(&self) -> Colour {
        self.colour
    }

    /// The number of the tenure.
    #[must_use]
    pub const fn tenure(&self) -> Tenure {
        self.tenure
    }

    /// How many workers it is for.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shards.len()
    }

    /// The sum over all workers. Exact for a worker that has passed the barrier; a moving number otherwise.
    #[must_use]
    pub fn counts(&self) -> Counts {
        (0..self.shards.len()).fold(Counts::default(), |sum, worker| {
            sum.plus(&self.counts_of(worker))
        })
    }

    /// One worker's part. When that worker itself asks, the answer is exact.
    #[must_use]
    pub fn counts_of(&self, worker: usize) -> Counts {
        let shard = &self.shards[worker];
        // Endings are read before claims: a claim that ends in between is then counted as in flight,
        // never as ended without having been made.
        let ended: [u64; ENDINGS] = std::array::from_fn(|ending| shard.ended[ending].load(Acquire));
        let of = |ending: Ending| ended[ending as usize];
        Counts {
            finished: of(Ending::Finished) + of(Ending::ClientGone) + of(Ending::UpstreamFailed),
            client_gone: of(Ending::ClientGone),
            upstream_failed: of(Ending::UpstreamFailed),
            replayed: of(Ending::Replayed),
            cut_by_deadline: of(Ending::CutByDeadline),
            cut_by_shutdown: of(Ending::CutByShutdown),
            tunnels: shard.tunnels.load(Acquire),
            claimed: shard.claimed.load(Acquire),
        }
    }
}

/// A worker's hold on its shard of a tenure; shared by that worker's claims without touching the `Arc`'s
/// count, which would be a cache line shared between workers.
#[derive(Debug)]
pub struct WorkerTenure {
    counter: Arc<TenureCounter>,
    worker: usize,
}

impl WorkerTenure {
    /// The part of `counter` that only `worker` writes.
    ///
    /// # Panics
    /// If `counter` was made for fewer workers.
    #[must_use]
    pub fn new(counter: Arc<TenureCounter>, worker: usize) -> Rc<Self> {
        assert!(
            worker < counter.shards.len(),
            "a tenure counter has a shard for every worker"
        );
        Rc::new(Self { counter, worker })
    }

    /// The counter behind it.
    #[must_use]
    pub const fn counter(&self) -> &Arc<TenureCounter> {
        &self.counter
    }

    fn shard(&self) -> &Shard {
        &self.counter.shards[self.worker]
    }
}

/// Guard that counts one request in flight in one tenure; dropping it is what ends it (invariant 5).
#[derive(Debug)]
pub struct Claim {
    tenure: Rc<WorkerTenure>,
    ending: Cell<Ending>,
    tunnel: Cell<bool>,
}

impl Claim {
    /// Claims. The caller has loaded the snapshot that names this tenure without awaiting in between
    /// (invariant 4).
    #[must_use]
    pub fn new(tenure: &Rc<WorkerTenure>) -> Self {
        add(&tenure.shard().claimed, 1);
        Self {
            tenure: Rc::clone(tenure),
            ending: Cell::new(Ending::ClientGone),
            tunnel: Cell::new(false),
        }
    }

    /// Says how the claim ends when it is dropped. Until then it is `ClientGone`: the only way to be dropped
    /// unasked is that the downstream connection went away.
    pub fn ends(&self, ending: Ending) {
        self.ending.set(ending);
    }

    /// Says that the claim is a tunnel from now on.
    pub fn becomes_tunnel(&self) {
        if !self.tunnel.replace(true) {
            add(&self.tenure.shard().tunnels, 1);
        }
    }

    /// The tenure claimed.
    #[must_use]
    pub const fn tenure(&self) -> &Rc<WorkerTenure> {
        &self.tenure
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let shard = self.tenure.shard();
        add(&shard.ended[self.ending.get() as usize], 1);
        if self.tunnel.get() {
            add(&shard.tunnels, 1_u64.wrapping_neg());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Arc<TenureCounter> {
        Arc::new(TenureCounter::new(
            ServiceName::new("shop"),
            Colour::Blue,
            Tenure(1),
            2,
        ))
    }

    #[test]
    fn a_claim_counts_until_it_is_dropped() {
        let counter = counter();
        let tenure = WorkerTenure::new(Arc::clone(&counter), 1);
        let claim = Claim::new(&tenure);
        assert_eq!(counter.counts().in_flight(), 1);
        assert_eq!(counter.counts_of(0).in_flight(), 0);
        claim.ends(Ending::Finished);
        drop(claim);
        let counts = counter.counts();
        assert_eq!(
            (counts.in_flight(), counts.finished, counts.client_gone),
            (0, 1, 0)
        );
    }

    #[test]
    fn a_claim_dropped_unasked_is_a_client_that_went_away() {
        let counter = counter();
        drop(Claim::new(&WorkerTenure::new(Arc::clone(&counter), 0)));
        assert_eq!(
            (counter.counts().finished, counter.counts().client_gone),
            (1, 1)
        );
    }

    #[test]
    fn a_tunnel_is_counted_once_and_only_while_it_lasts() {
        let counter = counter();
        let claim = Claim::new(&WorkerTenure::new(Arc::clone(&counter), 0));
        claim.becomes_tunnel();
        claim.becomes_tunnel();
        assert_eq!(counter.counts().tunnels, 1);
        drop(claim);
        assert_eq!(counter.counts().tunnels, 0);
    }

    #[test]
    fn the_difference_of_two_readings_adds_up() {
        let counter = counter();
        let tenure = WorkerTenure::new(Arc::clone(&counter), 0);
        drop(Claim::new(&tenure));
        let (one, two) = (Claim::new(&tenure), Claim::new(&tenure));
        let at_commit = counter.counts();
        one.ends(Ending::Replayed);
        two.ends(Ending::CutByDeadline);
        drop((one, two));
        let met = counter.counts().since(&at_commit);
        assert_eq!(met.claimed, 2);
        assert_eq!(
            met.claimed,
            met.finished + met.replayed + met.cut_by_deadline + met.cut_by_shutdown
        );
    }
}
