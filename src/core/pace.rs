//! How gradually a switch goes: what the file says of it, what is asked for, and what comes of the two.
//!
//! Owns the plan of a shift; what it does over time is `shift.rs`'s.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{share::Share, shift_key::ShiftKey};

/// How a switch of a service goes if nothing else is asked for: `steps`, `every`, `key` and `ramp` of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShiftSpec {
    /// Shares, rising, each below the whole; none is all at once.
    pub steps: Arc<[Share]>,
    /// How long each step lasts.
    pub every: Duration,
    /// What decides on which side a request is.
    pub key: ShiftKey,
    /// How long the share climbs evenly from the last step to the whole, before the commit.
    pub ramp: Duration,
}

impl Default for ShiftSpec {
    fn default() -> Self {
        Self {
            steps: Arc::new([]),
            every: EVERY,
            key: ShiftKey::default(),
            ramp: Duration::ZERO,
        }
    }
}

/// How gradually a switch is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As the file says.
    #[default]
    AsFile,
    /// All at once, whatever the file says.
    AtOnce,
    /// By these [`steps`], each for so long, or for as long as the file says.
    Steps(Vec<Share>, Option<Duration>),
}

/// The way of one shift, as it was begun: a file that changes meanwhile changes the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftPlan {
    /// Shares, rising.
    pub steps: Arc<[Share]>,
    /// How long each of them lasts, in milliseconds.
    pub every_ms: u64,
    /// How long the share climbs after them, in milliseconds.
    pub ramp_ms: u64,
    /// What decides on which side a request is.
    pub key: ShiftKey,
}

impl ShiftSpec {
    /// The way of a switch at this pace; `None` if it is to go at once.
    #[must_use]
    pub fn plan(&self, pace: &Pace) -> Option<ShiftPlan> {
        let (steps, every) = match pace {
            Pace::AtOnce => return None,
            Pace::AsFile => (Arc::clone(&self.steps), self.every),
            Pace::Steps(steps, every) => (steps.as_slice().into(), every.unwrap_or(self.every)),
        };
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        (!steps.is_empty() || !self.ramp.is_zero()).then(|| ShiftPlan {
            steps,
            every_ms: millis(every),
            ramp_ms: millis(self.ramp),
            key: self.key.clone(),
        })
    }
}

/// Steps as they were typed: they rise, each is something, and a last one of `100%` is the commit itself and left out.
///
/// # Errors
/// [`BadSteps`] says which one is wrong.
pub fn steps(typed: &[Share]) -> Result<Vec<Share>, BadSteps> {
    if typed.len() > STEPS_LIMIT {
        return Err(BadSteps::TooMany);
    }
    let mut before = Share::NONE;
    for share in typed {
        if *share == Share::NONE {
            return Err(BadSteps::Nothing);
        }
        if *share <= before {
            return Err(BadSteps::Falls(before, *share));
        }
        before = *share;
    }
    let steps = typed.iter().copied();
    Ok(steps.filter(|share| *share < Share::WHOLE).collect())
}

/// Why steps are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSteps {
    /// More than [`STEPS_LIMIT`].
    #[error("there are more than {STEPS_LIMIT} steps")]
    TooMany,
    /// A step of `0%`.
    #[error("a step of `0%` is none")]
    Nothing,
    /// Steps must rise.
    #[error("steps must rise, and `{1}` follows `{0}`")]
    Falls(Share, Share),
}

impl ShiftPlan {
    /// How long it takes if nobody and nothing holds it up.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        let steps = u32::try_from(self.steps.len()).unwrap_or(u32::MAX);
        self.every()
            .saturating_mul(steps)
            .saturating_add(self.ramp())
    }

    pub(super) const fn every(&self) -> Duration {
        Duration::from_millis(self.every_ms)
    }

    pub(super) const fn ramp(&self) -> Duration {
        Duration::from_millis(self.ramp_ms)
    }

    /// Steps, and the ramp, if there is one.
    pub(super) fn legs(&self) -> usize {
        self.steps.len() + usize::from(self.ramp_ms > 0)
    }
}

/// Steps of one shift.
pub const STEPS_LIMIT: usize = 64;
/// How long a step lasts if nothing is said of it.
pub const EVERY: Duration = Duration::from_secs(120);
