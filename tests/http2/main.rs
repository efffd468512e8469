//! HTTP/2 downstream and upstream, WebSocket over HTTP/2, and gRPC: the promises, one file each, kept by a whole
//! cutover over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod connection;
mod fields;
mod floods;
mod frames;
mod grpc;
mod requests;
mod switching;
mod upstream;
mod websocket;
mod zero_drop;
