//! Any bytes as what comes in from either side. The properties stand in the folders of the protocols; what they ask of
//! forwarded fields is here.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

pub(crate) use super::protocol::{
    http1::fuzzing::{answers, chunks, requests},
    http2::fuzzing::translation,
};
use super::{
    forwarded::Forwarded,
    headers::{self, Belief, Known},
    outbound::Head,
    target,
};

/// A request that was let through, and what is known of it besides its head.
pub(super) struct Passed {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// Its body has no length known in advance.
    pub(super) chunked: bool,
    /// It asks for a protocol that cutover passes.
    pub(super) upgrades: bool,
}

impl Passed {
    /// As `Outbound` makes it one for an endpoint that gets the client's own host. What cutover tells of the client is
    /// the same every time.
    pub(super) fn forwarded(self, belief: Belief) -> Head {
        let request = http::Request::new(());
        let (mut parts, ()) = request.into_parts();
        (parts.method, parts.uri, parts.headers) = (self.method, self.uri, self.headers);
        let host = target::host(&mut parts);
        let value = HeaderValue::from_static;
        let upgrade = parts
            .headers
            .get(header::UPGRADE)
            .cloned()
            .filter(|_| self.upgrades);
        let known = Known {
            told: belief,
            trace: belief,
            chunked: self.chunked,
            upgrade,
        };
        headers::rewrite_request(&mut parts.headers, known);
        let forwarded = Forwarded {
            client: &value("192.0.2.1"),
            proto: &value("http"),
            asked_host: host.as_ref(),
            id: &value("id"),
        };
        forwarded.add_to(&mut parts.headers);
        parts
            .headers
            .insert(header::HOST, host.unwrap_or(value("endpoint")));
        Head {
            method: parts.method,
            uri: target::origin_form(parts.uri),
            headers: parts.headers,
        }
    }
}

/// What a client said reaches the endpoint, but for what was said to the proxy, and what it may not say at all.
pub(super) fn are_forwarded(before: &HeaderMap, after: &HeaderMap, belief: Belief) {
    let nominated = nominated(before);
    for name in before.keys().filter(|name| !is_dealt_with(name, belief)) {
        let is_kept = KEPT.contains(&name.as_str());
        let values =
            |headers: &HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        if is_kept || !nominated.contains(name) {
            assert_eq!(values(before), values(after), "{name}");
        } else {
            assert!(!after.contains_key(name), "{name} was nominated");
        }
    }
    no_hop_is_left(after);
    let single = [
        "host",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-request-id",
        "content-length",
        "transfer-encoding",
    ];
    for name in single {
        assert!(after.get_all(name).iter().count() <= 1, "{name}");
    }
    if belief == Belief::Doubted {
        let family: Vec<_> = after
            .keys()
            .filter(|name| name.as_str().starts_with("x-forwarded-"))
            .collect();
        assert!(family.len() <= 3, "{family:?}");
        assert!(
            ["x-real-ip", "traceparent", "tracestate"]
                .iter()
                .all(|it| !after.contains_key(*it))
        );
    }
    assert!(!after.contains_key(header::FORWARDED));
}

/// No field is left that was meant for one connection only, but for those that cutover sets itself.
pub(super) fn no_hop_is_left(after: &HeaderMap) {
    for name in HOP_BY_HOP {
        assert!(!after.contains_key(name), "{name}");
    }
    let connection: Vec<_> = after.get_all(header::CONNECTION).iter().collect();
    let te = after.get(header::TE);
    match connection.as_slice() {
        [] => assert_eq!(te, None),
        [own] if *own == "te" => assert!(te.is_some_and(|te| te == "trailers")),
        [own] => assert!(
            *own == "upgrade" && after.contains_key(header::UPGRADE) && te.is_none(),
            "{own:?} {te:?}"
        ),
        more => panic!("{more:?}"),
    }
}

/// What `Connection` names, read without a look at how cutover does.
fn nominated(before: &HeaderMap) -> Vec<HeaderName> {
    let values = before.get_all(header::CONNECTION).iter();
    let lists = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let names = lists.flat_map(|list| {
        list.split(',')
            .map(|name| name.trim_ascii().to_owned())
            .collect::<Vec<_>>()
    });
    names.filter_map(|name| name.parse().ok()).collect()
}

/// Fields about which cutover has a say: they are removed, replaced or added to.
fn is_dealt_with(name: &HeaderName, belief: Belief) -> bool {
    let name = name.as_str();
    let disguised = name.replace('_', "-");
    let told = |name: &str| {
        name.starts_with("x-forwarded-") || name == "x-real-ip" || name == "x-request-id"
    };
    HOP_BY_HOP.contains(&name)
        || [
            "connection",
            "te",
            "upgrade",
            "transfer-encoding",
            "via",
            "host",
            "forwarded",
            "x-request-id",
        ]
        .contains(&name)
        || ["traceparent", "tracestate"].contains(&name)
        || ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"].contains(&name)
        || (told(name) && belief == Belief::Doubted)
        || (name.contains('_') && told(&disguised))
}

/// Of one connection, whatever it says (RFC 9110 section 7.6.1), and what speaks to the proxy itself.
const HOP_BY_HOP: [&str; 5] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "http2-settings",
];
/// What a client may not have removed.
const KEPT: [&str; 6] = [
    "host",
    "content-length",
    "authorization",
    "cookie",
    "cache-control",
    "content-type",
];
