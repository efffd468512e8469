//! The control plane: everything that decides, on a runtime of its own, so that it can never stall a worker.
//!
//! `controller` is the one writer: it feeds events to `core` and carries out the effects, in order. The rest
//! are its hands and eyes; each ends when it is dropped.

#[cfg(test)]
pub(crate) mod answering;
mod barrier;
mod clock;
pub mod controller;
mod drainer;
mod effects;
mod gate;
pub mod handle;
pub mod journal;
mod listeners;
mod operations;
pub mod probe;
mod reload;
pub mod resolver;
pub mod source;
mod workers;

use std::future::Future;

use tokio::task::AbortHandle;

/// A task that ends when this is dropped.
#[derive(Debug)]
struct Running(AbortHandle);

impl Running {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task).abort_handle())
    }

    fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}
