//! Requests' bodies on their way through: streamed, counted, never held.
//!
//! Owns what the upstream connection reads as the body of a request, and how far that has come.

use std::{
    cell::{Cell, RefCell},
    num::NonZeroUsize,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderName;
use http_body::{Body, Frame, SizeHint};

use super::{
    body::BodyError, downstream::Downstream, incoming::Incoming, trailers, turn::Turn,
    vouched::keep_out,
};

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
    /// Read before, and not sent.
    returned: Bytes,
    /// Trailers were read; they cannot be returned.
    trailed: bool,
}

/// How far a client's body has come; shared with the exchange.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: Cell<u64>,
    /// The most that may come.
    max: Cell<Option<NonZeroUsize>>,
    /// What may not stand behind it, besides what never may.
    kept_out: RefCell<Option<Arc<[HeaderName]>>>,
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
    /// More came than the service takes.
    TooLarge,
}

/// Opened by an interim response or by a lapse of time. `Relaxed`: both sides are on one thread.
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

    /// Bounds the body from now on. False if it is known already that it is too large; where its length is not known,
    /// it is watched.
    pub(crate) fn fits(&self, body: &RequestBody, max: Option<NonZeroUsize>) -> bool {
        self.max.set(max);
        max.is_none_or(|max| body.size_hint().lower() <= max.get() as u64)
    }

    /// Keeps these fields out of what stands behind the body, from now on.
    pub(crate) fn keeps_out(&self, fields: &Arc<[HeaderName]>) {
        *self.kept_out.borrow_mut() = Some(Arc::clone(fields));
    }

    /// Counts what came, and says whether it is more than may come.
    fn counts(&self, length: usize) -> bool {
        let bytes = self.bytes.get() + length as u64;
        self.bytes.set(bytes);
        self.max.get().is_some_and(|max| bytes > max.get() as u64)
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
            returned: Bytes::new(),
            trailed: false,
        }))
    }

    /// Takes back what was read last, as if it never had been; false if that cannot be.
    pub(crate) fn takes_back(&mut self, data: Bytes) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(upload) => {
                upload.returned = data;
                !upload.trailed
            }
        }
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
        if !self.returned.is_empty() {
            return Poll::Ready(Some(Ok(self.again())));
        }
        if self.progress.stage.replace(Stage::WantsClient) != Stage::WantsClient {
            self.downstream.expects_progress();
            self.downstream.waits_for_body();
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.turn.passed(&polled);
        let frame = ready!(polled);
        self.progress.stage.set(Stage::WantsEndpoint);
        self.downstream.expects_progress();
        let length = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => 0,
        };
        self.downstream.body_came(length);
        match frame {
            None => {
                self.ended();
                Poll::Ready(None)
            }
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    trailers::tidy(trailers);
                    if let Some(fields) = &*self.progress.kept_out.borrow() {
                        keep_out(trailers, fields);
                    }
                }
                if self.progress.counts(length) {
                    self.progress.stage.set(Stage::TooLarge);
                    return Poll::Ready(Some(Err(BodyError("more than the service takes".into()))));
                }
                // Nobody asks for what follows trailers: nothing does.
                self.trailed |= frame.is_trailers();
                if frame.is_trailers() || self.incoming.is_end_stream() {
                    self.ended();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.progress.stage.set(Stage::Failed);
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    /// What was returned; it was counted when it was read.
    fn again(&mut self) -> Frame<Bytes> {
        self.progress.stage.set(Stage::WantsEndpoint);
        self.downstream.expects_progress();
        if self.incoming.is_end_stream() {
            self.ended();
        }
        Frame::data(std::mem::take(&mut self.returned))
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
            Self::Streaming(upload) => {
                upload.returned.is_empty() && upload.incoming.is_end_stream()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(upload) => {
                let returned = upload.returned.len() as u64;
                let mut hint = upload.incoming.size_hint();
                if let Some(upper) = hint.upper() {
                    hint.set_upper(upper + returned);
                }
                hint.set_lower(hint.lower() + returned);
                hint
            }
        }
    }
}
