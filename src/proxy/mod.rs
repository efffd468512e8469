//! The data plane: one thread per core, each with its own runtime, connections and counters.
//!
//! A request's journey: `worker` accepts → `protocol` frames → `forward` routes and claims (`desk`) →
//! `connections` → `exchange` → claimed `body`. Nothing here decides about colours or health.

mod accept;
mod account;
pub mod body;
mod client;
mod clock;
mod connections;
mod desk;
mod downstream;
mod endpoint;
mod error;
mod exchange;
pub mod forward;
mod gather;
mod grpc;
mod handshake;
mod headers;
mod hearsay;
mod inbound;
mod lifeline;
mod origin;
mod outbound;
mod pace;
mod protocol;
mod request_id;
mod silence;
mod target;
mod trace;
mod transport;
mod trunk;
mod tunnel;
mod turn;
mod upload;
mod upstream;
pub mod websocket;
pub mod worker;
