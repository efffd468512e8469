//! What a switch is waiting for, told while it waits.

use std::{future::Future, time::Duration};

use super::{
    client::{Answer, Client, segment},
    exit::Failure,
    gates,
    output::{Output, plain},
    receipt,
};
use crate::core::view::ServiceView;

/// Waits for `answer`, and tells meanwhile what it waits for.
pub(super) async fn watched(
    client: &Client,
    service: &str,
    answer: impl Future<Output = Result<Answer, Failure>>,
    output: &mut Output<'_>,
) -> Result<Answer, Failure> {
    tokio::select! {
        answer = answer => answer,
        never = tell(client, service, output) => match never {},
    }
}

async fn tell(client: &Client, service: &str, output: &mut Output<'_>) -> std::convert::Infallible {
    let path = format!("/v1/services/{}", segment(service));
    let mut told = String::new();
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause).await;
        pause = if output.is_live() {
            LIVE_PAUSE
        } else {
            LINE_PAUSE
        };
        // What cannot be told now is told next time, or by the answer.
        let view = client.get(&path).await.and_then(|answer| answer.parse());
        let Some(text) = view.ok().and_then(|view| sentence(&view)) else {
            continue;
        };
        if text != told {
            output.waiting(&plain(&text));
            told = text;
        }
    }
}

fn sentence(view: &ServiceView) -> Option<String> {
    let service = &view.service;
    if let Some(waiting) = &view.waiting {
        return Some(format!("{service}: waiting for {}", gates::closed(waiting)));
    }
    if let Some(shift) = &view.shift {
        return Some(format!("{service}: {}", receipt::shift(shift)));
    }
    let draining = view.draining.first()?;
    let (left, met) = (draining.left(), draining.in_flight_at_commit);
    Some(format!(
        "{service}: {} is live; draining {}: {left} of {met} requests left",
        draining.live(),
        draining.drains()
    ))
}

/// Before anything is told: most switches are through by then.
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// Between two looks, where the line changes in place.
const LIVE_PAUSE: Duration = Duration::from_millis(500);
/// Between two looks, where each is a line.
const LINE_PAUSE: Duration = Duration::from_secs(2);
