//! One request sent, one response head received, on one upstream connection.
//!
//! Owns the wait for a response; must not pick endpoints or retry. The connection is driven right here, by
//! the task that waits: hyper's usual way, a task for each connection, would cost every exchange a message,
//! a wake-up and a second task's poll each way.

use std::{future::poll_fn, sync::Arc, task::Poll};

use http::Response;

use super::{
    downstream::Downstream,
    error::ProxyError,
    outbound::Outgoing,
    protocol::http1::broken::Broken,
    upload::{Gate, Progress, RequestBody, Stage},
    upstream::Upstream,
};
use crate::core::in_flight::Ending;

/// Why there is no response.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: ProxyError,
    /// The request's body, if not a byte of the request was sent.
    pub(crate) unsent: Option<RequestBody>,
}

impl From<ProxyError> for Failed {
    fn from(error: ProxyError) -> Self {
        Self {
            error,
            unsent: None,
        }
    }
}

/// What the exchange watches besides the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched<'a> {
    pub(crate) downstream: &'a Downstream,
    pub(crate) upload: Option<&'a Progress>,
    pub(crate) gate: Option<&'a Arc<Gate>>,
}

/// Sends a request and waits for the head of the response.
pub(crate) async fn exchange(
    upstream: &mut Upstream,
    (outgoing, body): (Outgoing<'_>, RequestBody),
    watched: Watched<'_>,
) -> Result<Response<()>, Failed> {
    upstream.send(outgoing, body, watched.gate.map(Arc::clone));
    poll_fn(|cx| {
        loop {
            if let Some(ending) = watched.downstream.lifeline().cut() {
                return Poll::Ready(Err(cut(ending).into()));
            }
            let polled = upstream.poll_response(cx);
            if upstream.take_written() && uploads(watched.upload) {
                watched.downstream.expects_progress();
            }
            match polled {
                Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
                Poll::Ready(Err(broken)) => {
                    let error = judged(broken, watched.upload);
                    let unsent = upstream.take_unsent().filter(|_| broken == Broken::Closed);
                    return Poll::Ready(Err(Failed { error, unsent }));
                }
                Poll::Pending => {}
            }
            if let Some(error) = gives_up(watched.downstream) {
                return Poll::Ready(Err(error.into()));
            }
            if !watched.downstream.has_expired() {
                return Poll::Pending;
            }
            match watched.gate {
                // The endpoint does not answer the expectation: the body goes out all the same (RFC 9110
                // section 10.1.1).
                Some(gate) if !gate.is_open() => {
                    gate.open();
                    watched.downstream.expects_progress();
                }
                Some(_) | None => return Poll::Ready(Err(expired(watched).into())),
            }
        }
    })
    .await
}

/// Why the client's body is not waited for any longer, whatever it and the endpoint do.
pub(super) fn gives_up(downstream: &Downstream) -> Option<ProxyError> {
    if downstream.body_is_behind() {
        Some(ProxyError::BodyTooSlow)
    } else if downstream.lifeline().is_shed() {
        Some(ProxyError::BuffersFull)
    } else {
        None
    }
}

/// Whether the request's body is on its way.
fn uploads(upload: Option<&Progress>) -> bool {
    upload.is_some_and(|upload| matches!(upload.stage(), Stage::WantsClient | Stage::WantsEndpoint))
}

pub(crate) const fn cut(ending: Ending) -> ProxyError {
    match ending {
        Ending::CutByShutdown => ProxyError::CutByShutdown,
        Ending::CutByDeadline
        | Ending::Finished
        | Ending::ClientGone
        | Ending::UpstreamFailed
        | Ending::Replayed => ProxyError::CutByDeadline,
    }
}

pub(crate) fn judged(broken: Broken, upload: Option<&Progress>) -> ProxyError {
    match broken {
        Broken::Request if upload.is_some_and(|upload| upload.stage() == Stage::TooLarge) => {
            ProxyError::BodyTooLarge
        }
        Broken::Request => ProxyError::MalformedBody,
        Broken::Malformed => ProxyError::Malformed,
        Broken::Closed => ProxyError::Closed,
    }
}

pub(crate) fn expired(watched: Watched<'_>) -> ProxyError {
    match watched.upload.map(Progress::stage) {
        _ if watched.downstream.is_given_up() => ProxyError::DeadlinePassed,
        Some(Stage::WantsClient) => ProxyError::BodyTimeout,
        Some(
            Stage::Untouched
            | Stage::WantsEndpoint
            | Stage::Ended
            | Stage::Failed
            | Stage::TooLarge,
        )
        | None => ProxyError::ResponseTimeout,
    }
}
