//! Bodies of answers: whole, or visibly broken off; never a short success, and never more than one answer.

use super::answer;
use crate::case::{Act, Body, Case, TAG, post};

const CHUNKS: &str = "RFC 9112 7.1";
const INCOMPLETE: &str = "RFC 9112 8";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    [sound(), odd_chunks(), cut_short(), to_http_10(), more()].concat()
}

fn sound() -> Vec<Case> {
    [
        ("chunks of an answer", "2\r\nok\r\n0\r\n\r\n"),
        (
            "several chunks of an answer",
            "1\r\no\r\n01\r\nk\r\n000\r\n\r\n",
        ),
        (
            "an extension in an answer",
            "2;a=b\r\nok\r\n0;c=\"d\"\r\n\r\n",
        ),
        (
            "a trailer of an answer that was not asked for",
            "2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n",
        ),
    ]
    .map(|(name, body)| {
        answer(name, CHUNKS, CHUNKED.to_owned() + body)
            .answered(200, "ok")
            .with("transfer-encoding", "chunked")
            .stays()
    })
    .into_iter()
    .chain([trailers(
        "an announced trailer of an answer",
        "X-Sum",
        "X-Sum: 2",
        "okx-sum: 2",
    )])
    .chain(
        [
            ("a length as a trailer of an answer", "Content-Length: 500"),
            (
                "a coding as a trailer of an answer",
                "Transfer-Encoding: gzip",
            ),
            ("a cookie as a trailer of an answer", "Set-Cookie: a=b"),
            ("a type as a trailer of an answer", "Content-Type: a/b"),
            ("a place as a trailer of an answer", "Location: /"),
        ]
        .map(|(name, line)| trailers(name, line.split(':').next().unwrap_or_default(), line, "ok")),
    )
    .collect()
}

/// `ok` with a trailer for a client that welcomes them; the client of these cases counts them as data.
fn trailers(name: &'static str, announced: &str, line: &str, seen: &str) -> Case {
    let sent =
        format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\r\nTE: trailers\r\nConnection: te\r\n\r\n");
    let head =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: {announced}\r\n\r\n");
    Case::new(name, "RFC 9110 6.5.1", sent)
        .reaches("GET /{c}", "")
        .has("te: trailers")
        .endpoint([Act::Write(
            format!("{head}2\r\nok\r\n0\r\n{line}\r\n\r\n").into(),
        )])
        .answered(200, seen)
        .stays()
}

fn odd_chunks() -> Vec<Case> {
    [
        ("a size with a plus in an answer", "+2\r\nok\r\n0\r\n\r\n"),
        ("a size with a minus in an answer", "-2\r\nok\r\n0\r\n\r\n"),
        ("a size with 0x in an answer", "0x2\r\nok\r\n0\r\n\r\n"),
        (
            "a size behind a space in an answer",
            " 2\r\nok\r\n0\r\n\r\n",
        ),
        (
            "a size before a space in an answer",
            "2 \r\nok\r\n0\r\n\r\n",
        ),
        (
            "a size with an underscore in an answer",
            "0_2\r\nok\r\n0\r\n\r\n",
        ),
        ("no size in an answer", "\r\nok\r\n0\r\n\r\n"),
        ("a size in letters in an answer", "two\r\nok\r\n0\r\n\r\n"),
        (
            "a size of more than 64 bits in an answer",
            "10000000000000002\r\nok\r\n0\r\n\r\n",
        ),
        (
            "a size with many leading zeros in an answer",
            "00000000000000000000000000000002\r\nok\r\n0\r\n\r\n",
        ),
        (
            "a size that ends in a bare LF in an answer",
            "2\nok\r\n0\r\n\r\n",
        ),
        (
            "a size that ends in a bare CR in an answer",
            "2\rok\r\n0\r\n\r\n",
        ),
        (
            "data that end in a bare LF in an answer",
            "2\r\nok\n0\r\n\r\n",
        ),
        ("data that end in nothing in an answer", "2\r\nok0\r\n\r\n"),
        (
            "data that are longer than their size in an answer",
            "2\r\noks\r\n0\r\n\r\n",
        ),
        (
            "an extension with a bare LF in an answer",
            "2;a\nb\r\nok\r\n0\r\n\r\n",
        ),
        (
            "an extension that is too long in an answer",
            &format!("2;{}\r\nok\r\n0\r\n\r\n", "a".repeat(20_000)),
        ),
        (
            "a trailer without a colon in an answer",
            "2\r\nok\r\n0\r\nnonsense\r\n\r\n",
        ),
        (
            "a folded trailer in an answer",
            "2\r\nok\r\n0\r\nA: b\r\n c\r\n\r\n",
        ),
        (
            "a trailer that ends in a bare LF in an answer",
            "2\r\nok\r\n0\r\nA: b\nC: d\r\n\r\n",
        ),
        (
            "a trailer that is too long in an answer",
            &format!("2\r\nok\r\n0\r\nA: {}\r\n\r\n", "b".repeat(20_000)),
        ),
        (
            "a last line that is a bare LF in an answer",
            "2\r\nok\r\n0\r\n\n",
        ),
    ]
    .map(|(name, body)| {
        answer(name, CHUNKS, CHUNKED.to_owned() + body)
            .sees(200, Body::BrokenOff("oks".into()))
            .closes()
            .leaves_the_endpoint()
    })
    .into()
}

