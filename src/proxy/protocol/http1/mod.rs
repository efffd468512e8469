//! HTTP/1 downstream: strict about what comes in, by a guard in front of hyper; served by hyper ([`serve`]).
//!
//! Bytes go from the socket ([`guarded`]) through the guard ([`input`], which follows bodies by [`chunk`] and
//! judges heads by [`head`] and [`fields`]) to hyper; what the service must know of them is on the [`wire`].

mod chunk;
mod fields;
mod guarded;
mod head;
mod input;
mod refusal;
mod request_line;
mod serve;
mod wire;

pub(crate) use guarded::Guarded;
pub(crate) use refusal::HeadRefusal;
pub(crate) use request_line::{check_method, check_target};
pub(crate) use serve::serve;
pub(crate) use wire::Wire;
