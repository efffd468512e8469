//! The state of the services at the moment of a scrape, as gauges.
//!
//! Owns the names of the gauges; must not remember anything from one scrape to the next.

use prometheus::proto::MetricFamily;

use super::family::Family;
use crate::core::{
    health::Health,
    share::Share,
    switch::Outcome,
    view::{EndpointView, PoolView, ServiceView},
};

/// Every gauge of these services.
pub(super) fn families(views: &[ServiceView]) -> Vec<MetricFamily> {
    let services = SERVICE_GAUGES
        .iter()
        .map(|gauge| gauge.of_services(views).into());
    let pools = POOL_GAUGES.iter().map(|gauge| gauge.of_pools(views).into());
    let endpoints = ENDPOINT_GAUGES
        .iter()
        .map(|gauge| gauge.of_endpoints(views).into());
    services
        .chain(pools)
        .chain(endpoints)
        .chain([live(views), share(views), last_switch(views)].map(Into::into))
        .collect()
}

/// A gauge that is read from a `T`.
struct GaugeOf<T> {
    name: &'static str,
    help: &'static str,
    read: fn(&T) -> u64,
}

impl GaugeOf<ServiceView> {
    fn of_services(&self, views: &[ServiceView]) -> Family {
        let mut family = Family::gauge(self.name, self.help, &["service"]);
        for view in views {
            family.add(&[view.service.as_str()], (self.read)(view));
        }
        family
    }
}

impl GaugeOf<PoolView> {
    fn of_pools(&self, views: &[ServiceView]) -> Family {
        let mut family = Family::gauge(self.name, self.help, &["service", "colour"]);
        for view in views {
            for (colour, pool) in view.pools.iter() {
                let labels = [view.service.as_str(), colour.as_str()];
                family.add(&labels, (self.read)(pool));
            }
        }
        family
    }
}

impl GaugeOf<EndpointView> {
    fn of_endpoints(&self, views: &[ServiceView]) -> Family {
        let mut family = Family::gauge(self.name, self.help, &["service", "colour", "endpoint"]);
        for view in views {
            for (colour, pool) in view.pools.iter() {
                for endpoint in &pool.endpoints {
                    let addr = endpoint.addr.as_str();
                    let labels = [view.service.as_str(), colour.as_str(), addr];
                    family.add(&labels, (self.read)(endpoint));
                }
            }
        }
        family
    }
}

fn live(views: &[ServiceView]) -> Family {
    let mut family = Family::gauge(
        "cutover_live",
        "1 for the colour that takes traffic, 0 for the other.",
        &["service", "colour"],
    );
    for view in views {
        for (colour, _) in view.pools.iter() {
            let labels = [view.service.as_str(), colour.as_str()];
            family.add(&labels, u64::from(colour == view.live));
        }
    }
    family
}

/// What the live colour does not get of a service without a shift is nothing.
fn share(views: &[ServiceView]) -> Family {
    let mut family = Family::gauge(
        "cutover_traffic_share",
        "Share of the requests that a colour is to get, from 0 to 1.",
        &["service", "colour"],
    );
    for view in views {
        let shifted = view.shift.as_ref().map_or(0, |it| it.share.parts());
        for (colour, _) in view.pools.iter() {
            let parts = match colour == view.live {
                true => Share::WHOLE.parts() - shifted,
                false => shifted,
            };
            let labels = [view.service.as_str(), colour.as_str()];
            family.add_float(&labels, f64::from(parts) / f64::from(Share::WHOLE.parts()));
        }
    }
    family
}

