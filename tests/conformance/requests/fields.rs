//! Fields: a name that is a token, a colon right behind it, and a value without controls.

use crate::case::{Case, TAG, get, post};

const FIELDS: &str = "RFC 9112 5";
const FOLDING: &str = "RFC 9112 5.2";
const VALUES: &str = "RFC 9110 5.5";
const LIMITS: &str = "RFC 6585 5";

pub(super) fn cases() -> Vec<Case> {
    [names(), folds(), values(), limits()].concat()
}

fn names() -> Vec<Case> {
    let name = "malformed header field name";
    [
        ("a space before the colon", "A : b\r\n", name),
        ("a tab before the colon", "A\t: b\r\n", name),
        ("a name with a space in it", "A b: c\r\n", name),
        ("no name", ": b\r\n", name),
        ("no name and no value", ":\r\n", name),
        ("a name with a parenthesis", "A(b): c\r\n", name),
        ("a name with an at sign", "A@b: c\r\n", name),
        ("a name with a slash", "A/b: c\r\n", name),
        ("a name in quotes", "\"A\": b\r\n", name),
        ("a name with NUL in it", "A\0: b\r\n", name),
        ("a name with DEL in it", "A\u{7f}: b\r\n", name),
        (
            "a name with a letter of another script",
            "\u{e4}: b\r\n",
            name,
        ),
        (
            "a name without a colon",
            "nonsense\r\n",
            "header field without colon",
        ),
        (
            "a name with an equals sign for a colon",
            "A=b\r\n",
            "header field without colon",
        ),
        (
            "a second request line",
            "GET / HTTP/1.1\r\n",
            "header field without colon",
        ),
    ]
    .map(|(name, fields, cause)| Case::new(name, FIELDS, get(fields)).refused(400, cause))
    .into()
}

fn folds() -> Vec<Case> {
    [
        ("a fold by a space", "A: b\r\n c\r\n"),
        ("a fold by a tab", "A: b\r\n\tc\r\n"),
        ("a fold of a whole field", "A: b\r\n Content-Length: 5\r\n"),
        ("a fold of nothing", "A: b\r\n \r\n"),
    ]
    .map(|(name, fields)| Case::new(name, FOLDING, get(fields)).refused(400, "folded header field"))
    .into_iter()
    .chain([Case::new(
        "a space before the first field",
        "RFC 9112 2.2",
        format!("GET /{TAG} HTTP/1.1\r\n Host: {TAG}\r\n\r\n"),
    )
    .refused(400, "folded header field")])
    .collect()
}

fn values() -> Vec<Case> {
    let refused = |name, value: &str| {
        Case::new(name, VALUES, get(&format!("A: {value}\r\n")))
            .refused(400, "control character in header field")
    };
    let passed = |name, value: &str| {
        let line = format!("a: {}", value.trim_matches([' ', '\t']));
        Case::new(name, VALUES, get(&format!("A:{value}\r\n")))
            .passes("GET /{c}", "")
            .has(&line)
    };
    vec![
        refused("NUL in a value", "b\0c"),
        refused("a control in a value", "b\u{1}c"),
        refused("an escape in a value", "b\u{1b}[31m"),
        refused("DEL in a value", "b\u{7f}"),
        refused("a vertical tab in a value", "b\u{b}c"),
        refused("a form feed in a value", "b\u{c}c"),
        refused("a backspace in a value", "b\u{8}"),
        passed("a tab in a value", " b\tc"),
        passed("white space around a value", " \t b c \t "),
        passed("no value", ""),
        passed("a value of a colon", " :"),
        passed("bytes beyond ASCII in a value", " caf\u{e9}"),
        passed("an encoded line end in a value", " b%0d%0aSet-Cookie: c"),
        passed("a long value", &format!(" {}", "b".repeat(8000))),
    ]
}

fn limits() -> Vec<Case> {
    let many = |count: usize| get(&"A: b\r\n".repeat(count));
    vec![
        Case::new("as many fields as there may be", LIMITS, many(99)).passes("GET /{c}", ""),
        Case::new("more fields than there may be", LIMITS, many(100))
            .refused(431, "too many header fields"),
        Case::new(
            "a value that is too long",
            LIMITS,
            get(&format!("A: {}\r\n", "b".repeat(70_000))),
        )
        .refused(431, "request head too large"),
        Case::new(
            "a name that is too long",
            LIMITS,
            get(&format!("{}: b\r\n", "a".repeat(70_000))),
        )
        .refused(431, "request head too large"),
        Case::new(
            "a field without an end",
            LIMITS,
            get("").replace("\r\n\r\n", "\r\nA: ") + &"b".repeat(70_000),
        )
        .refused(431, "request head too large"),
        Case::new(
            "a cookie of some length",
            LIMITS,
            get(&format!("Cookie: {}\r\n", "a=b; ".repeat(2000))),
        )
        .passes("GET /{c}", ""),
        Case::new(
            "many fields behind a body",
            LIMITS,
            post("Content-Length: 5\r\n", "hello") + &many(100),
        )
        .answered(200, "ok")
        .reaches("POST /{c}", "hello")
        .refused(431, "too many header fields"),
    ]
}
