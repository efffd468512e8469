//! Counters of the data plane: written by one worker each, summed when somebody looks.
//!
//! Owns the shards. The obvious prometheus counters would be one shared cache line a counter, which every
//! request of every worker writes to; here a worker writes plain stores to lines of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{handshakes::HandshakeStats, limit::Limit, mirror::MirrorStats};
use crate::core::{
    beside::Traffic,
    ids::{Colour, ServiceName},
};

/// All counters of the data plane.
#[derive(Debug)]
pub struct Stats {
    workers: Box<[WorkerStats]>,
    // Taken when a worker first meets a service and at a scrape, never by a request.
    services: Mutex<BTreeMap<(ServiceName, Colour), Arc<ServiceStats>>>,
    // As well; of requests that asked for the standby.
    previews: Mutex<BTreeMap<(ServiceName, Colour), Arc<ServiceStats>>>,
    // As well; of copies.
    copies: Mutex<BTreeMap<(ServiceName, Colour), Arc<ServiceStats>>>,
    mirrors: Mutex<BTreeMap<(ServiceName, Colour), Arc<MirrorStats>>>,
}

impl Stats {
    /// Counters for `workers` workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            workers: (0..workers).map(|_| WorkerStats::default()).collect(),
            services: Mutex::default(),
            previews: Mutex::default(),
            copies: Mutex::default(),
            mirrors: Mutex::default(),
        }
    }

    /// What one worker counts apart from services.
    #[must_use]
    pub fn worker(&self, worker: usize) -> &WorkerStats {
        &self.workers[worker]
    }

    /// Every worker's counters.
    #[must_use]
    pub fn workers(&self) -> &[WorkerStats] {
        &self.workers
    }

    /// The counters of one pool's own traffic; made when first asked for.
    #[must_use]
    pub fn service(&self, name: &ServiceName, colour: Colour) -> Arc<ServiceStats> {
        self.pool(name, colour, Traffic::Live)
    }

    /// The counters of one sort of one pool's traffic; made when first asked for.
    #[must_use]
    pub fn pool(&self, name: &ServiceName, colour: Colour, traffic: Traffic) -> Arc<ServiceStats> {
        let mut counted = self.counted(traffic);
        let shards = || Arc::new(ServiceStats::new(self.workers.len()));
        Arc::clone(counted.entry((name.clone(), colour)).or_insert_with(shards))
    }

    /// Every pool whose own traffic was counted so far.
    #[must_use]
    pub fn services(&self) -> Vec<((ServiceName, Colour), Arc<ServiceStats>)> {
        self.pools(Traffic::Live)
    }

    /// Every pool of which one sort of traffic was counted so far.
    #[must_use]
    pub fn pools(&self, traffic: Traffic) -> Vec<((ServiceName, Colour), Arc<ServiceStats>)> {
        let counted = self.counted(traffic);
        let counted = counted.iter();
        counted
            .map(|(key, stats)| (key.clone(), Arc::clone(stats)))
            .collect()
    }

    /// What copies to one pool have shown; made when first asked for.
    #[must_use]
    pub fn mirror(&self, name: &ServiceName, colour: Colour) -> Arc<MirrorStats> {
        let mut mirrors = self.compared();
        let stats = || Arc::new(MirrorStats::new(self.workers.len()));
        Arc::clone(mirrors.entry((name.clone(), colour)).or_insert_with(stats))
    }

    /// Every pool that copies were sent to so far.
    #[must_use]
    pub fn mirrors(&self) -> Vec<((ServiceName, Colour), Arc<MirrorStats>)> {
        let mirrors = self.compared();
        let mirrors = mirrors.iter();
        mirrors
            .map(|(key, stats)| (key.clone(), Arc::clone(stats)))
            .collect()
    }

    fn compared(&self) -> MutexGuard<'_, BTreeMap<(ServiceName, Colour), Arc<MirrorStats>>> {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counted(
        &self,
        traffic: Traffic,
    ) -> MutexGuard<'_, BTreeMap<(ServiceName, Colour), Arc<ServiceStats>>> {
        let counted = match traffic {
            Traffic::Live => &self.services,
            Traffic::Preview => &self.previews,
            Traffic::Mirror => &self.copies,
        };
        counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets services that are no longer named, so that labels stay bounded by the file.
    pub fn retain(&self, keep: impl Fn(&ServiceName) -> bool) {
        for traffic in Traffic::ALL {
            self.counted(traffic).retain(|(name, _), _| keep(name));
        }
        self.compared().retain(|(name, _), _| keep(name));
    }
}

