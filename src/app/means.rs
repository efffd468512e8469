//! What the workers are given of what the machine lets the process have.

use std::sync::Arc;

use crate::{config::Config, machine, proxy::resources::Resources};

/// Works it out, and tells of what does not suffice.
pub(super) fn resources(config: &Config) -> Arc<Resources> {
    let process = &config.process;
    let memory = machine::memory();
    let max_buffered = process.max_buffered.of(memory);
    let resources = Resources::new(machine::open_files(), process.workers, max_buffered);
    // Connections beyond the seats wait, which is right, but not what the file says.
    let listeners = config.listeners.iter();
    let wanted: usize = listeners.map(|it| it.limits.max_connections).sum();
    let seats = resources.seats();
    if wanted > seats {
        tracing::warn!(max_connections = wanted, seats, "open files too few");
    }
    let connections = wanted.min(seats) as u64 * CONNECTION;
    let needed = max_buffered.map(|buffered| buffered.saturating_add(connections));
    if let (Some(memory), Some(needed)) = (memory, needed)
        && needed > memory
    {
        tracing::warn!(memory, needed, "memory too little");
    }
    Arc::new(resources)
}

/// Bytes of a connection on which nothing happens.
const CONNECTION: u64 = 20 * 1024;