/// A service that has never been switched has no series; one that is restored from the journal does.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are exact in a float for 280,000 years"
)]
fn last_switch(views: &[ServiceView]) -> Family {
    let mut family = Family::gauge(
        "cutover_last_switch_timestamp_seconds",
        "When the newest switch or rollback was committed, in seconds since 1970; the colour is the one it made live.",
        &["service", "colour"],
    );
    for view in views {
        let receipt = view.last_switch.as_ref();
        let committed = receipt.filter(|it| it.outcome != Outcome::Aborted);
        if let Some((to, at)) = committed.and_then(|it| Some((it.to, it.committed_at?))) {
            let labels = [view.service.as_str(), to.as_str()];
            family.add_float(&labels, at.millis() as f64 / 1000.0);
        }
    }
    family
}

const SERVICE_GAUGES: &[GaugeOf<ServiceView>] = &[
    GaugeOf {
        name: "cutover_tenure",
        help: "Number of the present tenure; rises at every switch.",
        read: |view| view.tenure.0,
    },
    GaugeOf {
        name: "cutover_config_drift",
        help: "1 if another colour is live than the file says.",
        read: |view| u64::from(view.drift),
    },
    GaugeOf {
        name: "cutover_rollback_possible",
        help: "1 if a rollback that is asked for now would open its gates at once.",
        read: |view| u64::from(view.rollback_possible),
    },
    GaugeOf {
        name: "cutover_switch_waiting",
        help: "1 while a switch waits for its gates.",
        read: |view| u64::from(view.waiting.is_some()),
    },
    GaugeOf {
        name: "cutover_shift_active",
        help: "1 while a gradual switch is under way.",
        read: |view| u64::from(view.shift.is_some()),
    },
    GaugeOf {
        name: "cutover_shift_held",
        help: "1 while a gradual switch is paused, or waits for the gate of its pool.",
        read: |view| {
            let shift = view.shift.as_ref();
            u64::from(shift.is_some_and(|it| it.paused || it.held))
        },
    },
    GaugeOf {
        name: "cutover_draining_tenures",
        help: "Old tenures that still have claims.",
        read: |view| view.draining.len() as u64,
    },
];

const POOL_GAUGES: &[GaugeOf<PoolView>] = &[
    GaugeOf {
        name: "cutover_requests_in_flight",
        help: "Requests in flight, tunnels left out.",
        read: |pool| pool.in_flight.saturating_sub(pool.tunnels),
    },
    GaugeOf {
        name: "cutover_tunnels_in_flight",
        help: "Tunnels that are open.",
        read: |pool| pool.tunnels,
    },
    GaugeOf {
        name: "cutover_previews_in_flight",
        help: "Requests in flight that asked for the standby.",
        read: |pool| pool.previews,
    },
    GaugeOf {
        name: "cutover_safe_to_stop",
        help: "1 if the pool may be stopped: not live, nothing in flight, not kept ready to return.",
        read: |pool| u64::from(pool.safe_to_stop),
    },
    GaugeOf {
        name: "cutover_ready_endpoints",
        help: "Endpoints that may be picked now.",
        read: |pool| pool.ready as u64,
    },
];

const ENDPOINT_GAUGES: &[GaugeOf<EndpointView>] = &[
    GaugeOf {
        name: "cutover_endpoint_healthy",
        help: "1 if probes say that the endpoint may take traffic, 0 if not or not probed yet.",
        read: |endpoint| u64::from(endpoint.health == Health::Healthy),
    },
    GaugeOf {
        name: "cutover_endpoint_ready",
        help: "1 if the endpoint may be picked now.",
        read: |endpoint| u64::from(endpoint.ready),
    },
    GaugeOf {
        name: "cutover_endpoint_ejected",
        help: "1 while the endpoint is out because of its traffic.",
        read: |endpoint| u64::from(endpoint.ejected_for_ms.is_some()),
    },
    GaugeOf {
        name: "cutover_endpoint_drained",
        help: "1 while requests stay away from the endpoint because an operator says so.",
        read: |endpoint| u64::from(endpoint.drained),
    },
    GaugeOf {
        name: "cutover_endpoint_requests_in_flight",
        help: "Requests in flight on the endpoint, tunnels included.",
        read: |endpoint| endpoint.in_flight,
    },
];
