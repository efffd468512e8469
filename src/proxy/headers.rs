//! The fields that a proxy must take away, add or change (RFC 9110 section 7.6).
//!
//! Owns field rewriting for both directions; must not look at bodies or routes.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
        TRANSFER_ENCODING, UPGRADE, VIA,
    },
};

/// What to tell the endpoint about the request, besides what the client said.
#[derive(Debug)]
pub(crate) struct Forwarded<'a> {
    /// The client's address.
    pub(crate) client: &'a HeaderValue,
    /// The request's id.
    pub(crate) id: &'a HeaderValue,
    /// The client's own `Host`, if it sent one.
    pub(crate) host: Option<&'a HeaderValue>,
    /// Whether the body has no length known in advance.
    pub(crate) chunked: bool,
    /// The protocol to upgrade to.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// Makes a client's fields those of the request sent upstream, but for `Host`, which may depend on the endpoint.
pub(crate) fn rewrite_request(headers: &mut HeaderMap, forwarded: Forwarded<'_>) {
    let found = Found::among(headers);
    let wants_trailers = found.any_of(TE_BIT) && welcomes_trailers(headers);
    found.remove_from(headers);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if forwarded.chunked {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(protocol) = forwarded.upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    // What a client says about forwarding is not believed: it could name any address.
    if found.any_of(FORWARDED_BIT) {
        headers.remove(FORWARDED);
        headers.remove(X_FORWARDED_HOST);
    }
    if let Some(sent) = forwarded.host {
        headers.insert(X_FORWARDED_HOST, sent.clone());
    }
    headers.insert(X_FORWARDED_FOR, forwarded.client.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_REQUEST_ID, forwarded.id.clone());
    headers.append(VIA, HeaderValue::from_static(VIA_ENTRY));
}

/// Takes away from trailers what only a head may say, and what concerns one connection (RFC 9110 section 6.5.1).
pub(crate) fn rewrite_trailers(trailers: &mut HeaderMap) {
    for name in KNOWN[..HOP_BY_HOP].iter().chain([&CONTENT_LENGTH, &HOST]) {
        trailers.remove(name);
    }
}

/// An endpoint's framing can be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Makes an endpoint's fields those of the response sent downstream, unless its framing is ambiguous: hyper
/// goes by the coding where there is a length, too, and takes what follows an unknown coding for plain bytes.
pub(crate) fn rewrite_response(headers: &mut HeaderMap, id: &HeaderValue) -> Result<(), Ambiguous> {
    let found = Found::among(headers);
    if found.any_of(LENGTH_BIT | CODING_BIT) && !is_framed_clearly(headers, found) {
        return Err(Ambiguous);
    }
    found.remove_from(headers);
    headers.insert(X_REQUEST_ID, id.clone());
    headers.append(VIA, HeaderValue::from_static(VIA_ENTRY));
    Ok(())
}

fn is_framed_clearly(headers: &HeaderMap, found: Found) -> bool {
    if found.any_of(CODING_BIT) {
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        return !found.any_of(LENGTH_BIT)
            && codings.next().is_some_and(chunked)
            && codings.next().is_none();
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let digits = |length: &HeaderValue| length.as_bytes().iter().all(u8::is_ascii_digit);
    lengths.next().is_some_and(digits) && lengths.next().is_none()
}

/// Which of the [`KNOWN`] fields are there, a bit each. One look at every field is cheaper than one look-up
/// for each field that might be there.
#[derive(Clone, Copy)]
struct Found(u16);

impl Found {
    fn among(headers: &HeaderMap) -> Self {
        let mut found = 0;
        for name in headers.keys() {
            // Few fields have the length of a known one; the others cost one comparison.
            let length = name.as_str().len();
            if length < 32 && KNOWN_LENGTHS & (1 << length) != 0 {
                let place = KNOWN.iter().position(|known| known == name);
                found |= place.map_or(0, |place| 1 << place);
            }
        }
        Self(found)
    }

    const fn any_of(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// Removes what concerns one connection only, and what `Connection` nominates.
    fn remove_from(self, headers: &mut HeaderMap) {
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

/// Whether the client can take trailers (`TE: trailers`), which a hop that passes them may repeat.
fn welcomes_trailers(headers: &HeaderMap) -> bool {
    headers
        .get_all(TE)
        .iter()
        .any(|value| names(value).any(|name| name == "trailers"))
}

/// Fields that `Connection` nominates. Those that frame the message or say where it goes stay, whatever it
/// says: removing them would let a client change how the endpoint reads the request.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let kept = |name: &HeaderName| KEPT.contains(name);
    // What nearly everybody says nominates nothing that could be there.
    let usual = |value: &HeaderValue| {
        ["keep-alive", "close"]
            .iter()
            .any(|usual| value.as_bytes().eq_ignore_ascii_case(usual.as_bytes()))
    };
    headers
        .get_all(CONNECTION)
        .iter()
        .filter(|value| !usual(value))
        .flat_map(|value| {
            names(value)
                .filter_map(|name| name.parse().ok())
                .collect::<Vec<HeaderName>>()
        })
        .filter(|name| !kept(name))
        .collect()
}

/// The lower-case names of a comma-separated list; what cannot be a name is passed over.
fn names(value: &HeaderValue) -> impl Iterator<Item = String> {
    let tokens = value
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii);
    tokens
        .filter_map(|token| std::str::from_utf8(token).ok())
        .map(str::to_ascii_lowercase)
}

/// Fields that are looked for: first those of one connection only (`keep-alive` and `proxy-connection` are
/// relics that some still send), then those that speak of forwarding, and the length.
static KNOWN: [HeaderName; 11] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    FORWARDED,
    X_FORWARDED_HOST,
    CONTENT_LENGTH,
];
/// Of those: fields of one connection only.
const HOP_BY_HOP: usize = 8;
const HOP_BY_HOP_BITS: u16 = (1 << HOP_BY_HOP) - 1;
const CONNECTION_BIT: u16 = 1;
const TE_BIT: u16 = 1 << 1;
const CODING_BIT: u16 = 1 << 2;
const FORWARDED_BIT: u16 = 1 << 8 | 1 << 9;
const LENGTH_BIT: u16 = 1 << 10;
/// A bit for each length of a known field's name; a test compares the two.
const KNOWN_LENGTHS: u32 =
    1 << 2 | 1 << 7 | 1 << 9 | 1 << 10 | 1 << 14 | 1 << 16 | 1 << 17 | 1 << 18 | 1 << 19;
/// Fields that a client may not have removed by nominating them.
static KEPT: [HeaderName; 6] = [
    HOST,
    http::header::CONTENT_LENGTH,
    http::header::AUTHORIZATION,
    http::header::COOKIE,
    http::header::CACHE_CONTROL,
    http::header::CONTENT_TYPE,
];
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED: HeaderName = http::header::FORWARDED;
/// Carries the request's id, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VIA_ENTRY: &str = "1.1 cutover";

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    fn rewritten(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = map(fields);
        let (client, id) = (
            HeaderValue::from_static("192.0.2.1"),
            HeaderValue::from_static("id-1"),
        );
        let host = headers.get(HOST).cloned();
        let forwarded = Forwarded {
            client: &client,
            id: &id,
            host: host.as_ref(),
            chunked: false,
            upgrade: None,
        };
        rewrite_request(&mut headers, forwarded);
        headers
    }

    #[test]
    fn fields_of_one_connection_do_not_pass() {
        let headers = rewritten(&[
            ("host", "a"),
            ("connection", "keep-alive, x-mine"),
            ("connection", "X-Other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("x-stays", "3"),
        ]);
        for gone in [
            "connection",
            "keep-alive",
            "proxy-connection",
            "upgrade",
            "te",
            "x-mine",
            "x-other",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers["x-stays"], "3");
    }

    #[test]
    fn framing_and_authority_cannot_be_nominated_away() {
        let headers = rewritten(&[
            ("host", "a"),
            ("content-length", "3"),
            ("connection", "host, content-length"),
        ]);
        assert_eq!(
            (&headers["host"], &headers["content-length"]),
            (&"a".parse().unwrap(), &"3".parse().unwrap())
        );
    }

    #[test]
    fn what_a_client_says_of_itself_is_replaced() {
        let headers = rewritten(&[
            ("host", "shop"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=10.0.0.1"),
            ("connection", "x-forwarded-for"),
        ]);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "shop");
        assert!(!headers.contains_key("forwarded"));
        assert_eq!(headers["x-request-id"], "id-1");
    }

    #[test]
    fn every_known_field_is_looked_for() {
        let lengths = KNOWN
            .iter()
            .fold(0, |lengths, name| lengths | 1_u32 << name.as_str().len());
        assert_eq!(lengths, KNOWN_LENGTHS);
        for (place, name) in KNOWN.iter().enumerate() {
            assert!(
                Found::among(&map(&[(name.as_str(), "x")])).any_of(1 << place),
                "{name}"
            );
        }
        assert_eq!(
            [
                &KNOWN[0], &KNOWN[1], &KNOWN[2], &KNOWN[8], &KNOWN[9], &KNOWN[10]
            ],
            [
                &CONNECTION,
                &TE,
                &TRANSFER_ENCODING,
                &FORWARDED,
                &X_FORWARDED_HOST,
                &CONTENT_LENGTH
            ]
        );
    }

    #[test]
    fn framing_that_can_be_read_in_two_ways_is_ambiguous() {
        let judged = |fields: &[(&str, &str)]| {
            rewrite_response(&mut map(fields), &HeaderValue::from_static("id"))
        };
        assert_eq!(judged(&[]), Ok(()));
        assert_eq!(judged(&[("content-length", "5")]), Ok(()));
        assert_eq!(judged(&[("transfer-encoding", "chunked")]), Ok(()));
        for fields in [
            &[("content-length", "5, 5")][..],
            &[("content-length", "5"), ("content-length", "5")],
            &[("content-length", "5"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "gzip, chunked")],
            &[
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
        ] {
            assert_eq!(judged(fields), Err(Ambiguous), "{fields:?}");
        }
    }

    #[test]
    fn via_is_continued_and_trailers_stay_welcome() {
        let headers = rewritten(&[
            ("host", "a"),
            ("via", "1.0 other"),
            ("te", "trailers, gzip"),
        ]);
        let via: Vec<_> = headers.get_all("via").iter().collect();
        assert_eq!(via, ["1.0 other", "1.1 cutover"]);
        assert_eq!(
            (&headers["te"], &headers["connection"]),
            (&"trailers".parse().unwrap(), &"te".parse().unwrap())
        );
    }
}
