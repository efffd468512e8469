//! Protocols that a client may upgrade to.
//!
//! Owns which names may stand in the file at all. A protocol passes as bytes that nobody judges, so one that is HTTP
//! again would take its requests past every route and rule.

use serde_json::Value;

use crate::config::{
    form,
    text::{BadValue, FromText},
};

/// A name with or without a version, in lower case (RFC 9110 section 7.8).
#[derive(Debug)]
pub(in crate::config) struct Protocol(pub(in crate::config) String);

impl FromText for Protocol {
    const KIND: &'static str = "a protocol";
    const EXAMPLE: &'static str = "\"websocket\"";

    fn text_form() -> Value {
        let token = format!("[!#$%&'*+.^_`|~0-9A-Za-z-]{{1,{NAME_LIMIT}}}");
        let never: Vec<_> = NEVER.iter().map(|it| form::any_case(it)).collect();
        let never = format!("^({})(/|$)", never.join("|"));
        form::pattern_without(&format!("{token}(/{token})?"), &never)
    }

    fn from_text(text: &str) -> Result<Self, BadValue> {
        let lower = text.to_ascii_lowercase();
        let (name, version) = match lower.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (lower.as_str(), None),
        };
        if !is_token(name) || version.is_some_and(|version| !is_token(version)) {
            let suggestion = "write a name such as `websocket`, with a version only if it has one";
            return Err(BadValue::new(text, "is no protocol", suggestion));
        }
        if NEVER.contains(&name) {
            let suggestion = "remove it: its requests would pass every route and rule unseen";
            return Err(BadValue::new(text, "cannot be passed", suggestion));
        }
        Ok(Self(lower))
    }
}

fn is_token(text: &str) -> bool {
    let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || is_sign(byte);
    !text.is_empty() && text.len() <= NAME_LIMIT && text.bytes().all(plain)
}

/// HTTP by another door.
const NEVER: [&str; 4] = ["h2c", "h2", "http", "tls"];
/// Bytes of a name, and of a version.
const NAME_LIMIT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_a_name_and_perhaps_a_version() {
        let read = |text| Protocol::from_text(text).map(|it| it.0);
        assert_eq!(read("WebSocket").as_deref(), Ok("websocket"));
        assert_eq!(read("spdy/3.1").as_deref(), Ok("spdy/3.1"));
        for text in ["", "/", "a/", "/1", "a b", "a,b", "a/1/2", "\u{e4}"] {
            let complaint = read(text).unwrap_err().to_string();
            assert!(complaint.contains("is no protocol"), "{complaint}");
        }
        for text in ["h2c", "HTTP/2.0", "TLS/1.3", "h2"] {
            let complaint = read(text).unwrap_err().to_string();
            assert!(complaint.contains("cannot be passed"), "{complaint}");
        }
    }
}
