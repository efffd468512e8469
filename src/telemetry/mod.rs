//! What is told and counted: metrics, the access log, notices, logs.

pub mod access;
pub mod stats;
