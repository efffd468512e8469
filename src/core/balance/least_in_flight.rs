//! The endpoint with the fewest requests in flight for its weight; among equals one drawn by weight, so that
//! quiet hours do not all land on the first endpoint.

use super::{Candidate, Draw};

/// See the module.
#[derive(Debug)]
pub struct LeastInFlight {
    draw: Draw,
}

impl LeastInFlight {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed),
        }
    }

    /// `candidates` has two or more.
    pub(super) fn pick(&mut self, candidates: &[Candidate]) -> usize {
        let mut best = candidates[0];
        let mut equals = best.weight;
        for &other in &candidates[1..] {
            // in_flight / weight compared crosswise: exact, and without division.
            let (a, b) = (load(other, best), load(best, other));
            if a < b {
                (best, equals) = (other, other.weight);
            } else if a == b {
                // Reservoir sampling by weight keeps one pass enough (Chao 1982).
                equals = equals.saturating_add(other.weight);
                if self.draw.below(equals) < other.weight {
                    best = other;
                }
            }
        }
        best.index
    }
}

fn load(of: Candidate, against: Candidate) -> u64 {
    u64::from(of.in_flight) * u64::from(against.weight)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn the_least_loaded_for_its_weight_is_picked() {
        let mut policy = LeastInFlight::new(1);
        assert_eq!(policy.pick(&candidates(&[(1, 3), (1, 1), (1, 2)])), 1);
        assert_eq!(policy.pick(&candidates(&[(1, 2), (4, 4), (1, 2)])), 1);
    }
}
