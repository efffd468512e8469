//! Fields of an answer: as strict as those of a request.

use super::{answer, malformed};
use crate::case::{Act, Case};

const FIELDS: &str = "RFC 9112 5";
const LINES: &str = "RFC 9112 2.2";

pub(super) fn cases() -> Vec<Case> {
    [odd(), line_ends(), limits(), sound()].concat()
}

fn odd() -> Vec<Case> {
    [
        ("a space before the colon in an answer", "A : b\r\n"),
        ("a tab before the colon in an answer", "A\t: b\r\n"),
        ("no colon in an answer", "nonsense\r\n"),
        ("no name in an answer", ": b\r\n"),
        ("a name with a space in an answer", "A b: c\r\n"),
        ("a name with a parenthesis in an answer", "A(b): c\r\n"),
        ("a name beyond ASCII in an answer", "\u{e4}: b\r\n"),
        ("a fold by a space in an answer", "A: b\r\n c\r\n"),
        ("a fold by a tab in an answer", "A: b\r\n\tc\r\n"),
        (
            "a fold of a length in an answer",
            "A: b\r\n Content-Length: 0\r\n",
        ),
        ("NUL in a value of an answer", "A: b\0c\r\n"),
        ("a control in a value of an answer", "A: b\u{1}c\r\n"),
        ("DEL in a value of an answer", "A: b\u{7f}\r\n"),
        ("a bare CR in a value of an answer", "A: b\rc\r\n"),
        (
            "a field behind a bare CR in an answer",
            "A: b\rSet-Cookie: c\r\n",
        ),
        (
            "a length with a space before its colon",
            "Content-Length : 0\r\n",
        ),
    ]
    .map(|(name, fields)| {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
        malformed(name, FIELDS, head)
    })
    .into()
}

/// How a line that an endpoint was made to repeat becomes a field or an answer.
fn line_ends() -> Vec<Case> {
    [
        (
            "an answer of bare LFs",
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        ),
        (
            "a status line that ends in a bare LF",
            "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "a field of an answer that ends in a bare LF",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok",
        ),
        (
            "a field behind a bare LF in an answer",
            "HTTP/1.1 200 OK\r\nA: b\nSet-Cookie: c\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "an empty line of an answer that is a bare LF",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
        ),
        (
            "a head that ends in LF CR LF",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok",
        ),
        (
            "a field of an answer that ends in CR CR LF",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\r\n\r\nok",
        ),
    ]
    .map(|(name, bytes)| malformed(name, LINES, bytes))
    .into()
}

fn limits() -> Vec<Case> {
    let endless = "HTTP/1.1 200 OK\r\nA: ".to_owned() + &"b".repeat(600_000);
    let long = format!(
        "HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 2\r\n\r\nok",
        "b".repeat(600_000)
    );
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok",
        "A: b\r\n".repeat(2000)
    );
    let large = format!(
        "HTTP/1.1 200 OK\r\nA: {}\r\nContent-Length: 2\r\n\r\nok",
        "b".repeat(30_000)
    );
    let limits = "RFC 9110 5.4";
    vec![
        malformed("an answer with too many fields", limits, many),
        malformed("an answer with a field that is too long", limits, long),
        malformed("an answer without an end of its head", limits, &endless)
            .endpoint([Act::Write(endless.into()), Act::AwaitEnd]),
        answer("an answer with a long field", limits, large)
            .answered(200, "ok")
            .stays(),
    ]
}

fn sound() -> Vec<Case> {
    let with = |name, fields: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
        answer(name, "RFC 9110 5.5", head)
            .answered(200, "ok")
            .stays()
    };
    vec![
        with(
            "white space around a value of an answer",
            "A: \t b c \t\r\n",
        )
        .with("a", "b c"),
        with("a tab in a value of an answer", "A: b\tc\r\n").with("a", "b\tc"),
        with("an empty value in an answer", "A:\r\n").with("a", ""),
        with(
            "an encoded line end in an answer",
            "A: b%0d%0aSet-Cookie: c\r\n",
        )
        .with("a", "b%0d%0aSet-Cookie: c")
        .without("set-cookie"),
        with("a name in odd case in an answer", "cOnTeNt-TyPe: a/b\r\n")
            .with("content-type", "a/b"),
    ]
}
