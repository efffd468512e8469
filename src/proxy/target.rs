//! What a request asks for, in the form that endpoints get it in.
//!
//! Owns the request target and where the host is taken from; must not decide where it leads.

use http::{HeaderValue, Uri, header::HOST, request::Parts};

use super::error::ProxyError;
use crate::core::{routing::Unclear, spelling::Ambiguity};

/// The host that the client named: its `Host`, or else the one in an absolute target, which becomes the `Host` then
/// (RFC 9112 section 3.2.2; HTTP/1.0 clients may leave the field out).
pub(crate) fn host(parts: &mut Parts) -> Option<HeaderValue> {
    if let Some(host) = parts.headers.get(HOST) {
        return Some(host.clone());
    }
    let authority = parts.uri.authority()?;
    let host = HeaderValue::from_str(authority.as_str()).ok()?;
    parts.headers.insert(HOST, host.clone());
    Some(host)
}

/// What routes are matched with; a host that is no text is malformed as well.
pub(crate) fn host_text(host: Option<&HeaderValue>) -> &str {
    host.map_or("", |host| host.to_str().unwrap_or("\u{fffd}"))
}

/// `/path?query`, also where the client sent `http://host/path?query` (RFC 9112 section 3.2.2).
pub(crate) fn origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    let path = uri.into_parts().path_and_query;
    path.map_or_else(|| Uri::from_static("/"), Uri::from)
}

/// `uri` with another path, and the client's own query.
pub(crate) fn with_path(uri: &Uri, mut path: String) -> Result<Uri, ProxyError> {
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    // A path that was settled has nothing but what a target may have.
    Uri::try_from(path).map_err(|_| ProxyError::Unclear(Unclear::Path(Ambiguity::Character)))
}
