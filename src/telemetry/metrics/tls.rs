//! Certificates and handshakes.
//!
//! Owns the names of these metrics. How long a certificate still holds is worked out at the scrape, so that it falls
//! without anybody touching it.

use prometheus::proto::MetricFamily;

use super::family::Family;
use crate::{
    core::tls::CertificateInUse,
    telemetry::{
        handshakes::{HandshakeFailure, HandshakeKind, HandshakeVersion},
        stats::{Stats, WorkerStats},
    },
};

/// How long each certificate still holds at the time `now`, in seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    reason = "the text format knows floats only; exact for more years than there are"
)]
pub(super) fn expiry(in_use: &[CertificateInUse], now: f64) -> MetricFamily {
    let mut family = Family::gauge(
        "cutover_tls_certificate_expiry_seconds",
        "How long a certificate that a listener shows still holds; negative when it has expired.",
        &["listener", "certificate"],
    );
    for shown in in_use {
        let labels = [shown.listener.as_str(), shown.certificate.as_str()];
        family.add_float(&labels, (shown.expires_at as f64 - now).floor());
    }
    family.into()
}

/// What came of handshakes with clients.
pub(super) fn handshakes(stats: &Stats) -> [MetricFamily; 2] {
    let total = |pick: &dyn Fn(&WorkerStats) -> u64| stats.workers().iter().map(pick).sum();
    let mut done = Family::counter(
        "cutover_tls_handshakes_total",
        "TLS handshakes with clients that succeeded.",
        &["version", "kind"],
    );
    for version in HandshakeVersion::ALL {
        for kind in HandshakeKind::ALL {
            let count = |it: &WorkerStats| {
                let done = &it.handshakes.done[version as usize];
                done[kind as usize].value()
            };
            done.add(&[version.as_str(), kind.as_str()], total(&count));
        }
    }
    let mut failed = Family::counter(
        "cutover_tls_handshake_failures_total",
        "TLS handshakes with clients that did not succeed.",
        &["reason"],
    );
    for failure in HandshakeFailure::ALL {
        let count = |it: &WorkerStats| it.handshakes.failed[failure as usize].value();
        failed.add(&[failure.as_str()], total(&count));
    }
    [done.into(), failed.into()]
}
