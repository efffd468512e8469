//! The promises about gradual switches, one file each, kept by a whole cutover over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod affinity;
mod ends;
mod keys;
mod losses;
mod restart;
mod share;
mod stage;
