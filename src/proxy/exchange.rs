//! One request sent, one response head received, on one upstream connection.
//!
//! Owns the wait for a response; must not pick endpoints or retry. The connection is driven right here, by
//! the task that waits: hyper's usual way, a task for each connection, would cost every exchange a message,
//! a wake-up and a second task's poll each way.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use hyper::body::Incoming;

use super::{
    downstream::Downstream,
    error::ProxyError,
    upload::{Gate, Progress, RequestBody, Stage},
    upstream::Upstream,
};
use crate::core::in_flight::Ending;

/// Why there is no response.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: ProxyError,
    /// The request, if not a byte of it was sent.
    pub(crate) unsent: Option<Request<RequestBody>>,
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
    pub(crate) gate: Option<&'a Gate>,
}

/// Sends `request` and waits for the head of the response.
pub(crate) async fn exchange(
    upstream: &mut Upstream,
    request: Request<RequestBody>,
    watched: Watched<'_>,
) -> Result<Response<Incoming>, Failed> {
    let mut response = pin!(upstream.send(request));
    poll_fn(|cx| {
        loop {
            if let Some(ending) = watched.downstream.lifeline().cut() {
                return Poll::Ready(Err(cut(ending).into()));
            }
            let ended = upstream.poll(cx).is_ready();
            if upstream.take_written() && uploads(watched.upload) {
                watched.downstream.expects_progress();
            }
            // The sending half of this channel is the connection just driven; nobody else can wake us.
            match response
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
            {
                Poll::Ready(Ok(response)) => return Poll::Ready(Ok(response)),
                Poll::Ready(Err(mut error)) => {
                    let unsent = error.take_message();
                    let error = judged(error.error(), watched.upload);
                    return Poll::Ready(Err(Failed { error, unsent }));
                }
                Poll::Pending if ended => {
                    // A request that hyper had not begun to write comes back only when the connection goes.
                    upstream.close();
                    let last = response
                        .as_mut()
                        .poll(&mut Context::from_waker(Waker::noop()));
                    let unsent = match last {
                        Poll::Ready(Err(mut error)) => error.take_message(),
                        Poll::Ready(Ok(_)) | Poll::Pending => None,
                    };
                    let error = ProxyError::Closed;
                    return Poll::Ready(Err(Failed { error, unsent }));
                }
                Poll::Pending => {}
            }
            if watched.downstream.body_is_behind() {
                return Poll::Ready(Err(ProxyError::BodyTooSlow.into()));
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
                Some(_) | None => return Poll::Ready(Err(expired(watched))),
            }
        }
    })
    .await
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

fn judged(error: &hyper::Error, upload: Option<&Progress>) -> ProxyError {
    match broken_body(upload) {
        Some(broken) => broken,
        None if error.is_parse() => ProxyError::Malformed,
        None => ProxyError::Closed,
    }
}

/// What is wrong with the request's body, if that is why there is no response.
pub(crate) fn broken_body(upload: Option<&Progress>) -> Option<ProxyError> {
    match upload.map(Progress::stage) {
        Some(Stage::Failed) => Some(ProxyError::MalformedBody),
        Some(Stage::TooLarge) => Some(ProxyError::BodyTooLarge),
        Some(Stage::Untouched | Stage::WantsClient | Stage::WantsEndpoint | Stage::Ended)
        | None => None,
    }
}

pub(crate) fn expired(watched: Watched<'_>) -> Failed {
    let error = match watched.upload.map(Progress::stage) {
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
    };
    error.into()
}
