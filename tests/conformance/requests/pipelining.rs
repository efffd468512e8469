//! Several requests on one connection: each ends where it says, and answers keep their order.

use crate::case::{Case, Step, TAG, chunks, get, post};

const PIPELINING: &str = "RFC 9112 9.3.2";
const BODIES: &str = "RFC 9112 6.3";

pub(super) fn cases() -> Vec<Case> {
    [in_order(), bad_ones(), bodies(), ends()].concat()
}

fn smuggled() -> String {
    format!("GET /{TAG}/smuggled HTTP/1.1\r\nHost: {TAG}\r\n\r\n")
}

fn in_order() -> Vec<Case> {
    let mixed = [
        get(""),
        post("Content-Length: 5\r\n", "hello"),
        chunks("2\r\nhi\r\n0\r\n\r\n"),
        get("A: b\r\n"),
    ];
    let many = get("").repeat(20);
    let mut all = Case::new("twenty requests at once", PIPELINING, many);
    for _ in 0..20 {
        all = all.passes("GET /{c}", "");
    }
    vec![
        Case::new(
            "requests of every framing at once",
            PIPELINING,
            mixed.concat(),
        )
        .passes("GET /{c}", "")
        .passes("POST /{c}", "hello")
        .passes("POST /{c}", "hi")
        .passes("GET /{c}", "")
        .has("a: b"),
        all,
    ]
}

fn bad_ones() -> Vec<Case> {
    let after = |name, bad: String| {
        Case::new(name, PIPELINING, get("") + &bad + &smuggled()).passes("GET /{c}", "")
    };
    vec![
        after(
            "a second request without a host",
            format!("GET /{TAG} HTTP/1.1\r\n\r\n"),
        )
        .refused(400, "missing host field"),
        after(
            "a second request with both framings",
            post(
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
        )
        .refused(400, "both content-length and transfer-encoding"),
        after(
            "a second request that is no request",
            "nonsense\r\n\r\n".to_owned(),
        )
        .refused(400, "malformed request line"),
        after(
            "a second request of another version",
            format!("GET /{TAG} HTTP/2.0\r\nHost: {TAG}\r\n\r\n"),
        )
        .refused(505, "unsupported protocol version"),
        after("a second request with a broken body", chunks("x\r\n"))
            .refused(400, "malformed request body"),
    ]
}

fn bodies() -> Vec<Case> {
    let inner = smuggled();
    let length = inner.replace(TAG, "c000r0").len();
    vec![
        Case::new(
            "a request as a body",
            BODIES,
            post(&format!("Content-Length: {length}\r\n"), &inner),
        )
        .passes("POST /{c}", &inner),
        Case::new(
            "a request as a chunk",
            BODIES,
            chunks(&format!("{length:x}\r\n{inner}\r\n0\r\n\r\n")),
        )
        .passes("POST /{c}", &inner),
        Case::new(
            "more than the length",
            BODIES,
            post("Content-Length: 5\r\n", "hello, world\r\n\r\n"),
        )
        .passes("POST /{c}", "hello")
        .refused(400, "malformed request line"),
        Case::new(
            "more than the chunks",
            BODIES,
            chunks("5\r\nhello\r\n0\r\n\r\nworld\r\n\r\n"),
        )
        .passes("POST /{c}", "hello")
        .refused(400, "malformed request line"),
        Case::new("a body without a length", BODIES, post("", "hello\r\n\r\n"))
            .passes("POST /{c}", "")
            .refused(400, "malformed request line"),
    ]
}

fn ends() -> Vec<Case> {
    let closing = get("Connection: close\r\n") + &smuggled();
    vec![
        Case::new("a request behind the last", "RFC 9112 9.6", closing)
            .answered(200, "ok")
            .with("connection", "close")
            .closes()
            .reaches("GET /{c}", ""),
        Case::new(
            "less than the length",
            "RFC 9112 8",
            post("Content-Length: 5\r\n", "hel"),
        )
        .then(Step::HalfClose)
        .refused(400, "malformed request body"),
        Case::new(
            "an end within a head",
            "RFC 9112 8",
            format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n"),
        )
        .then(Step::HalfClose)
        .closes(),
        Case::new("an end within a request line", "RFC 9112 8", "GET /")
            .then(Step::HalfClose)
            .closes(),
        Case::new("an end before anything", "RFC 9112 9.5", "")
            .then(Step::HalfClose)
            .closes(),
        Case::new("an end behind a request", "RFC 9112 9.6", get(""))
            .then(Step::Await(1))
            .then(Step::HalfClose)
            .passes("GET /{c}", "")
            .closes(),
    ]
}
