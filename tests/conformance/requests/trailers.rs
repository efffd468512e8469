//! Trailers: fields behind a body, which must say nothing that belongs before it.

use crate::case::{Case, post};

const TRAILERS: &str = "RFC 9112 7.1.2";
const FIELDS: &str = "RFC 9110 6.5.1";
const MALFORMED: &str = "malformed request body";

pub(super) fn cases() -> Vec<Case> {
    [passed(), left_out(), malformed()].concat()
}

/// A chunked `hello` that announces `names` and brings `trailers`.
fn with(names: &str, trailers: &str) -> String {
    let fields = format!("Transfer-Encoding: chunked\r\nTrailer: {names}\r\n");
    post(&fields, &format!("5\r\nhello\r\n0\r\n{trailers}\r\n"))
}

fn passed() -> Vec<Case> {
    // The endpoint of these cases counts what follows the last chunk as data.
    let pass = |name, names: &str, trailers: &str, body: &str| {
        Case::new(name, TRAILERS, with(names, trailers)).passes("POST /{c}", body)
    };
    vec![
        pass(
            "an announced trailer",
            "X-Sum",
            "X-Sum: 5\r\n",
            "hellox-sum: 5",
        ),
        pass(
            "a trailer without a space",
            "X-Sum",
            "X-Sum:5\r\n",
            "hellox-sum: 5",
        ),
        pass("an empty trailer", "X-Sum", "X-Sum:\r\n", "hellox-sum: "),
        pass(
            "a trailer that was not announced",
            "X-Other",
            "X-Sum: 5\r\n",
            "hellox-sum: 5",
        ),
    ]
}

/// What would frame, route, or vouch for a request if an endpoint took it for one of its fields.
fn left_out() -> Vec<Case> {
    [
        ("a length as a trailer", "Content-Length: 500"),
        ("a coding as a trailer", "Transfer-Encoding: gzip"),
        ("a host as a trailer", "Host: other"),
        ("a type as a trailer", "Content-Type: text/evil"),
        ("credentials as a trailer", "Authorization: Basic eA=="),
        ("a cookie as a trailer", "Cookie: a=b"),
        ("an address as a trailer", "X-Forwarded-For: 10.0.0.1"),
        ("a forwarded host as a trailer", "X-Forwarded-Host: other"),
        ("a scheme as a trailer", "X-Forwarded-Proto: https"),
        ("forwarding as a trailer", "Forwarded: for=10.0.0.1"),
        ("a request's id as a trailer", "X-Request-Id: mine"),
        ("a connection's wish as a trailer", "Connection: close"),
        ("an upgrade as a trailer", "Upgrade: websocket"),
        ("an expectation as a trailer", "Expect: 100-continue"),
        ("hops as a trailer", "Max-Forwards: 0"),
        ("a condition as a trailer", "If-Match: \"1\""),
        ("a range as a trailer", "Range: bytes=0-1"),
    ]
    .map(|(name, trailer)| {
        let named = trailer.split(':').next().unwrap_or_default();
        let sent = with(named, &format!("{trailer}\r\n"));
        Case::new(name, FIELDS, sent).passes("POST /{c}", "hello")
    })
    .into()
}

fn malformed() -> Vec<Case> {
    let many = "A: b\r\n".repeat(101);
    let long = format!("A: {}\r\n", "b".repeat(9000));
    [
        ("a trailer without a colon", "nonsense\r\n"),
        ("a trailer without a name", ": 5\r\n"),
        ("a trailer with a space before its colon", "A : 5\r\n"),
        ("a trailer with a space in its name", "A b: 5\r\n"),
        ("a trailer behind a space", " A: 5\r\n"),
        ("a folded trailer", "A: 5\r\n b\r\n"),
        ("a trailer that ends in a bare LF", "A: 5\nB: 6\r\n"),
        ("a trailer with a bare CR in it", "A: 5\rB: 6\r\n"),
        ("a trailer with NUL in it", "A: \0\r\n"),
        (
            "a trailer with a letter of another script in its name",
            "\u{e4}: 5\r\n",
        ),
        ("too many trailers", &many),
        ("trailers that are too long", &long),
    ]
    .map(|(name, trailers)| {
        let sent = with("A", trailers) + "GET /{c}/smuggled HTTP/1.1\r\nHost: {c}\r\n\r\n";
        Case::new(name, TRAILERS, sent).refused(400, MALFORMED)
    })
    .into()
}
