//! Bodies on their way through: streamed, counted, never held.
//!
//! Owns the two wrappers around hyper's bodies: the request's, which is what the upstream connection reads,
//! and the response's, which drives the upstream connection while the client reads, and ends the claim.

use std::{
    cell::Cell,
    error::Error,
    fmt,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{account::Account, connections::Upstream, downstream::Downstream};

/// The body of a request sent upstream.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// None.
    Empty,
    /// The client's.
    Streaming(Box<Upload>),
}

/// A client's body, while it is read.
#[derive(Debug)]
pub(crate) struct Upload {
    incoming: Incoming,
    downstream: Rc<Downstream>,
    progress: Rc<Progress>,
    /// Closed until the endpoint wants the body, where the client asked to be told (`Expect`).
    gate: Option<Arc<Gate>>,
    turn: Turn,
}

/// How far a client's body has come; shared with the exchange.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: Cell<u64>,
    stage: Cell<Stage>,
}

/// Where an upload stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing was read yet.
    #[default]
    Untouched,
    /// The endpoint has taken all that came: the client is to send more.
    WantsClient,
    /// The endpoint is to take more.
    WantsEndpoint,
    /// All of it was read.
    Ended,
    /// The client broke off or sent what its framing forbids.
    Failed,
}

/// Opened by an interim response (on hyper's side, which wants it `Send`) or by a lapse of time.
#[derive(Debug, Default)]
pub(crate) struct Gate(AtomicBool);

impl Gate {
    /// Lets the body through. Nobody is woken: who drives the connection looks here next.
    pub(crate) fn open(&self) {
        self.0.store(true, Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Progress {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }
}

impl RequestBody {
    pub(crate) fn new(
        incoming: Incoming,
        downstream: &Rc<Downstream>,
        progress: &Rc<Progress>,
        gate: Option<&Arc<Gate>>,
    ) -> Self {
        Self::Streaming(Box::new(Upload {
            incoming,
            downstream: Rc::clone(downstream),
            progress: Rc::clone(progress),
            gate: gate.map(Arc::clone),
            turn: Turn::default(),
        }))
    }
}

impl Upload {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.gate.as_ref().is_some_and(|gate| !gate.is_open()) {
            return Poll::Pending;
        }
        if self.turn.is_over(cx) {
            return Poll::Pending;
        }
        if self.progress.stage.replace(Stage::WantsClient) != Stage::WantsClient {
            self.downstream.expects_progress();
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.turn.passed(&polled);
        let frame = ready!(polled);
        self.progress.stage.set(Stage::WantsEndpoint);
        self.downstream.expects_progress();
        match frame {
            None => {
                self.ended();
                Poll::Ready(None)
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.progress
                    .bytes
                    .set(self.progress.bytes.get() + length as u64);
                // Nobody asks for what follows trailers: nothing does.
                if frame.is_trailers() || self.incoming.is_end_stream() {
                    self.ended();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.progress.stage.set(Stage::Failed);
                Poll::Ready(Some(Err(BodyError(Box::new(error)))))
            }
        }
    }

    fn ended(&self) {
        if self.progress.stage.replace(Stage::Ended) != Stage::Ended {
            self.downstream.expects_response();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streaming(upload) => upload.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(upload) => upload.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(upload) => upload.incoming.size_hint(),
        }
    }
}

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

/// How much has passed since the others on this worker had their turn. hyper goes on for as long as there is
/// something to read and room to write; a fast download between fast peers would keep the worker to itself.
#[derive(Debug, Default)]
struct Turn(usize);

impl Turn {
    /// Whether it is the others' turn; if so, the task is woken for its next one.
    fn is_over(&mut self, cx: &Context<'_>) -> bool {
        if self.0 < TURN_BYTES {
            return false;
        }
        self.0 = 0;
        cx.waker().wake_by_ref();
        true
    }

    fn passed<T>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, T>>>) {
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.0 += frame.data_ref().map_or(0, Bytes::len) + FRAME_BYTES
            }
            Poll::Ready(_) | Poll::Pending => self.0 = 0,
        }
    }
}

/// What may pass in one turn.
const TURN_BYTES: usize = 1024 * 1024;
/// What a frame counts besides its bytes, so that tiny ones end a turn, too.
const FRAME_BYTES: usize = 256;

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
            Some(Ok(frame)) => {
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
        if self
            .progress
            .as_ref()
            .is_some_and(|progress| progress.stage() == Stage::Failed)
        {
            self.account
                .client_broke("malformed or unfinished request body");
        } else {
            self.account
                .upstream_broke("connection closed within the response");
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
pub struct BodyError(Box<dyn Error + Send + Sync>);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for BodyError {}
