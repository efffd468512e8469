//! What must hold of any bytes, as plain functions that panic where it does not.
//!
//! Owns the list of them; each stands beside what it is about, so that it sees what is private there. libFuzzer calls
//! them by the targets in `fuzz/`, and `cargo test` with the inputs that are kept in `fuzz/seeds`, with mutations of
//! those, and with random ones. Not part of the crate as it is shipped: that has neither `cfg`.

use crate::{config, core, proxy};

/// Something that must hold of any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// What its target is called, and the folder of its seeds.
    pub name: &'static str,
    /// Panics where it does not hold.
    pub holds_of: fn(&[u8]),
}

/// Every property.
pub const PROPERTIES: &[Property] = &[
    property("configuration", config::fuzzing::configuration),
    property("routes", config::fuzzing::routes),
    property("paths", core::spelling::fuzzing::paths),
    property("introductions", core::proxy_header::fuzzing::introductions),
    property("chunks", proxy::fuzzing::chunks),
    property("requests", proxy::fuzzing::requests),
    property("answers", proxy::fuzzing::answers),
    property("translation", proxy::fuzzing::translation),
];

const fn property(name: &'static str, holds_of: fn(&[u8])) -> Property {
    Property { name, holds_of }
}

/// `bytes` cut into reads whose sizes depend on nothing but the bytes, so that an input means one thing.
pub(crate) fn pieces(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut state = crc32fast::hash(bytes);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        // The generator of Numerical Recipes.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let most = if state >> 31 == 0 { 4 } else { 96 };
        let size = (1 + (state >> 16) as usize % most).min(bytes.len());
        let (piece, rest) = bytes.split_at(size);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

#[cfg(test)]
mod tests;
