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
    inbound::Inbound,
    trailers,
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
    /// There until the body has ended.
    inbound: Option<Inbound>,
    progress: Option<Rc<Progress>>,
    account: Account,
    turn: Turn,
}

impl Download {
    pub(crate) fn new(inbound: Inbound, progress: Option<Rc<Progress>>, account: Account) -> Self {
        let mut download = Self {
            inbound: Some(inbound),
            progress,
            account,
            turn: Turn::default(),
        };
        download.look_for_end();
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
        let Some(inbound) = &mut self.inbound else {
            return Poll::Ready(None);
        };
        if !self.account.downstream().may_ask_for_more() {
            // A client that takes nothing wakes the task when it does; one that was not given it yet does not.
            if !self.account.downstream().is_stalled() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        let polled = match inbound.poll_frame(cx, self.account.downstream()) {
            Poll::Ready(frame) => Poll::Ready(self.passed(frame)),
            Poll::Pending => self.poll_idle(),
        };
        self.turn.passed(&polled);
        polled
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
                self.look_for_end();
                None
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    trailers::tidy(trailers);
                }
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.account.count(0, length as u64);
                self.account.downstream().hands_on(length);
                self.look_for_end();
                Some(Ok(frame))
            }
            Some(Err(broken)) => {
                self.broken_off();
                Some(Err(broken))
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

    /// Lets the connection go as soon as nothing more comes by it.
    fn look_for_end(&mut self) {
        if let Some(inbound) = self.inbound.take_if(|inbound| inbound.is_end_stream()) {
            self.account.finished();
            inbound.come_back(self.account.downstream().worker().clock().coarse());
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
            Source::Claimed(download) => download.inbound.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Claimed(download) => match &download.inbound {
                Some(inbound) => inbound.size_hint(),
                None => SizeHint::with_exact(0),
            },
        }
    }
}

/// Why a body was broken off; whoever writes the message then ends it visibly broken.
#[derive(Debug)]
pub struct BodyError(pub(super) Box<dyn Error + Send + Sync>);

impl BodyError {
    pub(crate) fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {}
