//! The answer of a listener that sends everybody to `https`.
//!
//! Owns the address it names: the host that the client asked for, and its path and query byte for byte. 308 rather than
//! 301, so that a POST stays a POST.

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response, StatusCode, Uri,
    header::{CONTENT_TYPE, HOST, LOCATION},
    uri::Authority,
};

use super::{error::ProxyError, headers::X_REQUEST_ID};

/// Sends the client to `https` on `port`.
pub(crate) fn to_https<B>(
    request: &Request<B>,
    port: u16,
    id: &HeaderValue,
) -> Result<Response<Bytes>, ProxyError> {
    let location = location(request, port).ok_or(ProxyError::NoHost)?;
    let mut response = Response::new(Bytes::from_static(BODY));
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    headers.insert(X_REQUEST_ID, id.clone());
    Ok(response)
}

/// Where to; `None` if the client did not say which host it meant.
fn location<B>(request: &Request<B>, port: u16) -> Option<HeaderValue> {
    let named = request.headers().get(HOST);
    let named = named.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let host = match request.uri().authority() {
        Some(authority) => authority.host().to_owned(),
        None => named?.host().to_owned(),
    };
    if host.is_empty() {
        return None;
    }
    let mut location = format!("https://{host}").into_bytes();
    if port != HTTPS {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    for byte in target(request.uri()).bytes() {
        if byte.is_ascii_graphic() {
            location.push(byte);
        } else {
            location.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    HeaderValue::from_bytes(&location).ok()
}

/// Path and query. `OPTIONS *` has no path.
fn target(uri: &Uri) -> &str {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    if target.starts_with('/') { target } else { "/" }
}

const BODY: &[u8] = b"308 Permanent Redirect: this is served by https\n";
const TEXT: &str = "text/plain; charset=utf-8";
/// The port that need not be said.
const HTTPS: u16 = 443;

#[cfg(test)]
mod tests {
    use super::*;

    fn to(target: &str, host: Option<&str>, port: u16) -> Option<String> {
        let mut request = Request::get(target).body(()).unwrap();
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host.parse().unwrap());
        }
        let location = location(&request, port)?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[test]
    fn host_path_and_query_are_kept_and_the_port_is_replaced() {
        let to = |target, host, port| to(target, Some(host), port).unwrap();
        assert_eq!(
            to("/a//b?c=%2F", "shop:8080", 443),
            "https://shop/a//b?c=%2F"
        );
        assert_eq!(to("/", "[::1]:80", 8443), "https://[::1]:8443/");
        assert_eq!(to("http://shop:80/a", "shop:80", 443), "https://shop/a");
        assert_eq!(to("*", "shop", 443), "https://shop/");
    }

    #[test]
    fn without_a_host_there_is_nowhere_to_go() {
        assert_eq!(to("/", None, 443), None);
        assert_eq!(to("/", Some(""), 443), None);
    }
}
