//! The one published value: a writer's end and a reader's end of the snapshot.
//!
//! Owns the atomically swapped pointer. There is one [`Publisher`], the controller's; each worker has a
//! [`Reader`] of its own, which keeps the `Arc` it saw last: while nothing is published, reading is one load
//! of a pointer that all workers share for reading, and nobody writes to a shared cache line.

use std::sync::Arc;

use arc_swap::{ArcSwap, cache::Cache};

use crate::core::snapshot::Snapshot;

/// The writer's end.
#[derive(Debug)]
pub struct Publisher {
    shared: Arc<ArcSwap<Snapshot>>,
}

impl Publisher {
    /// Begins with an empty snapshot, by which every request is answered 404.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shared: Arc::new(ArcSwap::from_pointee(Snapshot::default())),
        }
    }

    /// Makes `snapshot` the one that every request attempt loads from now on.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.shared.store(snapshot);
    }

    /// A reader's end.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader {
            cache: Cache::new(Arc::clone(&self.shared)),
        }
    }
}

impl Default for Publisher {
    fn default() -> Self {
        Self::new()
    }
}

/// The reader's end; one for each worker.
#[derive(Debug)]
pub struct Reader {
    cache: Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

impl Reader {
    /// The snapshot that is published now.
    pub fn load(&mut self) -> &Arc<Snapshot> {
        self.cache.load()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Generation;

    #[test]
    fn a_reader_sees_what_was_published_last() {
        let publisher = Publisher::new();
        let mut reader = publisher.reader();
        assert_eq!(reader.load().generation, Generation(0));
        publisher.publish(Arc::new(Snapshot {
            generation: Generation(1),
            ..Snapshot::default()
        }));
        assert_eq!(reader.load().generation, Generation(1));
    }
}
