//! Smooth weighted round robin: heavy endpoints are spread out, not served in bursts. Among few it is nginx's variant;
//! among many, whose credits would all have to be raised for each request, each endpoint waits for its own next turn.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::Candidate;

/// See the module.
#[derive(Debug)]
pub struct RoundRobin {
    credit: Vec<i64>,
}

impl RoundRobin {
    pub(super) fn new(size: usize) -> Self {
        Self {
            credit: vec![0; size],
        }
    }

    /// `candidates` has two or more, each with an index below the size of the pool.
    pub(super) fn pick(&mut self, candidates: &[Candidate]) -> usize {
        let mut total = 0;
        let mut best = candidates[0].index;
        for candidate in candidates {
            let weight = i64::from(candidate.weight);
            total += weight;
            self.credit[candidate.index] += weight;
            if self.credit[candidate.index] > self.credit[best] {
                best = candidate.index;
            }
        }
        self.credit[best] -= total;
        best
    }
}

/// The same among many endpoints: one of weight `w` has its turns in the middles of the `w`-ths of each round, so that in
/// a round each is picked as often as its weight says, exactly.
#[derive(Debug)]
pub struct Turns {
    next: BinaryHeap<Reverse<Turn>>,
}

/// The next turn of one endpoint, at `(2 taken + 1) / 2 weight` rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    taken: u64,
    weight: u32,
    place: usize,
}

impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        let at =
            |it: &Self, against: &Self| (2 * u128::from(it.taken) + 1) * u128::from(against.weight);
        let when = at(self, other).cmp(&at(other, self));
        when.then(self.place.cmp(&other.place))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Turns {
    pub(super) fn new(candidates: &[Candidate]) -> Self {
        let first = candidates.iter().enumerate().map(|(place, candidate)| {
            Reverse(Turn {
                taken: 0,
                weight: candidate.weight,
                place,
            })
        });
        Self {
            next: first.collect(),
        }
    }

    pub(super) fn pick(&mut self, tried: &[usize]) -> Option<usize> {
        let mut passed_over = Vec::new();
        let mut picked = None;
        while let Some(Reverse(turn)) = self.next.pop() {
            if tried.contains(&turn.place) {
                passed_over.push(Reverse(turn));
                continue;
            }
            self.next.push(Reverse(Turn {
                taken: turn.taken + 1,
                ..turn
            }));
            picked = Some(turn.place);
            break;
        }
        self.next.extend(passed_over);
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn a_heavy_endpoint_is_spread_out() {
        let pool = candidates(&[(5, 0), (1, 0), (1, 0)]);
        let mut policy = RoundRobin::new(3);
        let order: Vec<_> = (0..7).map(|_| policy.pick(&pool)).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
        let mut turns = Turns::new(&pool);
        let order: Vec<_> = (0..7).filter_map(|_| turns.pick(&[])).collect();
        assert_eq!(order, [0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn in_each_round_everybody_has_as_many_turns_as_its_weight_says() {
        let weights: Vec<_> = (0..100).map(|it| (it % 7 + 1, 0)).collect();
        let mut turns = Turns::new(&candidates(&weights));
        let round: u32 = weights.iter().map(|(weight, _)| weight).sum();
        for _ in 0..3 {
            let mut had = vec![0; weights.len()];
            for _ in 0..round {
                had[turns.pick(&[]).unwrap()] += 1;
            }
            assert!(
                had.iter()
                    .zip(&weights)
                    .all(|(had, (weight, _))| had == weight)
            );
        }
    }

    #[test]
    fn who_is_passed_over_keeps_its_turn() {
        let mut turns = Turns::new(&candidates(&[(1, 0), (1, 0), (1, 0)]));
        assert_eq!(turns.pick(&[0, 1]), Some(2));
        assert_eq!(turns.pick(&[]), Some(0));
        assert_eq!(turns.pick(&[0, 1, 2]), None);
        assert_eq!(turns.pick(&[]), Some(1));
    }
}
