//! Responses on their way through: streamed, counted, never held.
//!
//! Owns the response's body, which drives the upstream connection while the client reads, and ends the claim.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    account::Account,
    error::ProxyError,
    headers,
    inbound::Inbound,
    turn::Turn,
    upload::{Progress, Stage},
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
    inbound: Inbound,
    progress: Option<Rc<Progress>>,
    account: Account,
    turn: Turn,
}

impl Download {
    pub(crate) fn new(inbound: Inbound, progress: Option<Rc<Progress>>, account: Account) -> Self {
        let mut download = Self {
            inbound,
            progress,
            account,
            turn: Turn::default(),
        };
        if download.inbound.is_end_stream() {
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
        match self.inbound.poll_frame(cx, self.account.downstream()) {
            Poll::Ready(frame) => Poll::Ready(self.passed(frame)),
            Poll::Pending => self.poll_idle(),
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
        frame: Option<Result<Frame<Bytes>, BodyError>>,
    ) -> Option<Result<Frame<Bytes>, BodyError>> {
        self.account.downstream().expects_progress();
        match frame {
            None => {
                self.ended();
                None
            }
            Some(Ok(frame)) => {
                let frame = settled(frame);
                self.account
                    .count(0, frame.data_ref().map_or(0, Bytes::len) as u64);
                if frame.is_trailers() || self.inbound.is_end_stream() {
                    self.ended();
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.broken_off();
                Some(Err(error))
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
        let now = self.account.downstream().worker().clock().coarse();
        self.inbound.come_back(now);
    }
}

/// Trailers without what they must not say.
fn settled(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            headers::rewrite_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
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
            Source::Claimed(download) => download.inbound.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Claimed(download) => download.inbound.size_hint(),
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
