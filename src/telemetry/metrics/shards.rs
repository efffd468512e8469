//! The workers' shards, added up.
//!
//! Owns the names of what workers count; must not write to a shard. A pool that no worker has met yet is
//! shown with zeros, because `rate` and `increase` cannot see the first step of a series that begins with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use prometheus::proto::MetricFamily;

use super::family::{Distribution, Family};
use crate::{
    core::{
        beside::Traffic,
        ids::{Colour, ServiceName},
        view::ServiceView,
    },
    telemetry::limit::Limit,
    telemetry::stats::{
        ConnectFailure, Counter, DURATION_BUCKETS_US, ServiceStats, Stats, StatsShard, WorkerStats,
    },
};

/// What workers count apart from services.
pub(super) fn workers(stats: &Stats) -> Vec<MetricFamily> {
    let total = |pick: fn(&WorkerStats) -> &Counter| {
        stats
            .workers()
            .iter()
            .map(|worker| pick(worker).value())
            .sum::<u64>()
    };
    // `closed` first: a connection that comes and goes in between must not make the difference negative.
    let closed = total(|worker| &worker.closed);
    let accepted = total(|worker| &worker.accepted);
    // As well.
    let unparked = total(|worker| &worker.unparked);
    let parked = total(|worker| &worker.parked);
    let mut families = vec![
        single(
            Family::gauge("cutover_workers", "Data-plane threads.", &[]),
            stats.workers().len() as u64,
        ),
        single(
            Family::gauge(
                "cutover_connections_open",
                "Downstream connections that are open.",
                &[],
            ),
            accepted.saturating_sub(closed),
        ),
        single(
            Family::gauge(
                "cutover_connections_parked",
                "Downstream connections without a request that hold no buffers.",
                &[],
            ),
            parked.saturating_sub(unparked),
        ),
        single(
            Family::counter(
                "cutover_connections_accepted_total",
                "Downstream connections accepted.",
                &[],
            ),
            accepted,
        ),
    ];
    for counter in WORKER_COUNTERS {
        let family = Family::counter(counter.name, counter.help, &[]);
        families.push(single(family, total(counter.pick)));
    }
    families.push(limited(stats));
    let buffered = stats.workers().iter().map(|it| it.buffered.value()).sum();
    families.push(single(
        Family::gauge(
            "cutover_buffered_bytes",
            "Bytes that connections hold in buffers, as far as is known.",
            &[],
        ),
        buffered,
    ));
    families
}

fn limited(stats: &Stats) -> MetricFamily {
    let mut family = Family::counter(
        "cutover_limited_total",
        "Times that a bound was met, by its name.",
        &["limit"],
    );
    for limit in Limit::ALL {
        let counts = stats.workers().iter().map(|it| &it.limited[limit as usize]);
        family.add(&[limit.as_str()], counts.map(Counter::value).sum());
    }
    family.into()
}

/// What workers count by service and colour, of the services in `views`.
pub(super) fn services(stats: &Stats, views: &[ServiceView]) -> Vec<MetricFamily> {
    let counted: BTreeMap<_, _> = stats.services().into_iter().collect();
    let named: BTreeSet<_> = views.iter().map(|view| &view.service).collect();
    let pools: Vec<Pool> = named
        .into_iter()
        .flat_map(|service| Colour::ALL.map(|colour| Pool::read(service, colour, &counted)))
        .collect();
    let mut families = vec![
        requests(&pools),
        durations(&pools),
        connect_failures(&pools),
    ];
    families.push(previews(stats, views));
    for counter in POOL_COUNTERS {
        let mut family = Family::counter(counter.name, counter.help, &["service", "colour"]);
        for pool in &pools {
            family.add(&pool.labels(), pool.total(counter.pick));
        }
        families.push(family.into());
    }
    families
}

/// The counters of one pool, if a worker has met it.
struct Pool<'a> {
    service: &'a str,
    colour: Colour,
    stats: Option<&'a ServiceStats>,
}

impl<'a> Pool<'a> {
    fn read(
        service: &'a ServiceName,
        colour: Colour,
        counted: &'a BTreeMap<(ServiceName, Colour), Arc<ServiceStats>>,
    ) -> Self {
        Self {
            service: service.as_str(),
            colour,
            stats: counted.get(&(service.clone(), colour)).map(Arc::as_ref),
        }
    }

    fn labels(&self) -> [&str; 2] {
        [self.service, self.colour.as_str()]
    }

    fn total(&self, pick: impl Fn(&StatsShard) -> &Counter) -> u64 {
        let shards = self.stats.map(ServiceStats::shards).unwrap_or_default();
        shards.iter().map(|shard| pick(shard).value()).sum()
    }

    fn totals<const N: usize>(&self, pick: impl Fn(&StatsShard) -> &[Counter; N]) -> [u64; N] {
        let mut totals = [0; N];
        for shard in self.stats.map(ServiceStats::shards).unwrap_or_default() {
            for (total, counter) in totals.iter_mut().zip(pick(shard)) {
                *total += counter.value();
            }
        }
        totals
    }
}

