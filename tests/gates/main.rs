//! Promise: a switch waits for its gates, says which did not open and why, and what only looks changes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod approval;
mod checks;
mod diff;
mod group;
mod hooks;
mod plan;
mod warm_up;
