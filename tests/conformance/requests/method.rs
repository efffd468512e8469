//! Methods: any token passes, but for those that are not for such a proxy.

use crate::case::{Case, TAG, get};

const METHOD: &str = "RFC 9110 9.1";
const HOPS: &str = "RFC 9110 7.6.2";

pub(super) fn cases() -> Vec<Case> {
    [passed(), malformed(), not_for_us(), hops()].concat()
}

fn with(line: &str, fields: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {TAG}\r\n{fields}\r\n")
}

fn passed() -> Vec<Case> {
    [
        ("PATCH", "PATCH"),
        ("PUT", "PUT"),
        ("an unknown method", "BREW"),
        ("a method of WebDAV", "PROPFIND"),
        ("a method in small letters", "get"),
        (
            "a method of all kinds of letters",
            "M-SEARCH!#$%&'*+-.^_`|~9",
        ),
    ]
    .map(|(name, method)| {
        let line = format!("{method} /{TAG}");
        Case::new(name, METHOD, with(&line, "")).passes(&line, "")
    })
    .into_iter()
    .chain([Case::new("HEAD", METHOD, with("HEAD /{c}", ""))
        .answered(200, "")
        .for_head()
        .with("content-length", "2")
        .stays()
        .reaches("HEAD /{c}", "")])
    .collect()
}

fn malformed() -> Vec<Case> {
    let line = "malformed request line";
    let long = format!("{} /{TAG}", "A".repeat(100));
    let endless = "A".repeat(70_000);
    vec![
        Case::new("a method with a parenthesis", METHOD, with("G(T /{c}", "")).refused(400, line),
        Case::new("a method with a colon", METHOD, with("GET: /{c}", "")).refused(400, line),
        Case::new("a method in quotes", METHOD, with("\"GET\" /{c}", "")).refused(400, line),
        Case::new("a method with NUL", METHOD, with("GET\0 /{c}", "")).refused(400, line),
        Case::new("a method beyond ASCII", METHOD, with("G\u{c9}T /{c}", "")).refused(400, line),
        Case::new("no method", METHOD, with(" /{c}", "")).refused(400, line),
        Case::new("a method that is too long", METHOD, with(&long, ""))
            .refused(501, "request method too long"),
        Case::new("a method without an end", METHOD, endless)
            .refused(501, "request method too long"),
    ]
}

fn not_for_us() -> Vec<Case> {
    let allowed = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
    let refused = |name, rfc, line: &str, cause| {
        Case::new(name, rfc, with(line, ""))
            .refused(405, cause)
            .with("allow", allowed)
    };
    vec![
        refused(
            "CONNECT",
            "RFC 9110 9.3.6",
            "CONNECT {c}:443",
            "connect is not allowed",
        ),
        refused(
            "CONNECT with a path",
            "RFC 9110 9.3.6",
            "CONNECT /{c}",
            "connect is not allowed",
        ),
        refused(
            "TRACE",
            "RFC 9110 9.3.8",
            "TRACE /{c}",
            "trace is not allowed",
        ),
        Case::new(
            "connect in small letters",
            METHOD,
            with("connect {c}:443", ""),
        )
        .refused(400, "malformed request target"),
        Case::new(
            "TRACE with hops",
            HOPS,
            with("TRACE /{c}", "Max-Forwards: 0\r\n"),
        )
        .refused(405, "trace is not allowed"),
    ]
}

fn hops() -> Vec<Case> {
    let options = |name, fields: &str| Case::new(name, HOPS, with("OPTIONS /{c}", fields));
    vec![
        options("OPTIONS with hops", "Max-Forwards: 10\r\n")
            .passes("OPTIONS /{c}", "")
            .has("max-forwards: 9"),
        options("OPTIONS with one hop", "Max-Forwards: 1\r\n")
            .passes("OPTIONS /{c}", "")
            .has("max-forwards: 0"),
        options("OPTIONS with no hop left", "Max-Forwards: 0\r\n")
            .refused(200, "no hop left")
            .with("allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")
            .stays(),
        options(
            "OPTIONS with more hops than can be counted",
            "Max-Forwards: 99999999999999999999\r\n",
        )
        .passes("OPTIONS /{c}", "")
        .has("max-forwards: 4294967294"),
        options(
            "OPTIONS with hops that are no number",
            "Max-Forwards: many\r\n",
        )
        .refused(400, "malformed max-forwards field"),
        options(
            "OPTIONS with hops twice",
            "Max-Forwards: 1\r\nMax-Forwards: 2\r\n",
        )
        .refused(400, "malformed max-forwards field"),
        Case::new("GET with hops", HOPS, get("Max-Forwards: 0\r\n"))
            .passes("GET /{c}", "")
            .has("max-forwards: 0"),
    ]
}
