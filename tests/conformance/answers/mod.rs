//! What endpoints answer, by theme.

mod bodies;
mod connection;
mod fields;
mod framing;
mod interim;
mod status_line;

use super::case::{Act, Case, get};

pub(crate) fn all() -> Vec<Case> {
    [
        status_line::cases(),
        fields::cases(),
        framing::cases(),
        bodies::cases(),
        interim::cases(),
        connection::cases(),
    ]
    .concat()
}

/// A plain request that reaches the endpoint, which writes `bytes`.
fn answer(name: &'static str, rfc: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    Case::new(name, rfc, get(""))
        .reaches("GET /{c}", "")
        .endpoint([Act::Write(bytes.as_ref().to_vec())])
}

/// The same, where what is written is no answer: the client gets another one, and the connection is not used again.
fn malformed(name: &'static str, rfc: &'static str, bytes: impl AsRef<[u8]>) -> Case {
    answer(name, rfc, bytes)
        .refused(502, "malformed response")
        .stays()
        .leaves_the_endpoint()
}
