//! What all workers have together and none may use up: the process's descriptors, and memory for buffers.
//!
//! Owns how much there is; must not take it back from anybody. A descriptor that is missing when an endpoint is to be
//! connected would cost a request that was accepted; so connections are accepted only as long as there is one for the
//! other side, too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

/// See the module.
#[derive(Debug)]
pub struct Resources {
    /// Downstream connections that the descriptors suffice for.
    seats: usize,
    taken: AtomicUsize,
    /// Bytes that buffers may hold.
    max_buffered: Option<u64>,
}

impl Resources {
    /// For a process that may open so many `files`, with so many workers, whose buffers may hold so many bytes.
    #[must_use]
    pub fn new(files: Option<u64>, workers: usize, max_buffered: Option<u64>) -> Self {
        let seats = files.map_or(usize::MAX, |files| {
            seats(usize::try_from(files).unwrap_or(usize::MAX), workers)
        });
        Self {
            seats,
            taken: AtomicUsize::new(0),
            max_buffered,
        }
    }

    /// Downstream connections that the descriptors suffice for.
    #[must_use]
    pub const fn seats(&self) -> usize {
        self.seats
    }

    /// Whether buffers that hold so many bytes must not grow as they like any more.
    pub(crate) fn is_tight(&self, buffered: u64) -> bool {
        self.max_buffered.is_some_and(|max| buffered > max / 2)
    }

    /// What is too much, if buffers hold so many bytes.
    pub(crate) fn excess(&self, buffered: u64) -> Option<Excess> {
        let max = self.max_buffered.filter(|max| buffered > *max)?;
        Some(Excess {
            bytes: buffered - max,
            is_grave: buffered - max > max / 2,
        })
    }

    /// A seat for one downstream connection; `None` if the descriptors would not suffice. `Relaxed`: nothing else is
    /// read by this number.
    pub(crate) fn sit(self: &Arc<Self>) -> Option<Seat> {
        let one_more = |taken: usize| (taken < self.seats).then_some(taken + 1);
        let taken = self.taken.fetch_update(Relaxed, Relaxed, one_more).is_ok();
        taken.then(|| Seat(Arc::clone(self)))
    }

    /// A seat whether there is one or not.
    pub(crate) fn squeeze_in(self: &Arc<Self>) -> Seat {
        self.taken.fetch_add(1, Relaxed);
        Seat(Arc::clone(self))
    }
}

/// Bytes that buffers hold beyond their bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Excess {
    bytes: u64,
    is_grave: bool,
}

impl Excess {
    /// The part of a worker that holds so many of `all` bytes.
    pub(crate) fn of(self, held: u64, all: u64) -> u64 {
        let share = u128::from(self.bytes) * u128::from(held) / u128::from(all.max(1));
        // Rounded up, so that a little too much does not stay for ever.
        u64::try_from(share).unwrap_or(held).saturating_add(1)
    }

    /// How long something may stand still before it is given up. What moves is left alone as long as that helps.
    pub(crate) const fn patience(self) -> Duration {
        if self.is_grave {
            Duration::ZERO
        } else {
            PATIENCE
        }
    }
}

/// The descriptors of one downstream connection and its endpoint's, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Resources>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

/// Two descriptors each, after what the process needs for itself.
fn seats(files: usize, workers: usize) -> usize {
    let own = (files / 4).min(OWN_FILES) + workers.saturating_mul(WORKER_FILES);
    (files.saturating_sub(own) / 2).max(1)
}

/// Longer than it takes a client at the other end of the world to say that it has taken something.
const PATIENCE: Duration = Duration::from_millis(500);
/// Descriptors for listeners, probes, the admin side, logs, and unused connections to endpoints.
const OWN_FILES: usize = 1024;
/// Descriptors of a worker's own: its runtime's, and one for each of a few listeners.
const WORKER_FILES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_a_descriptor_for_its_endpoint() {
        for (files, workers, expected) in [
            (1024, 2, 376),
            (20_000, 2, 9480),
            (1_048_576, 64, 523_520),
            (64, 2, 16),
            (8, 2, 1),
        ] {
            assert_eq!(
                Resources::new(Some(files), workers, None).seats(),
                expected,
                "{files}"
            );
        }
        assert_eq!(Resources::new(None, 2, None).seats(), usize::MAX);
    }

    #[test]
    fn each_worker_gives_up_its_share_of_what_is_too_much() {
        let resources = Resources::new(None, 2, Some(1000));
        assert_eq!(resources.excess(1000), None);
        assert!(resources.is_tight(501) && !resources.is_tight(500));
        let excess = resources.excess(1400).unwrap();
        assert_eq!(
            (
                excess.of(1400, 1400),
                excess.of(700, 1400),
                excess.of(0, 1400)
            ),
            (401, 201, 1)
        );
        assert_eq!(excess.patience(), PATIENCE);
        assert_eq!(resources.excess(1501).unwrap().patience(), Duration::ZERO);
        assert_eq!(Resources::new(None, 2, None).excess(u64::MAX), None);
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let resources = Arc::new(Resources::new(Some(16), 1, None));
        assert_eq!(resources.seats(), 2);
        let (first, second) = (resources.sit(), resources.sit());
        assert!(first.is_some() && second.is_some() && resources.sit().is_none());
        let third = resources.squeeze_in();
        drop((first, third));
        assert!(resources.sit().is_some());
    }
}
