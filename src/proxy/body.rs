//! Responses on their way through: streamed, counted, never held.
//!
//! Owns the response's body, which drives the upstream connection while the client reads, and ends the claim.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{
    account::Account,
    error::ProxyError,
    trailers,
    turn::Turn,
    upload::{Progress, Stage},
    upstream::Upstream,
};
use crate::telemetry::limit::Limit;

/// The body of a response sent downstream.
#[derive(Debug)]
pub struct ResponseBody(Source);

#[derive(Debug)]
enum Source {
    /// Cutover's own words, or nothing.
    Own(Bytes),
    /// The endpoint's, under a claim.
    Claimed(Box<Download>),
}

impl ResponseBody {
    pub(crate) const fn own(bytes: Bytes) -> Self {
        Self(Source::Own(bytes))
    }

    pub(crate) fn claimed(download: Download) -> Self {
        Self(Source::Claimed(Box::new(download)))
    }
}

/// An endpoint's body, with everything that is held until it ends.
#[derive(Debug)]
pub(crate) struct Download {
    incoming: Incoming,
    upstream: Option<Box<Upstream>>,
    progress: Option<Rc<Progress>>,
    account: Account,
    turn: Turn,
}

impl Download {
    pub(crate) fn new(
        incoming: Incoming,
        upstream: Box<Upstream>,
        progress: Option<Rc<Progress>>,
        account: Account,
    ) -> Self {
        let mut download = Self {
            incoming,
            upstream: Some(upstream),
            progress,
            account,
            turn: Turn::default(),
        };
        if download.incoming.is_end_stream() {
            download.ended();
        }
        download
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(ending) = self.account.downstream().lifeline().cut() {
            self.account.cut(ending);
            return Poll::Ready(Some(Err(BodyError("the claim was cut".into()))));
        }
        if self.turn.is_over(cx) {
            return Poll::Pending;
        }
        let polled = self.poll_next(cx);
        self.turn.passed(&polled);
        polled
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = match self.poll_incoming() {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                // The other end of hyper's channel is in our own hands: only driving the connection can make
                // a frame appear, and that wakes us when the socket is ready.
                if let Some(upstream) = &mut self.upstream {
                    let _ = upstream.poll(cx);
                }
                match self.poll_incoming() {
                    Poll::Ready(frame) => frame,
                    Poll::Pending => return self.poll_idle(),
                }
            }
        };
        Poll::Ready(self.passed(frame))
    }

    fn poll_incoming(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self {
            incoming, upstream, ..
        } = self;
        let mut look =
            || Pin::new(&mut *incoming).poll_frame(&mut Context::from_waker(Waker::noop()));
        match upstream {
            // Looking tells the connection that there is room, and it is driven next in any case.
            Some(upstream) => upstream.hushed(look),
            None => look(),
        }
    }

    fn poll_idle(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.account.downstream().is_given_up() {
            let cause = ProxyError::DeadlinePassed.cause();
            self.account.client_broke(cause);
            return Poll::Ready(Some(Err(BodyError(cause.into()))));
        }
        if self.account.downstream().has_expired() {
            self.account.upstream_broke("idle timeout");
            return Poll::Ready(Some(Err(BodyError(
                "no byte within the idle timeout".into(),
            ))));
        }
        Poll::Pending
    }

    fn passed(
        &mut self,
        frame: Option<Result<Frame<Bytes>, hyper::Error>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.account.downstream().expects_progress();
        match frame {
            None => {
                self.ended();
                None
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    trailers::tidy(trailers);
                }
                self.account
                    .count(0, frame.data_ref().map_or(0, Bytes::len) as u64);
                if frame.is_trailers() || self.incoming.is_end_stream() {
                    self.ended();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.broken_off();
                Some(Err(BodyError(Box::new(error))))
            }
        }
    }

    /// By the endpoint, or because the client broke off its own body, which ends the exchange, too.
    fn broken_off(&mut self) {
        match self.progress.as_ref().map(|progress| progress.stage()) {
            Some(Stage::Failed) => self
                .account
                .client_broke("malformed or unfinished request body"),
            Some(Stage::TooLarge) => {
                self.account.client_broke(ProxyError::BodyTooLarge.cause());
                let worker = self.account.downstream().worker();
                worker.stats().met(Limit::MaxRequestBody);
            }
            Some(Stage::Untouched | Stage::WantsClient | Stage::WantsEndpoint | Stage::Ended)
            | None => self
                .account
                .upstream_broke("connection closed within the response"),
        }
    }

    fn ended(&mut self) {
        self.account.finished();
        if let Some(upstream) = self.upstream.take() {
            upstream.come_back(self.account.downstream().worker().clock().coarse());
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            self.account.count(progress.bytes(), 0);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Source::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Claimed(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Own(bytes) => bytes.is_empty(),
            Source::Claimed(download) => download.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Claimed(download) => download.incoming.size_hint(),
        }
    }
}

/// Why a body was broken off; hyper then ends the message visibly broken.
#[derive(Debug)]
pub struct BodyError(pub(super) Box<dyn Error + Send + Sync>);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {}
