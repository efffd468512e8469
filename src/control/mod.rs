//! The control plane: everything that decides, on a runtime of its own, so that it can never stall a worker.

#[cfg(test)]
pub(crate) mod answering;
pub mod handle;
