//! The elements of a `Forwarded` field (RFC 7239), read from the right and written.
//!
//! Owns the syntax; must not decide who is believed. Read from the right, because a quotation mark that a client left
//! open would swallow what proxies added after it.

use std::net::IpAddr;

use super::hops;

/// What one proxy says of the request that it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Who sent it, if that is an address.
    pub node: Option<IpAddr>,
    /// By which protocol.
    pub proto: Option<&'a str>,
    /// To which host.
    pub host: Option<&'a str>,
}

/// The texts of the elements in `field`, the last one first; empty ones are left out.
pub fn from_the_right(field: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let text = rest?;
        let (before, last) = split_last(text);
        rest = before;
        Some(last.trim_matches([' ', '\t']))
    })
    .filter(|element| !element.is_empty())
}

/// What stands before the last comma outside quotation marks, and what behind it.
fn split_last(text: &str) -> (Option<&str>, &str) {
    let mut quoted = false;
    for (place, byte) in text.bytes().enumerate().rev() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return (Some(&text[..place]), &text[place + 1..]),
            _ => {}
        }
    }
    (None, text)
}

impl<'a> Element<'a> {
    /// Reads one; `None` if it is malformed, too long, or says something twice.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > ELEMENT_LIMIT {
            return None;
        }
        let mut element = Self {
            node: None,
            proto: None,
            host: None,
        };
        let (mut seen_node, mut rest) = (false, text);
        while !rest.is_empty() {
            let (pair, after) = split_pair(rest)?;
            rest = after;
            let (name, value) = pair.split_once('=')?;
            let value = unquoted(value)?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return None;
            }
            let twice = match name.len() {
                3 if name.eq_ignore_ascii_case("for") => {
                    element.node = hops::address(value);
                    std::mem::replace(&mut seen_node, true)
                }
                5 if name.eq_ignore_ascii_case("proto") => element.proto.replace(value).is_some(),
                4 if name.eq_ignore_ascii_case("host") => element.host.replace(value).is_some(),
                _ => false,
            };
            if twice {
                return None;
            }
        }
        Some(element)
    }
}

/// The first pair and what follows its semicolon.
fn split_pair(text: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b';' && !quoted
    });
    let blank = [' ', '\t'];
    match end {
        Some(end) => Some((
            text[..end].trim_matches(blank),
            text[end + 1..].trim_start_matches(blank),
        )),
        None if quoted => None,
        None => Some((text.trim_matches(blank), "")),
    }
}

/// A token, or what is between quotation marks. Escapes in it are not read: no address, protocol or host needs one.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => {
            let inner = rest.strip_suffix('"')?;
            let plain = |byte: u8| byte != b'"' && byte != b'\\' && (b' '..=b'~').contains(&byte);
            inner.bytes().all(plain).then_some(inner)
        }
        None => (!value.is_empty() && value.bytes().all(is_token)).then_some(value),
    }
}

/// Writes an element: who sent a request, to which host and by which protocol. `host` must be one that was judged.
#[must_use]
pub fn write(node: IpAddr, host: Option<&str>, proto: Option<&str>) -> String {
    let mut text = match node {
        IpAddr::V4(ip) => format!("for={ip}"),
        IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
    };
    for (name, value) in [("host", host), ("proto", proto)] {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            continue;
        };
        text.extend([";", name, "="]);
        if value.bytes().all(is_token) {
            text.push_str(value);
        } else {
            text.extend(["\"", value, "\""]);
        }
    }
    text
}

/// `tchar` of RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Bytes of one element.
const ELEMENT_LIMIT: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<String>, Option<&str>, Option<&str>)> {
        let element = Element::read(text)?;
        let node = element.node.map(|ip| ip.to_string());
        Some((node, element.proto, element.host))
    }

    fn node(ip: &str) -> Option<String> {
        Some(ip.to_owned())
    }

    #[test]
    fn elements_are_read() {
        assert_eq!(read("for=192.0.2.7"), Some((node("192.0.2.7"), None, None)));
        assert_eq!(
            read("For=\"[2001:db8::1]:4711\";Proto=https;by=203.0.113.43; host=\"a:80\""),
            Some((node("2001:db8::1"), Some("https"), Some("a:80")))
        );
        assert_eq!(read("for=unknown;secret=x"), Some((None, None, None)));
        assert_eq!(read("for=_hidden"), Some((None, None, None)));
        assert_eq!(read("proto=http"), Some((None, Some("http"), None)));
    }

    #[test]
    fn malformed_elements_are_none() {
        for text in [
            "for",
            "=x",
            "for=",
            "for=a b",
            "for=\"a",
            "for=a\"",
            "for=\"a\"b",
            "for=\"a\\\"b\"",
            "for=1;for=2",
            "host=a;host=a",
            "fo r=x",
            "for =x",
            "for= x",
            "for=[::1]",
            "for=1;;proto=x",
            "\u{e9}=x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&format!("for=1;x={}", "y".repeat(512))), None);
    }

    #[test]
    fn an_open_quotation_mark_swallows_nothing_on_its_right() {
        let elements = |field| from_the_right(field).collect::<Vec<_>>();
        assert_eq!(elements("for=a, for=b ,for=c"), ["for=c", "for=b", "for=a"]);
        assert_eq!(elements("for=\"a, b\", for=c"), ["for=c", "for=\"a, b\""]);
        assert_eq!(
            elements("for=\"x, for=192.0.2.7"),
            ["for=192.0.2.7", "for=\"x"]
        );
        assert_eq!(elements(" , ,for=a,, "), ["for=a"]);
        assert_eq!(elements(""), [""; 0]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (ip, host, text) in [
            (
                "192.0.2.7",
                Some("shop.test"),
                "for=192.0.2.7;host=shop.test;proto=http",
            ),
            (
                "2001:db8::1",
                Some("a:80"),
                "for=\"[2001:db8::1]\";host=\"a:80\";proto=http",
            ),
            ("::1", Some(""), "for=\"[::1]\";proto=http"),
            ("::1", None, "for=\"[::1]\";proto=http"),
        ] {
            let written = write(ip.parse().unwrap(), host, Some("http"));
            assert_eq!(written, text);
            let host = host.filter(|host| !host.is_empty());
            assert_eq!(read(&written), Some((node(ip), Some("http"), host)));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}|[a-z=;,\" \\[\\]:.0-9]{0,40}") {
            for element in from_the_right(&text) {
                let _ = Element::read(element);
            }
        }

        #[test]
        fn nothing_on_the_left_changes_what_is_read_on_the_right(left in "[ -~]{0,40}") {
            let field = format!("{left}, for=\"[2001:db8::1]\";proto=https, for=192.0.2.7");
            let read: Vec<_> = from_the_right(&field).take(2).collect();
            proptest::prop_assert_eq!(read, ["for=192.0.2.7", "for=\"[2001:db8::1]\";proto=https"]);
        }
    }
}
