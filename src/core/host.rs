//! The host that a request names, in the one spelling that routes are kept in.
//!
//! Owns what a host may look like: case, a trailing dot, a port and the forms of an IPv6 address make no difference;
//! what two servers could take for different hosts (credentials, escapes, a second port) is none at all. Must not know
//! routes.

use std::{borrow::Cow, net::Ipv6Addr};

/// The host of `host[:port]` in lower case, without port and trailing dot; an IPv6 address in brackets and in its
/// shortest form. Empty for no host. `None` if it is malformed (RFC 3986 section 3.2.2).
#[must_use]
pub fn canonical(host: &str) -> Option<Cow<'_, str>> {
    let mut seen = 0;
    for byte in host.as_bytes() {
        seen |= CLASSES[*byte as usize];
    }
    if host.is_empty() || seen == 0 {
        // Lower-case letters, digits, `-` and the dots between: nearly every host without a port.
        return without_root_dot(host).map(Cow::Borrowed);
    }
    if seen & FORBIDDEN != 0 {
        return None;
    }
    if let Some(bracketed) = host.strip_prefix('[') {
        return ip_literal(bracketed);
    }
    if seen & BRACKET != 0 {
        return None;
    }
    let name = match host.split_once(':') {
        Some((name, port)) if !name.is_empty() && is_port(port) => name,
        Some(_) => return None,
        None => host,
    };
    let name = without_root_dot(name)?;
    if seen & UPPER != 0 {
        return Some(Cow::Owned(name.to_ascii_lowercase()));
    }
    Some(Cow::Borrowed(name))
}

/// `2001:db8::1]` and perhaps a port.
fn ip_literal(bracketed: &str) -> Option<Cow<'static, str>> {
    let (inner, rest) = bracketed.split_once(']')?;
    let port_is_good = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    let ip: Ipv6Addr = inner.parse().ok()?;
    port_is_good.then(|| Cow::Owned(format!("[{ip}]")))
}

fn without_root_dot(name: &str) -> Option<&str> {
    match name.strip_suffix('.') {
        // Nothing but the root, or an empty label before it.
        Some(name) => (!name.is_empty() && !name.ends_with('.')).then_some(name),
        None => Some(name),
    }
}

/// Digits; none at all mean the scheme's port (RFC 3986 section 3.2.3).
fn is_port(text: &str) -> bool {
    text.len() <= MAX_PORT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

const MAX_PORT_DIGITS: usize = 5;
const UPPER: u8 = 1;
const COLON: u8 = 1 << 1;
const BRACKET: u8 = 1 << 2;
const FORBIDDEN: u8 = 1 << 3;
/// What each byte tells; nothing for those of an ordinary name.
static CLASSES: [u8; 256] = {
    let mut table = [FORBIDDEN; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
        {
            table[byte as usize] = 0;
        } else if byte.is_ascii_uppercase() {
            table[byte as usize] = UPPER;
        } else if matches!(byte, b'~' | b'!' | b'$' | b'&'..=b',' | b';' | b'=') {
            // Allowed by RFC 3986; in no name that anybody has.
            table[byte as usize] = 0;
        }
        byte += 1;
    }
    table[b':' as usize] = COLON;
    table[b'[' as usize] = BRACKET;
    table[b']' as usize] = BRACKET;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(host: &str, expected: Option<&str>) {
        assert_eq!(canonical(host).as_deref(), expected, "{host:?}");
    }

    #[test]
    fn one_host_has_one_spelling() {
        for host in [
            "shop.example.com",
            "SHOP.Example.com",
            "shop.example.com.",
            "shop.example.com:8080",
            "Shop.example.com.:80",
            "shop.example.com:",
        ] {
            reads(host, Some("shop.example.com"));
        }
        for host in ["[::1]", "[0:0::1]:80", "[::0001]", "[::1]:"] {
            reads(host, Some("[::1]"));
        }
        reads("[2001:DB8::A]", Some("[2001:db8::a]"));
        reads("192.0.2.1:80", Some("192.0.2.1"));
        reads("", Some(""));
    }

    #[test]
    fn a_malformed_host_is_none() {
        for host in [
            "user@a",
            "user:pass@a",
            "a@b:80",
            "a:80:80",
            "a:b",
            "a:123456",
            ":80",
            ":",
            ".",
            "a..",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "a%2eb",
            "a,b@",
            "::1",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:x",
            "[]",
            "[v1.a]",
            "[::1%25eth0]",
            "[127.0.0.1]",
            "a[::1]",
            "a]",
            "\u{e9}",
            "a\0b",
            "a\tb",
        ] {
            reads(host, None);
        }
    }

    #[test]
    fn an_ordinary_host_is_not_copied() {
        for host in [
            "shop.example.com",
            "shop.example.com:8080",
            "shop.example.com.",
        ] {
            assert!(matches!(canonical(host), Some(Cow::Borrowed(_))), "{host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic_and_reading_twice_changes_nothing(host in "\\PC{0,24}|[a-zA-Z.:0-9\\[\\]@]{0,16}") {
            if let Some(once) = canonical(&host) {
                let twice = canonical(&once).map(Cow::into_owned);
                proptest::prop_assert_eq!(twice.as_deref(), Some(&*once), "{}", host);
            }
        }
    }
}
