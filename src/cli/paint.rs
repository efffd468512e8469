//! What words mean, as ink; the same everywhere.
//!
//! Owns the meaning. A word stands beside each ink, because not everybody sees it and `NO_COLOR` takes it away.

use std::time::Duration;

use crate::{
    core::{
        gate::verdict::Verdict, health::Health, ids::Colour, switch::Outcome, time::Timestamp,
        view::PoolView,
    },
    terminal::Ink,
};

/// The name of a colour, in it.
pub(super) fn colour(colour: Colour) -> String {
    Ink::Colour(colour).paint(colour.as_str())
}

pub(super) const fn health(health: Health) -> (Ink, &'static str) {
    match health {
        Health::Unknown => (Ink::Warning, "unknown"),
        Health::Healthy => (Ink::Good, "healthy"),
        Health::Unhealthy => (Ink::Bad, "unhealthy"),
    }
}

/// How much of a pool is ready; `1 of 2`.
pub(super) fn ready(pool: &PoolView) -> (Ink, String) {
    let (ready, all) = (pool.ready, pool.endpoints.len());
    let ink = match ready {
        _ if all == 0 => Ink::Dim,
        0 => Ink::Bad,
        _ if ready < all => Ink::Warning,
        _ => Ink::Good,
    };
    (ink, format!("{ready} of {all}"))
}

pub(super) const fn verdict(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Passed => Ink::Good,
        Verdict::Failed => Ink::Bad,
        Verdict::Ignored | Verdict::Waiting => Ink::Warning,
        Verdict::Unasked => Ink::Dim,
    }
}

pub(super) const fn outcome(outcome: Outcome) -> (Ink, &'static str) {
    match outcome {
        Outcome::Committing => (Ink::Warning, "committing"),
        Outcome::Draining => (Ink::Warning, "committed, draining"),
        Outcome::Drained => (Ink::Good, "drained"),
        Outcome::Cut => (Ink::Warning, "drained by cutting"),
        Outcome::Interrupted => (Ink::Bad, "interrupted by the end of the process"),
        Outcome::Aborted => (Ink::Warning, "aborted"),
    }
}

/// How long ago that was; `3m ago`.
pub(super) fn age(then: Timestamp, now: Timestamp) -> String {
    format!("{} ago", rough(now.since(then)))
}

/// In its largest unit; `3m`.
pub(super) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_one_unit() {
        let then = Timestamp::from_millis(1_000);
        for (seconds, said) in [
            (0, "0s ago"),
            (59, "59s ago"),
            (150, "2m ago"),
            (7_300, "2h ago"),
            (200_000, "2d ago"),
        ] {
            assert_eq!(age(then, then.plus(Duration::from_secs(seconds))), said);
        }
        assert_eq!(
            age(then, Timestamp::from_millis(0)),
            "0s ago",
            "another clock"
        );
    }
}
