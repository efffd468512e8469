//! Requests on one endpoint: how many, and how they ended.
//!
//! Owns the counters of endpoints; like those of tenures they are a shard for each worker, so that nothing that two of
//! them write to is on a request's way. What runs on an endpoint is balanced by, and told in the receipt of one that
//! leaves. Unlike tenures, endpoints are many, and half of them are standby: shards are made with the first request.

use std::sync::{
    OnceLock,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
};

use super::in_flight::{Ending, add};

/// Requests on one endpoint, a shard per worker.
#[derive(Debug)]
pub struct EndpointCounter {
    workers: usize,
    // Written once; after that workers only read it.
    shards: OnceLock<Box<[EndpointShard]>>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct EndpointShard {
    begun: AtomicU64,
    finished: AtomicU64,
    replayed: AtomicU64,
    cut: AtomicU64,
}

impl EndpointShard {
    fn ended(&self, order: std::sync::atomic::Ordering) -> u64 {
        self.finished.load(order) + self.replayed.load(order) + self.cut.load(order)
    }
}

/// What happened to the requests on one endpoint so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    /// Begun there.
    pub begun: u64,
    /// Ended by themselves, those broken off by a peer included.
    pub finished: u64,
    /// Sent again, there or elsewhere.
    pub replayed: u64,
    /// Cut by cutover.
    pub cut: u64,
}

impl EndpointCounts {
    /// Requests that have not ended.
    #[must_use]
    pub const fn in_flight(&self) -> u64 {
        self.begun.saturating_sub(self.ended())
    }

    /// What has happened since `earlier`, a reading of the same counter; `begun` becomes what has been in flight then or
    /// was begun later, so that the difference adds up by itself.
    #[must_use]
    pub const fn since(&self, earlier: &Self) -> Self {
        Self {
            begun: self.begun.saturating_sub(earlier.ended()),
            finished: self.finished.saturating_sub(earlier.finished),
            replayed: self.replayed.saturating_sub(earlier.replayed),
            cut: self.cut.saturating_sub(earlier.cut),
        }
    }

    const fn ended(&self) -> u64 {
        self.finished + self.replayed + self.cut
    }
}

impl EndpointCounter {
    /// A counter for `workers` workers.
    #[must_use]
    pub const fn new(workers: usize) -> Self {
        Self {
            workers,
            shards: OnceLock::new(),
        }
    }

    /// Those there are: none, as long as there was no request.
    fn made(&self) -> &[EndpointShard] {
        self.shards.get().map_or(&[], |shards| shards)
    }

    fn shard(&self, worker: usize) -> &EndpointShard {
        let make = || {
            let shards = (0..self.workers).map(|_| EndpointShard::default());
            shards.collect()
        };
        &self.shards.get_or_init(make)[worker]
    }

    /// The sum over all workers. Once no worker can pick the endpoint any more, `begun` is final.
    #[must_use]
    pub fn counts(&self) -> EndpointCounts {
        let mut counts = EndpointCounts::default();
        for shard in self.made() {
            // Endings before begins, as in `TenureCounter::counts_of`.
            counts.finished += shard.finished.load(Acquire);
            counts.replayed += shard.replayed.load(Acquire);
            counts.cut += shard.cut.load(Acquire);
            counts.begun += shard.begun.load(Acquire);
        }
        counts
    }

    /// Requests in flight, over all workers.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.counts().in_flight()
    }

    /// Requests in flight from one worker.
    #[must_use]
    pub fn in_flight_of(&self, worker: usize) -> u64 {
        self.made().get(worker).map_or(0, |shard| {
            let ended = shard.ended(Relaxed);
            shard.begun.load(Relaxed).saturating_sub(ended)
        })
    }

    /// Counts one more for `worker`. Only that worker's thread may call this.
    pub fn begin(&self, worker: usize) {
        add(&self.shard(worker).begun, 1);
    }

    /// Counts one less for `worker`. Only that worker's thread may call this.
    pub fn end(&self, worker: usize, ending: Ending) {
        let shard = self.shard(worker);
        let ended = match ending {
            Ending::Finished | Ending::ClientGone | Ending::UpstreamFailed => &shard.finished,
            Ending::Replayed => &shard.replayed,
            Ending::CutByDeadline | Ending::CutByShutdown => &shard.cut,
        };
        add(ended, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_requests_has_no_shards_and_counts_nothing() {
        let counter = EndpointCounter::new(2);
        assert_eq!((counter.in_flight(), counter.in_flight_of(1)), (0, 0));
        assert_eq!(counter.counts(), EndpointCounts::default());
        assert!(counter.made().is_empty());
        counter.begin(1);
        assert_eq!((counter.in_flight_of(0), counter.in_flight_of(1)), (0, 1));
        counter.end(1, Ending::Replayed);
        let counts = counter.counts();
        assert_eq!(
            (counts.begun, counts.replayed, counts.in_flight()),
            (1, 1, 0)
        );
    }
}
