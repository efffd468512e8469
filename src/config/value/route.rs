//! Routes: `HOST/PREFIX`, the host optional.
//!
//! Owns their one spelling: host in lower case, prefix without trailing slash and in normal form. Prefixes are compared
//! with the normal form of request paths byte by byte, so what no normal form has, or what is ambiguous in a request, is
//! refused here.

use std::net::SocketAddr;

use serde_json::Value;

use super::addr::{canonical_host, host_pattern};
use crate::{
    config::{
        form,
        text::{BadValue, FromText},
    },
    core::{
        service::{Route, RouteHost},
        spelling::Spelling,
    },
};

impl FromText for Route {
    const KIND: &'static str = "a route";
    const EXAMPLE: &'static str = "\"shop.example.com/\"";

    fn text_form() -> Value {
        let host = host_pattern();
        let byte = "[!$&'()+,./0-9:<=>@A-Z\\[\\]^_`a-z{|}~-]";
        let pattern = format!(r"((\*\.)?({host}))?/({byte}|%[0-9A-Fa-f]{{2}})*");
        let never = r"//|/(\.|%2[Ee]){1,2}(/|$)|%(00|2[Ff]|5[Cc]|3[Bb])";
        form::pattern_without(&pattern, never)
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        if let Some((scheme, rest)) = text.split_once("://") {
            let suggestion = format!("write host and path alone: `{rest}`");
            return Err(BadValue::new(
                text,
                format!("begins with `{scheme}://`"),
                suggestion,
            ));
        }
        let Some(slash) = text.find('/') else {
            let suggestion = if text.is_empty() {
                "write `/` for every path of every host".to_owned()
            } else {
                format!("did you mean `{text}/`?")
            };
            return Err(BadValue::new(text, "has no path", suggestion));
        };
        let (host, prefix) = text.split_at(slash);
        Ok(Self {
            host: route_host(host, text)?,
            prefix: route_prefix(prefix, text)?,
        })
    }
}

fn route_host(host: &str, text: &str) -> Result<RouteHost, BadValue> {
    if host.is_empty() {
        return Ok(RouteHost::Any);
    }
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.contains(']'));
    if has_port || host.parse::<SocketAddr>().is_ok() {
        let suggestion =
            "remove it: a route is heard on every port of the listeners of its service";
        return Err(BadValue::new(text, "has a port", suggestion));
    }
    if host == "*" {
        let suggestion = format!("leave the host out for any host: `{}`", &text[1..]);
        return Err(BadValue::new(text, "has `*` alone for a host", suggestion));
    }
    let (is_wildcard, name) = match host.strip_prefix("*.") {
        Some(suffix) => (true, suffix),
        None => (false, host),
    };
    if name.contains('*') {
        let suggestion = "use it as the whole first label, as in `*.example.com/`";
        return Err(BadValue::new(text, "has `*` within its host", suggestion));
    }
    let host = canonical_host(name).map_err(|bad| bad.into_value(text))?;
    Ok(if is_wildcard {
        RouteHost::Wildcard(host.written())
    } else {
        RouteHost::Exact(host.written())
    })
}

