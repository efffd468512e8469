//! What names a host: the value of `Host`, the authority of an absolute target.
//!
//! Owns its grammar (RFC 9110 section 7.2), and is narrower than that in two places. A percent sign is refused: an
//! endpoint that decodes it and a route that compares bytes would mean different hosts. So is what is no number of a
//! port.

use std::net::Ipv6Addr;

/// Whether `bytes` are `host` or `host:port`, and name something.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| !NAME[*byte as usize]);
    match end.map(|end| bytes.split_at(end)) {
        None => !bytes.is_empty(),
        Some((host, [b':', port @ ..])) => !host.is_empty() && is_port(port),
        Some((b"", [b'[', rest @ ..])) => is_bracketed(rest),
        Some(_) => false,
    }
}

/// What follows an opening bracket: an address, the closing one, and perhaps a port.
fn is_bracketed(rest: &[u8]) -> bool {
    let Some(end) = rest.iter().position(|byte| *byte == b']') else {
        return false;
    };
    let address = str::from_utf8(&rest[..end]).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    address
        && match &rest[end + 1..] {
            [] => true,
            [b':', port @ ..] => is_port(port),
            _ => false,
        }
}

/// An empty one stands for the default.
fn is_port(bytes: &[u8]) -> bool {
    // Looked at first, so that the number below cannot overflow.
    if bytes.len() > MAX_PORT_DIGITS || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let add = |number: u32, digit: &u8| number * 10 + u32::from(digit - b'0');
    u16::try_from(bytes.iter().fold(0, add)).is_ok()
}

/// Digits of the largest port.
const MAX_PORT_DIGITS: usize = 5;

/// What a name is made of, an IPv4 address included: `unreserved` and `sub-delims` of RFC 3986 section 2.
static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || matches!(byte, b'!' | b'$' | b'&'..=b',' | b';' | b'=');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_pass_with_and_without_a_port() {
        for sound in [
            "a",
            "a.b.",
            "a_b-c.d",
            "a,b",
            "127.0.0.1",
            "[::1]",
            "[2001:db8::1]",
            "[::ffff:1.2.3.4]",
        ] {
            for port in ["", ":", ":0", ":80", ":00080", ":65535"] {
                assert!(
                    is_authority(format!("{sound}{port}").as_bytes()),
                    "{sound}{port}"
                );
            }
        }
    }

    #[test]
    fn whatever_else_there_may_be_is_refused() {
        for odd in [
            "",
            ":",
            ":80",
            "a:65536",
            "a:000080",
            "a:8o",
            "a:+80",
            "a:80:80",
            "a:-",
            "u@a",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "a\\b",
            "%61",
            "\"a\"",
            "[",
            "[]",
            "[::1",
            "::1]",
            "::1",
            "[a]",
            "[::1]a",
            "[::1]:a",
            "[::1%251]",
            "[v1.a]",
            "a[::1]",
            "caf\u{e9}",
            "a\0",
            "a\u{7f}",
        ] {
            assert!(!is_authority(odd.as_bytes()), "{odd}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic_and_none_but_graphic_ones_pass(bytes: Vec<u8>) {
            if is_authority(&bytes) {
                proptest::prop_assert!(bytes.iter().all(u8::is_ascii_graphic));
            }
        }

        #[test]
        fn what_passes_is_an_authority_to_others_too(text in "[a-z0-9.,:\\[\\]@%/-]{1,12}") {
            // Only a port that is empty, or longer than a number, is another matter there.
            if is_authority(text.as_bytes()) && !text.ends_with(':') {
                proptest::prop_assert!(text.parse::<http::uri::Authority>().is_ok(), "{}", text);
            }
        }
    }
}
