//! `Transfer-Encoding`: `chunked`, once, and nothing else.

use crate::case::{Case, TAG, chunks, post};

const CODING: &str = "RFC 9112 6.1";
const FRAMING: &str = "RFC 9112 6.3";
const NOT_LAST: &str = "transfer-encoding does not end in chunked";
const EARLY: &str = "chunked is not the last transfer coding";

pub(super) fn cases() -> Vec<Case> {
    [refused(), spelt_oddly(), in_10(), sound()].concat()
}

fn refused() -> Vec<Case> {
    [
        (
            "chunked twice, in two lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            400,
            EARLY,
        ),
        (
            "chunked twice, in a list",
            "Transfer-Encoding: chunked, chunked\r\n",
            400,
            EARLY,
        ),
        (
            "chunked around another coding",
            "Transfer-Encoding: chunked, gzip, chunked\r\n",
            400,
            EARLY,
        ),
        (
            "chunked before another coding",
            "Transfer-Encoding: chunked, gzip\r\n",
            400,
            EARLY,
        ),
        (
            "chunked before identity",
            "Transfer-Encoding: chunked, identity\r\n",
            400,
            EARLY,
        ),
        (
            "chunked before another coding, in two lines",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
            400,
            EARLY,
        ),
        (
            "only another coding",
            "Transfer-Encoding: gzip\r\n",
            400,
            NOT_LAST,
        ),
        ("identity", "Transfer-Encoding: identity\r\n", 400, NOT_LAST),
        (
            "something that ends in chunked",
            "Transfer-Encoding: xchunked\r\n",
            400,
            NOT_LAST,
        ),
        (
            "something that begins with chunked",
            "Transfer-Encoding: chunkedx\r\n",
            400,
            NOT_LAST,
        ),
        (
            "chunked with a parameter",
            "Transfer-Encoding: chunked;a=1\r\n",
            400,
            NOT_LAST,
        ),
        (
            "chunked in quotes",
            "Transfer-Encoding: \"chunked\"\r\n",
            400,
            NOT_LAST,
        ),
        (
            "chunked with a space in it",
            "Transfer-Encoding: chu nked\r\n",
            400,
            NOT_LAST,
        ),
        ("no coding", "Transfer-Encoding:\r\n", 400, NOT_LAST),
        (
            "chunked and nothing behind its comma",
            "Transfer-Encoding: chunked,\r\n",
            400,
            EARLY,
        ),
        (
            "another coding before chunked",
            "Transfer-Encoding: gzip, chunked\r\n",
            501,
            "unknown transfer coding",
        ),
        (
            "another coding before chunked, in two lines",
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            501,
            "unknown transfer coding",
        ),
        (
            "identity before chunked",
            "Transfer-Encoding: identity, chunked\r\n",
            501,
            "unknown transfer coding",
        ),
        (
            "nothing before chunked",
            "Transfer-Encoding: , chunked\r\n",
            501,
            "unknown transfer coding",
        ),
    ]
    .map(|(name, fields, status, cause)| {
        Case::new(name, FRAMING, post(fields, "0\r\n\r\n")).refused(status, cause)
    })
    .into()
}

fn spelt_oddly() -> Vec<Case> {
    let colon = "malformed header field name";
    let control = "control character in header field";
    [
        (
            "a coding with a space before its colon",
            "Transfer-Encoding : chunked\r\n",
            colon,
        ),
        (
            "a coding with a tab before its colon",
            "Transfer-Encoding\t: chunked\r\n",
            colon,
        ),
        (
            "a coding behind a space",
            " Transfer-Encoding: chunked\r\n",
            "folded header field",
        ),
        (
            "a coding in a fold",
            "Transfer-Encoding:\r\n chunked\r\n",
            "folded header field",
        ),
        (
            "a coding after a vertical tab",
            "Transfer-Encoding: \u{b}chunked\r\n",
            control,
        ),
        (
            "a coding with NUL in it",
            "Transfer-Encoding: chunk\0ed\r\n",
            control,
        ),
        (
            "a coding before a bare CR",
            "Transfer-Encoding: chunked\r \r\n",
            control,
        ),
        (
            "a coding behind a bare CR",
            "A: b\rTransfer-Encoding: chunked\r\n",
            control,
        ),
        (
            "a coding behind a bare LF",
            "A: b\nTransfer-Encoding: chunked\r\n",
            "bare line feed",
        ),
        (
            "a coding spelt with an underscore",
            "Transfer_Encoding: chunked\r\n",
            "framing field spelt with underscores",
        ),
    ]
    .map(|(name, fields, cause)| {
        Case::new(name, "RFC 9112 5", post(fields, "0\r\n\r\n")).refused(400, cause)
    })
    .into()
}

fn in_10() -> Vec<Case> {
    // RUSTSEC-2026-0034 is a proxy that passed such requests on.
    [
        (
            "chunked in HTTP/1.0",
            "Transfer-Encoding: chunked\r\n",
            "transfer-encoding in HTTP/1.0",
        ),
        (
            "chunked in HTTP/1.0, kept alive",
            "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
            "transfer-encoding in HTTP/1.0",
        ),
        (
            "both framings in HTTP/1.0",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "both content-length and transfer-encoding",
        ),
    ]
    .map(|(name, fields, cause)| {
        let sent = format!("POST /{TAG} HTTP/1.0\r\nHost: {TAG}\r\n{fields}\r\n0\r\n\r\n");
        Case::new(name, CODING, sent).refused(400, cause)
    })
    .into()
}

fn sound() -> Vec<Case> {
    let body = "5\r\nhello\r\n0\r\n\r\n";
    let hello = |name, fields: &str| {
        Case::new(name, CODING, post(fields, body))
            .passes("POST /{c}", "hello")
            .has("transfer-encoding: chunked")
            .lacks("content-length")
    };
    let get =
        format!("GET /{TAG} HTTP/1.1\r\nHost: {TAG}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    vec![
        hello("chunked in odd case", "transfer-encoding: CHUNKed\r\n"),
        hello("chunked between tabs", "Transfer-Encoding:\tchunked\t \r\n"),
        hello(
            "a coding that is nominated away",
            "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
        ),
        hello(
            "chunked beside TE",
            "TE: chunked\r\nTransfer-Encoding: chunked\r\n",
        )
        .lacks("te"),
        Case::new("a GET with chunks", CODING, get).passes("GET /{c}", "hello"),
        Case::new("chunked and empty", CODING, chunks("0\r\n\r\n")).passes("POST /{c}", ""),
        Case::new(
            "TE of an unknown coding",
            "RFC 9110 10.1.4",
            post("TE: gzip;q=0.5\r\n", ""),
        )
        .passes("POST /{c}", "")
        .lacks("te"),
    ]
}
