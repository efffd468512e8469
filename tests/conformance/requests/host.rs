//! `Host`: one, a name or an address, and the same as in an absolute target.

use crate::case::{Case, TAG};

const HOST: &str = "RFC 9112 3.2";
const ABSOLUTE: &str = "RFC 9112 3.2.2";
const MALFORMED: &str = "malformed host field";

pub(super) fn cases() -> Vec<Case> {
    [missing(), malformed(), sound(), absolute()].concat()
}

fn with(fields: &str) -> String {
    format!("GET /{TAG} HTTP/1.1\r\n{fields}\r\n")
}

fn missing() -> Vec<Case> {
    vec![
        Case::new("no host", HOST, with("")).refused(400, "missing host field"),
        Case::new(
            "no host, but an absolute target",
            HOST,
            format!("GET http://{TAG}/{TAG} HTTP/1.1\r\n\r\n"),
        )
        .refused(400, "missing host field"),
        Case::new(
            "two hosts",
            HOST,
            with(&format!("Host: {TAG}\r\nHost: b\r\n")),
        )
        .refused(400, "repeated host field"),
        Case::new(
            "the same host twice",
            HOST,
            with(&format!("Host: {TAG}\r\nhost: {TAG}\r\n")),
        )
        .refused(400, "repeated host field"),
        Case::new(
            "two hosts apart",
            HOST,
            with(&format!("Host: {TAG}\r\nA: b\r\nHost: b\r\n")),
        )
        .refused(400, "repeated host field"),
        Case::new(
            "no host in HTTP/1.0",
            HOST,
            format!("GET /{TAG} HTTP/1.0\r\n\r\n"),
        )
        .answered(200, "ok")
        .reaches("GET /{c}", "")
        .closes(),
        Case::new(
            "two hosts in HTTP/1.0",
            HOST,
            format!("GET /{TAG} HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        )
        .refused(400, "repeated host field"),
    ]
}

fn malformed() -> Vec<Case> {
    [
        ("an empty host", ""),
        ("a host of white space", "\t"),
        ("a host that is only a port", ":80"),
        ("a host with a user", "user@a"),
        ("a host with a user and a password", "user:word@a"),
        ("a host with a path", "a/b"),
        ("a host with a backslash", "a\\b"),
        ("a host with a query", "a?b"),
        ("a host with a fragment", "a#b"),
        ("a host with a space", "a b"),
        ("a host with a tab", "a\tb"),
        ("a host with a comma and a space", "a, b"),
        ("a host with a scheme", "http://a"),
        ("a host with two ports", "a:80:80"),
        ("a host with a port in letters", "a:http"),
        ("a host with a port with a sign", "a:+80"),
        ("a host with a port beyond 16 bits", "a:65536"),
        (
            "a host with a very long port",
            "a:000000000000000000000000080",
        ),
        ("a host with an encoded byte", "%61"),
        ("a host with an encoded line end", "a%0d%0a"),
        ("a host beyond ASCII", "caf\u{e9}"),
        ("a host in quotes", "\"a\""),
        ("a host in angle brackets", "<a>"),
        ("a host with an open bracket", "[::1"),
        ("a host with a closed bracket", "::1]"),
        ("a host of an address without brackets", "::1"),
        ("a host of brackets around nothing", "[]"),
        ("a host of brackets around a name", "[a]"),
        ("a host of brackets with a zone", "[fe80::1%25eth0]"),
        ("a host of brackets and more", "[::1]a"),
    ]
    .map(|(name, host)| {
        Case::new(name, HOST, with(&format!("Host: {host}\r\n"))).refused(400, MALFORMED)
    })
    .into()
}

fn sound() -> Vec<Case> {
    [
        ("a host with a port", "Host: {c}:8080"),
        ("a host with an empty port", "Host: {c}:"),
        ("a host with a trailing dot", "Host: {c}."),
        ("a host with labels", "Host: a-b.{c}.example"),
        ("a host with an underscore", "Host: _{c}"),
        ("a host in capitals", "HOST: {c}.EXAMPLE"),
        ("a host of an IPv4 address", "Host: 127.0.0.1:80"),
        ("a host of an IPv6 address", "Host: [::1]"),
        (
            "a host of an IPv6 address with a port",
            "Host: [2001:db8::1]:8080",
        ),
        (
            "a host of an IPv6 address with dots",
            "Host: [::ffff:127.0.0.1]",
        ),
        ("a host between white space", "Host:\t {c} \t"),
    ]
    .map(|(name, field)| {
        let value = field.split_once(':').map_or("", |(_, value)| value).trim();
        Case::new(name, "RFC 9110 7.2", with(&format!("{field}\r\n")))
            .passes("GET /{c}", "")
            .has(&format!("host: {value}"))
            .has(&format!("x-forwarded-host: {value}"))
    })
    .into()
}

fn absolute() -> Vec<Case> {
    let disagree = "host field and request target disagree";
    let target = "malformed request target";
    let refused = |name, line: &str, host: &str, cause| {
        let sent = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Case::new(name, ABSOLUTE, sent).refused(400, cause)
    };
    let passed = |name, line: &str, host: &str| {
        let sent = format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        Case::new(name, ABSOLUTE, sent)
    };
    vec![
        passed("an absolute target", "GET http://{c}/{c}?q", TAG)
            .passes("GET /{c}?q", "")
            .has("host: {c}"),
        passed(
            "an absolute target with a port",
            "GET http://{c}:80/{c}",
            "{c}:80",
        )
        .passes("GET /{c}", ""),
        passed(
            "an absolute target in capitals",
            "GET HTTP://A.{c}/{c}",
            "a.{c}",
        )
        .passes("GET /{c}", ""),
        passed(
            "an absolute target with only a query",
            "GET http://{c}?{c}",
            TAG,
        )
        .passes("GET /?{c}", ""),
        refused(
            "an absolute target of another host",
            "GET http://other/{c}",
            TAG,
            disagree,
        ),
        refused(
            "an absolute target of another port",
            "GET http://{c}:81/{c}",
            TAG,
            disagree,
        ),
        refused(
            "an absolute target with a user",
            "GET http://user@{c}/{c}",
            TAG,
            target,
        ),
        refused(
            "an absolute target without a host",
            "GET http:///{c}",
            TAG,
            target,
        ),
        refused(
            "an absolute target without anything",
            "GET http://",
            TAG,
            target,
        ),
        refused(
            "an absolute target of only a port",
            "GET http://:80/{c}",
            TAG,
            target,
        ),
        refused(
            "an absolute target of another scheme",
            "GET ftp://{c}/{c}",
            TAG,
            target,
        ),
        refused(
            "an absolute target with a fragment",
            "GET http://{c}/{c}#a",
            TAG,
            target,
        ),
        refused(
            "an absolute target with a backslash",
            "GET http:\\\\{c}\\{c}",
            TAG,
            target,
        ),
        Case::new(
            "an absolute target in HTTP/1.0 without a host",
            ABSOLUTE,
            format!("GET http://{TAG}/{TAG} HTTP/1.0\r\n\r\n"),
        )
        .answered(200, "ok")
        .reaches("GET /{c}", "")
        .has("host: {c}")
        .has("x-forwarded-host: {c}")
        .closes(),
    ]
}
