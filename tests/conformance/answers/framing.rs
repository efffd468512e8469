//! How the body of an answer is framed: in one way, or the answer is none.

use super::{answer, malformed};
use crate::case::{Act, Case, TAG};

const FRAMING: &str = "RFC 9112 6.3";

pub(super) fn cases() -> Vec<Case> {
    [odd(), bodiless(), sound()].concat()
}

fn odd() -> Vec<Case> {
    let mut cases: Vec<_> = [
        (
            "both framings in an answer",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "both framings in an answer, the other way round",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        ),
        (
            "a coding beside a length of zero in an answer",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "the same length twice in an answer",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
        ),
        (
            "two lengths in an answer",
            "Content-Length: 2\r\nContent-Length: 3\r\n",
        ),
        (
            "a list of one length in an answer",
            "Content-Length: 2, 2\r\n",
        ),
        (
            "a list of two lengths in an answer",
            "Content-Length: 2, 3\r\n",
        ),
        (
            "a length with a plus in an answer",
            "Content-Length: +2\r\n",
        ),
        (
            "a length with a minus in an answer",
            "Content-Length: -2\r\n",
        ),
        (
            "a length in hexadecimal in an answer",
            "Content-Length: 0x2\r\n",
        ),
        ("no length in an answer", "Content-Length:\r\n"),
        (
            "a length with a space in an answer",
            "Content-Length: 2 2\r\n",
        ),
        (
            "a length beyond 64 bits in an answer",
            "Content-Length: 18446744073709551618\r\n",
        ),
        ("another coding in an answer", "Transfer-Encoding: gzip\r\n"),
        (
            "another coding before chunked in an answer",
            "Transfer-Encoding: gzip, chunked\r\n",
        ),
        (
            "another coding behind chunked in an answer",
            "Transfer-Encoding: chunked, gzip\r\n",
        ),
        (
            "chunked twice in an answer",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "chunked twice in a list in an answer",
            "Transfer-Encoding: chunked, chunked\r\n",
        ),
        (
            "chunked with a parameter in an answer",
            "Transfer-Encoding: chunked;a=b\r\n",
        ),
        (
            "chunked in quotes in an answer",
            "Transfer-Encoding: \"chunked\"\r\n",
        ),
        (
            "something like chunked in an answer",
            "Transfer-Encoding: xchunked\r\n",
        ),
        ("identity in an answer", "Transfer-Encoding: identity\r\n"),
        ("no coding in an answer", "Transfer-Encoding:\r\n"),
        (
            "a coding with a space before its colon in an answer",
            "Transfer-Encoding : chunked\r\n",
        ),
    ]
    .map(|(name, fields)| {
        malformed(
            name,
            FRAMING,
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n2\r\nok\r\n0\r\n\r\n"),
        )
    })
    .into();
    cases.push(malformed(
        "chunked in an answer of HTTP/1.0",
        "RFC 9112 6.1",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ));
    cases
}

/// Answers that have no body, whatever their fields say; what they say must make sense all the same.
fn bodiless() -> Vec<Case> {
    let head = |name, bytes: &str| {
        let sent = format!("HEAD /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n\r\n");
        Case::new(name, FRAMING, sent)
            .reaches("HEAD /{c}", "")
            .endpoint([Act::Write(bytes.into())])
    };
    vec![
        head(
            "HEAD with a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        )
        .answered(200, "")
        .for_head()
        .with("content-length", "5")
        .stays(),
        head(
            "HEAD with chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .answered(200, "")
        .for_head()
        .stays(),
        head("HEAD with neither", "HTTP/1.1 200 OK\r\n\r\n")
            .answered(200, "")
            .for_head()
            .stays(),
        head(
            "HEAD with both framings",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .sees(502, crate::case::Body::Exactly(Vec::new()))
        .for_head()
        .stays()
        .leaves_the_endpoint(),
        head(
            "HEAD with a length that is none",
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        )
        .sees(502, crate::case::Body::Exactly(Vec::new()))
        .for_head()
        .stays()
        .leaves_the_endpoint(),
        answer("204", "RFC 9110 15.3.5", "HTTP/1.1 204 No Content\r\n\r\n")
            .answered(204, "")
            .without("content-length")
            .stays(),
        answer(
            "204 with a length of zero",
            "RFC 9110 8.6",
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        )
        .answered(204, "")
        .without("content-length")
        .stays(),
        answer(
            "304 with a length",
            "RFC 9110 15.4.5",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"1\"\r\n\r\n",
        )
        .answered(304, "")
        .with("etag", "\"1\"")
        .stays(),
        answer(
            "205 without content",
            "RFC 9110 15.3.6",
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
        )
        .answered(205, "")
        .stays(),
        answer(
            "205 with content",
            "RFC 9112 6.3",
            "HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nok",
        )
        .answered(205, "ok")
        .stays(),
    ]
}

fn sound() -> Vec<Case> {
    let close = |name, head: &str| {
        answer(name, FRAMING, "")
            .endpoint([Act::Write(format!("{head}\r\n\r\nok").into()), Act::Close])
            .answered(200, "ok")
            .stays()
    };
    vec![
        answer(
            "a length in an answer",
            FRAMING,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .answered(200, "ok")
        .with("content-length", "2")
        .stays(),
        answer(
            "a length with leading zeros in an answer",
            FRAMING,
            "HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok",
        )
        .answered(200, "ok")
        .stays(),
        answer(
            "a length of zero in an answer",
            FRAMING,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        )
        .answered(200, "")
        .with("content-length", "0")
        .stays(),
        answer(
            "chunked in odd case in an answer",
            FRAMING,
            "HTTP/1.1 200 OK\r\ntransfer-encoding:\tCHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        )
        .answered(200, "ok")
        .with("transfer-encoding", "chunked")
        .stays(),
        close("an answer that ends with its connection", "HTTP/1.1 200 OK")
            .with("transfer-encoding", "chunked"),
        close(
            "an answer that says it ends so",
            "HTTP/1.1 200 OK\r\nConnection: close",
        )
        .without("connection"),
        close(
            "an answer of HTTP/1.0 that ends with its connection",
            "HTTP/1.0 200 OK",
        ),
    ]
}
