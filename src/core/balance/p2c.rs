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
        better(one, two).index
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

fn better(one: Candidate, two: Candidate) -> Candidate {
    let (a, b) = (
        u64::from(one.in_flight) * u64::from(two.weight),
        u64::from(two.in_flight) * u64::from(one.weight),
    );
    if b < a { two } else { one }
}

/// The same among many endpoints: sums of weights are kept, so that a draw is a search in them.
#[derive(Debug)]
pub struct Lots {
    draw: Draw,
    candidates: Vec<Candidate>,
    /// Of the weights up to each endpoint, its own included.
    sums: Vec<u32>,
}

impl Lots {
    pub(super) fn new(candidates: &[Candidate], seed: u64) -> Self {
        let mut sum = 0_u32;
        let sums = candidates.iter().map(|it| {
            sum = sum.saturating_add(it.weight);
            sum
        });
        Self {
            draw: Draw::new(seed),
            sums: sums.collect(),
            candidates: (0..)
                .zip(candidates)
                .map(|(index, it)| Candidate { index, ..*it })
                .collect(),
        }
    }

    pub(super) fn changed(&mut self, place: usize, in_flight: u32) {
        self.candidates[place].in_flight = in_flight;
    }

    pub(super) fn pick(&mut self, tried: &[usize]) -> Option<usize> {
        let (one, two) = (self.drawn(tried)?, self.drawn(tried)?);
        Some(better(one, two).index)
    }

    /// One that was tried is drawn again; where that does not help soon, the next that was not is taken.
    fn drawn(&mut self, tried: &[usize]) -> Option<Candidate> {
        let total = self.sums.last().copied().filter(|total| *total > 0)?;
        let mut place = 0;
        for _ in 0..DRAWS {
            let drawn = self.draw.below(total);
            place = self.sums.partition_point(|sum| *sum <= drawn);
            if !tried.contains(&place) {
                return self.candidates.get(place).copied();
            }
        }
        let all = self.candidates.iter().cycle().skip(place);
        let mut round = all.take(self.candidates.len());
        round.find(|it| !tried.contains(&it.index)).copied()
    }
}

/// Draws for one endpoint. Eight of many, at most, were tried: that all of these meet one of them is rare.
const DRAWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn the_busiest_of_all_is_never_picked_over_an_idle_one_when_both_are_drawn() {
        let pool = candidates(&[(1, 100), (1, 0)]);
        let (mut policy, mut lots) = (P2c::new(3), Lots::new(&pool, 3));
        let busy = (0..4_000).filter(|_| policy.pick(&pool) == 0).count();
        assert!(
            (800..1_200).contains(&busy),
            "only when drawn twice, a quarter of the time: {busy}"
        );
        let busy = (0..4_000).filter(|_| lots.pick(&[]) == Some(0)).count();
        assert!((800..1_200).contains(&busy), "{busy}");
    }

    #[test]
    fn who_was_tried_is_not_drawn_even_if_it_has_nearly_all_lots() {
        let mut lots = Lots::new(&candidates(&[(1, 0), (60_000, 0), (1, 0)]), 3);
        for _ in 0..100 {
            assert_ne!(lots.pick(&[1]), Some(1));
        }
        assert_eq!(lots.pick(&[0, 1]), Some(2));
        assert_eq!(lots.pick(&[0, 1, 2]), None);
    }
}
