//! How many frames a client may send that cost it nothing.
//!
//! Owns the judgement; must not read a clock. h2 bounds what such frames make it hold, but answers and forgets as many
//! as come: a client could keep a core busy with them. One that also transfers something is given more, because its
//! window updates and pings are owed to that.

use super::{
    frames::{Frame, Kind},
    limits::{
        CONTROL_FRAMES, CONTROL_FRAMES_PER_SECOND, CONTROL_FRAMES_PER_TRANSFER, RESETS,
        RESETS_PER_SECOND,
    },
};
use crate::proxy::clock::Tick;

/// See the module.
#[derive(Debug)]
pub(super) struct Budget {
    control: Allowance,
    resets: Allowance,
}

/// What a client has used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// `PING`, `SETTINGS`, `PRIORITY`, `WINDOW_UPDATE`, unknown and empty frames.
    Control,
    /// `RST_STREAM`.
    Resets,
}

impl Budget {
    pub(super) const fn new() -> Self {
        Self {
            control: Allowance::new(CONTROL_FRAMES, CONTROL_FRAMES_PER_SECOND),
            resets: Allowance::new(RESETS, RESETS_PER_SECOND),
        }
    }

    /// A frame has come.
    pub(super) fn came(&mut self, frame: &Frame, now: Tick) -> Result<(), Spent> {
        match frame.kind {
            Kind::Data | Kind::Headers | Kind::Continuation if frame.length > 0 => {
                self.control.earn(CONTROL_FRAMES_PER_TRANSFER);
                Ok(())
            }
            Kind::Reset => self.resets.spend(now).ok_or(Spent::Resets),
            Kind::Data
            | Kind::Headers
            | Kind::Continuation
            | Kind::Priority
            | Kind::Settings
            | Kind::PushPromise
            | Kind::Ping
            | Kind::GoAway
            | Kind::WindowUpdate
            | Kind::Unknown => self.control.spend(now).ok_or(Spent::Control),
        }
    }

    /// A frame was sent.
    pub(super) fn went(&mut self, frame: &Frame) {
        if matches!(frame.kind, Kind::Data | Kind::Headers) {
            self.control.earn(CONTROL_FRAMES_PER_TRANSFER);
        }
        if frame.ends_stream() {
            self.resets.earn(1);
        }
    }
}

/// So many at once, and more with time.
#[derive(Debug)]
struct Allowance {
    left: u32,
    most: u32,
    per_second: u32,
    /// When it was last added to because of time.
    since: Option<Tick>,
}

impl Allowance {
    const fn new(most: u32, per_second: u32) -> Self {
        Self {
            left: most,
            most,
            per_second,
            since: None,
        }
    }

    fn earn(&mut self, amount: u32) {
        self.left = self.left.saturating_add(amount).min(self.most);
    }

    fn spend(&mut self, now: Tick) -> Option<()> {
        let since = *self.since.get_or_insert(now);
        let earned = now.since(since) * u64::from(self.per_second) / 1000;
        if earned > 0 {
            self.since = Some(now);
            self.earn(u32::try_from(earned).unwrap_or(u32::MAX));
        }
        self.left = self.left.checked_sub(1)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: Kind, length: usize, flags: u8) -> Frame {
        Frame {
            length,
            kind,
            flags,
            stream: 1,
        }
    }

    fn spend(budget: &mut Budget, kind: Kind, now: Tick) -> u32 {
        (0..)
            .take_while(|_| budget.came(&frame(kind, 4, 0), now).is_ok())
            .count()
            .try_into()
            .unwrap()
    }

    #[test]
    fn frames_that_carry_nothing_are_bounded_at_once_and_over_time() {
        let mut budget = Budget::new();
        let now = Tick::ZERO;
        assert_eq!(spend(&mut budget, Kind::Ping, now), CONTROL_FRAMES);
        assert_eq!(spend(&mut budget, Kind::Reset, now), RESETS);
        let later = now.after(Duration::from_secs(2));
        assert_eq!(
            spend(&mut budget, Kind::Settings, later),
            2 * CONTROL_FRAMES_PER_SECOND
        );
        assert_eq!(
            spend(&mut budget, Kind::Reset, later),
            2 * RESETS_PER_SECOND
        );
        let much_later = later.after(Duration::from_secs(1_000_000));
        assert_eq!(
            spend(&mut budget, Kind::Unknown, much_later),
            CONTROL_FRAMES
        );
    }

    #[test]
    fn what_is_transferred_earns_more() {
        let mut budget = Budget::new();
        let now = Tick::ZERO;
        spend(&mut budget, Kind::WindowUpdate, now);
        budget.went(&frame(Kind::Data, 10, 0));
        budget.came(&frame(Kind::Headers, 10, 4), now).unwrap();
        assert_eq!(
            spend(&mut budget, Kind::Ping, now),
            2 * CONTROL_FRAMES_PER_TRANSFER
        );
        spend(&mut budget, Kind::Reset, now);
        budget.went(&frame(Kind::Data, 10, 1));
        assert_eq!(spend(&mut budget, Kind::Reset, now), 1);
    }

    #[test]
    fn empty_frames_earn_nothing() {
        let mut budget = Budget::new();
        for kind in [Kind::Data, Kind::Headers, Kind::Continuation] {
            spend(&mut budget, Kind::Ping, Tick::ZERO);
            assert_eq!(
                budget.came(&frame(kind, 0, 0), Tick::ZERO),
                Err(Spent::Control),
                "{kind:?}"
            );
        }
    }
}
