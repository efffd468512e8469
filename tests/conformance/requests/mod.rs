//! What clients send, by theme.

mod chunks;
mod codings;
mod expect;
mod fields;
mod hops;
mod host;
mod lengths;
mod lines;
mod method;
mod pipelining;
mod target;
mod trailers;
mod upgrade;
mod version;

use super::case::Case;

pub(crate) fn all() -> Vec<Case> {
    [
        lengths::cases(),
        codings::cases(),
        chunks::cases(),
        trailers::cases(),
        lines::cases(),
        fields::cases(),
        host::cases(),
        target::cases(),
        version::cases(),
        method::cases(),
        pipelining::cases(),
        expect::cases(),
        upgrade::cases(),
        hops::cases(),
    ]
    .concat()
}
