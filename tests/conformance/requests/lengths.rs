//! `Content-Length`: one number in digits, once, and alone.

use crate::case::{Case, TAG, post};

const LENGTH: &str = "RFC 9110 8.6";
const FRAMING: &str = "RFC 9112 6.3";

pub(super) fn cases() -> Vec<Case> {
    [beside_a_coding(), repeated(), malformed(), sound()].concat()
}

fn beside_a_coding() -> Vec<Case> {
    [
        (
            "length before coding",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "coding before length",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ),
        (
            "coding beside a length of zero",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "unknown coding beside a length",
            "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
        ),
        (
            "length between other fields and a coding",
            "A: 1\r\nContent-Length: 5\r\nB: 2\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "coding beside a length that is nominated away",
            "Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "coding in capitals beside a length",
            "TRANSFER-ENCODING: CHUNKED\r\nCONTENT-LENGTH: 5\r\n",
        ),
    ]
    .map(|(name, fields)| {
        Case::new(name, FRAMING, post(fields, "0\r\n\r\n"))
            .refused(400, "both content-length and transfer-encoding")
    })
    .into()
}

fn repeated() -> Vec<Case> {
    [
        (
            "the same length twice",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
        ),
        ("two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
        (
            "two lengths in different case",
            "Content-Length: 5\r\ncontent-length: 0\r\n",
        ),
        (
            "two lengths apart",
            "Content-Length: 5\r\nA: 1\r\nB: 2\r\nContent-Length: 7\r\n",
        ),
    ]
    .map(|(name, fields)| {
        Case::new(name, LENGTH, post(fields, "hello")).refused(400, "repeated content-length")
    })
    .into()
}

fn malformed() -> Vec<Case> {
    let mut cases: Vec<_> = [
        ("a list of one length", "5, 5"),
        ("a list of two lengths", "5, 6"),
        ("a list with nothing behind its comma", "5,"),
        ("a length with a plus", "+5"),
        ("a length with a minus", "-5"),
        ("a length in hexadecimal", "0x5"),
        ("a length with a letter", "5a"),
        ("no length", ""),
        ("a length with a space in it", "5 5"),
        ("a length with an underscore", "5_0"),
        ("a length with a point", "5.0"),
        ("a length in quotes", "\"5\""),
        ("a length with a parameter", "5;a=1"),
        ("a length as a power", "5e0"),
        ("a length in digits of another script", "\u{ff15}"),
        ("a length of 64 bits and one", "18446744073709551621"),
        (
            "a length that would overflow many times",
            "999999999999999999999999999999999999999",
        ),
    ]
    .map(|(name, value)| {
        let sent = post(&format!("Content-Length: {value}\r\n"), "hello");
        Case::new(name, LENGTH, sent).refused(400, "malformed content-length")
    })
    .into();
    cases.push(
        Case::new(
            "a length spelt with an underscore",
            FRAMING,
            post("Content_Length: 5\r\n", "hello"),
        )
        .refused(400, "framing field spelt with underscores"),
    );
    cases
}

fn sound() -> Vec<Case> {
    let hello = |name, fields: &str| {
        Case::new(name, LENGTH, post(fields, "hello")).passes("POST /{c}", "hello")
    };
    let with_body = |name, method: &str| {
        let sent =
            format!("{method} /{TAG} HTTP/1.1\r\nHost: {TAG}\r\nContent-Length: 5\r\n\r\nhello");
        Case::new(name, "RFC 9110 9.3", sent).passes(&format!("{method} /{{c}}"), "hello")
    };
    vec![
        hello("a length", "Content-Length: 5\r\n").has("content-length: 5"),
        hello("a length between tabs", "Content-Length:\t5\t\r\n").has("content-length: 5"),
        hello("a length without a space", "Content-Length:5\r\n"),
        hello("a length with leading zeros", "Content-Length: 0005\r\n"),
        hello("a length in odd case", "cOnTeNt-LeNgTh: 5\r\n"),
        Case::new(
            "a length of zero",
            LENGTH,
            post("Content-Length: 0\r\n", ""),
        )
        .passes("POST /{c}", "")
        .has("content-length: 0"),
        Case::new("neither length nor coding", FRAMING, post("", ""))
            .passes("POST /{c}", "")
            .lacks("transfer-encoding"),
        with_body("a GET with a body", "GET"),
        with_body("a DELETE with a body", "DELETE"),
        with_body("an OPTIONS with a body", "OPTIONS"),
        Case {
            sees: Vec::new(),
            ..with_body("a HEAD with a body", "HEAD")
        }
        .answered(200, "")
        .for_head(),
    ]
}
