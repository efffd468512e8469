//! `GET /livez`, `/readyz` and `/healthz`: for kubelet, load balancers and `HEALTHCHECK`, in plain text.

use std::{fmt::Write, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, Uri},
};

use super::context::Context;

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
pub(super) async fn ready(State(context): State<Context>, uri: Uri) -> (StatusCode, String) {
    let answer = tokio::time::timeout(LIVE_TIMEOUT, context.handle.readiness()).await;
    let Ok(Ok(readiness)) = answer else {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned());
    };
    let mut text = String::new();
    if is_verbose(&uri) {
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

fn is_verbose(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or("").split('&');
    parameters.any(|it| it.split('=').next() == Some("verbose"))
}

/// For the controller to answer.
const LIVE_TIMEOUT: Duration = Duration::from_secs(5);
