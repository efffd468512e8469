//! How slowly a client may move the bytes of bodies.
//!
//! Owns the arithmetic of `min_body_rate`; must not end anything. Only the time counts in which cutover has nothing to
//! do but wait for this client: a slow endpoint, a rare event on a stream and a tunnel cost a client nothing. A client
//! begins with an advance, the grace; each wait is paid for at the rate, each byte that moves is credited. When the
//! advance is used up, the client is too slow. A plain average since the begin would be the obvious rule; it lets a
//! client that was fast for a gigabyte be silent for an hour.
//!
//! Nothing is measured by itself: who waits says so, and the worker's sweep finds the deadline.

use std::cell::Cell;

use super::clock::Tick;
use crate::config::BodyRate;

/// One direction of one client.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: BodyRate,
    /// What the client may still be behind, in thousandths of a byte: bytes a second times milliseconds.
    advance: Cell<u64>,
    /// When the present wait began.
    since: Cell<Option<Tick>>,
}

impl Pace {
    pub(crate) fn new(rate: BodyRate) -> Self {
        let pace = Self {
            rate,
            advance: Cell::new(0),
            since: Cell::new(None),
        };
        pace.begins_anew();
        pace
    }

    /// A new body: the whole grace, and nobody waits.
    pub(crate) fn begins_anew(&self) {
        self.advance.set(self.grace());
        self.since.set(None);
    }

    /// The client is waited for from now on, if it was not before.
    pub(crate) fn waits(&self, now: Tick) {
        if self.since.get().is_none() {
            self.since.set(Some(now));
        }
    }

    /// So many bytes have moved; the client is not waited for any more.
    pub(crate) fn moved(&self, bytes: u64, now: Tick) {
        let waited = self.since.take().map_or(0, |since| now.since(since));
        let paid = self
            .advance
            .get()
            .saturating_sub(waited.saturating_mul(self.bytes()));
        let credited = paid.saturating_add(bytes.saturating_mul(MILLIS));
        let most = self.grace().saturating_add(AHEAD * MILLIS);
        self.advance.set(credited.min(most));
    }

    /// When the client will have been too slow, if nothing moves until then.
    pub(crate) fn deadline(&self) -> Tick {
        let left = self.advance.get() / self.bytes();
        self.since
            .get()
            .map_or(Tick::NEVER, |since| since.after_millis(left))
    }

    fn bytes(&self) -> u64 {
        self.rate.bytes.get() as u64
    }

    fn grace(&self) -> u64 {
        let millis = u64::try_from(self.rate.grace.as_millis()).unwrap_or(u64::MAX);
        millis.saturating_mul(self.bytes())
    }
}

/// How slowly each direction may move, where the listener asks for a rate.
#[derive(Debug)]
pub(crate) struct Paces {
    pub(crate) request: Pace,
    pub(crate) response: Pace,
}

impl Paces {
    pub(crate) fn new(rate: BodyRate) -> Box<Self> {
        Box::new(Self {
            request: Pace::new(rate),
            response: Pace::new(rate),
        })
    }

    pub(crate) fn deadline(&self) -> Tick {
        self.request.deadline().min(self.response.deadline())
    }
}

/// What a client may be ahead: so many bytes move in one go where kernels on both sides hold them, and are not seen
/// to move before and after.
const AHEAD: u64 = 1024 * 1024;
const MILLIS: u64 = 1000;

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, time::Duration};

    use super::*;

    fn pace(bytes: usize, grace_ms: u64) -> Pace {
        Pace::new(BodyRate {
            bytes: NonZeroUsize::new(bytes).unwrap(),
            grace: Duration::from_millis(grace_ms),
        })
    }

    fn at(millis: u64) -> Tick {
        Tick::ZERO.after_millis(millis)
    }

    #[test]
    fn a_client_that_moves_nothing_has_its_grace() {
        let pace = pace(100, 5000);
        assert_eq!(pace.deadline(), Tick::NEVER, "nobody waits");
        pace.waits(at(10));
        pace.waits(at(2000));
        assert_eq!(pace.deadline(), at(5010));
    }

    #[test]
    fn a_client_at_the_rate_never_uses_it_up_and_one_below_does() {
        for (every_ms, lasts) in [(1000, true), (990, true), (1010, false)] {
            let pace = pace(100, 5000);
            let mut now = 0;
            let mut too_slow = false;
            for _ in 0..2000 {
                pace.waits(at(now));
                now += every_ms;
                too_slow |= pace.deadline() <= at(now);
                pace.moved(100, at(now));
            }
            assert_eq!(!too_slow, lasts, "100 bytes each {every_ms} ms");
        }
    }

    #[test]
    fn small_pieces_count_in_full() {
        // A byte is worth less than a millisecond here.
        let pace = pace(100_000, 1000);
        for now in 0..60_000 {
            pace.waits(at(now));
            assert!(pace.deadline() > at(now));
            pace.moved(100, at(now + 1));
        }
    }

    #[test]
    fn time_in_which_nobody_waits_is_free() {
        let pace = pace(1000, 1000);
        for hour in 0..100 {
            pace.waits(at(hour * 3_600_000));
            pace.moved(0, at(hour * 3_600_000 + 5));
        }
        pace.waits(at(1_000_000_000));
        assert_eq!(pace.deadline(), at(1_000_000_500));
    }

    #[test]
    fn a_fast_beginning_is_credited_up_to_a_bound() {
        let pace = pace(1024, 1000);
        pace.waits(at(0));
        pace.moved(1 << 30, at(0));
        pace.waits(at(0));
        assert_eq!(pace.deadline(), at(1000 + 1_024_000));
        pace.begins_anew();
        pace.waits(at(0));
        assert_eq!(pace.deadline(), at(1000));
    }

    #[test]
    fn no_numbers_overflow() {
        let pace = pace(usize::MAX, u64::MAX);
        pace.waits(at(0));
        pace.moved(u64::MAX, at(u64::MAX));
        pace.waits(at(1));
        assert!(pace.deadline() >= at(1));
    }
}
