//! Request targets: a path, an absolute URI, or an asterisk where it may be; no space, no fragment, no control.

use crate::case::{Case, TAG};

const LINE: &str = "RFC 9112 3";
const TARGET: &str = "RFC 9112 3.2";
const MALFORMED: &str = "malformed request target";

pub(super) fn cases() -> Vec<Case> {
    [refused(), line(), passed(), lengths()].concat()
}

fn with(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {TAG}\r\n\r\n")
}

fn refused() -> Vec<Case> {
    [
        ("a target with a fragment", "GET /{c}#a"),
        ("a target that is a fragment", "GET #a"),
        ("a target with a tab", "GET /{c}\ta"),
        ("a target with NUL", "GET /{c}\0"),
        ("a target with a control", "GET /{c}\u{1}"),
        ("a target with DEL", "GET /{c}\u{7f}"),
        ("a target beyond ASCII", "GET /{c}/caf\u{e9}"),
        ("a target without a slash", "GET {c}"),
        ("a target that is a query", "GET ?{c}"),
        ("a target that is nothing", "GET "),
        ("a target that is an authority", "GET {c}:80"),
        ("an asterisk for GET", "GET *"),
        ("an asterisk and more for OPTIONS", "OPTIONS */{c}"),
        ("a target that is a dot", "GET ."),
        ("a target that is a backslash", "GET \\{c}"),
        ("a target of an unknown scheme", "GET about:{c}"),
    ]
    .map(|(name, line)| Case::new(name, TARGET, with(line)).refused(400, MALFORMED))
    .into()
}

fn line() -> Vec<Case> {
    [
        ("two spaces before the target", "GET  /{c} HTTP/1.1"),
        ("two spaces behind the target", "GET /{c}  HTTP/1.1"),
        ("a space in the target", "GET /{c} a HTTP/1.1"),
        ("a space behind the version", "GET /{c} HTTP/1.1 "),
        ("a tab before the target", "GET\t/{c} HTTP/1.1"),
        ("a tab behind the target", "GET /{c}\tHTTP/1.1"),
        ("a request line of two words", "GET /{c}"),
        ("a request line of one word", "GET"),
        ("a request line of a space", " "),
        ("a status line", "HTTP/1.1 200 OK"),
        ("a line that is no HTTP", "SSH-2.0-OpenSSH_9.6"),
    ]
    .map(|(name, line)| {
        let sent = format!("{line}\r\nHost: {TAG}\r\n\r\n");
        Case::new(name, LINE, sent).refused(400, "malformed request line")
    })
    .into()
}

fn passed() -> Vec<Case> {
    [
        ("a path", "/{c}/a/b"),
        ("a query", "/{c}?a=b&c=%20"),
        ("an empty query", "/{c}?"),
        ("two question marks", "/{c}?a?b"),
        ("encoded bytes", "/{c}/%7Ea%20b"),
        ("marks that need no encoding", "/{c}/-._~!$&'()*+,;=:@"),
    ]
    .map(|(name, target)| {
        let line = format!("GET {target}");
        Case::new(name, TARGET, with(&line)).passes(&line, "")
    })
    .into_iter()
    .chain([Case::new(
        "an asterisk for OPTIONS",
        "RFC 9112 3.2.4",
        with("OPTIONS *"),
    )
    .passes("OPTIONS *", "")])
    .collect()
}

fn lengths() -> Vec<Case> {
    let long = |length: usize| format!("GET /{TAG}/{}", "a".repeat(length));
    let endless = long(70_000);
    vec![
        Case::new("a target of eight thousand bytes", LINE, with(&long(8000)))
            .passes(&long(8000), ""),
        Case::new("a target that is too long", LINE, with(&long(17_000)))
            .refused(414, "request target too long"),
        Case::new("a target without an end", LINE, endless).refused(414, "request target too long"),
    ]
}
