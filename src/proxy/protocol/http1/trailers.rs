//! Trailer sections: what may stand in one, and reading one from an endpoint.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use super::{
    head::Lines,
    response_head::{Malformed, field},
};

/// The fields of a trailer section, its empty line included, without those that must not stand in one.
pub(super) fn trailers(section: &Bytes) -> Result<HeaderMap, Malformed> {
    let mut trailers = HeaderMap::new();
    for line in Lines(section) {
        let line = line.map_err(|_| Malformed)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(section, line)?;
        if may_trail(&name) {
            trailers.append(name, value);
        }
    }
    Ok(trailers)
}

/// Whether a field may stand in a trailer section: none of those that frame, route, authorise or describe the
/// message (RFC 9110 section 6.5.1).
pub(super) fn may_trail(name: &HeaderName) -> bool {
    !NEVER_TRAILING.contains(name)
}

/// Takes those away that may not stand there.
pub(crate) fn settle(mut trailers: HeaderMap) -> HeaderMap {
    for name in &NEVER_TRAILING {
        trailers.remove(name);
    }
    trailers
}

static NEVER_TRAILING: [HeaderName; 16] = [
    http::header::AUTHORIZATION,
    http::header::CACHE_CONTROL,
    http::header::CONNECTION,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_RANGE,
    http::header::CONTENT_TYPE,
    http::header::COOKIE,
    http::header::HOST,
    http::header::MAX_FORWARDS,
    http::header::SET_COOKIE,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::VIA,
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn trailers_carry_no_framing() {
        let read = trailers(&Bytes::from_static(
            b"X-Sum: 1\r\nContent-Length: 3\r\nHost: x\r\n\r\n",
        ))
        .unwrap();
        assert_eq!(
            (read.len(), &read["x-sum"]),
            (1, &HeaderValue::from_static("1"))
        );
        assert!(trailers(&Bytes::from_static(b"bad name: 1\r\n\r\n")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = trailers(&bytes.into());
        }
    }
}
