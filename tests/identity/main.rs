//! Who the client is: what is believed of whom, and what endpoints and the access log are told. One file for each
//! promise, kept by a whole cutover over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

#[path = "../support/mod.rs"]
mod support;

mod asked;
mod http2;
mod introduced;
mod introduces;
mod trace;
mod trust;
