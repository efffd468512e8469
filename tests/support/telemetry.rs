//! A small world to render and to tell of: one service `shop`, blue live, two workers.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{sync::Arc, time::Duration};

use cutover::{
    core::{
        gate::verdict::{EndpointFault, GateKind, GateVerdict, Verdict},
        health::Health,
        ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
        switch::{Actor, ActorKind, Broken, Cut, Outcome, Receipt},
        time::Timestamp,
        view::{EndpointSource, EndpointView, PoolView, ServiceView},
    },
    telemetry::{access::AccessRecord, metrics::Metrics, notice::Notices, stats::Stats},
};
use http::{HeaderValue, Method, Version};

pub(crate) struct World {
    pub(crate) stats: Arc<Stats>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notices: Notices,
}

pub(crate) fn world() -> World {
    let stats = Arc::new(Stats::new(2));
    let metrics = Metrics::new(Arc::clone(&stats), "0.1.0").unwrap();
    let notices = Notices::new(Arc::clone(&metrics));
    World {
        stats,
        metrics,
        notices,
    }
}

pub(crate) fn shop() -> ServiceName {
    ServiceName::new("shop")
}

pub(crate) fn operator() -> Actor {
    Actor {
        kind: ActorKind::Admin,
        name: "ops".to_owned(),
    }
}

/// `shop` after a switch from green to blue, with one endpoint in each pool.
pub(crate) fn view(service: &str) -> ServiceView {
    let endpoint = |addr: &str, health, ready| EndpointView {
        addr: EndpointAddr::new(addr),
        weight: 1,
        source: EndpointSource::File,
        health,
        health_since: None,
        ready,
        drained: false,
        slow_start_percent: None,
        ejected_for_ms: None,
        why: None,
        in_flight: 5,
    };
    ServiceView {
        service: ServiceName::new(service),
        live: Colour::Blue,
        tenure: Tenure(7),
        routes: vec!["/".to_owned()],
        file_live: Colour::Green,
        drift: true,
        rollback_to: Some(Colour::Green),
        rollback_possible: false,
        rollback_why: "pool `green` of service `shop` has 0 of 1 endpoints ready".to_owned(),
        standby_kept_until: None,
        waiting: None,
        shift: None,
        finishing: None,
        pools: ByColour {
            blue: PoolView {
                ready: 1,
                in_flight: 5,
                tunnels: 2,
                previews: 0,
                safe_to_stop: false,
                endpoints: vec![endpoint("10.0.0.1:80", Health::Healthy, true)],
            },
            green: PoolView {
                ready: 0,
                in_flight: 1,
                tunnels: 0,
                previews: 0,
                safe_to_stop: false,
                endpoints: vec![endpoint("10.0.0.2:80", Health::Unhealthy, false)],
            },
        },
        mirror: Vec::new(),
        leaving: Vec::new(),
        draining: vec![receipt()],
        last_switch: Some(receipt()),
    }
}

/// A check that has failed.
pub(crate) fn failed_gate(service: &ServiceName) -> GateVerdict {
    GateVerdict {
        gate: GateKind::Check,
        name: Some("GET /smoke".to_owned()),
        service: service.clone(),
        colour: Colour::Green,
        verdict: Verdict::Failed,
        why: Some("no answer in time".to_owned()),
        endpoints: vec![EndpointFault {
            endpoint: EndpointAddr::new("10.0.0.2:80"),
            why: "status 500".to_owned(),
        }],
    }
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        service: shop(),
        from: Colour::Blue,
        to: Colour::Green,
        tenure: Tenure(7),
        actor: operator(),
        reason: Some("release 7".to_owned()),
        rollback: false,
        forced: false,
        group: None,
        once: None,
        requested_at: Timestamp::from_millis(1_700_000_000_000),
        committed_at: Some(Timestamp::from_millis(1_700_000_000_040)),
        gate_ms: 40,
        gates: Vec::new(),
        barrier_us: Some(80),
        unproven_workers: 0,
        in_flight_at_commit: 5,
        finished: 3,
        replayed: 0,
        cut: Cut {
            drain_deadline: 2,
            shutdown: 0,
        },
        broken: Broken::default(),
        drained_at: None,
        outcome: Outcome::Cut,
        shift: None,
        affinity: None,
    }
}

/// What the access log is told of a request for `target`.
pub(crate) fn record(target: &str) -> AccessRecord {
    AccessRecord {
        at: Timestamp::from_millis(1_700_000_000_000),
        client: [192, 0, 2, 7].into(),
        method: Method::GET,
        target: target.to_owned(),
        version: Version::HTTP_11,
        host: None,
        status: 200,
        service: Some(shop()),
        colour: Some(Colour::Blue),
        preview: false,
        endpoint: Some(EndpointAddr::new("10.0.0.1:80")),
        tenure: Some(Tenure(7)),
        took: Duration::from_millis(3),
        head_took: Duration::from_millis(2),
        bytes_in: 0,
        bytes_out: 7,
        replays: 0,
        request_id: HeaderValue::from_static("id-1"),
        traceparent: None,
        cause: None,
    }
}
