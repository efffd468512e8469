//! The data plane: one thread per core, each with its own runtime, connections and counters.
//!
//! A request's journey: `worker` accepts → `protocol` frames → `forward` routes and claims (`desk`) →
//! `connections` → `exchange` → claimed `body`. Nothing here decides about colours or health.

mod accept;
mod account;
pub mod body;
mod choice;
mod client;
mod clock;
mod connections;
mod desk;
mod downstream;
mod endpoint;
mod error;
mod exchange;
pub mod forward;
mod forwarded;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gather;
mod grpc;
mod handshake;
mod headers;
mod hearsay;
mod held;
mod inbound;
mod incoming;
mod introduced;
mod lifeline;
mod loads;
mod max_forwards;
mod mirror;
mod mirror_desk;
mod origin;
mod outbound;
mod pace;
mod pool_desk;
mod preview;
mod protocol;
mod redirect;
mod request_id;
pub mod resources;
mod secure;
mod service_desk;
mod shift_desk;
mod silence;
mod stage;
mod target;
mod trace;
mod trailers;
mod transport;
mod trunk;
mod tunnel;
mod turn;
mod unread;
mod upload;
mod upstream;
mod vouched;
mod warm_up;
pub mod websocket;
pub mod worker;
