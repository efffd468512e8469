//! The first line of an answer.

use super::{answer, malformed};
use crate::case::Case;

const LINE: &str = "RFC 9112 4";

pub(super) fn cases() -> Vec<Case> {
    [sound(), odd()].concat()
}

fn sound() -> Vec<Case> {
    [
        ("a reason of its own", "HTTP/1.1 200 Fine, thanks", 200),
        ("an empty reason", "HTTP/1.1 200 ", 200),
        ("no reason, nor a space for it", "HTTP/1.1 200", 200),
        ("a reason with a tab", "HTTP/1.1 200 a\tb", 200),
        ("a reason beyond ASCII", "HTTP/1.1 200 caf\u{e9}", 200),
        ("an answer of HTTP/1.0", "HTTP/1.0 200 OK", 200),
        ("an unknown status", "HTTP/1.1 299 Odd", 299),
        ("the last status there is", "HTTP/1.1 599 Odd", 599),
        (
            "a status that is none of the five classes",
            "HTTP/1.1 999 Odd",
            999,
        ),
        ("an error", "HTTP/1.1 500 Internal Server Error", 500),
    ]
    .map(|(name, line, status)| {
        answer(name, LINE, format!("{line}\r\nContent-Length: 2\r\n\r\nok"))
            .answered(status, "ok")
            .stays()
    })
    .into()
}

fn odd() -> Vec<Case> {
    [
        ("a status of two digits", "HTTP/1.1 20 OK"),
        ("a status of four digits", "HTTP/1.1 2000 OK"),
        ("a status below all", "HTTP/1.1 099 OK"),
        ("a status of zeros", "HTTP/1.1 000 OK"),
        ("a status in letters", "HTTP/1.1 2OO OK"),
        ("a status with a sign", "HTTP/1.1 +20 OK"),
        ("a status that runs into its reason", "HTTP/1.1 200OK"),
        ("no status", "HTTP/1.1"),
        ("a reason for a status", "HTTP/1.1 OK"),
        ("two spaces before the status", "HTTP/1.1  200 OK"),
        ("a tab before the status", "HTTP/1.1\t200 OK"),
        ("a tab behind the status", "HTTP/1.1 200\tOK"),
        ("HTTP/2.0 in an answer", "HTTP/2.0 200 OK"),
        ("HTTP/1.2 in an answer", "HTTP/1.2 200 OK"),
        ("HTTP/0.9 in an answer", "HTTP/0.9 200 OK"),
        ("a version in small letters in an answer", "http/1.1 200 OK"),
        ("a version without a minor in an answer", "HTTP/1 200 OK"),
        ("a version of another protocol in an answer", "ICY 200 OK"),
        ("no version in an answer", "200 OK"),
        ("a request for an answer", "GET / HTTP/1.1"),
        ("NUL in a reason", "HTTP/1.1 200 a\0b"),
        ("a control in a reason", "HTTP/1.1 200 a\u{1}b"),
        ("a bare CR in a reason", "HTTP/1.1 200 a\rb"),
        ("a space before the status line", " HTTP/1.1 200 OK"),
        (
            "an empty line before the status line",
            "\r\nHTTP/1.1 200 OK",
        ),
        ("a bare LF before the status line", "\nHTTP/1.1 200 OK"),
    ]
    .map(|(name, line)| malformed(name, LINE, format!("{line}\r\nContent-Length: 2\r\n\r\nok")))
    .into_iter()
    .chain([
        malformed(
            "a document without a head",
            "RFC 9112 2.1",
            "<html>\r\n<body>hello</body>\r\n</html>\r\n\r\n",
        ),
        malformed(
            "something else altogether",
            "RFC 9112 2.1",
            b"\x16\x03\x03\x00\x02\x01\x00\r\n\r\n\x00",
        ),
    ])
    .collect()
}
