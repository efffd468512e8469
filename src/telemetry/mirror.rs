//! How the answers of a standby compare with those of the live pool.
//!
//! Owns the counters, a shard for each worker as all counters of the data plane; must not compare.

use std::time::Duration;

use super::stats::{Counter, DURATION_BUCKETS_US};
use crate::core::{ids::Colour, view::MirrorView};

/// The counters of the copies to one pool.
#[derive(Debug)]
pub struct MirrorStats {
    shards: Box<[MirrorShard]>,
}

/// One worker's part.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct MirrorShard {
    /// Copies, by [`MirrorResult`].
    pub results: [Counter; MirrorResult::ALL.len()],
    /// Time to the response head of those compared.
    pub live: Times,
    /// The same, of the copies.
    pub copy: Times,
}

/// Durations, by bucket and in all.
#[derive(Debug, Default)]
pub struct Times {
    /// One for each of [`DURATION_BUCKETS_US`], and one for what is slower.
    pub buckets: [Counter; DURATION_BUCKETS_US.len() + 1],
    /// Sum in microseconds.
    pub sum_us: Counter,
}

impl Times {
    /// Counts one. Only the owning worker may.
    pub fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[DURATION_BUCKETS_US.partition_point(|bound| *bound < us)].add(1);
        self.sum_us.add(us);
    }
}

/// One of the two answers to a request that was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorSide {
    /// The client's.
    Live,
    /// The copy's.
    Copy,
}

impl MirrorSide {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Live, Self::Copy];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Copy => "copy",
        }
    }
}

impl MirrorShard {
    /// The times of one side.
    #[must_use]
    pub const fn times(&self, side: MirrorSide) -> &Times {
        match side {
            MirrorSide::Live => &self.live,
            MirrorSide::Copy => &self.copy,
        }
    }
}

/// What has become of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MirrorResult {
    /// Its answer is like the live one.
    Same,
    /// It has another status.
    Status,
    /// The same status, and another type.
    Type,
    /// The same status and type, and another length.
    Length,
    /// The standby did not answer.
    Unanswered,
    /// The live request got no answer of an endpoint.
    WithoutLive,
    /// It was not made.
    Dropped,
}

impl MirrorResult {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 7] = [
        Self::Same,
        Self::Status,
        Self::Type,
        Self::Length,
        Self::Unanswered,
        Self::WithoutLive,
        Self::Dropped,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Status => "status",
            Self::Type => "content_type",
            Self::Length => "content_length",
            Self::Unanswered => "unanswered",
            Self::WithoutLive => "without_live",
            Self::Dropped => "dropped",
        }
    }
}

impl MirrorStats {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            shards: (0..workers).map(|_| MirrorShard::default()).collect(),
        }
    }

    /// One worker's part; only that worker may write to it.
    #[must_use]
    pub fn shard(&self, worker: usize) -> &MirrorShard {
        &self.shards[worker]
    }

    /// Copies with this result, over all workers.
    #[must_use]
    pub fn total(&self, result: MirrorResult) -> u64 {
        self.sum(|shard| &shard.results[result as usize])
    }

    /// A counter over all workers.
    pub fn sum(&self, pick: impl Fn(&MirrorShard) -> &Counter) -> u64 {
        self.shards.iter().map(|shard| pick(shard).value()).sum()
    }

    /// As operators see it.
    #[must_use]
    pub fn view(&self, colour: Colour) -> MirrorView {
        let of = |result| self.total(result);
        let differ = of(MirrorResult::Status) + of(MirrorResult::Type) + of(MirrorResult::Length);
        let compared = of(MirrorResult::Same) + differ;
        let mean = |sum: u64| sum.checked_div(compared).unwrap_or(0);
        MirrorView {
            colour,
            compared,
            same: of(MirrorResult::Same),
            status_differs: of(MirrorResult::Status),
            type_differs: of(MirrorResult::Type),
            length_differs: of(MirrorResult::Length),
            unanswered: of(MirrorResult::Unanswered),
            without_live: of(MirrorResult::WithoutLive),
            dropped: of(MirrorResult::Dropped),
            live_mean_us: mean(self.sum(|shard| &shard.live.sum_us)),
            copy_mean_us: mean(self.sum(|shard| &shard.copy.sum_us)),
        }
    }
}
