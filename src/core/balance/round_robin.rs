//! Smooth weighted round robin, nginx's variant: heavy endpoints are spread out, not served in bursts.

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

#[cfg(test)]
mod tests {
    use super::{super::tests::candidates, *};

    #[test]
    fn a_heavy_endpoint_is_spread_out() {
        let mut policy = RoundRobin::new(3);
        let pool = candidates(&[(5, 0), (1, 0), (1, 0)]);
        let order: Vec<_> = (0..7).map(|_| policy.pick(&pool)).collect();
        assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    }
}
