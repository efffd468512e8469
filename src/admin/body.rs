//! Bodies of calls: JSON objects, small, and judged field by field.
//!
//! Owns the bounds of a body and the sentences about its fields. Must not know what a field is for. The
//! derived `Deserialize` would be shorter, and its errors name the offending value but not the field that has it.

use std::{collections::BTreeMap, marker::PhantomData, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, header},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, error::Category};

use super::{
    call_error::CallError,
    problem::{BAD_BODY, INVALID_FIELD, MEDIA_TYPE, SLOW_BODY, TOO_LARGE},
    sheet::{Sheet, Takes, properties},
};

/// The fields of a body; empty if there is none.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Refuses every field but these.
    fn only(self, known: &Map<String, Value>) -> Result<Self, CallError> {
        match self.0.keys().find(|field| !known.contains_key(*field)) {
            None => Ok(self),
            Some(field) => Err(CallError::UnknownField {
                field: shortened(field),
                known: names(known),
            }),
        }
    }

    /// The value of a field; `null` is the same as no field.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, CallError> {
        let value = match self.0.remove(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let found = found(&value);
        serde_json::from_value(value)
            .map(Some)
            .map_err(|_| CallError::Field {
                field,
                expected,
                found,
            })
    }

    /// The value of a field that must be there.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        expected: &'static str,
    ) -> Result<T, CallError> {
        self.optional(field, expected)?
            .ok_or(CallError::MissingField { field, expected })
    }

    /// All of them but one, in one order however they were sent.
    pub(super) fn without(&self, field: &str) -> String {
        let others = self.0.iter().filter(|(name, _)| *name != field);
        let others: BTreeMap<_, _> = others.collect();
        serde_json::to_string(&others).unwrap_or_default()
    }

    pub(super) fn parse(body: &[u8]) -> Result<Self, CallError> {
        serde_json::from_slice(body)
            .map(Self)
            .map_err(|error| match error.classify() {
                Category::Data => CallError::Syntax("it is no object, `{...}`".to_owned()),
                Category::Io | Category::Syntax | Category::Eof => {
                    CallError::Syntax(error.to_string())
                }
            })
    }
}

/// A body with the fields of `B`, and no others.
#[derive(Debug)]
pub(super) struct Body<B> {
    pub(super) fields: Fields,
    shape: PhantomData<fn() -> B>,
}

impl<B: JsonSchema> Takes for Body<B> {
    fn takes(sheet: &mut Sheet<'_>) {
        sheet.body::<B>();
        sheet.problems(&[BAD_BODY, SLOW_BODY, TOO_LARGE, MEDIA_TYPE, INVALID_FIELD]);
    }
}

impl<S: Send + Sync, B: JsonSchema> FromRequest<S> for Body<B> {
    type Rejection = CallError;

    async fn from_request(req: Request, state: &S) -> Result<Self, CallError> {
        let fields = Fields::from_request(req, state).await?;
        // The shape that is described is the shape that is taken; a few microseconds, for a call by a person.
        let known = properties(&B::json_schema(&mut SchemaGenerator::default()));
        Ok(Self {
            fields: fields.only(&known)?,
            shape: PhantomData,
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = CallError;

    async fn from_request(req: Request, state: &S) -> Result<Self, CallError> {
        let typed = is_json(req.headers());
        // A browser sends a form or plain text to a foreign site without asking it first, JSON never.
        if typed == Some(false) {
            return Err(CallError::MediaType);
        }
        let body = tokio::time::timeout(READ_TIMEOUT, Bytes::from_request(req, state))
            .await
            .map_err(|_| CallError::SlowBody(READ_TIMEOUT.as_secs()))?
            .map_err(|rejection| rejected(&rejection))?;
        if body.is_empty() {
            return Ok(Self::default());
        }
        if typed.is_none() {
            return Err(CallError::MediaType);
        }
        Self::parse(&body)
    }
}

/// Whether the body is said to be JSON; `None` if nothing is said.
fn is_json(headers: &HeaderMap) -> Option<bool> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("");
    let essence = value.split(';').next().unwrap_or("").trim();
    Some(essence.eq_ignore_ascii_case("application/json"))
}

fn rejected(rejection: &BytesRejection) -> CallError {
    if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        CallError::TooLarge(BODY_LIMIT)
    } else {
        CallError::BrokenBody
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => shortened(&value.to_string()),
        Value::String(text) => format!("`{}`", shortened(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn names(known: &Map<String, Value>) -> String {
    let quoted: Vec<_> = known.keys().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Errors repeat what was sent, but not pages of it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(REPEATED_LIMIT) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

/// Bytes of a body.
pub(super) const BODY_LIMIT: usize = 64 * 1024;
/// From the head of a request to the end of its body.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Characters of a wrong value that an error repeats.
const REPEATED_LIMIT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admin::wire::RollbackBody, core::ids::Colour};

    const EXPECTED: &str = "`blue` or `green`";

    #[test]
    fn a_wrong_field_is_named_with_what_was_expected() {
        let mut fields = Fields::parse(br#"{"to":"red","force":null}"#).unwrap();
        let error = fields.required::<Colour>("to", EXPECTED).unwrap_err();
        assert_eq!(error.to_string(), "`to` is `blue` or `green`, not `red`");
        let error = fields
            .required::<bool>("force", "true or false")
            .unwrap_err();
        assert_eq!(error.to_string(), "`force` is missing; it is true or false");
    }

    #[test]
    fn an_unknown_field_is_answered_with_the_known_ones() {
        let fields = Fields::parse(br#"{"colour":"red"}"#).unwrap();
        let known = properties(&RollbackBody::json_schema(&mut SchemaGenerator::default()));
        let error = fields.only(&known).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no field `colour`; there is `expect_live`, `force`, `reason`, `wait`"
        );
    }

    #[test]
    fn what_is_no_object_is_no_body() {
        for body in ["[]", "1", "\"to\"", "{", "{\"to\":}", "nonsense"] {
            let error = Fields::parse(body.as_bytes()).unwrap_err();
            assert!(matches!(error, CallError::Syntax(_)), "{body}: {error}");
        }
    }

    #[test]
    fn an_error_repeats_a_part_of_a_long_value_only() {
        let long = "\u{e9}".repeat(10_000);
        assert!(found(&Value::String(long)).chars().count() < 80);
    }
}
