//! Zeros of what has not happened yet.
//!
//! Owns how they come into a scrape: `increase` does not see the first step of a series that begins with it, so every
//! service has its zeros from the first scrape on. Series that begin with their service would be shorter, and ten thousand
//! services would hold 27 MB of zeros for switches that few of them see.

use std::collections::HashSet;

use prometheus::{
    IntCounterVec,
    core::Collector as _,
    proto::{Counter, LabelPair, Metric, MetricFamily},
};

/// What `counters` has counted, and a zero for each of `rows` that is not among it: values of `labels`, which are those of
/// `counters` in the order of the alphabet.
pub(super) fn with_zeros<'a, const N: usize>(
    counters: &IntCounterVec,
    labels: [&'static str; N],
    rows: impl Iterator<Item = [&'a str; N]>,
) -> Vec<MetricFamily> {
    debug_assert!(labels.is_sorted(), "{labels:?}");
    // Of a vector of counters this is one family.
    let mut families = counters.collect();
    if let Some(family) = families.first_mut() {
        let mut series = family.take_metric();
        let counted: HashSet<Vec<_>> = series.iter().map(|it| values(it).collect()).collect();
        let missing = rows.filter(|row| !counted.contains(row.as_slice()));
        let zeros: Vec<_> = missing.map(|row| zero(labels, row)).collect();
        series.extend(zeros);
        // As the registry sorts its own.
        series.sort_by(|one, other| values(one).cmp(values(other)));
        family.set_metric(series);
    }
    families
}

fn values(series: &Metric) -> impl Iterator<Item = &str> {
    series.get_label().iter().map(LabelPair::value)
}

fn zero<const N: usize>(labels: [&str; N], values: [&str; N]) -> Metric {
    let pairs = labels.into_iter().zip(values).map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    });
    let mut series = Metric::from_label(pairs.collect());
    series.set_counter(Counter::default());
    series
}
