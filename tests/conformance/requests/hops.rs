//! Fields of one connection end with it; `Connection` may name more, but not those that others rely on.

use crate::case::{Case, get, post};

const CONNECTION: &str = "RFC 9110 7.6.1";

pub(super) fn cases() -> Vec<Case> {
    [removed(), kept(), closing()].concat()
}

fn removed() -> Vec<Case> {
    [
        ("Connection", "Connection: keep-alive\r\n", "connection"),
        ("Keep-Alive", "Keep-Alive: timeout=5\r\n", "keep-alive"),
        (
            "Proxy-Connection",
            "Proxy-Connection: keep-alive\r\n",
            "proxy-connection",
        ),
        (
            "Proxy-Authorization",
            "Proxy-Authorization: Basic eA==\r\n",
            "proxy-authorization",
        ),
        ("TE", "TE: deflate\r\n", "te"),
        ("Upgrade", "Upgrade: foo\r\n", "upgrade"),
        (
            "a nominated field",
            "Connection: x-mine\r\nX-Mine: 1\r\n",
            "x-mine",
        ),
        (
            "a field nominated in a list",
            "Connection: a , X-MINE ,, b\r\nx-mine: 1\r\n",
            "x-mine",
        ),
        (
            "a field nominated in a second line",
            "Connection: close, a\r\nConnection: x-mine\r\nX-Mine: 1\r\n",
            "x-mine",
        ),
        (
            "a field that is nominated after it came",
            "X-Mine: 1\r\nConnection: x-mine\r\n",
            "x-mine",
        ),
        (
            "every line of a nominated field",
            "X-Mine: 1\r\nConnection: x-mine\r\nX-Mine: 2\r\n",
            "x-mine",
        ),
        (
            "forwarding that a client claims",
            "Forwarded: for=10.0.0.1\r\n",
            "forwarded",
        ),
    ]
    .map(|(name, fields, gone)| {
        let case = Case::new(name, CONNECTION, get(fields))
            .passes("GET /{c}", "")
            .lacks(gone);
        if fields.contains("close") {
            case.closes()
        } else {
            case
        }
    })
    .into()
}

fn kept() -> Vec<Case> {
    let kept = |name, fields: &str, line: &str| {
        Case::new(name, CONNECTION, get(fields))
            .passes("GET /{c}", "")
            .has(line)
    };
    vec![
        kept("Host, nominated", "Connection: host\r\n", "host: {c}"),
        kept(
            "Authorization, nominated",
            "Connection: authorization\r\nAuthorization: a\r\n",
            "authorization: a",
        ),
        kept(
            "Cookie, nominated",
            "Connection: cookie\r\nCookie: a=b\r\n",
            "cookie: a=b",
        ),
        kept(
            "Cache-Control, nominated",
            "Connection: cache-control\r\nCache-Control: no-store\r\n",
            "cache-control: no-store",
        ),
        kept(
            "X-Forwarded-For, nominated",
            "Connection: x-forwarded-for\r\nX-Forwarded-For: 10.0.0.1\r\n",
            "x-forwarded-for: 127.0.0.1",
        ),
        kept(
            "X-Forwarded-Host, nominated",
            "Connection: x-forwarded-host\r\n",
            "x-forwarded-host: {c}",
        ),
        kept(
            "X-Request-Id, nominated",
            "Connection: x-request-id\r\nX-Request-Id: mine-1\r\n",
            "x-request-id: mine-1",
        ),
        kept("Via, continued", "Via: 1.0 other\r\n", "via: 1.0 other"),
        kept(
            "TE: trailers",
            "Connection: te\r\nTE: trailers\r\n",
            "te: trailers",
        ),
        kept("Trailer", "Trailer: x-sum\r\n", "trailer: x-sum"),
        Case::new(
            "Content-Length, nominated",
            CONNECTION,
            post(
                "Connection: content-length\r\nContent-Length: 5\r\n",
                "hello",
            ),
        )
        .passes("POST /{c}", "hello")
        .has("content-length: 5"),
        Case::new(
            "Content-Type, nominated",
            CONNECTION,
            post(
                "Connection: content-type\r\nContent-Type: a/b\r\nContent-Length: 5\r\n",
                "hello",
            ),
        )
        .passes("POST /{c}", "hello")
        .has("content-type: a/b"),
    ]
}

fn closing() -> Vec<Case> {
    let closed = |name, value: &str| {
        Case::new(
            name,
            "RFC 9112 9.6",
            get(&format!("Connection: {value}\r\n")),
        )
        .answered(200, "ok")
        .with("connection", "close")
        .closes()
        .reaches("GET /{c}", "")
        .lacks("connection")
    };
    vec![
        closed("close", "close"),
        closed("close in capitals", "CLOSE"),
        closed("close in a list", "a, Close"),
        closed("close beside keep-alive", "keep-alive, close"),
        closed("close in a second line", "keep-alive\r\nConnection: close"),
        Case::new(
            "something like close",
            "RFC 9112 9.6",
            get("Connection: closed\r\n"),
        )
        .passes("GET /{c}", ""),
    ]
}
