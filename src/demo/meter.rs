//! Answers a second, from counts that only rise.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::core::ids::ByColour;

/// Remembers the counts of the last second.
#[derive(Debug, Default)]
pub(super) struct Meter {
    past: VecDeque<(Instant, ByColour<u64>)>,
}

impl Meter {
    /// Answers a second, by colour, over about the last [`WINDOW`].
    pub(super) fn rates(&mut self, now: Instant, served: ByColour<u64>) -> ByColour<f64> {
        let old = |past: &(Instant, _)| now.duration_since(past.0) > WINDOW;
        while self.past.len() >= SAMPLES_LIMIT || self.past.front().is_some_and(old) {
            self.past.pop_front();
        }
        self.past.push_back((now, served));
        let Some((since, before)) = self.past.front() else {
            return ByColour::default();
        };
        let seconds = now.duration_since(*since).as_secs_f64();
        ByColour::from_fn(|colour| {
            let new = served[colour].saturating_sub(before[colour]);
            if seconds > 0.0 {
                new as f64 / seconds
            } else {
                0.0
            }
        })
    }
}

/// Over how long a rate is taken.
const WINDOW: Duration = Duration::from_secs(1);
/// Counts remembered; the screen is painted ten times a second.
const SAMPLES_LIMIT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_that_of_the_last_second() {
        let (mut meter, begin) = (Meter::default(), Instant::now());
        let at = |tenths: u64| begin + Duration::from_millis(100 * tenths);
        for tenth in 0..=20 {
            let blue = if tenth <= 10 { 0 } else { 5 * (tenth - 10) };
            let green = 2 * tenth;
            let rates = meter.rates(at(tenth), ByColour { blue, green });
            if tenth == 20 {
                assert!((rates.blue - 50.0).abs() < 1e-9, "{rates:?}");
                assert!((rates.green - 20.0).abs() < 1e-9, "{rates:?}");
            }
        }
    }
}
