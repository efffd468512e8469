//! `If-Match` and `ETag`: the tenure that a call is about.
//!
//! Owns how a tenure is written in a header. Must not decide what follows from a stale one: that is core's.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{
    call_error::CallError,
    problem::{BAD_REQUEST, STALE_TENURE},
    sheet::{Answers, Sheet, Takes},
};
use crate::core::ids::Tenure;

/// The tenure that `If-Match` names; `*` is any.
#[derive(Clone, Copy, Debug)]
pub(super) struct IfMatch(pub(super) Option<Tenure>);

/// No `If-Match`: a precondition that is not looked at would be worse than none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unconditional;

/// An answer with the tenure from now on, if it is known.
#[derive(Debug)]
pub(super) struct Tagged<T>(pub(super) Option<Tenure>, pub(super) T);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, CallError> {
        if_match(&parts.headers).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Unconditional {
    type Rejection = CallError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, CallError> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            return Ok(Self);
        }
        Err(CallError::Header {
            header: "If-Match",
            expected: "for calls about one service; switch one at a time, or leave it out",
        })
    }
}

impl Takes for IfMatch {
    fn takes(sheet: &mut Sheet<'_>) {
        let schema = json!({ "type": "string", "pattern": r#"^("(0|[1-9][0-9]{0,18})"|\*)$"# });
        let told = "the tenure in which the service must be still, as its `ETag` has it";
        sheet.parameter("header", "If-Match", told, schema);
        sheet.problems(&[BAD_REQUEST, STALE_TENURE]);
    }
}

impl Takes for Unconditional {
    fn takes(sheet: &mut Sheet<'_>) {
        sheet.problems(&[BAD_REQUEST]);
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Some(tenure) = self.0 {
            response.headers_mut().insert(header::ETAG, etag(tenure));
        }
        response
    }
}

impl<T: JsonSchema> Answers for Tagged<T> {
    fn answers(sheet: &mut Sheet<'_>) {
        sheet.json::<T>("done");
        let schema = json!({ "type": "string", "pattern": r#"^"[0-9]+"$"# });
        sheet.answer_header("ETag", "the tenure of the service", &schema);
    }
}

fn if_match(headers: &HeaderMap) -> Result<Option<Tenure>, CallError> {
    let wrong = CallError::Header {
        header: "If-Match",
        expected: "one tenure in quotes, such as `\"7\"`: the `ETag` of the service",
    };
    let mut all = headers.get_all(header::IF_MATCH).iter();
    let value = match (all.next(), all.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().unwrap_or("").trim(),
        (Some(_), Some(_)) => return Err(wrong),
    };
    if value == "*" {
        return Ok(None);
    }
    let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    match quoted.and_then(|tenure| tenure.parse().ok()) {
        Some(tenure) => Ok(Some(Tenure(tenure))),
        None => Err(wrong),
    }
}

fn etag(tenure: Tenure) -> HeaderValue {
    // Digits in quotes are a header value.
    let value = HeaderValue::from_str(&format!("\"{tenure}\""));
    value.unwrap_or(HeaderValue::from_static("\"0\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(values: &[&str]) -> Result<Option<Tenure>, CallError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::IF_MATCH, value.parse().unwrap());
        }
        if_match(&headers)
    }

    #[test]
    fn if_match_is_one_strong_tag() {
        assert_eq!(parsed(&[]), Ok(None));
        assert_eq!(parsed(&["*"]), Ok(None));
        assert_eq!(parsed(&["\"7\""]), Ok(Some(Tenure(7))));
        for wrong in ["7", "\"7", "W/\"7\"", "\"7\", \"8\"", "\"\"", "\"-1\""] {
            assert!(parsed(&[wrong]).is_err(), "{wrong}");
        }
        assert!(parsed(&["\"7\"", "\"7\""]).is_err());
    }

    #[test]
    fn a_tag_is_read_back_as_it_was_written() {
        let value = etag(Tenure(u64::MAX));
        assert_eq!(
            parsed(&[value.to_str().unwrap()]),
            Ok(Some(Tenure(u64::MAX)))
        );
    }
}