fn requests(pools: &[Pool<'_>]) -> MetricFamily {
    let mut family = Family::counter(
        "cutover_requests_total",
        "Requests that have ended, by class of the status answered; 1xx are tunnels.",
        &["service", "colour", "class"],
    );
    for pool in pools {
        let [service, colour] = pool.labels();
        let totals = pool.totals(|shard| &shard.requests);
        for (class, total) in CLASSES.iter().zip(totals) {
            family.add(&[service, colour, class], total);
        }
    }
    family.into()
}

/// Of the pools that anybody has asked for while they were the standby: few services have a preview.
fn previews(stats: &Stats, views: &[ServiceView]) -> MetricFamily {
    let mut family = Family::counter(
        "cutover_preview_requests_total",
        "Requests that asked for the standby and have ended, by class of the status answered; none is counted elsewhere.",
        &["service", "colour", "class"],
    );
    for ((service, colour), counted) in stats.pools(Traffic::Preview) {
        if !views.iter().any(|view| view.service == service) {
            continue;
        }
        let pool = Pool {
            service: service.as_str(),
            colour,
            stats: Some(&counted),
        };
        let totals = pool.totals(|shard| &shard.requests);
        for (class, total) in CLASSES.iter().zip(totals) {
            family.add(&[pool.service, colour.as_str(), class], total);
        }
    }
    family.into()
}

fn durations(pools: &[Pool<'_>]) -> MetricFamily {
    let mut family = Family::histogram(
        "cutover_request_duration_seconds",
        "From the request head read to the response body ended.",
        &["service", "colour"],
    );
    for pool in pools {
        let counts = pool.totals(|shard| &shard.durations);
        let distribution = Distribution {
            bounds_us: &DURATION_BUCKETS_US,
            counts: &counts,
            sum_us: pool.total(|shard| &shard.duration_sum_us),
        };
        family.add_distribution(&pool.labels(), &distribution);
    }
    family.into()
}

fn connect_failures(pools: &[Pool<'_>]) -> MetricFamily {
    let mut family = Family::counter(
        "cutover_upstream_connect_failures_total",
        "Upstream connections that could not be opened.",
        &["service", "colour", "reason"],
    );
    for pool in pools {
        let [service, colour] = pool.labels();
        let totals = pool.totals(|shard| &shard.connect_failures);
        for (reason, total) in ConnectFailure::ALL.iter().zip(totals) {
            family.add(&[service, colour, reason.as_str()], total);
        }
    }
    family.into()
}

fn single(mut family: Family, value: u64) -> MetricFamily {
    family.add(&[], value);
    family.into()
}

/// A counter that is read from a `T`.
struct CounterOf<T> {
    name: &'static str,
    help: &'static str,
    pick: fn(&T) -> &Counter,
}

/// Labels of `StatsShard::requests`, in its order.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Name, help and place of each plain counter of a worker.
const WORKER_COUNTERS: &[CounterOf<WorkerStats>] = &[
    CounterOf {
        name: "cutover_parkings_total",
        help: "How often a downstream connection without a request has given its buffers back.",
        pick: |worker| &worker.parked,
    },
    CounterOf {
        name: "cutover_unrouted_requests_total",
        help: "Requests that no service was found for.",
        pick: |worker| &worker.unrouted,
    },
    CounterOf {
        name: "cutover_refused_requests_total",
        help: "Request heads refused because of their form or size, or because they came too slowly.",
        pick: |worker| &worker.refused,
    },
    CounterOf {
        name: "cutover_unintroduced_connections_total",
        help: "Connections closed because they had to begin with a PROXY header and did not.",
        pick: |worker| &worker.unintroduced,
    },
    CounterOf {
        name: "cutover_accept_failures_total",
        help: "Accept calls that failed, such as for want of file descriptors.",
        pick: |worker| &worker.accept_failures,
    },
    CounterOf {
        name: "cutover_access_log_dropped_total",
        help: "Lines of the access log dropped because the writer could not keep up.",
        pick: |worker| &worker.access_dropped,
    },
    CounterOf {
        name: "cutover_reports_dropped_total",
        help: "Reports of workers to the controller dropped because its queue was full.",
        pick: |worker| &worker.reports_dropped,
    },
    CounterOf {
        name: "cutover_http2_connections_total",
        help: "Downstream connections that speak HTTP/2.",
        pick: |worker| &worker.http2_connections,
    },
    CounterOf {
        name: "cutover_http2_refused_streams_total",
        help: "HTTP/2 streams that did not get as far as a request: malformed, or beyond a bound.",
        pick: |worker| &worker.http2_refused_streams,
    },
    CounterOf {
        name: "cutover_http2_protocol_errors_total",
        help: "Downstream HTTP/2 connections that ended because their client broke the protocol.",
        pick: |worker| &worker.http2_protocol_errors,
    },
];

/// Name, help and place of each plain counter of a pool.
const POOL_COUNTERS: &[CounterOf<StatsShard>] = &[
    CounterOf {
        name: "cutover_request_bytes_total",
        help: "Bytes of request bodies read.",
        pick: |shard| &shard.bytes_in,
    },
    CounterOf {
        name: "cutover_response_bytes_total",
        help: "Bytes of response bodies handed on.",
        pick: |shard| &shard.bytes_out,
    },
    CounterOf {
        name: "cutover_upstream_connects_total",
        help: "Upstream connections opened.",
        pick: |shard| &shard.connects,
    },
    CounterOf {
        name: "cutover_upstream_failures_total",
        help: "Exchanges that an endpoint broke off or did not answer in time.",
        pick: |shard| &shard.upstream_failures,
    },
    CounterOf {
        name: "cutover_replays_total",
        help: "Attempts beyond the first.",
        pick: |shard| &shard.replays,
    },
    CounterOf {
        name: "cutover_sessions_moved_total",
        help: "Requests of sessions that were begun on the other colour and could not stay there.",
        pick: |shard| &shard.sessions_moved,
    },
    CounterOf {
        name: "cutover_tunnels_total",
        help: "Tunnels opened.",
        pick: |shard| &shard.tunnels,
    },
];
