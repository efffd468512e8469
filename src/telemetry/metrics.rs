//! `/metrics`: everything cutover counts, as Prometheus text.
//!
//! Owns the names of the metrics and the registry; must not count requests (`stats.rs` does, per worker) nor
//! ask the controller anything: who scrapes brings the views along. Gauges that the controller pushed at every
//! change would be the obvious design; they would show a service that is gone, or half of a switch, and two
//! scrapes at once would clear each other's series. Here each scrape builds its own families from one reading
//! of the state, so that a removed service or endpoint is gone from the next scrape on.

mod book;
mod breadth;
mod family;
mod mirrors;
mod named;
mod shards;
mod tls;
mod told;
mod views;
mod zeros;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use prometheus::{Registry, TextEncoder, proto::MetricFamily};

use crate::{
    core::{
        ids::{Colour, ServiceName},
        notice::Notice,
        tls::CertificateInUse,
        view::ServiceView,
    },
    telemetry::{records::Records, spans::SpanCounts, stats::Stats, traffic::Traffic},
};

use book::unix_seconds;
use breadth::Breadth;
use family::Family;
use told::Told;

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    stats: Arc<Stats>,
    registry: Registry,
    told: Told,
    version: String,
    // Set once, when the access log is open; read at a scrape.
    access_lost: OnceLock<Arc<AtomicU64>>,
    // The same, where there is a collector of traces.
    spans: OnceLock<Arc<SpanCounts>>,
    // Taken when certificates are put to use and at a scrape.
    certificates: Mutex<Vec<CertificateInUse>>,
}

impl Metrics {
    /// Metrics over the counters of the workers; `version` is cutover's own, for `cutover_build_info`.
    ///
    /// # Errors
    /// If two metrics have the same name, which would be a mistake in this module.
    pub fn new(stats: Arc<Stats>, version: &str) -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let told = Told::new(&registry)?;
        register_process(&registry)?;
        Ok(Arc::new(Self {
            stats,
            registry,
            told,
            version: version.to_owned(),
            access_lost: OnceLock::new(),
            spans: OnceLock::new(),
            certificates: Mutex::default(),
        }))
    }

    /// Shows what became of these; the first that are given stay.
    pub fn attach(&self, records: &Records) {
        if let Some(log) = records.access() {
            self.access_lost.get_or_init(|| log.lost());
        }
        if let Some(counts) = records.span_counts() {
            self.spans.get_or_init(|| counts);
        }
    }

    /// The traffic of every pool that a worker has met.
    #[must_use]
    pub fn traffic(&self) -> BTreeMap<(ServiceName, Colour), Traffic> {
        let pools = self.stats.services();
        pools
            .into_iter()
            .map(|(pool, stats)| (pool, Traffic::of(&stats)))
            .collect()
    }

    /// Every metric as Prometheus text 0.0.4. Only services and endpoints that `views`, by name, has are shown.
    ///
    /// # Errors
    /// [`MetricsError`] if the text cannot be encoded.
    pub fn render(&self, views: &[ServiceView]) -> Result<String, MetricsError> {
        self.told.prune(views);
        let mut families = self.registry.gather();
        families.extend(self.told.families(views));
        families.extend(self.process_families());
        families.extend(shards::workers(&self.stats));
        families.extend(tls::handshakes(&self.stats));
        families.push(tls::expiry(&self.certificates_in_use(), unix_seconds()));
        let breadth = Breadth::of(views);
        families.push(breadth.family());
        families.extend(shards::services(&self.stats, views, breadth));
        families.extend(mirrors::families(&self.stats, views));
        families.extend(views::families(views, breadth));
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|one, other| one.name().cmp(other.name()));
        Ok(TextEncoder::new().encode_to_string(&families)?)
    }

    /// Counts what was told; only `notice.rs` calls this.
    pub(super) fn count(&self, notice: &Notice) {
        self.told.count(notice);
        if let Notice::ServiceRemoved { service } = notice {
            self.stats.retain(|name| name != service);
        }
    }

    /// Shows until when these hold, instead of those before.
    pub(super) fn certificates(&self, in_use: Vec<CertificateInUse>) {
        *self.certificates_in_use() = in_use;
    }

    fn certificates_in_use(&self) -> MutexGuard<'_, Vec<CertificateInUse>> {
        // It is replaced as a whole, so a panic elsewhere leaves it whole.
        self.certificates
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn process_families(&self) -> Vec<MetricFamily> {
        let mut build_info = Family::gauge(
            "cutover_build_info",
            "Always 1; the version of cutover is its label.",
            &["version"],
        );
        build_info.add(&[&self.version], 1);
        let mut access_lost = Family::counter(
            "cutover_access_log_lost_total",
            "Lines of the access log that could not be written, such as for want of disk space.",
            &[],
        );
        // `Relaxed`, because nothing else is read by it.
        access_lost.add(
            &[],
            self.access_lost.get().map_or(0, |lost| lost.load(Relaxed)),
        );
        let mut families = vec![build_info.into(), access_lost.into()];
        families.extend(self.spans.get().map(|counts| spans(counts).into()));
        families
    }
}

fn spans(counts: &SpanCounts) -> Family {
    let mut spans = Family::counter(
        "cutover_spans_total",
        "Spans of requests, by what became of them; those dropped found the queue full.",
        &["outcome"],
    );
    spans.add(&["sent"], counts.sent());
    spans.add(&["lost"], counts.lost());
    spans.add(&["dropped"], counts.dropped());
    spans
}

/// The metrics could not be written as text.
#[derive(Debug, thiserror::Error)]
#[error("metrics could not be encoded")]
pub struct MetricsError(#[from] prometheus::Error);

#[cfg(target_os = "linux")]
fn register_process(registry: &Registry) -> Result<(), prometheus::Error> {
    use prometheus::process_collector::ProcessCollector;
    registry.register(Box::new(ProcessCollector::for_self()))
}

#[cfg(not(target_os = "linux"))]
fn register_process(_: &Registry) -> Result<(), prometheus::Error> {
    // The collector reads `/proc`, which only Linux has.
    Ok(())
}
