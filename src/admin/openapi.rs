//! `GET /openapi.json`: every call of the admin API, for machines (OpenAPI 3.1).
//!
//! Owns nothing but the answer: the document is made once, of the calls that are routed; see `calls.rs`.

use axum::{Json, extract::State};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};

use super::{context::Context, router};

/// The document itself.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Document(Arc<Value>);

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "OpenApi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "required": ["openapi", "info", "paths"] })
    }
}

/// The document.
pub(super) async fn document(State(context): State<Context>) -> Json<Document> {
    let made = || Arc::new(router::document(&context.keys));
    Json(Document(Arc::clone(context.document.get_or_init(made))))
}
