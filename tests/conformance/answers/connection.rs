//! What an answer says about its connection, and nobody else's.

use super::answer;
use crate::case::Case;

const CONNECTION: &str = "RFC 9110 7.6.1";

pub(super) fn cases() -> Vec<Case> {
    [removed(), closing()].concat()
}

fn with(name: &'static str, rfc: &'static str, line: &str, fields: &str) -> Case {
    let bytes = format!("{line}\r\n{fields}Content-Length: 2\r\n\r\nok");
    answer(name, rfc, bytes).answered(200, "ok").stays()
}

fn removed() -> Vec<Case> {
    [
        (
            "Connection in an answer",
            "Connection: keep-alive\r\n",
            "connection",
        ),
        (
            "Keep-Alive in an answer",
            "Keep-Alive: timeout=5\r\n",
            "keep-alive",
        ),
        (
            "Proxy-Connection in an answer",
            "Proxy-Connection: keep-alive\r\n",
            "proxy-connection",
        ),
        ("Upgrade in an answer", "Upgrade: h2c\r\n", "upgrade"),
        ("TE in an answer", "TE: trailers\r\n", "te"),
        (
            "a nominated field in an answer",
            "Connection: x-mine\r\nX-Mine: 1\r\n",
            "x-mine",
        ),
        (
            "a field of an answer nominated in a list",
            "X-Mine: 1\r\nConnection: a ,, X-MINE\r\n",
            "x-mine",
        ),
        (
            "a field of an answer nominated in a second line",
            "Connection: a\r\nConnection: x-mine\r\nX-Mine: 1\r\n",
            "x-mine",
        ),
    ]
    .map(|(name, fields, gone)| with(name, CONNECTION, "HTTP/1.1 200 OK", fields).without(gone))
    .into_iter()
    .chain([
        with(
            "a length that is nominated away",
            CONNECTION,
            "HTTP/1.1 200 OK",
            "Connection: content-length\r\n",
        )
        .with("content-length", "2"),
        with(
            "an id of the endpoint's own",
            CONNECTION,
            "HTTP/1.1 200 OK",
            "Via: 1.0 other\r\nX-Request-Id: theirs\r\n",
        ),
    ])
    .collect()
}

fn closing() -> Vec<Case> {
    let closed = "RFC 9112 9.6";
    let left = |name, line: &str, fields: &str| {
        with(name, closed, line, fields)
            .without("connection")
            .leaves_the_endpoint()
    };
    vec![
        left(
            "close in an answer",
            "HTTP/1.1 200 OK",
            "Connection: close\r\n",
        ),
        left(
            "close in a list in an answer",
            "HTTP/1.1 200 OK",
            "Connection: a, Close\r\n",
        ),
        left(
            "close beside keep-alive in an answer",
            "HTTP/1.1 200 OK",
            "Connection: close, keep-alive\r\n",
        ),
        left("HTTP/1.0 in an answer", "HTTP/1.0 200 OK", ""),
        left(
            "HTTP/1.0 that is kept alive in an answer",
            "HTTP/1.0 200 OK",
            "Connection: keep-alive\r\n",
        ),
    ]
}
