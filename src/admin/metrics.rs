//! `GET /metrics`, for Prometheus.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    call_error::CallError,
    context::Context,
    problem::INTERNAL,
    sheet::{Answers, Sheet},
};

/// Every metric in the text format.
pub(super) async fn scrape(State(context): State<Context>) -> Result<Exposition, CallError> {
    let services = context.handle.services().await?;
    let text = context
        .metrics
        .render(&services)
        .map_err(|error| CallError::Metrics(error.to_string()))?;
    Ok(Exposition(text))
}

/// Metrics as Prometheus reads them.
#[derive(Debug)]
pub(super) struct Exposition(String);

impl IntoResponse for Exposition {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, TEXT_FORMAT)], self.0).into_response()
    }
}

impl Answers for Exposition {
    fn answers(sheet: &mut Sheet<'_>) {
        let content = ("text/plain", json!({ "type": "string" }));
        sheet.answer(StatusCode::OK, "metrics in the text format", content);
        sheet.problems(&[INTERNAL]);
    }
}

const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
