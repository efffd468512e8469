//! When each endpoint is probed.
//!
//! Owns the times; must not probe, nor read a clock. Endpoints that are new are probed for the first time one after the
//! other, at a bounded rate, and from then on each at a place of its own in its interval, wherever the first round has
//! left it: neither a start nor a reload makes a herd that comes by again at every interval. A timer for each endpoint
//! would do the same with ten times the memory, and nobody could say which of them are late.

use std::{
    collections::{BTreeSet, hash_map::RandomState},
    hash::BuildHasher,
    time::Duration,
};

use tokio::time::Instant;

use crate::core::{ids::EndpointId, service::ProbeSpec};

/// Who is due when.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: BTreeSet<(Instant, EndpointId)>,
    chance: RandomState,
    drawn: u64,
}

impl Schedule {
    /// Times for these, which are to be probed for the first time, in this order.
    pub(super) fn begin(
        &mut self,
        newcomers: impl ExactSizeIterator<Item = EndpointId>,
        now: Instant,
    ) -> Vec<Instant> {
        let count = u32::try_from(newcomers.len().max(1)).unwrap_or(u32::MAX);
        let gap = (FIRST_SPREAD / count).max(FIRST_GAP);
        let mut times = Vec::with_capacity(newcomers.len());
        for (place, id) in (0..).zip(newcomers) {
            let due = now + gap * place;
            self.due.insert((due, id));
            times.push(due);
        }
        times
    }

    /// The time after the first probe, which began at `began`: anywhere in the interval.
    pub(super) fn settle(&mut self, id: EndpointId, began: Instant, spec: &ProbeSpec) -> Instant {
        let due = began + self.below(spec.interval);
        self.at(id, due)
    }

    /// The time after a later probe, which was due at `due` and began at `began`: an interval later, give or take the
    /// jitter. One that was late does not make the next one late.
    pub(super) fn again(
        &mut self,
        id: EndpointId,
        (due, began): (Instant, Instant),
        spec: &ProbeSpec,
    ) -> Instant {
        let percent = f64::from(spec.jitter_percent.min(100));
        let most = spec.interval.mul_f64(percent / 100.0);
        let wait = spec.interval.saturating_sub(most) + self.below(most * 2);
        // Where all are late, being on time again would mean to leave no pause between two probes.
        let next = (due + wait).max(began + spec.interval / 2);
        self.at(id, next)
    }

    /// Puts an endpoint at a time.
    pub(super) fn at(&mut self, id: EndpointId, due: Instant) -> Instant {
        self.due.insert((due, id));
        due
    }

    pub(super) fn remove(&mut self, id: EndpointId, due: Instant) {
        self.due.remove(&(due, id));
    }

    /// The one that is due first, and when.
    pub(super) fn first(&self) -> Option<(Instant, EndpointId)> {
        self.due.first().copied()
    }

    /// Random, at most `bound`. The keys of the standard hasher are random by process; that is all that is needed to
    /// keep probes out of step.
    fn below(&mut self, bound: Duration) -> Duration {
        self.drawn += 1;
        let drawn = self.chance.hash_one(self.drawn) >> 32;
        bound.mul_f64(drawn as f64 / f64::from(u32::MAX))
    }
}

/// Time over which the first probes of endpoints are spread,
const FIRST_SPREAD: Duration = Duration::from_millis(50);
/// unless they are so many that this would leave less than so much between two of them.
const FIRST_GAP: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::service::{ProbeKind, UpstreamProtocol};

    const INTERVAL: Duration = Duration::from_secs(1);

    fn spec(jitter_percent: u8) -> ProbeSpec {
        ProbeSpec {
            kind: ProbeKind::Tcp,
            protocol: UpstreamProtocol::Http1,
            interval: INTERVAL,
            timeout: INTERVAL,
            rise: 1,
            fall: 1,
            jitter_percent,
            introduces: None,
        }
    }

    fn ids(count: u64) -> Vec<EndpointId> {
        (0..count).map(EndpointId).collect()
    }

    /// Probes in each tenth of a second of a run in which every one begins when it is due.
    fn played(schedule: &mut Schedule, newcomers: u64, tenths: usize) -> Vec<usize> {
        let (begin, spec) = (Instant::now(), spec(10));
        schedule.begin(ids(newcomers).into_iter(), begin);
        let mut begun = vec![0; tenths];
        let mut probed = vec![false; usize::try_from(newcomers).unwrap()];
        while let Some((due, id)) = schedule.first() {
            let tenth = due.duration_since(begin).as_millis() / 100;
            let Some(count) = begun.get_mut(usize::try_from(tenth).unwrap()) else {
                break;
            };
            *count += 1;
            schedule.remove(id, due);
            let first = !std::mem::replace(&mut probed[usize::try_from(id.0).unwrap()], true);
            match first {
                true => schedule.settle(id, due, &spec),
                false => schedule.again(id, (due, due), &spec),
            };
        }
        begun
    }

    #[test]
    fn few_newcomers_are_probed_within_the_first_spread_and_many_at_a_bounded_rate() {
        for (count, within_ms) in [(1, 0), (2, 50), (500, 50), (20_000, 2_000)] {
            let now = Instant::now();
            let times = Schedule::default().begin(ids(count).into_iter(), now);
            let last = times.last().unwrap().duration_since(now);
            assert!(
                last <= Duration::from_millis(within_ms),
                "{count}: {last:?}"
            );
            assert!(times.is_sorted());
            let gaps = times.windows(2).map(|two| two[1] - two[0]);
            assert!(gaps.min().is_none_or(|gap| gap >= FIRST_GAP), "{count}");
        }
    }

    #[test]
    fn probes_are_spread_evenly_over_the_interval_and_stay_so() {
        let begun = played(&mut Schedule::default(), 10_000, 60);
        // From the end of the first round on: a thousand in each tenth of a second, on average.
        for (tenth, count) in begun.iter().enumerate().skip(21) {
            assert!((750..1_250).contains(count), "{tenth}: {begun:?}");
        }
        // While newcomers are probed, too, nobody comes in a herd: 1,000 of them, and those that follow already.
        assert!(begun.iter().all(|count| *count < 2_300), "{begun:?}");
    }

    #[test]
    fn a_probe_that_was_late_does_not_shift_the_next_nor_crowd_it() {
        let (mut schedule, due) = (Schedule::default(), Instant::now());
        let late = due + INTERVAL / 4;
        assert_eq!(
            schedule.again(EndpointId(1), (due, late), &spec(0)),
            due + INTERVAL
        );
        let late = due + 3 * INTERVAL;
        assert_eq!(
            schedule.again(EndpointId(2), (due, late), &spec(0)),
            late + INTERVAL / 2
        );
    }

    #[test]
    fn waits_vary_within_the_jitter_and_not_beyond() {
        let (mut schedule, due) = (Schedule::default(), Instant::now());
        let mut wait = |_| schedule.again(EndpointId(1), (due, due), &spec(10)) - due;
        let drawn: Vec<_> = (0..1_000).map(&mut wait).collect();
        let (low, high) = (Duration::from_millis(900), Duration::from_millis(1100));
        assert!(drawn.iter().all(|it| (low..=high).contains(it)));
        assert!(drawn.iter().any(|it| *it < Duration::from_millis(920)));
        assert!(drawn.iter().any(|it| *it > Duration::from_millis(1080)));
    }
}
