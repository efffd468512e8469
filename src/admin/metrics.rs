//! `GET /metrics`, for Prometheus.

use axum::{extract::State, http::header, response::IntoResponse};

use super::{call_error::CallError, context::Context};

/// Every metric in the text format.
pub(super) async fn scrape(State(context): State<Context>) -> Result<impl IntoResponse, CallError> {
    let services = context.handle.services().await?;
    let text = context
        .metrics
        .render(&services)
        .map_err(|error| CallError::Metrics(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, TEXT_FORMAT)], text))
}

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
