//! What the workers are given of what the machine lets the process have.

use std::sync::Arc;

use crate::{config::Config, machine, proxy::resources::Resources};

/// Works it out, and tells of what does not suffice.
pub(super) fn resources(config: &Config) -> Arc<Resources> {
    let process = &config.process;
    let resources = Resources::new(
        machine::open_files(),
        process.workers,
        process.max_buffered.of(machine::memory()),
    );
    // Connections beyond the seats wait, which is right, but not what the file says.
    let listeners = config.listeners.iter();
    let wanted: usize = listeners.map(|it| it.limits.max_connections).sum();
    let seats = resources.seats();
    if wanted > seats {
        tracing::warn!(max_connections = wanted, seats, "open files too few");
    }
    Arc::new(resources)
}
