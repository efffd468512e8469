//! How much of each service a scrape shows.
//!
//! Owns the bounds beyond which zeros that say nothing are left out. A scrape of a few services is whole, so that `rate`
//! sees the first step of every series; with ten thousand services the same would be a hundred megabytes, nearly all of
//! them zeros, every fifteen seconds, and whoever scrapes would give up.

use prometheus::proto::MetricFamily;

use super::family::Family;
use crate::core::{
    health::Health,
    view::{EndpointView, ServiceView},
};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Breadth {
    services: bool,
    endpoints: bool,
}

/// Whether a gauge says something by being zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    /// It does, such as `ready_endpoints`.
    Tells,
    /// It is what one expects, and absent it means the same.
    IsUsual,
}

impl Breadth {
    /// What is shown where there are these.
    pub(super) fn of(views: &[ServiceView]) -> Self {
        let pools = views.iter().flat_map(|view| view.pools.iter());
        let endpoints: usize = pools.map(|(_, pool)| pool.endpoints.len()).sum();
        Self {
            services: views.len() <= WHOLE_SERVICES,
            endpoints: endpoints <= WHOLE_ENDPOINTS,
        }
    }

    /// Whether counters of pools are shown that no worker has met.
    pub(super) const fn shows_unmet(self) -> bool {
        self.services
    }

    /// Whether a gauge of a service or pool is shown.
    pub(super) const fn shows(self, value: u64, zero: Zero) -> bool {
        self.services || value != 0 || matches!(zero, Zero::Tells)
    }

    /// Whether gauges of an endpoint are shown.
    pub(super) fn shows_endpoint(self, endpoint: &EndpointView) -> bool {
        let is_usual = endpoint.ready
            && endpoint.health == Health::Healthy
            && !endpoint.drained
            && endpoint.in_flight == 0;
        self.endpoints || !is_usual
    }

    /// Says whether everything is shown.
    pub(super) fn family(self) -> MetricFamily {
        let mut family = Family::gauge(
            "cutover_metrics_abridged",
            "1 if zeros that say nothing are left out, because there are so many services or endpoints.",
            &[],
        );
        family.add(&[], u64::from(!self.services || !self.endpoints));
        family.into()
    }
}

/// Services up to which everything is shown of each.
const WHOLE_SERVICES: usize = 1_000;
/// Endpoints up to which everything is shown of each.
const WHOLE_ENDPOINTS: usize = 10_000;