fn route_prefix(prefix: &str, text: &str) -> Result<String, BadValue> {
    let bad = |complaint: &str, suggestion: &str| Err(BadValue::new(text, complaint, suggestion));
    if prefix.contains(['?', '#']) {
        return bad(
            "has a query or fragment",
            "routes match by host and path only; remove it",
        );
    }
    if prefix.contains('*') {
        let suggestion = "remove it: a prefix matches everything below it; `%2A` is the character";
        return bad("has `*` in its path", suggestion);
    }
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"';
    if !prefix.bytes().all(is_plain) || !escapes_are_whole(prefix) {
        let suggestion = "write it as it comes in a request, percent-encoded";
        return bad("has characters that no path has", suggestion);
    }
    if prefix.len() > PREFIX_LIMIT {
        return bad("is too long", "use a shorter prefix");
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() {
        return Ok("/".to_owned());
    }
    let mut segments = prefix.split('/').skip(1);
    if segments.clone().any(str::is_empty) {
        return bad(
            "has an empty path segment",
            "write one `/` between segments",
        );
    }
    if segments.any(is_dots) {
        return bad("has a dot segment", "write the path that it stands for");
    }
    let spelling = Spelling::of(prefix);
    if spelling.ambiguity().is_some() {
        let suggestion = "remove it: no such request is routed unless a service takes the risk";
        return bad("has an ambiguous escape", suggestion);
    }
    let normal = spelling.normal();
    if normal.contains(';') || normal.contains("%3B") {
        let suggestion = "end the prefix before its segment: servers differ on what `;` means";
        return bad("has `;` in its path", suggestion);
    }
    Ok(normal.into_owned())
}

/// `.` or `..`, percent-encoded or not.
fn is_dots(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

fn escapes_are_whole(prefix: &str) -> bool {
    prefix.split('%').skip(1).all(|after| {
        after
            .as_bytes()
            .first_chunk::<2>()
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Bytes of a prefix.
const PREFIX_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn route(text: &str, expected: &str) {
        let written = match Route::from_text(text) {
            Ok(route) => route.to_string(),
            Err(bad) => bad.to_string(),
        };
        assert_eq!(written, expected);
    }

    #[test]
    fn a_route_has_one_spelling() {
        route("/", "/");
        route("/api/", "/api");
        route("Shop.Example.com./", "shop.example.com/");
        route("*.Example.com/api", "*.example.com/api");
        route("[0::1]/x", "[::1]/x");
        route("10.0.0.1/", "10.0.0.1/");
        route("/a%20b", "/a%20b");
        route("/%61pi/%7Euser/caf%c3%a9/", "/api/~user/caf%C3%A9");
        route("/{a}/b%3ac", "/%7Ba%7D/b:c");
        route("/...", "/...");
        route("/%2a/x%2A/", "/%2A/x%2A");
    }

    #[test]
    fn a_bad_host_is_told_why() {
        route(
            "shop.example.com",
            "`shop.example.com` has no path; did you mean `shop.example.com/`?",
        );
        route("", "`` has no path; write `/` for every path of every host");
        let port =
            "has a port; remove it: a route is heard on every port of the listeners of its service";
        route("a:80/", &format!("`a:80/` {port}"));
        route("[::1]:80/", &format!("`[::1]:80/` {port}"));
        route(
            "*/x",
            "`*/x` has `*` alone for a host; leave the host out for any host: `/x`",
        );
        let star =
            "has `*` within its host; use it as the whole first label, as in `*.example.com/`";
        route("a.*.b/", &format!("`a.*.b/` {star}"));
        route("*a.b/", &format!("`*a.b/` {star}"));
        route("*.*.b/", &format!("`*.*.b/` {star}"));
        route(
            "https://a/x",
            "`https://a/x` begins with `https://`; write host and path alone: `a/x`",
        );
        route(
            "a..b/",
            "`a..b/` is not a host name; use letters, digits, `-` and `_`, in labels of 63 at most",
        );
    }

    #[test]
    fn a_bad_prefix_is_told_why() {
        let query = "has a query or fragment; routes match by host and path only; remove it";
        route("/x?y", &format!("`/x?y` {query}"));
        route("/x#y", &format!("`/x#y` {query}"));
        route(
            "/api/*",
            "`/api/*` has `*` in its path; remove it: a prefix matches everything below it; `%2A` is the character",
        );
        let dots = "has a dot segment; write the path that it stands for";
        for text in ["/a/../b", "/.", "/a/%2e%2E", "/.%2e/"] {
            route(text, &format!("`{text}` {dots}"));
        }
        let empty = "has an empty path segment; write one `/` between segments";
        route("//", &format!("`//` {empty}"));
        route("/a//b", &format!("`/a//b` {empty}"));
        let escape = "has an ambiguous escape; remove it: no such request is routed unless a service takes the risk";
        for text in ["/a%2fb", "/a%5Cb", "/%00", "/%c0%ae", "/a/..%2f"] {
            route(text, &format!("`{text}` {escape}"));
        }
        let semicolon = "has `;` in its path; end the prefix before its segment: servers differ on what `;` means";
        for text in ["/a;b", "/a%3bb"] {
            route(text, &format!("`{text}` {semicolon}"));
        }
        let plain =
            "has characters that no path has; write it as it comes in a request, percent-encoded";
        for text in ["/a b", "/ä", "/%", "/%4", "/%zz", "/a\\b"] {
            route(text, &format!("`{text}` {plain}"));
        }
    }
}
