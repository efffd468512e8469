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

/// The same among many endpoints, as a tournament: each match keeps the better of two, so that a pick looks at one path
/// from the final down, and a request that begins or ends changes one path up.
#[derive(Debug)]
pub struct Tournament {
    draw: Draw,
    /// The final is at 1; the matches of the one at `i` are at `2 i` and `2 i + 1`; endpoints are the last half.
    matches: Vec<Match>,
}

/// The best of some endpoints.
#[derive(Clone, Copy, Debug, Default)]
struct Match {
    in_flight: u32,
    weight: u32,
    /// The sum of the weights of those that are as good; nothing if there is nobody.
    equals: u32,
}

impl Match {
    fn of(one: Self, two: Self) -> Self {
        match one.compare(two) {
            std::cmp::Ordering::Less => one,
            std::cmp::Ordering::Greater => two,
            std::cmp::Ordering::Equal => Self {
                equals: one.equals.saturating_add(two.equals),
                ..one
            },
        }
    }

    /// Nobody comes after everybody.
    fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self.equals, other.equals) {
            (0, 0) => std::cmp::Ordering::Equal,
            (0, _) => std::cmp::Ordering::Greater,
            (_, 0) => std::cmp::Ordering::Less,
            _ => {
                let (a, b) = (
                    u64::from(self.in_flight) * u64::from(other.weight),
                    u64::from(other.in_flight) * u64::from(self.weight),
                );
                a.cmp(&b)
            }
        }
    }
}

impl Tournament {
    pub(super) fn new(candidates: &[Candidate], seed: u64) -> Self {
        let half = candidates.len().next_power_of_two();
        let mut tournament = Self {
            draw: Draw::new(seed),
            matches: vec![Match::default(); 2 * half],
        };
        for (place, candidate) in candidates.iter().enumerate() {
            tournament.matches[half + place] = Match {
                in_flight: candidate.in_flight,
                weight: candidate.weight,
                equals: candidate.weight,
            };
        }
        for at in (1..half).rev() {
            tournament.play(at);
        }
        tournament
    }

    pub(super) fn changed(&mut self, place: usize, in_flight: u32) {
        let at = self.matches.len() / 2 + place;
        self.matches[at].in_flight = in_flight;
        self.play_up(at);
    }

    pub(super) fn pick(&mut self, tried: &[usize]) -> Option<usize> {
        let half = self.matches.len() / 2;
        for place in tried {
            self.matches[half + place].equals = 0;
            self.play_up(half + place);
        }
        let picked = self.winner();
        for place in tried {
            let entry = &mut self.matches[half + place];
            entry.equals = entry.weight;
            self.play_up(half + place);
        }
        picked
    }

    fn winner(&mut self) -> Option<usize> {
        let half = self.matches.len() / 2;
        let equals = self.matches[1].equals;
        if equals == 0 {
            return None;
        }
        // One draw decides all ties on the way.
        let mut left = self.draw.below(equals);
        let mut at = 1;
        while at < half {
            let (one, two) = (self.matches[2 * at], self.matches[2 * at + 1]);
            let is_one = match one.compare(two) {
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Greater => false,
                std::cmp::Ordering::Equal if left < one.equals => true,
                std::cmp::Ordering::Equal => {
                    left -= one.equals;
                    false
                }
            };
            at = 2 * at + usize::from(!is_one);
        }
        Some(at - half)
    }

    fn play_up(&mut self, from: usize) {
        let mut at = from / 2;
        while at >= 1 {
            self.play(at);
            at /= 2;
        }
    }

    fn play(&mut self, at: usize) {
        self.matches[at] = Match::of(self.matches[2 * at], self.matches[2 * at + 1]);
    }
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

    /// Whatever happens, the tournament's winner is among those that a look at all of them finds to be the best.
    #[test]
    fn the_winner_of_a_tournament_is_the_best_of_all() {
        let mut chance = Draw::new(9);
        for size in [1, 2, 3, 17, 64, 100] {
            let mut pool: Vec<_> = (0..size)
                .map(|_| (chance.below(4) + 1, chance.below(5)))
                .collect();
            let mut tournament = Tournament::new(&candidates(&pool), 5);
            for _ in 0..500 {
                let which = chance.below(size) as usize;
                pool[which].1 = chance.below(5);
                tournament.changed(which, pool[which].1);
                let tried = [chance.below(size) as usize];
                let others = (0..pool.len()).filter(|it| !tried.contains(it));
                let is_better = |a: usize, b: usize| {
                    let ((wa, fa), (wb, fb)) = (pool[a], pool[b]);
                    fa * wb < fb * wa
                };
                match tournament.pick(&tried) {
                    Some(picked) => {
                        assert!(!tried.contains(&picked));
                        assert!(
                            !{ others }.any(|it| is_better(it, picked)),
                            "{pool:?} {picked}"
                        );
                    }
                    None => assert_eq!(others.count(), 0),
                }
            }
        }
    }
}
