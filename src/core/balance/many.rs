//! A policy for a pool of many endpoints.
//!
//! Owns the common face of what each policy keeps for that. Endpoints have places here, from 0, in the order in which they
//! were given; who changes the number of requests on one has to say so, because nobody looks.

use super::{Candidate, least_in_flight::Tournament, p2c::Lots, round_robin::Turns};
use crate::core::service::BalanceKind;

/// See the module.
#[derive(Debug)]
pub enum Many {
    /// See [`BalanceKind::LeastInFlight`].
    LeastInFlight(Tournament),
    /// See [`BalanceKind::RoundRobin`].
    RoundRobin(Turns),
    /// See [`BalanceKind::P2c`].
    P2c(Lots),
}

impl Many {
    /// A policy for these; `seed` varies what is left to chance.
    #[must_use]
    pub fn new(kind: BalanceKind, candidates: &[Candidate], seed: u64) -> Self {
        match kind {
            BalanceKind::LeastInFlight => Self::LeastInFlight(Tournament::new(candidates, seed)),
            BalanceKind::RoundRobin => Self::RoundRobin(Turns::new(candidates)),
            BalanceKind::P2c => Self::P2c(Lots::new(candidates, seed)),
        }
    }

    /// So many requests are in flight on the endpoint at `place` now.
    pub fn changed(&mut self, place: usize, in_flight: u32) {
        match self {
            Self::LeastInFlight(policy) => policy.changed(place, in_flight),
            Self::RoundRobin(_) => {}
            Self::P2c(policy) => policy.changed(place, in_flight),
        }
    }

    /// The place of one that is not among `tried`.
    pub fn pick(&mut self, tried: &[usize]) -> Option<usize> {
        match self {
            Self::LeastInFlight(policy) => policy.pick(tried),
            Self::RoundRobin(policy) => policy.pick(tried),
            Self::P2c(policy) => policy.pick(tried),
        }
    }
}

/// Endpoints that are few: to look at each of them for each request is no dearer than to keep an order.
pub const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn an_idle_pool_is_used_by_weight_under_every_policy() {
        for kind in [
            BalanceKind::LeastInFlight,
            BalanceKind::RoundRobin,
            BalanceKind::P2c,
        ] {
            let mut many = Many::new(kind, &candidates(&[(1, 0), (2, 0), (5, 0)]), 7);
            let mut hits = [0_u32; 3];
            for _ in 0..8_000 {
                hits[many.pick(&[]).unwrap()] += 1;
            }
            for (hit, expected) in hits.iter().zip([1_000, 2_000, 5_000]) {
                assert!(hit.abs_diff(expected) < 300, "{kind:?}: {hits:?}");
            }
            assert_eq!(Many::new(kind, &[], 7).pick(&[]), None);
        }
    }
}
