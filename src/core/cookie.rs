//! Cookies of a request (RFC 6265).
//!
//! Owns finding one by its name, without a copy and without a judgement about the others; must not know what is in it.

use http::{HeaderMap, header::COOKIE};

/// The value of the first cookie of this name; of a quoted one, with its quotes.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let fields = headers.get_all(COOKIE).into_iter();
    let mut pairs = fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b';'));
    pairs.find_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    })
}

/// Whether a cookie may have this name: a token, and not so long that it would fill a request.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=NAME_LIMIT).contains(&text.len()) && text.bytes().all(is_token)
}

/// Characters of a cookie's name.
const NAME_LIMIT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&[u8]], name: &str) -> Option<Vec<u8>> {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(COOKIE, http::HeaderValue::from_bytes(field).unwrap());
        }
        value(&headers, name).map(<[u8]>::to_vec)
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let fields: [&[u8]; 2] = [b"a=1; sid=x=y;tsid=2", b"last=\"q\"; sid=second"];
        for (name, expected) in [
            ("a", Some("1")),
            ("sid", Some("x=y")),
            ("tsid", Some("2")),
            ("last", Some("\"q\"")),
            ("id", None),
            ("si", None),
            ("A", None),
        ] {
            let value = found(&fields, name);
            assert_eq!(value.as_deref(), expected.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn odd_fields_are_no_cookies_and_no_errors() {
        for field in [&b""[..], b";;;", b"sid", b"=sid", b" ; =; sid", b"\xff\xfe"] {
            assert_eq!(found(&[field], "sid"), None, "{field:?}");
        }
        assert_eq!(found(&[b"sid="], "sid"), Some(Vec::new()));
    }

    #[test]
    fn names_are_tokens() {
        let long = "x".repeat(65);
        for (name, expected) in [
            ("cutover-shop", true),
            ("__Host-x", true),
            ("", false),
            ("a b", false),
            ("a=b", false),
            ("é", false),
            (&long, false),
        ] {
            assert_eq!(is_name(name), expected, "{name}");
        }
    }
}
