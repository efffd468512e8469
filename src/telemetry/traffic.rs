//! The traffic of one pool so far, for screens that show rates.
//!
//! Owns the sum over the workers' shards. Whoever shows a rate takes two of these and divides: the server keeps no
//! past, and nobody who does not look pays for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::stats::{Counter, DURATION_BUCKETS_US, ServiceStats, StatsShard};

/// What one pool has answered since the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// Requests that have ended, tunnels included.
    pub requests: u64,
    /// Of those: answered with a 5xx status, by the endpoint or by cutover for it.
    pub errors: u64,
    /// Requests by duration, one for each of [`DURATION_BUCKETS_US`] and one for what is slower; empty as long as
    /// there was none.
    pub durations: Vec<u64>,
}

impl Traffic {
    /// The sum of what all workers counted.
    #[must_use]
    pub fn of(stats: &ServiceStats) -> Self {
        let sum = |pick: &dyn Fn(&StatsShard) -> &Counter| -> u64 {
            stats.shards().iter().map(|it| pick(it).value()).sum()
        };
        let requests = (0..5).map(|class| sum(&|it| &it.requests[class])).sum();
        let buckets = DURATION_BUCKETS_US.len() + 1;
        let durations = match requests {
            0 => Vec::new(),
            _ => (0..buckets)
                .map(|at| sum(&|it| &it.durations[at]))
                .collect(),
        };
        Self {
            requests,
            errors: sum(&|it| &it.requests[4]),
            durations,
        }
    }

    /// What came since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let earlier = |at: usize| before.durations.get(at).copied().unwrap_or(0);
        let durations = self.durations.iter().enumerate();
        Self {
            requests: self.requests.saturating_sub(before.requests),
            errors: self.errors.saturating_sub(before.errors),
            durations: durations
                .map(|(at, count)| count.saturating_sub(earlier(at)))
                .collect(),
        }
    }

    /// The duration that this share of the requests did not exceed, in microseconds: the upper bound of its bucket,
    /// and so at most that much too high. `None` without requests, or if it lies beyond the last bound.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        let total: u64 = self.durations.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count of requests: neither is near 2^52, and both are positive"
        )]
        let rank = (total as f64 * share).ceil().max(1.0) as u64;
        if total == 0 {
            return None;
        }
        let mut seen = 0;
        let at = self.durations.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        DURATION_BUCKETS_US.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        core::ids::{Colour, ServiceName},
        telemetry::stats::Stats,
    };

    #[test]
    fn what_came_since_the_last_look_has_its_own_quantiles() {
        let stats = Stats::new(2);
        let pool = stats.service(&ServiceName::new("shop"), Colour::Blue);
        pool.shard(0).request(200, Duration::from_micros(200), 0, 0);
        let first = Traffic::of(&pool);
        for _ in 0..98 {
            pool.shard(0).request(200, Duration::from_micros(900), 0, 0);
        }
        pool.shard(1).request(503, Duration::from_millis(70), 0, 0);
        pool.shard(1).request(200, Duration::from_secs(60), 0, 0);
        let since = Traffic::of(&pool).since(&first);
        assert_eq!((since.requests, since.errors), (100, 1));
        assert_eq!(since.quantile_us(0.5), Some(1_000));
        assert_eq!(since.quantile_us(0.99), Some(75_000));
        assert_eq!(since.quantile_us(1.0), None, "beyond the last bound");
        assert_eq!(Traffic::default().quantile_us(0.5), None);
    }
}
