//! HTTP/1: clients are served by a [`conversation`] each ([`serve`]), behind a guard that is strict about what comes in; endpoints
//! are spoken to by [`request_writer`] and [`response_reader`].
//!
//! Downstream, bytes go from the socket ([`guarded`]) through the guard ([`input`], which follows bodies by [`chunk`] and
//! judges heads by [`head`] and [`fields`]) to the [`intake`], which makes requests of them ([`request_head`]), and answers go back by
//! the [`response_writer`]; what the service must know of the connection is on the [`wire`]. Between requests that are far apart
//! there is none of that ([`parked`]). Both sides read bodies by [`body_reader`] and write by way of an [`outbox`].

mod body_reader;
pub(crate) mod broken;
mod chunk;
mod client_body;
mod conversation;
mod date;
mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guarded;
mod head;
mod input;
mod intake;
mod outbox;
mod parked;
mod parting;
mod refusal;
mod request_head;
mod request_line;
pub(crate) mod request_writer;
mod response_head;
pub(crate) mod response_reader;
mod response_writer;
mod serve;
mod spare;
pub(crate) mod trailers;
mod wire;

pub(crate) use body_reader::MAX_READ;
pub(crate) use client_body::ClientBody;
pub(crate) use fields::{MAX_LENGTH_DIGITS, UNDERSCORE};
pub(crate) use guarded::Guarded;
pub(crate) use refusal::HeadRefusal;
pub(crate) use request_line::{check_method, check_target};
pub(crate) use serve::serve;
pub(crate) use wire::Wire;
