//! `GET /livez`, `/readyz` and `/healthz`: for kubelet, load balancers and `HEALTHCHECK`, in plain text.

use std::{convert::Infallible, fmt::Write, time::Duration};

use axum::{
    extract::{FromRequestParts, State},
    http::{StatusCode, request::Parts},
};
use serde_json::json;

use super::{
    context::Context,
    sheet::{Answers, Sheet, Takes},
};

/// Whether the controller still answers. If it does not, only a new process helps.
pub(super) async fn live(State(context): State<Context>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(LIVE_TIMEOUT, context.handle.readiness()).await {
        Ok(Ok(_)) => (StatusCode::OK, "live\n"),
        Ok(Err(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the controller has stopped\n",
        ),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the controller does not answer\n",
        ),
    }
}

/// Whether cutover is ready for traffic; `?verbose` names each condition.
pub(super) async fn ready(
    State(context): State<Context>,
    Verbose(verbose): Verbose,
) -> (StatusCode, String) {
    let answer = tokio::time::timeout(LIVE_TIMEOUT, context.handle.readiness()).await;
    let Ok(Ok(readiness)) = answer else {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    };
    let mut text = String::new();
    if verbose {
        for (condition, holds) in &readiness.conditions {
            let mark = if *holds { '+' } else { '-' };
            // Writing to a string does not fail.
            let _ = writeln!(text, "[{mark}] {condition}");
        }
    }
    if readiness.is_ready() {
        (StatusCode::OK, text + "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, text + "not ready\n")
    }
}

/// Whether each condition is to be named.
#[derive(Debug)]
pub(super) struct Verbose(bool);

impl<S: Sync> FromRequestParts<S> for Verbose {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let mut parameters = parts.uri.query().unwrap_or("").split('&');
        Ok(Self(
            parameters.any(|it| it.split('=').next() == Some("verbose")),
        ))
    }
}

impl Takes for Verbose {
    fn takes(sheet: &mut Sheet<'_>) {
        let told = "name each condition; what it is set to does not matter";
        sheet.parameter("query", "verbose", told, json!({ "type": "string" }));
    }
}

impl<T> Answers for (StatusCode, T) {
    fn answers(sheet: &mut Sheet<'_>) {
        for (status, told) in [
            (StatusCode::OK, "yes"),
            (StatusCode::SERVICE_UNAVAILABLE, "no"),
        ] {
            sheet.answer(status, told, ("text/plain", json!({ "type": "string" })));
        }
    }
}

/// For the controller to answer.
const LIVE_TIMEOUT: Duration = Duration::from_secs(5);
