//! Entering metrics into the registry, and the time of day.
//!
//! Owns how a metric is made; must not know which there are.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts,
    Registry, core::Collector,
};

/// Enters metrics into the registry as they are made.
pub(super) struct Book<'a>(pub(super) &'a Registry);

impl Book<'_> {
    fn enter<T: Collector + Clone + 'static>(&self, metric: T) -> Result<T, prometheus::Error> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, title: &Title) -> Result<IntCounter, prometheus::Error> {
        self.enter(IntCounter::new(title.name, title.help)?)
    }

    pub(super) fn counters(
        &self,
        title: &Title,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.enter(title.counters(labels)?)
    }

    pub(super) fn gauge(&self, title: &Title) -> Result<IntGauge, prometheus::Error> {
        self.enter(IntGauge::new(title.name, title.help)?)
    }

    pub(super) fn float_gauge(&self, title: &Title) -> Result<Gauge, prometheus::Error> {
        self.enter(Gauge::new(title.name, title.help)?)
    }

    pub(super) fn histogram(
        &self,
        title: &Title,
        buckets: &[f64],
    ) -> Result<Histogram, prometheus::Error> {
        let opts = HistogramOpts::from(title.opts()).buckets(buckets.to_vec());
        self.enter(Histogram::with_opts(opts)?)
    }

    pub(super) fn histograms(
        &self,
        title: &Title,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let opts = HistogramOpts::from(title.opts()).buckets(buckets.to_vec());
        self.enter(HistogramVec::new(opts, labels)?)
    }
}

/// Name and help of a metric.
pub(super) struct Title {
    name: &'static str,
    help: &'static str,
}

impl Title {
    pub(super) const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }

    /// Counters that are entered nowhere.
    pub(super) fn counters(&self, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        IntCounterVec::new(self.opts(), labels)
    }

    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the edge: core is told the time, telemetry reads it"
)]
pub(super) fn unix_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