fn cut_short() -> Vec<Case> {
    let cut = |name, bytes: &str, last: Act| {
        // One that is safe might be sent again.
        Case::new(name, INCOMPLETE, post("Content-Length: 4\r\n", "body"))
            .reaches("POST /{c}", "body")
            .endpoint([Act::Write(bytes.into()), last])
            .sees(200, Body::BrokenOff("hello".into()))
            .closes()
    };
    let chunked = |rest: &str| CHUNKED.to_owned() + rest;
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhello";
    vec![
        cut("a length that is closed early", length, Act::Close),
        cut("a length that is reset early", length, Act::Reset),
        cut("a length of HTTP/1.0 that is closed early", old, Act::Close),
        cut(
            "chunks that are closed before any",
            &chunked(""),
            Act::Close,
        ),
        cut(
            "chunks that are closed within a size",
            &chunked("5"),
            Act::Close,
        ),
        cut(
            "chunks that are closed within a chunk",
            &chunked("9\r\nhello"),
            Act::Close,
        ),
        cut(
            "chunks that are closed behind data",
            &chunked("5\r\nhello"),
            Act::Close,
        ),
        cut(
            "chunks that are closed between chunks",
            &chunked("5\r\nhello\r\n"),
            Act::Close,
        ),
        cut(
            "chunks that are closed before the last line",
            &chunked("5\r\nhello\r\n0\r\n"),
            Act::Close,
        ),
        cut(
            "chunks that are closed within a trailer",
            &chunked("5\r\nhello\r\n0\r\nA: b\r\n"),
            Act::Close,
        ),
        cut(
            "chunks that are reset",
            &chunked("5\r\nhello\r\n"),
            Act::Reset,
        ),
        cut(
            "a body without a length that is reset",
            "HTTP/1.1 200 OK\r\n\r\nhello",
            Act::Reset,
        ),
        Case {
            sees: Vec::new(),
            ..cut(
                "a head that is closed early",
                "HTTP/1.1 200 OK\r\nA: b\r\n",
                Act::Close,
            )
        }
        .refused(502, "connection closed before the response")
        .stays(),
        Case {
            sees: Vec::new(),
            ..cut("no answer at all", "", Act::Close)
        }
        .refused(502, "connection closed before the response")
        .stays(),
    ]
}

/// For HTTP/1.0 a body of unknown length ends with the connection; if it is not whole, that must be a reset.
fn to_http_10() -> Vec<Case> {
    let to_10 = |name, bytes: &str, then: &[Act]| {
        let sent = format!("GET /{TAG} HTTP/1.0\r\nHost: {TAG}\r\n\r\n");
        let acts = [&[Act::Write(bytes.into())], then].concat();
        Case::new(name, INCOMPLETE, sent)
            .reaches("GET /{c}", "")
            .endpoint(acts)
    };
    let passed = |name, bytes: &str, then: &[Act]| {
        to_10(name, bytes, then)
            .answered(200, "hello")
            .without("transfer-encoding")
            .closes()
    };
    let reset = |name, bytes: &str, then: Act| {
        to_10(name, bytes, &[then])
            .sees(200, Body::BrokenOff("hello".into()))
            .resets()
    };
    let chunked = |rest: &str| CHUNKED.to_owned() + rest;
    let whole = chunked("5\r\nhello\r\n0\r\n\r\n");
    let length = |length: u8| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello");
    let unknown = "HTTP/1.1 200 OK\r\n\r\nhello";
    vec![
        passed("chunks for HTTP/1.0", &whole, &[]),
        passed("a length for HTTP/1.0", &length(5), &[]),
        passed(
            "an end of the connection for HTTP/1.0",
            unknown,
            &[Act::Close],
        ),
        to_10(
            "a length that is closed early, for HTTP/1.0",
            &length(9),
            &[Act::Close],
        )
        .sees(200, Body::BrokenOff("hello".into()))
        .closes(),
        reset(
            "chunks that are closed early, for HTTP/1.0",
            &chunked("5\r\nhello\r\n"),
            Act::Close,
        ),
        reset(
            "chunks that are reset, for HTTP/1.0",
            &chunked("5\r\nhello\r\n"),
            Act::Reset,
        ),
        reset(
            "chunks that are none, for HTTP/1.0",
            &chunked("5\r\nhello\r\nnonsense"),
            Act::AwaitEnd,
        ),
        reset("a body that is reset, for HTTP/1.0", unknown, Act::Reset),
    ]
}

/// What follows an answer is no answer to anything; the connection is in doubt.
fn more() -> Vec<Case> {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    let then = |name, bytes: &str| {
        answer(name, "RFC 9112 6.3", bytes.to_owned() + evil)
            .stays()
            .leaves_the_endpoint()
    };
    let head = format!("HEAD /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n\r\n");
    vec![
        then(
            "an answer behind a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        )
        .answered(200, "ok"),
        then(
            "an answer behind no body",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        )
        .answered(200, ""),
        then(
            "an answer behind chunks",
            &(CHUNKED.to_owned() + "2\r\nok\r\n0\r\n\r\n"),
        )
        .answered(200, "ok"),
        then(
            "an answer behind a trailer",
            &(CHUNKED.to_owned() + "2\r\nok\r\n0\r\nA: b\r\n\r\n"),
        )
        .answered(200, "ok"),
        then("an answer behind 204", "HTTP/1.1 204 No Content\r\n\r\n").answered(204, ""),
        then("an answer behind 304", "HTTP/1.1 304 Not Modified\r\n\r\n").answered(304, ""),
        then(
            "a body behind 204",
            "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nbody",
        )
        .answered(204, ""),
        then(
            "a body behind 304",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody",
        )
        .answered(304, ""),
        Case::new("a body behind an answer to HEAD", "RFC 9112 6.3", head)
            .reaches("HEAD /{c}", "")
            .endpoint([Act::Write(
                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody".into(),
            )])
            .answered(200, "")
            .for_head()
            .stays()
            .leaves_the_endpoint(),
    ]
}
