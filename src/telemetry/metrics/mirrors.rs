//! What copies to standbys have shown.
//!
//! Owns the names of these metrics. They are there for services that have copied something: few do.

use prometheus::proto::MetricFamily;

use super::{
    family::{Distribution, Family},
    named::services_in,
};
use crate::{
    core::view::ServiceView,
    telemetry::{
        mirror::{MirrorResult, MirrorSide},
        stats::{DURATION_BUCKETS_US, Stats},
    },
};

/// Of the services in `views`.
pub(super) fn families(stats: &Stats, views: &[ServiceView]) -> Vec<MetricFamily> {
    let mut copies = Family::counter(
        "cutover_mirror_copies_total",
        "Copies of live requests to the standby, by how its answer compares with the live one.",
        &["service", "colour", "result"],
    );
    let mut durations = Family::histogram(
        "cutover_mirror_duration_seconds",
        "Time to the response head of copies that were compared, and of their live requests.",
        &["service", "colour", "side"],
    );
    let named = services_in(views);
    for ((service, colour), mirror) in stats.mirrors() {
        if !named.contains(&service) {
            continue;
        }
        let (service, colour) = (service.as_str(), colour.as_str());
        for result in MirrorResult::ALL {
            copies.add(&[service, colour, result.as_str()], mirror.total(result));
        }
        for side in MirrorSide::ALL {
            let counts: Vec<_> = (0..=DURATION_BUCKETS_US.len())
                .map(|bucket| mirror.sum(|shard| &shard.times(side).buckets[bucket]))
                .collect();
            let distribution = Distribution {
                bounds_us: &DURATION_BUCKETS_US,
                counts: &counts,
                sum_us: mirror.sum(|shard| &shard.times(side).sum_us),
            };
            durations.add_distribution(&[service, colour, side.as_str()], &distribution);
        }
    }
    vec![copies.into(), durations.into()]
}
