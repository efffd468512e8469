//! HTTP/2 downstream: a guard before hyper's server, and a place of its own for every stream.
//!
//! Bytes go from the socket through the guard ([`guarded`], which reads the heads of frames by [`frames`] and keeps the
//! [`budget`] of what costs its sender nothing) to hyper; what a connection's parts tell each other is on the [`wire`].
//! [`serve`] looks after the connection, [`streams`] after its streams: each is a request like any of HTTP/1, once
//! [`head`] has judged it. Nothing here routes, claims or counts.

mod budget;
mod connect;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guarded;
mod head;
mod limits;
mod preface;
mod serve;
mod streams;
mod wire;

pub(super) use limits::SEND_BUFFER;
pub(crate) use preface::{Preface, preface};
pub(crate) use serve::serve;
pub(crate) use streams::Stream;
