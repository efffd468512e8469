//! The control plane: everything that decides, on a runtime of its own, so that it can never stall a worker.

pub mod handle;
pub mod journal;
