//! One metric with its series, built for one scrape.
//!
//! Owns the translation into the registry's own shapes; must not know what is counted.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// One metric: name, help, type, label names, and its series.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    labels: &'static [&'static str],
    series: Vec<Metric>,
}

impl Family {
    /// A number that only rises; `name` ends in `_total`.
    pub(super) fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self::new(name, help, labels, MetricType::COUNTER)
    }

    /// A number that rises and falls.
    pub(super) fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self::new(name, help, labels, MetricType::GAUGE)
    }

    /// A distribution.
    pub(super) fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        Self::new(name, help, labels, MetricType::HISTOGRAM)
    }

    /// Adds a series of a counter or gauge; `values` in the order of the label names.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the text format knows floats only; exact up to 2^53"
    )]
    pub(super) fn add(&mut self, values: &[&str], value: u64) {
        let mut metric = self.metric(values);
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value as f64);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value as f64);
            metric.set_gauge(gauge);
        }
        self.series.push(metric);
    }

    /// Adds a series of a gauge that need not be a whole number, nor positive.
    pub(super) fn add_float(&mut self, values: &[&str], value: f64) {
        debug_assert_eq!(self.kind, MetricType::GAUGE, "{}", self.name);
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = self.metric(values);
        metric.set_gauge(gauge);
        self.series.push(metric);
    }

    /// Adds a series of a histogram.
    pub(super) fn add_distribution(&mut self, values: &[&str], distribution: &Distribution<'_>) {
        let mut metric = self.metric(values);
        metric.set_histogram(distribution.histogram());
        self.series.push(metric);
    }

    fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        kind: MetricType,
    ) -> Self {
        Self {
            name,
            help,
            kind,
            labels,
            series: Vec::new(),
        }
    }

    fn metric(&self, values: &[&str]) -> Metric {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let pairs = self.labels.iter().zip(values).map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        Metric::from_label(pairs.collect())
    }
}

impl From<Family> for MetricFamily {
    fn from(family: Family) -> Self {
        let mut made = Self::default();
        made.set_name(family.name.to_owned());
        made.set_help(family.help.to_owned());
        made.set_field_type(family.kind);
        made.set_metric(family.series);
        made
    }
}

/// Counts by duration.
pub(super) struct Distribution<'a> {
    /// Upper bounds in microseconds, rising.
    pub(super) bounds_us: &'a [u64],
    /// One count for each bound, not cumulative, and one for what lies beyond the last.
    pub(super) counts: &'a [u64],
    /// Sum of all durations in microseconds.
    pub(super) sum_us: u64,
}

impl Distribution<'_> {
    fn histogram(&self) -> Histogram {
        let mut so_far = 0_u64;
        let mut buckets = Vec::with_capacity(self.bounds_us.len());
        for (bound, count) in self.bounds_us.iter().zip(self.counts) {
            so_far += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(seconds(*bound));
            bucket.set_cumulative_count(so_far);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        // The total is the sum of the same readings, so that it can never contradict the buckets.
        histogram.set_sample_count(self.counts.iter().sum());
        histogram.set_sample_sum(seconds(self.sum_us));
        histogram
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sum beyond 2^53 microseconds is 285 years of requests"
)]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_becomes_cumulative() {
        let histogram = Distribution {
            bounds_us: &[250, 500],
            counts: &[1, 2, 4],
            sum_us: 1_500_000,
        }
        .histogram();
        let buckets: Vec<_> = histogram
            .get_bucket()
            .iter()
            .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
            .collect();
        assert_eq!(buckets, [(0.000_25, 1), (0.000_5, 3)]);
        assert_eq!(histogram.get_sample_count(), 7);
        assert!((histogram.get_sample_sum() - 1.5).abs() < 1e-9);
    }
}
