//! Judges the head of one HTTP/2 request, and makes it one that HTTP/1 could have brought.
//!
//! Owns what RFC 9113 sections 8.2 to 8.5 ask for beyond h2, which sees to pseudo-fields, fields of one connection and
//! lengths that the data does not keep; and whatever could be read in another way once it is written as HTTP/1. Must
//! not know routes. What passes has its authority in `Host`, its target in origin form, and one `Cookie`.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST},
};
use hyper::ext::Protocol;

use crate::{
    config::ListenerLimits,
    proxy::protocol::{
        Verdict,
        authority::is_authority,
        http1::{HeadRefusal, MAX_LENGTH_DIGITS, UNDERSCORE, check_method, check_target},
    },
};

/// Judges `request`, which is made ready to be forwarded unless it is refused.
pub(super) fn judge<B>(request: &mut Request<B>, limits: &ListenerLimits) -> Verdict {
    let judged = examine(request, limits);
    *request.uri_mut() = origin_form(std::mem::take(request.uri_mut()));
    match judged {
        Err(refusal) => Verdict::Refused(refusal),
        Ok(host) => {
            let headers = request.headers_mut();
            headers.insert(HOST, host);
            join_cookies(headers);
            if request.method() == Method::CONNECT {
                Verdict::Upgrade
            } else {
                Verdict::Plain
            }
        }
    }
}

fn examine<B>(request: &Request<B>, limits: &ListenerLimits) -> Result<HeaderValue, HeadRefusal> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if method == Method::CONNECT {
        match request.extensions().get::<Protocol>() {
            // A tunnel to anywhere is a forward proxy's.
            None => return Err(HeadRefusal::Connect),
            Some(protocol)
                if protocol.as_str() == WEBSOCKET
                    && limits.upgrades.contain(WEBSOCKET.as_bytes()) => {}
            Some(_) => return Err(HeadRefusal::Protocol),
        }
    }
    let target = uri.path_and_query().map_or("", |target| target.as_str());
    let mut size = method.as_str().len() + target.len() + LINE_OVERHEAD;
    if headers.len() > limits.max_header_count {
        return Err(HeadRefusal::TooManyFields);
    }
    for (name, value) in headers {
        size += name.as_str().len() + value.len() + FIELD_OVERHEAD;
        examine_field(name, value)?;
    }
    if size > limits.max_header_size {
        return Err(HeadRefusal::TooLarge);
    }
    if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
        return Err(HeadRefusal::Malformed("repeated content-length"));
    }
    check_scheme(uri)?;
    check_form(method, target)?;
    authority(uri, headers)
}

fn examine_field(name: &HeaderName, value: &HeaderValue) -> Result<(), HeadRefusal> {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = value.as_bytes();
    if is_space(bytes.first()) || is_space(bytes.last()) {
        return Err(HeadRefusal::Malformed(
            "header field begins or ends with a space",
        ));
    }
    // What is behind some endpoints is told of both in the same letters, as in HTTP/1.
    if matches!(name.as_str(), "content_length" | "transfer_encoding") {
        return Err(UNDERSCORE);
    }
    if name == EXPECT && !bytes.eq_ignore_ascii_case(b"100-continue") {
        return Err(HeadRefusal::Expectation);
    }
    let is_length =
        (1..=MAX_LENGTH_DIGITS).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit);
    if name == CONTENT_LENGTH && !is_length {
        return Err(HeadRefusal::Malformed("malformed content-length"));
    }
    Ok(())
}

/// A client behind something that ends TLS for it may say `https` in the clear; no other scheme leads here.
fn check_scheme(uri: &Uri) -> Result<(), HeadRefusal> {
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(HeadRefusal::Malformed("unknown scheme")),
    }
}

/// Only the two forms that HTTP/1 has for an origin: a client cannot smuggle an absolute one in.
fn check_form(method: &Method, target: &str) -> Result<(), HeadRefusal> {
    if !target.starts_with('/') && target != "*" {
        return Err(HeadRefusal::Malformed("malformed request target"));
    }
    check_method(method.as_str().as_bytes())?;
    check_target(method.as_str().as_bytes(), target.as_bytes())
}

/// The `Host` of the request: its authority, or its `Host` where that is all there is. The two must not disagree.
fn authority(uri: &Uri, headers: &HeaderMap) -> Result<HeaderValue, HeadRefusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let (host, other) = (hosts.next(), hosts.next());
    if other.is_some() {
        return Err(HeadRefusal::Malformed("repeated host field"));
    }
    let authority = match (uri.authority(), host) {
        (None, None) => return Err(HeadRefusal::Malformed("missing authority")),
        (None, Some(host)) => host.clone(),
        (Some(authority), host) => {
            let authority = authority.as_str();
            let agrees =
                |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
            if !host.is_none_or(agrees) {
                return Err(HeadRefusal::Malformed("host field and authority disagree"));
            }
            HeaderValue::from_str(authority)
                .map_err(|_| HeadRefusal::Malformed("malformed authority"))?
        }
    };
    if !is_authority(authority.as_bytes()) {
        return Err(HeadRefusal::Malformed("malformed authority"));
    }
    Ok(authority)
}