/// What one worker counts apart from services. Only that worker writes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerStats {
    /// Connections accepted.
    pub accepted: Counter,
    /// Of those, closed again.
    pub closed: Counter,
    /// How often a connection without a request has given its buffers back.
    pub parked: Counter,
    /// How often such a connection has taken new ones, or ended.
    pub unparked: Counter,
    /// Requests that no service was found for.
    pub unrouted: Counter,
    /// Request heads refused because of their form or size, or because they came too slowly.
    pub refused: Counter,
    /// Connections that were not introduced as they had to be.
    pub unintroduced: Counter,
    /// Accept calls that failed, such as for want of file descriptors.
    pub accept_failures: Counter,
    /// Lines of the access log dropped because the writer could not keep up.
    pub access_dropped: Counter,
    /// Reports to the controller dropped because its queue was full.
    pub reports_dropped: Counter,
    /// Downstream connections that speak HTTP/2.
    pub http2_connections: Counter,
    /// Requests on them that did not get as far as a request: malformed, or beyond a bound.
    pub http2_refused_streams: Counter,
    /// Connections among them whose client broke the protocol.
    pub http2_protocol_errors: Counter,
    /// Bytes that its connections hold in buffers, as far as is known.
    pub buffered: Gauge,
    /// TLS handshakes with clients.
    pub handshakes: HandshakeStats,
    /// Bounds that were met, by [`Limit`].
    pub limited: [Counter; Limit::ALL.len()],
}

impl WorkerStats {
    /// Counts that a bound was met.
    pub fn met(&self, limit: Limit) {
        self.limited[limit as usize].add(1);
    }
}

/// The counters of one pool, a shard per worker.
#[derive(Debug)]
pub struct ServiceStats {
    shards: Box<[StatsShard]>,
}

impl ServiceStats {
    fn new(workers: usize) -> Self {
        Self {
            shards: (0..workers).map(|_| StatsShard::default()).collect(),
        }
    }

    /// One worker's part; only that worker may write to it.
    #[must_use]
    pub fn shard(&self, worker: usize) -> &StatsShard {
        &self.shards[worker]
    }

    /// Every worker's part.
    #[must_use]
    pub fn shards(&self) -> &[StatsShard] {
        &self.shards
    }
}

/// One worker's counters of one pool.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct StatsShard {
    /// Requests by the first digit of the status answered; `[0]` is 1xx, which is a tunnel.
    pub requests: [Counter; 5],
    /// Requests by duration: one for each of [`DURATION_BUCKETS_US`], and one for what is slower.
    pub durations: [Counter; DURATION_BUCKETS_US.len() + 1],
    /// Sum of all durations in microseconds.
    pub duration_sum_us: Counter,
    /// Bytes of request bodies read.
    pub bytes_in: Counter,
    /// Bytes of response bodies handed on.
    pub bytes_out: Counter,
    /// Upstream connections opened.
    pub connects: Counter,
    /// Upstream connections not opened, by [`ConnectFailure`].
    pub connect_failures: [Counter; ConnectFailure::ALL.len()],
    /// Exchanges that an endpoint broke off or did not answer in time.
    pub upstream_failures: Counter,
    /// Attempts beyond the first.
    pub replays: Counter,
    /// Requests whose client has proved a session on the other colour.
    pub sessions_moved: Counter,
    /// Tunnels opened.
    pub tunnels: Counter,
}

impl StatsShard {
    /// Counts one request that has ended.
    pub fn request(&self, status: u16, took: Duration, bytes_in: u64, bytes_out: u64) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.requests[class].add(1);
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.durations[DURATION_BUCKETS_US.partition_point(|bound| *bound < us)].add(1);
        self.duration_sum_us.add(us);
        if bytes_in > 0 {
            self.bytes_in.add(bytes_in);
        }
        self.bytes_out.add(bytes_out);
    }
}

/// Why a connection to an endpoint was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Refused, unreachable, or another error of the kernel's.
    Refused,
    /// Not within the connect timeout.
    Timeout,
    /// The endpoint's name stands for no address.
    Unresolved,
    /// The TLS handshake failed.
    Tls,
    /// The endpoint's certificate is not trusted.
    Untrusted,
    /// No descriptor or port was left here.
    Exhausted,
}

impl ConnectFailure {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::Timeout,
        Self::Unresolved,
        Self::Tls,
        Self::Untrusted,
        Self::Exhausted,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unresolved => "unresolved",
            Self::Tls => "tls",
            Self::Untrusted => "untrusted",
            Self::Exhausted => "exhausted",
        }
    }
}

/// A counter with one writer.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds. Only the owning worker's thread may call this: it is a load and a store, not a locked
    /// instruction, and two writers would lose counts. `Relaxed`, because nothing else is read by it.
    pub fn add(&self, amount: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number with one writer, which rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Says what it is now. `Relaxed`, because nothing else is read by it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// What it was last.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the duration histogram, in microseconds. OpenTelemetry's list begins at 5 ms, which is
/// coarser than a proxy's whole day; four finer ones come before it.
pub const DURATION_BUCKETS_US: [u64; 18] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000,
    750_000, 1_000_000, 2_500_000, 5_000_000, 7_500_000, 10_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_in_its_class_and_its_bucket() {
        let stats = Stats::new(2);
        let service = stats.service(&ServiceName::new("shop"), Colour::Blue);
        service
            .shard(1)
            .request(204, Duration::from_micros(250), 0, 7);
        service.shard(1).request(999, Duration::from_secs(60), 1, 0);
        let services = stats.services();
        let shard = &services[0].1.shards()[1];
        assert_eq!(
            (shard.requests[1].value(), shard.requests[4].value()),
            (1, 1)
        );
        assert_eq!(
            (shard.durations[0].value(), shard.durations[18].value()),
            (1, 1)
        );
        assert_eq!((shard.bytes_in.value(), shard.bytes_out.value()), (1, 7));
    }
}
