//! A short piece of a round, for figures that one stall would decide.
//!
//! A machine takes a core away for some milliseconds now and then, whatever runs on it. In one long stretch that is the
//! p99 of whoever was measured meanwhile; in short ones, of which each has percentiles of its own, it is that of one
//! slice, and the median over all of them does not know of it. What a proxy does itself is in most slices, and stays.

use std::time::Duration;

/// How long a slice is.
#[derive(Clone, Copy)]
pub(crate) struct Slice {
    /// Before it, and not counted.
    pub(crate) warm_up: Duration,
    pub(crate) lasts: Duration,
}

impl Slice {
    /// Slices of which as many as are told make a round of such a length; a shorter round is a slice by itself.
    pub(crate) fn of_round(self, round: Duration) -> (Self, usize) {
        let lasts = self.lasts.min(round);
        let count = round.as_secs_f64() / lasts.as_secs_f64();
        (Self { lasts, ..self }, count.ceil() as usize)
    }
}

/// All of them, another first each time.
pub(crate) fn in_turn<T>(all: &[T], time: usize) -> impl Iterator<Item = &T> {
    let (later, first) = all.split_at(time % all.len().max(1));
    first.iter().chain(later)
}
