//! The fields that a proxy must take away, add or change (RFC 9110 section 7.6).
//!
//! Owns field rewriting for both directions; must not look at bodies or routes.

mod found;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, TE, TRANSFER_ENCODING, UPGRADE, VIA},
};

use self::found::{
    CODING_BIT, DISGUISED_BIT, Found, ID_BIT, LENGTH_BIT, TE_BIT, TOLD_BITS, TRACE_BITS,
};
use super::trace;

/// What is known of a request whose fields are rewritten.
#[derive(Debug)]
pub(crate) struct Known {
    /// Whether the fields that speak of forwarding are believed.
    pub(crate) told: Belief,
    /// Whether the trace is believed.
    pub(crate) trace: Belief,
    /// Whether the body has no length known in advance.
    pub(crate) chunked: bool,
    /// The protocol to upgrade to.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// Whether what a request says of its way here is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// It stays, where it is sound.
    Believed,
    /// It is removed.
    Doubted,
}

/// Makes a client's fields those of the request sent upstream, but for `Host`, which may depend on the endpoint, and for
/// what is told [besides](super::forwarded), of which nothing but `Via` is left.
pub(crate) fn rewrite_request(headers: &mut HeaderMap, known: Known) {
    let found = Found::among(headers);
    // What an upgraded connection carries has none, and its `Connection` names the upgrade alone.
    let may_have_trailers = found.any_of(TE_BIT) && known.upgrade.is_none();
    let wants_trailers = may_have_trailers && welcomes_trailers(headers);
    found.remove_from(headers);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    if known.chunked {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Some(protocol) = known.upgrade {
        headers.insert(UPGRADE, protocol);
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if found.any_of(DISGUISED_BIT) {
        found::remove_disguised(headers);
    }
    if found.any_of(TOLD_BITS) {
        // Written anew where a service wants it, for each endpoint.
        headers.remove(FORWARDED);
        match known.told {
            Belief::Believed => found::remove_told_anew(headers),
            Belief::Doubted => found::remove_told(headers),
        }
    }
    if found.any_of(ID_BIT) {
        headers.remove(X_REQUEST_ID);
    }
    if found.any_of(TRACE_BITS)
        && (known.trace == Belief::Doubted || trace::sound(headers).is_none())
    {
        trace::remove(headers);
    }
}

/// An endpoint's framing can be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Makes an endpoint's fields those of the response sent downstream, but for the request's id, unless its framing is
/// ambiguous, as that of an endpoint of HTTP/2 may be, whose fields were not judged where they were read.
pub(crate) fn rewrite_response(headers: &mut HeaderMap) -> Result<(), Ambiguous> {
    let found = Found::among(headers);
    if found.any_of(LENGTH_BIT | CODING_BIT) && !is_framed_clearly(headers, found) {
        return Err(Ambiguous);
    }
    found.remove_from(headers);
    headers.append(VIA, VIA_ENTRY.clone());
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

/// Fields that a client may not have removed by nominating them.
static KEPT: [HeaderName; 6] = [
    HOST,
    http::header::CONTENT_LENGTH,
    http::header::AUTHORIZATION,
    http::header::COOKIE,
    http::header::CACHE_CONTROL,
    http::header::CONTENT_TYPE,
];
pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Carries the request's id, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What cutover adds to `Via`, both ways.
pub(super) static VIA_ENTRY: HeaderValue = HeaderValue::from_static("1.1 cutover");

#[cfg(test)]
mod tests {
    use super::{super::forwarded::Forwarded, *};

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    fn rewritten(fields: &[(&str, &str)]) -> HeaderMap {
        rewritten_if(Belief::Doubted, fields)
    }

    fn rewritten_if(told: Belief, fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = map(fields);
        let (client, id) = (
            HeaderValue::from_static("192.0.2.1"),
            HeaderValue::from_static("id-1"),
        );
        let host = headers.get(HOST).cloned();
        let known = Known {
            told,
            trace: told,
            chunked: false,
            upgrade: None,
        };
        rewrite_request(&mut headers, known);
        let forwarded = Forwarded {
            client: &client,
            proto: &HeaderValue::from_static("http"),
            asked_host: host.as_ref(),
            id: &id,
        };
        forwarded.add_to(&mut headers);
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
            ("x-forwarded-port", "443"),
            ("x-forwarded-user", "root"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("traceparent", SOUND),
            ("tracestate", "a=1"),
            ("connection", "x-forwarded-for"),
        ]);
        assert_eq!(headers["x-forwarded-for"], "192.0.2.1");
        assert_eq!(headers["x-forwarded-proto"], "http");
        assert_eq!(headers["x-forwarded-host"], "shop");
        for gone in [
            "forwarded",
            "x-forwarded-port",
            "x-forwarded-user",
            "x-real-ip",
            "traceparent",
            "tracestate",
        ] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(headers["x-request-id"], "id-1");
    }

    #[test]
    fn what_is_believed_stays_where_it_is_sound() {
        let kept = rewritten_if(
            Belief::Believed,
            &[
                ("x-forwarded-port", "443"),
                ("x-real-ip", "10.0.0.1"),
                ("traceparent", SOUND),
                ("tracestate", "a=1"),
            ],
        );
        for name in ["x-forwarded-port", "x-real-ip", "traceparent", "tracestate"] {
            assert!(kept.contains_key(name), "{name}");
        }
        for fields in [
            &[("tracestate", "a=1")][..],
            &[("traceparent", "00-0-0-01"), ("tracestate", "a=1")],
            &[
                ("traceparent", SOUND),
                ("traceparent", SOUND),
                ("tracestate", "a=1"),
            ],
        ] {
            let headers = rewritten_if(Belief::Believed, fields);
            assert!(!headers.contains_key("traceparent") && !headers.contains_key("tracestate"));
        }
    }

    const SOUND: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn framing_that_can_be_read_in_two_ways_is_ambiguous() {
        let judged = |fields: &[(&str, &str)]| rewrite_response(&mut map(fields));
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