/// A client may send each cookie as a field of its own, so that it is compressed better; HTTP/1 knows one field
/// (RFC 9113 section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<_> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        // An empty one would leave the value of HTTP/1 to begin or end with a space.
        .filter(|crumb| !crumb.is_empty())
        .collect();
    // What was a field value in pieces is one as a whole.
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn origin_form(uri: Uri) -> Uri {
    let path = uri.into_parts().path_and_query;
    path.map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// The one protocol that an extended `CONNECT` may ask for.
pub(super) const WEBSOCKET: &str = "websocket";
/// What a request line has besides method and target: two spaces, version and line end.
const LINE_OVERHEAD: usize = 12;
/// What a field has besides name and value: colon, space and line end. So a head has the same size that it would have
/// in HTTP/1, whose limit it is.
const FIELD_OVERHEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ListenerLimits {
        ListenerLimits {
            max_header_count: 8,
            max_header_size: 1024,
            ..ListenerLimits::default()
        }
    }

    fn request(method: &str, uri: &str, fields: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[track_caller]
    fn refused(request: Request<()>) -> HeadRefusal {
        let mut request = request;
        match judge(&mut request, &limits()) {
            Verdict::Refused(refusal) => refusal,
            verdict @ (Verdict::Plain | Verdict::Upgrade) => panic!("{verdict:?}: {request:?}"),
        }
    }

    #[test]
    fn what_passes_looks_like_http_1() {
        let fields = [
            ("cookie", "a=1"),
            ("x", "y"),
            ("cookie", "b=2; c=3"),
            ("cookie", ""),
        ];
        let mut usual = request("GET", "https://shop.test/a?b", &fields);
        assert_eq!(judge(&mut usual, &limits()), Verdict::Plain);
        assert_eq!(usual.uri(), "/a?b");
        assert_eq!(usual.headers()["host"], "shop.test");
        let cookies: Vec<_> = usual.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
        let mut by_host = request("GET", "/a", &[("host", "shop.test:80")]);
        assert_eq!(judge(&mut by_host, &limits()), Verdict::Plain);
        assert_eq!(by_host.headers()["host"], "shop.test:80");
        let mut star = request("OPTIONS", "*", &[("host", "a")]);
        assert_eq!(judge(&mut star, &limits()), Verdict::Plain);
        assert_eq!(star.uri(), "*");
    }

    #[test]
    fn only_a_websocket_is_connected_to() {
        let connect = |protocol: Option<&'static str>| {
            let mut request = request("CONNECT", "http://a/ws", &[]);
            if let Some(protocol) = protocol {
                request
                    .extensions_mut()
                    .insert(Protocol::from_static(protocol));
            }
            request
        };
        assert_eq!(
            judge(&mut connect(Some("websocket")), &limits()),
            Verdict::Upgrade
        );
        assert_eq!(refused(connect(None)), HeadRefusal::Connect);
        assert_eq!(refused(connect(Some("connect-udp"))), HeadRefusal::Protocol);
    }

    #[test]
    fn what_could_be_read_otherwise_in_http_1_is_refused() {
        for (uri, fields) in [
            ("http://a/", &[("host", "b")][..]),
            ("/", &[]),
            ("/", &[("host", "")]),
            ("/", &[("host", "a"), ("host", "a")]),
            ("/", &[("host", "a b")]),
            ("/", &[("host", "a@b")]),
            ("http://user@a/", &[]),
            ("ftp://a/", &[]),
            ("*", &[("host", "a")]),
            ("http://a/\u{e4}", &[]),
            ("http://a/", &[("x", "y ")]),
            ("http://a/", &[("content-length", "+1")]),
            ("http://a/", &[("content-length", "1000000000000000000")]),
            ("http://a/", &[("content-length", "1, 1")]),
            (
                "http://a/",
                &[("content-length", "1"), ("content-length", "1")],
            ),
        ] {
            let refusal = refused(request("GET", uri, fields));
            assert!(
                matches!(refusal, HeadRefusal::Malformed(_)),
                "{uri} {fields:?}: {refusal:?}"
            );
        }
    }

    #[test]
    fn bounds_and_expectations_are_those_of_http_1() {
        let many = vec![("x", "y"); 9];
        assert_eq!(
            refused(request("GET", "http://a/", &many)),
            HeadRefusal::TooManyFields
        );
        let long = "y".repeat(1020);
        assert_eq!(
            refused(request("GET", "http://a/", &[("x", &long)])),
            HeadRefusal::TooLarge
        );
        assert_eq!(
            refused(request("GET", "http://a/", &[("expect", "200-ok")])),
            HeadRefusal::Expectation
        );
    }
}
