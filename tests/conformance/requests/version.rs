//! Versions: `HTTP/1.1` and `HTTP/1.0`, spelt so. How HTTP/2 begins is not told here.

use crate::case::{Case, End, TAG};

const VERSION: &str = "RFC 9112 2.3";
const LINE: &str = "malformed request line";

pub(super) fn cases() -> Vec<Case> {
    [unsupported(), malformed(), http_10()].concat()
}

fn with(version: &str) -> String {
    format!("GET /{TAG} {version}\r\nHost: {TAG}\r\n\r\n")
}

fn unsupported() -> Vec<Case> {
    [
        ("HTTP/0.9", "HTTP/0.9"),
        ("HTTP/1.2", "HTTP/1.2"),
        ("HTTP/1.9", "HTTP/1.9"),
        ("HTTP/2.0", "HTTP/2.0"),
        ("HTTP/2.1", "HTTP/2.1"),
        ("HTTP/3.0", "HTTP/3.0"),
        ("HTTP/9.9", "HTTP/9.9"),
    ]
    .map(|(name, version)| {
        Case::new(name, "RFC 9110 15.6.6", with(version))
            .refused(505, "unsupported protocol version")
    })
    .into()
}

fn malformed() -> Vec<Case> {
    [
        ("a version in small letters", "http/1.1"),
        ("a version in mixed letters", "Http/1.1"),
        ("a version without a minor", "HTTP/1"),
        ("a version with an empty minor", "HTTP/1."),
        ("a version with an empty major", "HTTP/.1"),
        ("a version with a long minor", "HTTP/1.10"),
        ("a version with a long major", "HTTP/01.1"),
        ("a version with three numbers", "HTTP/1.1.1"),
        ("a version without a slash", "HTTP1.1"),
        ("a version with two slashes", "HTTP//1.1"),
        ("a version of another protocol", "HTTPS/1.1"),
        ("a version with a comma", "HTTP/1,1"),
        ("a version with a sign", "HTTP/+1.1"),
        ("a version in hexadecimal", "HTTP/a.1"),
        ("a version with NUL", "HTTP/1.1\0"),
        ("no version", ""),
        ("a version of something else", "RTSP/1.0"),
    ]
    .map(|(name, version)| Case::new(name, VERSION, with(version)).refused(400, LINE))
    .into_iter()
    .chain([Case::new("a request of HTTP/0.9", VERSION, "GET /\r\n").refused(400, LINE)])
    .collect()
}

fn http_10() -> Vec<Case> {
    let with = |fields: &str| format!("GET /{TAG} HTTP/1.0\r\nHost: {TAG}\r\n{fields}\r\n");
    let kept = |name, fields: &str, end| {
        let case = Case::new(name, "RFC 9112 9.3", with(fields))
            .answered(200, "ok")
            .reaches("GET /{c}", "")
            .lacks("connection");
        Case { end, ..case }
    };
    let posted = format!("POST /{TAG} HTTP/1.0\r\nHost: {TAG}\r\nContent-Length: 5\r\n\r\nhello");
    vec![
        kept("HTTP/1.0", "", End::Closed),
        kept(
            "HTTP/1.0 that asks to be kept alive",
            "Connection: keep-alive\r\n",
            End::Open,
        ),
        kept(
            "HTTP/1.0 that asks in capitals",
            "Connection: Keep-Alive\r\nKeep-Alive: 300\r\n",
            End::Open,
        ),
        kept(
            "HTTP/1.0 that asks for both",
            "Connection: keep-alive, close\r\n",
            End::Closed,
        ),
        kept(
            "HTTP/1.0 that asks to be closed",
            "Connection: close\r\n",
            End::Closed,
        ),
        Case::new("HTTP/1.0 with a body", "RFC 9112 6.3", posted)
            .answered(200, "ok")
            .reaches("POST /{c}", "hello")
            .closes(),
    ]
}
