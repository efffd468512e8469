//! Where lines end, and what may stand before the first.

use crate::case::{Case, TAG, get, post};

const LINES: &str = "RFC 9112 2.2";
const BARE_LF: &str = "bare line feed";
const LINE: &str = "malformed request line";

pub(super) fn cases() -> Vec<Case> {
    [line_ends(), before_the_first()].concat()
}

fn line_ends() -> Vec<Case> {
    let control = "control character in header field";
    vec![
        Case::new(
            "a head of bare LFs",
            LINES,
            format!("GET /{TAG} HTTP/1.1\nHost: {TAG}\n\n"),
        )
        .refused(400, BARE_LF),
        Case::new(
            "a request line that ends in a bare LF",
            LINES,
            format!("GET /{TAG} HTTP/1.1\nHost: {TAG}\r\n\r\n"),
        )
        .refused(400, BARE_LF),
        Case::new(
            "a field that ends in a bare LF",
            LINES,
            format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\n\r\n"),
        )
        .refused(400, BARE_LF),
        Case::new(
            "an empty line that is a bare LF",
            LINES,
            format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\r\n\n"),
        )
        .refused(400, BARE_LF),
        Case::new(
            "a request line with a bare CR",
            LINES,
            format!("GET /{TAG}\rx HTTP/1.1\r\nHost: {TAG}\r\n\r\n"),
        )
        .refused(400, "malformed request target"),
        Case::new(
            "a request line that ends in CR CR LF",
            LINES,
            format!("GET /{TAG} HTTP/1.1\r\r\nHost: {TAG}\r\n\r\n"),
        )
        .refused(400, LINE),
        Case::new("a field with a bare CR", LINES, get("A: b\rc\r\n")).refused(400, control),
        Case::new("a field that ends in CR CR LF", LINES, get("A: b\r\r\n")).refused(400, control),
        Case::new("a field name with a bare CR", LINES, get("A\rB: c\r\n"))
            .refused(400, "malformed header field name"),
        Case::new("a line that is a bare CR", LINES, get("\r\r\n"))
            .refused(400, "header field without colon"),
    ]
}

fn before_the_first() -> Vec<Case> {
    let after = |name, before: &str| Case::new(name, LINES, before.to_owned() + &get(""));
    let body_and_line = post("Content-Length: 5\r\n", "hello\r\n") + &get("");
    vec![
        after("an empty line first", "\r\n").passes("GET /{c}", ""),
        after("a few empty lines first", "\r\n\r\n\r\n").passes("GET /{c}", ""),
        after("many empty lines first", &"\r\n".repeat(100)).refused(400, "too many empty lines"),
        after("a bare LF first", "\n").refused(400, BARE_LF),
        after("bare LFs first", "\n\n\n").refused(400, BARE_LF),
        after("a bare CR first", "\r").refused(400, LINE),
        after("CR CR LF first", "\r\r\n").refused(400, LINE),
        after("a space first", " ").refused(400, LINE),
        after("a tab first", "\t").refused(400, LINE),
        after("a NUL first", "\0").refused(400, LINE),
        after("a byte order mark first", "\u{feff}").refused(400, LINE),
        after("an empty line with a space first", " \r\n").refused(400, LINE),
        Case::new("an empty line behind a body", LINES, body_and_line)
            .answered(200, "ok")
            .reaches("POST /{c}", "hello")
            .passes("GET /{c}", ""),
        Case::new(
            "the beginning of TLS",
            LINES,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        )
        .refused(400, LINE),
    ]
}
