//! What all workers have together and none may use up: the process's descriptors, and memory for buffers.
//!
//! Owns how much there is; must not take it back from anybody. A descriptor that is missing when an endpoint is to be
//! connected would cost a request that was accepted; so connections are accepted only as long as there is one for the
//! other side, too.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// See the module.
#[derive(Debug)]
pub struct Resources {
    /// Downstream connections that the descriptors suffice for.
    seats: usize,
    taken: AtomicUsize,
}

impl Resources {
    /// For a process that may open so many `files`, with so many workers.
    #[must_use]
    pub fn new(files: Option<u64>, workers: usize) -> Self {
        let seats = files.map_or(usize::MAX, |files| {
            seats(usize::try_from(files).unwrap_or(usize::MAX), workers)
        });
        Self {
            seats,
            taken: AtomicUsize::new(0),
        }
    }

    /// Downstream connections that the descriptors suffice for.
    #[must_use]
    pub const fn seats(&self) -> usize {
        self.seats
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
                Resources::new(Some(files), workers).seats(),
                expected,
                "{files}"
            );
        }
        assert_eq!(Resources::new(None, 2).seats(), usize::MAX);
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let resources = Arc::new(Resources::new(Some(16), 1));
        assert_eq!(resources.seats(), 2);
        let (first, second) = (resources.sit(), resources.sit());
        assert!(first.is_some() && second.is_some() && resources.sit().is_none());
        let third = resources.squeeze_in();
        drop((first, third));
        assert!(resources.sit().is_some());
    }
}
