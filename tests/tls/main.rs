//! The promises of TLS, one file each, kept by a whole cutover over real sockets.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

#[path = "../support/authority.rs"]
mod authority;
#[path = "../support/secure.rs"]
mod secure;
#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod check;
mod clients;
mod gates;
mod handshake;
mod http2;
mod introduced;
mod redirect;
mod reload;
mod resumption;
mod shutdown;
mod stage;
mod traffic;
mod upstream;
mod zero_drop;
