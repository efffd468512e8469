//! `Idempotency-Key`: what a call is known by when it is made again.
//!
//! Owns how the header is read and what of a call its digest is made of. Must not decide what follows from a key that is
//! known: that is core's. The header is draft-ietf-httpapi-idempotency-key-header's: a string in quotes as RFC 8941 has it;
//! the bare text is taken, too, because most who send one send that.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{
    body::Fields,
    call_error::CallError,
    problem::{BAD_REQUEST, KEY_REUSED},
    sheet::{Sheet, Takes},
};
use crate::core::once::Once;

/// The key of a call, if it has one, and the path that it was made to.
#[derive(Clone, Debug)]
pub(super) struct IdempotencyKey {
    key: Option<String>,
    path: String,
}

impl IdempotencyKey {
    /// The key with a digest of the call: its path and every field but `wait`, which says when to answer and not what to do.
    pub(super) fn over(self, fields: &Fields) -> Option<Once> {
        let key = self.key?;
        let mut hash = Sha256::new();
        hash.update(self.path.as_bytes());
        hash.update(b"\n");
        hash.update(fields.without("wait").as_bytes());
        let digest = hash.finalize();
        let order = digest.iter().take(DIGEST_BYTES);
        let order = order.map(|byte| format!("{byte:02x}")).collect();
        Some(Once { key, order })
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, CallError> {
        Ok(Self {
            key: key(&parts.headers)?,
            path: parts.uri.path().to_owned(),
        })
    }
}

impl Takes for IdempotencyKey {
    fn takes(sheet: &mut Sheet<'_>) {
        let pattern = r#"^("([!#-\[\]-~]|\\["\\]){1,64}"|[!#-~][!-~]{0,63})$"#;
        let schema = json!({ "type": "string", "pattern": pattern, "maxLength": 130 });
        let told = "a new text for each new order; a call that is made again with it does nothing new, and is answered as \
                    the first was";
        sheet.parameter("header", "Idempotency-Key", told, schema);
        sheet.problems(&[BAD_REQUEST, KEY_REUSED]);
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, CallError> {
    let wrong = CallError::Header {
        header: "Idempotency-Key",
        expected: "one text of 1 to 64 visible ASCII characters, such as `\"f3c1a9\"`: a new one for each new order",
    };
    let mut all = headers.get_all(HEADER).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().unwrap_or("").trim(),
        (Some(_), Some(_)) => return Err(wrong),
    };
    let key = match value.strip_prefix('"') {
        Some(rest) => unquoted(rest),
        None => Some(value.to_owned()),
    };
    let fits = |key: &String| {
        (1..=KEY_LIMIT).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_graphic())
    };
    key.filter(fits).map(Some).ok_or(wrong)
}

/// What an RFC 8941 string stands for, from behind its first quote.
fn unquoted(rest: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return letters.next().is_none().then_some(text),
            '\\' => text.push(letters.next().filter(|it| matches!(it, '"' | '\\'))?),
            letter => text.push(letter),
        }
    }
}

/// The name of the header.
pub const HEADER: &str = "idempotency-key";
/// Characters of a key.
pub const KEY_LIMIT: usize = 64;
/// Of the digest that is kept; the rest of it would tell no more calls apart.
const DIGEST_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Result<Option<String>, CallError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        key(&headers)
    }

    #[test]
    fn a_key_is_one_string_or_the_bare_text() {
        assert_eq!(parsed(&[]), Ok(None));
        for (value, expected) in [
            ("\"f3-c1\"", "f3-c1"),
            ("f3-c1", "f3-c1"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            ("a;b=1", "a;b=1"),
        ] {
            assert_eq!(parsed(&[value]), Ok(Some(expected.to_owned())), "{value}");
        }
        let (longest, longer) = ("x".repeat(64), "x".repeat(65));
        assert_eq!(parsed(&[&longest]), Ok(Some(longest.clone())));
        for wrong in [
            "", "\"\"", "\"a", "\"a\"b", "a b", "\"a b\"", r#""a\b""#, &longer,
        ] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
        assert!(parsed(&["a", "a"]).is_err());
    }

    #[test]
    fn a_digest_is_of_the_call_and_its_fields_but_not_of_when_to_answer() {
        let order = |path: &str, body: &str| {
            let key = IdempotencyKey {
                key: Some("k".to_owned()),
                path: path.to_owned(),
            };
            key.over(&Fields::parse(body.as_bytes()).unwrap())
                .unwrap()
                .order
        };
        let first = order("/v1/services/shop/switch", r#"{"to":"green","force":true}"#);
        assert_eq!(first.len(), 32);
        let same = r#"{ "wait": "drained", "force": true, "to": "green" }"#;
        assert_eq!(order("/v1/services/shop/switch", same), first);
        assert_ne!(order("/v1/services/shop/rollback", same), first);
        assert_ne!(
            order("/v1/services/shop/switch", r#"{"to":"green"}"#),
            first
        );
    }
}
