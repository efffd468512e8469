//! The promises about the pool that is not live, one file each, kept by a whole cutover over real sockets: when it may
//! be stopped, how it is kept ready, and who reaches it before it is live.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod endpoints;
mod mirror;
mod preview;
mod safe_to_stop;
mod walk_through;
