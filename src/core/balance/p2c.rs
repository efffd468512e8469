//! The better of two drawn by weight: nearly as even as asking all, at a constant price (Mitzenmacher 2001).

use super::{Candidate, Draw};

/// See the module.
#[derive(Debug)]
pub struct P2c {
    draw: Draw,
}

impl P2c {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed),
        }
    }

    /// `candidates` has two or more.
    pub(super) fn pick(&mut self, candidates: &[Candidate]) -> usize {
        let total = candidates
            .iter()
            .map(|it| it.weight)
            .fold(0, u32::saturating_add);
        let (one, two) = (self.drawn(candidates, total), self.drawn(candidates, total));
        let (a, b) = (
            u64::from(one.in_flight) * u64::from(two.weight),
            u64::from(two.in_flight) * u64::from(one.weight),
        );
        if b < a { two.index } else { one.index }
    }

    fn drawn(&mut self, candidates: &[Candidate], total: u32) -> Candidate {
        let mut left = self.draw.below(total);
        for &candidate in candidates {
            if left < candidate.weight {
                return candidate;
            }
            left -= candidate.weight;
        }
        candidates[candidates.len() - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn the_busiest_of_all_is_never_picked_over_an_idle_one_when_both_are_drawn() {
        let mut policy = P2c::new(3);
        let pool = candidates(&[(1, 100), (1, 0)]);
        let busy = (0..4_000).filter(|_| policy.pick(&pool) == 0).count();
        assert!(
            (800..1_200).contains(&busy),
            "only when drawn twice, a quarter of the time: {busy}"
        );
    }
}
