//! What is agreed on in a handshake: the protocol that is spoken after it (RFC 7301).

use crate::{config::Http2, core::service::UpstreamProtocol};

/// HTTP/2.
pub const HTTP_2: &[u8] = b"h2";
/// HTTP/1.1.
pub const HTTP_1: &[u8] = b"http/1.1";

/// What is offered to an endpoint, best first.
#[must_use]
pub fn offered(protocol: UpstreamProtocol) -> Vec<Vec<u8>> {
    let names: &[&[u8]] = match protocol {
        UpstreamProtocol::Http1 => &[HTTP_1],
        UpstreamProtocol::Http2 => &[HTTP_2],
        UpstreamProtocol::Auto => &[HTTP_2, HTTP_1],
    };
    owned(names)
}

/// What is offered to clients, best first.
pub(super) fn taken(http2: Http2) -> Vec<Vec<u8>> {
    owned(match http2 {
        Http2::Spoken => &[HTTP_2, HTTP_1],
        Http2::Refused => &[HTTP_1],
    })
}

fn owned(names: &[&[u8]]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.to_vec()).collect()
}
