//! HTTP/1 downstream: strict about what comes in ([`head`], [`chunk`]), by a guard in front of hyper
//! ([`wire`]); served by hyper ([`serve`]).

mod chunk;
mod head;
mod serve;
mod wire;

pub(crate) use head::HeadRefusal;
pub(crate) use serve::serve;
pub(crate) use wire::{Guarded, Wire};
