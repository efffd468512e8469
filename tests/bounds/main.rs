//! Every bound of the data plane, met by real sockets: below it nothing happens, at it nothing happens, above it what
//! `docs/limits.md` says, counted, and the rest of the traffic does not notice.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something unexpected happens"
)]

#[path = "../support/mod.rs"]
mod support;

mod body_size;
mod buffers;
mod connections;
mod crowd;
mod descriptors;
mod heads;
mod http2;
mod memory;
mod pace;
mod requests;
mod upgrades;
mod waits;

use cutover::telemetry::limit::Limit;
use support::site::Site;

#[test]
fn every_bound_has_its_line_in_the_reference() {
    let page = include_str!("../../docs/limits.md");
    for limit in Limit::ALL {
        let label = format!("`{}`", limit.as_str());
        assert!(page.contains(&label), "docs/limits.md lacks {label}");
    }
}

/// `cutover_limited_total` of one bound has this value.
async fn limited(site: &Site, limit: &str, count: f64) {
    site.counts(
        &format!("cutover_limited_total{{limit=\"{limit}\"}}"),
        count,
    )
    .await;
}
