//! The fields that a proxy must take away, add or change (RFC 9110 section 7.6).
//!
//! Owns field rewriting for both directions; must not look at bodies or routes.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
        VIA,
    },
};

/// What to tell the endpoint about the request, besides what the client said.
#[derive(Debug)]
pub(crate) struct Forwarded<'a> {
    /// The client's address.
    pub(crate) client: &'a HeaderValue,
    /// The request's id.
    pub(crate) id: &'a HeaderValue,
    /// Whether the body has no length known in advance.
    pub(crate) chunked: bool,
    /// The protocol to upgrade to.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// Makes a client's fields those of the request sent upstream, but for `Host`, which may depend on the endpoint.
pub(crate) fn rewrite_request(headers: &mut HeaderMap, forwarded: Forwarded<'_>) {
    let wants_trailers = remove_hop_by_hop(headers);
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
    match headers.get(HOST).cloned() {
        Some(sent) => headers.insert(X_FORWARDED_HOST, sent),
        None => headers.remove(X_FORWARDED_HOST),
    };
    headers.insert(X_FORWARDED_FOR, forwarded.client.clone());
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    headers.insert(X_REQUEST_ID, forwarded.id.clone());
    headers.remove(FORWARDED);
    append_via(headers);
}

/// Makes an endpoint's fields those of the response sent downstream.
pub(crate) fn rewrite_response(headers: &mut HeaderMap, id: &HeaderValue) {
    remove_hop_by_hop(headers);
    headers.insert(X_REQUEST_ID, id.clone());
    append_via(headers);
}

/// Removes what concerns one connection only, and what `Connection` nominates. Says whether trailers are
/// welcome (`TE: trailers`), which a hop that passes trailers may repeat.
fn remove_hop_by_hop(headers: &mut HeaderMap) -> bool {
    let mut found = [false; HOP_BY_HOP.len()];
    let mut any = false;
    for name in headers.keys() {
        if let Some(place) = HOP_BY_HOP.iter().position(|known| known == name) {
            found[place] = true;
            any = true;
        }
    }
    if !any {
        return false;
    }
    let wants_trailers = headers
        .get_all(TE)
        .iter()
        .any(|value| names(value).any(|it| it == "trailers"));
    for nominated in nominated(headers) {
        headers.remove(nominated);
    }
    for (place, name) in HOP_BY_HOP.iter().enumerate() {
        if found[place] {
            headers.remove(name);
        }
    }
    wants_trailers
}

/// Fields that `Connection` nominates. Those that frame the message or say where it goes stay, whatever it
/// says: removing them would let a client change how the endpoint reads the request.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let kept = |name: &HeaderName| KEPT.contains(name);
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| {
            names(value)
                .filter_map(|name| name.parse().ok())
                .collect::<Vec<HeaderName>>()
        })
        .filter(|name| !kept(name))
        .take(MAX_NOMINATED)
        .collect()
}

/// The lower-case names of a comma-separated list.
fn names(value: &HeaderValue) -> impl Iterator<Item = String> {
    let text = value.to_str().unwrap_or_default();
    text.split(',').map(|name| name.trim().to_ascii_lowercase())
}

/// Appends to `Via` (RFC 9110 section 7.6.3).
fn append_via(headers: &mut HeaderMap) {
    match headers.get(VIA) {
        None => {
            headers.insert(VIA, HeaderValue::from_static(VIA_ENTRY));
        }
        // A second line means the same as a longer list.
        Some(_) => {
            headers.append(VIA, HeaderValue::from_static(VIA_ENTRY));
        }
    }
}

/// Fields of one connection only. `keep-alive` and `proxy-connection` are relics that some still send.
static HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    TRANSFER_ENCODING,
    TE,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
];
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
/// Fields that one head may nominate; it cannot have more fields than this anyway.
const MAX_NOMINATED: usize = 64;

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
        let forwarded = Forwarded {
            client: &client,
            id: &id,
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
