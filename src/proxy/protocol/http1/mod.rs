//! HTTP/1: downstream served by hyper ([`serve`]), behind a guard that is strict about what comes in; upstream spoken by
//! [`request_writer`] and [`response_reader`].
//!
//! Downstream, bytes go from the socket ([`guarded`]) through the guard ([`input`], which follows bodies by [`chunk`] and
//! judges heads by [`head`] and [`fields`]) to hyper; what the service must know of them is on the [`wire`]. Between
//! requests that are far apart there is no hyper ([`parked`]).

mod chunk;
mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod guarded;
mod head;
mod input;
mod parked;
mod parting;
mod refusal;
mod request_line;
pub(crate) mod request_writer;
mod response_head;
pub(crate) mod response_reader;
mod serve;
mod spare;
pub(crate) mod trailers;
mod wire;

pub(crate) use fields::{MAX_LENGTH_DIGITS, UNDERSCORE};
pub(crate) use guarded::Guarded;
pub(crate) use refusal::HeadRefusal;
pub(crate) use request_line::{check_method, check_target};
pub(crate) use serve::{BUFFER_LIMIT, serve};
pub(crate) use wire::Wire;
