//! `GET /v1/history` and `GET /v1/services/{service}/history`: past switches, newest first.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{call_error::CallError, context::Context, path::Named, wire::HistoryAnswer};
use crate::core::{ids::ServiceName, switch::Receipt};

/// How much of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Extent {
    /// Receipts at most.
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

/// Of every service.
pub(super) async fn all(
    State(context): State<Context>,
    extent: Result<Query<Extent>, QueryRejection>,
) -> Result<Json<HistoryAnswer>, CallError> {
    let limit = limit(extent)?;
    let receipts = context.handle.history(None).await?;
    Ok(newest(receipts, limit))
}

/// Of one service, which may be one that is served no more.
pub(super) async fn one(
    State(context): State<Context>,
    Named(service): Named<String>,
    extent: Result<Query<Extent>, QueryRejection>,
) -> Result<Json<HistoryAnswer>, CallError> {
    let limit = limit(extent)?;
    let name = ServiceName::new(&service);
    let receipts = context.handle.history(Some(name.clone())).await?;
    if receipts.is_empty() && context.handle.service(name).await?.is_none() {
        return Err(CallError::UnknownService(service));
    }
    Ok(newest(receipts, limit))
}

fn limit(extent: Result<Query<Extent>, QueryRejection>) -> Result<usize, CallError> {
    let wrong = CallError::Query {
        parameter: "limit",
        expected: "a number from 1 to 1000, and the only parameter",
    };
    let Ok(Query(extent)) = extent else {
        return Err(wrong);
    };
    match extent.limit.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(wrong),
    }
}

fn newest(mut receipts: Vec<Receipt>, limit: usize) -> Json<HistoryAnswer> {
    receipts.truncate(limit);
    Json(HistoryAnswer { receipts })
}

/// Receipts answered, if nothing is said.
const LIMIT_DEFAULT: usize = 100;
/// Receipts answered at most.
const LIMIT_MAX: usize = 1000;
