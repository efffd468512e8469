//! A worker's clock: exact when a request begins and ends, coarse for deadlines.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Reads the time and remembers it for those who need no more than a coarse one.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    coarse: Cell<Tick>,
}

/// Milliseconds since the worker started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(u64);

impl Tick {
    /// Never.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// When the worker started.
    #[cfg(test)]
    pub(crate) const ZERO: Self = Self(0);

    /// This much later.
    pub(crate) fn after(self, wait: Duration) -> Self {
        self.after_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
    }

    /// This much earlier.
    pub(crate) fn before(self, wait: Duration) -> Self {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(millis))
    }

    /// So many milliseconds later.
    pub(crate) const fn after_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds since an earlier time.
    pub(crate) const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: now(),
            coarse: Cell::new(Tick(0)),
        }
    }

    /// The time, exactly.
    pub(crate) fn read(&self) -> Instant {
        let instant = now();
        let elapsed = instant.saturating_duration_since(self.origin).as_millis();
        self.coarse
            .set(Tick(u64::try_from(elapsed).unwrap_or(u64::MAX)));
        instant
    }

    /// The time as it was last read: late by one sweep at most.
    pub(crate) fn coarse(&self) -> Tick {
        self.coarse.get()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the data plane's one reading of the clock"
)]
fn now() -> Instant {
    Instant::now()
}
