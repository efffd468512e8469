//! Balancing: which endpoint of a pool a request goes to.
//!
//! Each policy is one file. Every worker balances by what it knows itself, without asking the others: a
//! shared view would be a shared cache line. A policy sees candidates only: endpoints that are ready and were
//! not tried by this request before. Among few it looks at each of them for each request, which is the shortest way;
//! among many it keeps what it needs to know up to date, so that a pool of a thousand costs as much as one of two.

mod least_in_flight;
mod many;
mod p2c;
mod round_robin;

pub use self::many::{FEW, Many};
use super::service::BalanceKind;

/// What a policy sees of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its place in the pool, handed back when it is picked.
    pub index: usize,
    /// Share relative to the others; at least 1.
    pub weight: u32,
    /// Requests of this worker in flight on it.
    pub in_flight: u32,
}

/// A policy and what it remembers, for one pool and one worker.
#[derive(Debug)]
pub enum Balance {
    /// See [`BalanceKind::LeastInFlight`].
    LeastInFlight(least_in_flight::LeastInFlight),
    /// See [`BalanceKind::RoundRobin`].
    RoundRobin(round_robin::RoundRobin),
    /// See [`BalanceKind::P2c`].
    P2c(p2c::P2c),
}

impl Balance {
    /// A policy for a pool of `size` endpoints; `seed` varies what is left to chance.
    #[must_use]
    pub fn new(kind: BalanceKind, size: usize, seed: u64) -> Self {
        match kind {
            BalanceKind::LeastInFlight => {
                Self::LeastInFlight(least_in_flight::LeastInFlight::new(seed))
            }
            BalanceKind::RoundRobin => Self::RoundRobin(round_robin::RoundRobin::new(size)),
            BalanceKind::P2c => Self::P2c(p2c::P2c::new(seed)),
        }
    }

    /// Picks one of the candidates; `None` when there is none.
    pub fn pick(&mut self, candidates: &[Candidate]) -> Option<usize> {
        match candidates {
            [] => return None,
            [only] => return Some(only.index),
            _ => {}
        }
        Some(match self {
            Self::LeastInFlight(policy) => policy.pick(candidates),
            Self::RoundRobin(policy) => policy.pick(candidates),
            Self::P2c(policy) => policy.pick(candidates),
        })
    }
}

/// A small generator for choices that need no secrecy (xorshift64*, Vigna 2016).
#[derive(Debug)]
struct Draw(u64);

impl Draw {
    /// Any seed will do.
    const fn new(seed: u64) -> Self {
        Self(if seed == 0 {
            0x9E37_79B9_7F4A_7C15
        } else {
            seed
        })
    }

    /// A number below `bound`, which is at least 1. Multiply-shift keeps it off the modulo's cost and bias
    /// (Lemire 2019).
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((drawn * u64::from(bound)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn candidates(of: &[(u32, u32)]) -> Vec<Candidate> {
        of.iter()
            .enumerate()
            .map(|(index, &(weight, in_flight))| Candidate {
                index,
                weight,
                in_flight,
            })
            .collect()
    }

    const KINDS: [BalanceKind; 3] = [
        BalanceKind::LeastInFlight,
        BalanceKind::RoundRobin,
        BalanceKind::P2c,
    ];

    #[test]
    fn nobody_is_picked_from_nothing_and_the_only_one_from_one() {
        for kind in KINDS {
            let mut balance = Balance::new(kind, 3, 7);
            assert_eq!(balance.pick(&[]), None);
            assert_eq!(
                balance.pick(&[Candidate {
                    index: 2,
                    weight: 1,
                    in_flight: 9
                }]),
                Some(2)
            );
        }
    }

    #[test]
    fn an_idle_pool_is_used_by_weight_under_every_policy() {
        for kind in KINDS {
            let mut balance = Balance::new(kind, 3, 7);
            let pool = candidates(&[(1, 0), (2, 0), (5, 0)]);
            let mut hits = [0_u32; 3];
            for _ in 0..8_000 {
                hits[balance.pick(&pool).unwrap()] += 1;
            }
            for (hit, expected) in hits.iter().zip([1_000, 2_000, 5_000]) {
                assert!(hit.abs_diff(expected) < 300, "{kind:?}: {hits:?}");
            }
        }
    }
}
