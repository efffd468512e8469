//! A leg of a shift: a stretch of time with one share, or with one that climbs.
//!
//! Owns the arithmetic of steps and ramps over time; must not know what comes after it.

use std::time::{Duration, Instant};

use super::{share::Share, time::after};

/// A stretch of time over which the share is the same or climbs evenly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    from: Share,
    to: Share,
    began: Instant,
    lasts: Duration,
}

impl Leg {
    /// The same share for so long.
    pub(super) const fn level(share: Share, began: Instant, lasts: Duration) -> Self {
        Self {
            from: share,
            to: share,
            began,
            lasts,
        }
    }

    /// An even climb to the whole, but for the last part, which is the commit's.
    pub(super) const fn climb(from: Share, began: Instant, lasts: Duration) -> Self {
        Self {
            from,
            to: LAST,
            began,
            lasts,
        }
    }

    pub(super) const fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Begins now, whenever it was to begin.
    pub(super) const fn begins(&mut self, now: Instant) {
        self.began = now;
    }

    pub(super) fn end(&self) -> Instant {
        after(self.began, self.lasts)
    }

    /// The share of this moment.
    pub(super) fn share_at(&self, now: Instant) -> Share {
        let (from, to) = (u128::from(self.from.parts()), u128::from(self.to.parts()));
        let lasts = self.lasts.as_millis().max(1);
        let passed = now.saturating_duration_since(self.began).as_millis();
        let climbed = to.saturating_sub(from) * passed.min(lasts) / lasts;
        Share::of_parts(u16::try_from(from + climbed).unwrap_or(u16::MAX))
    }

    /// The first moment after `now` at which the share is to be published anew, or the leg ends.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        if self.from == self.to {
            return self.end();
        }
        let tick = (self.lasts / RAMP_TICKS).max(RAMP_TICK);
        after(now, tick).min(self.end())
    }

    /// What is left of it, from the share that it has come to.
    pub(super) fn rest(&self, now: Instant) -> Self {
        Self {
            from: self.share_at(now),
            began: now,
            lasts: self.end().saturating_duration_since(now),
            ..*self
        }
    }
}

/// The end of a climb.
const LAST: Share = Share::of_parts(9_999);
/// The share of a climb is published so often,
const RAMP_TICKS: u32 = 100;
/// but not more often than this.
const RAMP_TICK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::tests::any_instant;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_climb_is_even_and_ends_just_below_the_whole() {
        let began = any_instant();
        let leg = Leg::climb(Share::of_parts(5_000), began, 10 * SECOND);
        let shares = [0, 5, 10, 11].map(|at| leg.share_at(began + at * SECOND).parts());
        assert_eq!(shares, [5_000, 7_499, 9_999, 9_999]);
        assert_eq!(leg.next_look(began), began + SECOND / 10);
        assert_eq!(leg.next_look(leg.end() - SECOND / 100), leg.end());
    }

    #[test]
    fn a_level_is_looked_at_when_it_ends() {
        let began = any_instant();
        let leg = Leg::level(Share::of_parts(100), began, 10 * SECOND);
        assert_eq!(leg.next_look(began), leg.end());
        let rest = leg.rest(began + 4 * SECOND);
        assert_eq!((rest.lasts(), rest.end()), (6 * SECOND, leg.end()));
    }

    #[test]
    fn what_is_left_of_a_climb_is_as_steep_as_before() {
        let began = any_instant();
        let mut rest = Leg::climb(Share::NONE, began, 10 * SECOND).rest(began + 4 * SECOND);
        let later = began + 100 * SECOND;
        rest.begins(later);
        assert_eq!(rest.share_at(later).parts(), 3_999);
        assert_eq!(rest.share_at(later + 3 * SECOND).parts(), 6_999);
    }
}
