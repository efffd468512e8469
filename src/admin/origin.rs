//! Guards against browsers: a page of a foreign site must not operate cutover through its visitor.
//!
//! Owns the rules for `Host` and `Origin`. On a loopback address, a request whose `Host` is a name may be a
//! browser's whose resolver was made to call us by that name (DNS rebinding). Other machines' addresses have tokens, which no
//! browser sends by itself, so there any name will do. A request that says which page it comes from must come
//! from the address it calls, everywhere.

use std::net::IpAddr;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    middleware::Next,
    response::Response,
};

use super::{
    call_error::CallError,
    context::{Context, Door},
};

/// Lets a request pass that was not sent by a foreign site.
pub(super) async fn keep_out_foreign(
    State(context): State<Context>,
    req: Request,
    next: Next,
) -> Result<Response, CallError> {
    judge(context.door, req.uri(), req.headers())?;
    Ok(next.run(req).await)
}

fn judge(door: Door, uri: &Uri, headers: &HeaderMap) -> Result<(), CallError> {
    let host = one(headers, header::HOST, "Host")?;
    if door == Door::Loopback {
        for called in [host, uri.authority().map(Authority::as_str)] {
            match called {
                Some(called) if !is_local(called) => {
                    return Err(CallError::ForeignHost(called.to_owned()));
                }
                Some(_) | None => {}
            }
        }
    }
    match one(headers, header::ORIGIN, "Origin")? {
        Some(origin) if !is_same(origin, host) => Err(CallError::ForeignOrigin(origin.to_owned())),
        Some(_) | None => Ok(()),
    }
}

/// Whether nobody's resolver was needed to call us so.
fn is_local(called: &str) -> bool {
    let Ok(authority) = called.parse::<Authority>() else {
        return false;
    };
    let host = authority.host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

/// Whether the page comes from the address that it calls. The scheme is not compared: cutover does not know by
/// which one a TLS proxy in front of it was called.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    match (origin.split_once("://"), host) {
        (Some((_, authority)), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn one<'a>(
    headers: &'a HeaderMap,
    name: header::HeaderName,
    said: &'static str,
) -> Result<Option<&'a str>, CallError> {
    let wrong = || CallError::Header {
        header: said,
        expected: "given once, in visible ASCII",
    };
    let mut all = headers.get_all(name).iter();
    let value = all.next();
    if all.next().is_some() {
        return Err(wrong());
    }
    value
        .map(|value| value.to_str().map_err(|_| wrong()))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(door: Door, host: &str, origin: Option<&str>) -> Result<(), CallError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        judge(door, &Uri::from_static("/v1/reload"), &headers)
    }

    #[test]
    fn on_loopback_only_what_needs_no_resolver_may_be_called() {
        let local = [
            "localhost",
            "LOCALHOST:9900",
            "127.0.0.1:9900",
            "10.0.0.1",
            "[::1]:9900",
        ];
        for host in local {
            assert_eq!(judged(Door::Loopback, host, None), Ok(()), "{host}");
        }
        let foreign = [
            "evil.example",
            "evil.example:9900",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a@b",
            "",
        ];
        for host in foreign {
            let judged = judged(Door::Loopback, host, None);
            assert_eq!(judged, Err(CallError::ForeignHost(host.to_owned())));
        }
        for door in [Door::Unix, Door::Reachable] {
            assert_eq!(judged(door, "admin.example", None), Ok(()));
        }
    }

    #[test]
    fn a_page_may_call_only_where_it_came_from() {
        for door in [Door::Unix, Door::Loopback, Door::Reachable] {
            let host = "127.0.0.1:9900";
            assert_eq!(judged(door, host, Some("http://127.0.0.1:9900")), Ok(()));
            for origin in [
                "null",
                "",
                "http://evil.example",
                "http://127.0.0.1",
                "127.0.0.1:9900",
            ] {
                let judged = judged(door, host, Some(origin));
                let refused = CallError::ForeignOrigin(origin.to_owned());
                assert_eq!(judged, Err(refused), "{door:?} {origin}");
            }
        }
    }

    #[test]
    fn the_address_in_the_request_line_counts_too_and_a_second_host_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost".parse().unwrap());
        let uri = Uri::from_static("http://evil.example/v1/reload");
        let judged = judge(Door::Loopback, &uri, &headers);
        assert!(matches!(judged, Err(CallError::ForeignHost(_))));
        headers.append(header::HOST, "localhost".parse().unwrap());
        let judged = judge(Door::Loopback, &Uri::from_static("/"), &headers);
        assert!(matches!(judged, Err(CallError::Header { .. })));
    }
}
