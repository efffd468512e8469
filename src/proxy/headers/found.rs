//! Which fields of a head a proxy has to do something about.
//!
//! Owns the list of them. One look at every field is cheaper than one look-up for each field that might be there.

use http::{
    HeaderMap, HeaderName,
    header::{
        CONNECTION, CONTENT_LENGTH, FORWARDED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE,
    },
};

use super::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REQUEST_ID, nominated};
use crate::proxy::trace::{TRACEPARENT, TRACESTATE};

/// Which of the [`KNOWN`] fields are there, a bit each.
#[derive(Clone, Copy)]
pub(super) struct Found(u32);

impl Found {
    pub(super) fn among(headers: &HeaderMap) -> Self {
        let mut found = 0;
        for name in headers.keys() {
            let text = name.as_str();
            // Few fields have the length of a known one; the others cost one comparison.
            let mut candidates = BY_LENGTH.get(text.len()).copied().unwrap_or(0);
            while candidates != 0 {
                let bit = candidates & candidates.wrapping_neg();
                if KNOWN[bit.trailing_zeros() as usize] == name {
                    found |= bit;
                    break;
                }
                candidates ^= bit;
            }
            // What is not among the known begins with this letter.
            if text.starts_with('x') {
                if speaks_of_forwarding(text) {
                    found |= FAMILY_BIT;
                }
                if is_disguised(text) {
                    found |= DISGUISED_BIT;
                }
            }
        }
        Self(found)
    }

    pub(super) const fn any_of(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Removes what concerns one connection only, and what `Connection` nominates.
    pub(super) fn remove_from(self, headers: &mut HeaderMap) {
        if self.any_of(CONNECTION_BIT) {
            for nominated in nominated(headers) {
                headers.remove(nominated);
            }
        }
        if self.any_of(HOP_BY_HOP_BITS) {
            for (place, name) in KNOWN[..HOP_BY_HOP].iter().enumerate() {
                if self.any_of(1 << place) {
                    headers.remove(name);
                }
            }
        }
    }
}

/// Removes what was told of the way here by a peer that is not believed: all of `X-Forwarded-*`, some of which endpoints
/// take for proof of who is logged in.
pub(super) fn remove_told(headers: &mut HeaderMap) {
    let family = headers
        .keys()
        .filter(|name| speaks_of_forwarding(name.as_str()));
    let family: Vec<HeaderName> = family.cloned().collect();
    for name in family {
        headers.remove(name);
    }
    headers.remove(X_REAL_IP);
}

/// Removes what cutover tells itself of the way here, and what a peer that is believed has told is in that.
pub(super) fn remove_told_anew(headers: &mut HeaderMap) {
    for name in [&X_FORWARDED_FOR, &X_FORWARDED_PROTO, &X_FORWARDED_HOST] {
        headers.remove(name);
    }
}

/// Removes fields that only look like others: to an application behind CGI, WSGI or Rack `X_Real_IP` is `X-Real-IP`. No
/// proxy means to send them.
pub(super) fn remove_disguised(headers: &mut HeaderMap) {
    let disguised = headers.keys().filter(|name| is_disguised(name.as_str()));
    let disguised: Vec<HeaderName> = disguised.cloned().collect();
    for name in disguised {
        headers.remove(name);
    }
}

fn speaks_of_forwarding(name: &str) -> bool {
    name.starts_with(FAMILY)
}

fn is_disguised(name: &str) -> bool {
    let looks_like = |other: &str| {
        name.len() >= other.len()
            && std::iter::zip(name.bytes(), other.bytes())
                .all(|(own, other)| own == other || (own == b'_' && other == b'-'))
    };
    name.contains('_')
        && (looks_like(FAMILY)
            || (looks_like("x-real-ip") && name.len() == "x-real-ip".len())
            || (looks_like("x-request-id") && name.len() == "x-request-id".len()))
}

/// What the names of these fields begin with.
const FAMILY: &str = "x-forwarded-";
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// Fields that are looked for: first those of one connection only (`keep-alive` and `proxy-connection` are
/// relics that some still send, and `http2-settings` belongs to an upgrade that is never passed), then the length, and
/// those that speak of the way here, and the request's id.
static KNOWN: [HeaderName; 15] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("http2-settings"),
    CONTENT_LENGTH,
    FORWARDED,
    X_REAL_IP,
    TRACEPARENT,
    TRACESTATE,
    X_REQUEST_ID,
];
/// The length of each of their names; a test compares the two.
const LENGTHS: [usize; KNOWN.len()] = [10, 2, 17, 7, 10, 16, 18, 19, 14, 14, 9, 9, 11, 10, 12];
/// Which of them have names of a length.
static BY_LENGTH: [u32; 20] = {
    let mut table = [0; 20];
    let mut place = 0;
    while place < LENGTHS.len() {
        table[LENGTHS[place]] |= 1 << place;
        place += 1;
    }
    table
};
/// Of those: fields of one connection only.
const HOP_BY_HOP: usize = 9;
const HOP_BY_HOP_BITS: u32 = (1 << HOP_BY_HOP) - 1;
const CONNECTION_BIT: u32 = 1;
pub(super) const TE_BIT: u32 = 1 << 1;
pub(super) const CODING_BIT: u32 = 1 << 2;
pub(super) const LENGTH_BIT: u32 = 1 << 9;
pub(super) const ID_BIT: u32 = 1 << 14;
pub(super) const DISGUISED_BIT: u32 = 1 << 15;
const FAMILY_BIT: u32 = 1 << 16;
/// What is told of the way here.
pub(super) const TOLD_BITS: u32 = 1 << 10 | 1 << 11 | FAMILY_BIT;
pub(super) const TRACE_BITS: u32 = 1 << 12 | 1 << 13;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &HeaderName) -> Found {
        let mut map = HeaderMap::new();
        map.insert(name, http::HeaderValue::from_static("x"));
        Found::among(&map)
    }

    #[test]
    fn every_known_field_is_looked_for() {
        let lengths = KNOWN.each_ref().map(|name| name.as_str().len());
        assert_eq!(lengths, LENGTHS);
        for (place, name) in KNOWN.iter().enumerate() {
            assert_eq!(found(name).0, 1 << place, "{name}");
        }
        let named = [
            (0, CONNECTION),
            (1, TE),
            (2, TRANSFER_ENCODING),
            (9, CONTENT_LENGTH),
        ];
        for (place, name) in named {
            assert_eq!(KNOWN[place], name);
        }
        assert_eq!(
            KNOWN[10..],
            [FORWARDED, X_REAL_IP, TRACEPARENT, TRACESTATE, X_REQUEST_ID]
        );
    }

    #[test]
    fn the_whole_family_is_found() {
        for name in [
            "x-forwarded-for",
            "x-forwarded-user",
            "x-forwarded-",
            "x-forwarded-anything-at-all-however-long",
        ] {
            assert_eq!(found(&name.parse().unwrap()).0, FAMILY_BIT, "{name}");
        }
        for name in [
            "x-forwarded",
            "accept",
            "xx-forwarded-for",
            "x_csrf_token",
            "x-request_idx",
        ] {
            assert_eq!(found(&name.parse().unwrap()).0, 0, "{name}");
        }
        for name in [
            "x_forwarded_for",
            "x-forwarded_user",
            "x_real_ip",
            "x_request-id",
        ] {
            let bits = found(&name.parse().unwrap()).0;
            assert_eq!(bits & !FAMILY_BIT, DISGUISED_BIT, "{name}");
        }
    }
}
