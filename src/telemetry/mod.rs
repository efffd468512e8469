//! What is told and counted: metrics, the access log, notices, logs.

pub mod access;
pub mod events;
pub mod handshakes;
pub mod limit;
pub mod log;
pub mod metrics;
pub mod mirror;
pub mod notice;
pub mod records;
pub mod spans;
pub mod stats;
pub mod traffic;
