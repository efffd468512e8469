//! Requests of one client connection, and their answers, one after the other.
//!
//! Owns whose turn it is: a request is read, the service asked, the answer written, and only then the next request is looked
//! at. What was read of it before waits. Must not judge what comes in, which the guard has done, or set deadlines:
//! whoever polls looks around afterwards.

use std::{
    cell::RefCell,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use super::{
    ClientBody, Guarded,
    broken::Broken,
    intake::{Intake, Standing},
    request_head::{Asker, RequestHead},
    response_writer::{ResponseWriter, Short},
};
use crate::proxy::{
    body::ResponseBody, forward::Forwarder, incoming::Incoming, turn::wake_after_others,
};

/// See the module.
pub(super) struct Conversation {
    forwarder: Forwarder,
    intake: Rc<RefCell<Intake>>,
    writer: ResponseWriter,
    stage: Stage,
    /// Of the present request.
    asker: Asker,
    /// Whether there may be another request.
    lasts: bool,
    /// Whether another protocol is spoken from now on.
    changes: bool,
}

/// Whose turn it is.
enum Stage {
    /// The client's, to ask.
    Idle,
    /// The service's.
    Asked(Answering),
    /// The client's, to take what the service has.
    Answering(ResponseBody),
    /// The client's, to take the rest, and to send that of its own body.
    Answered,
    /// HTTP has ended here.
    Parting,
    /// The connection speaks another protocol from now on.
    Changed,
}

/// In a box of its own, which is there while a request is. What is boxed is the forwarder's future and nothing around it:
/// it is large, and each move of one that has not begun copies all.
type Answering = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>>>>;

impl Conversation {
    /// Behind a request's body, no more than `max_trailers` fields are taken.
    pub(super) fn new(guarded: Guarded, forwarder: Forwarder, max_trailers: usize) -> Self {
        Self {
            forwarder,
            intake: Rc::new(RefCell::new(Intake::new(guarded, max_trailers))),
            writer: ResponseWriter::new(),
            stage: Stage::Idle,
            asker: Asker::default(),
            lasts: true,
            changes: false,
        }
    }

    /// Goes on until HTTP has ended on this connection, in order or not.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        for _ in 0..EXCHANGES {
            if matches!(self.stage, Stage::Idle) {
                ready!(self.poll_request(cx))?;
            }
            if let Stage::Asked(answering) = &mut self.stage {
                match answering.as_mut().poll(cx) {
                    Poll::Ready(Ok(response)) => self.answers(response, cx),
                    Poll::Pending => return self.waits(cx),
                }
            }
            if matches!(self.stage, Stage::Answering(_)) {
                ready!(self.poll_answer(cx))?;
            }
            if matches!(self.stage, Stage::Answered) {
                ready!(self.poll_end(cx))?;
            }
            match self.stage {
                Stage::Idle | Stage::Asked(_) | Stage::Answering(_) | Stage::Answered => {}
                Stage::Parting => return self.poll_shutdown(cx),
                Stage::Changed => return Poll::Ready(Ok(())),
            }
        }
        wake_after_others(cx);
        Poll::Pending
    }

    /// There is to be no request after the present one; if there is none, the connection ends.
    pub(super) fn closes(&mut self) {
        self.lasts = false;
        if matches!(self.stage, Stage::Idle) && self.intake.borrow().is_empty() {
            self.stage = Stage::Parting;
        }
    }

    /// The socket, and what was read from it and belongs to no request; what was in flight ends.
    pub(super) fn take_apart(self) -> Option<(Guarded, Bytes)> {
        let Self { intake, stage, .. } = self;
        drop(stage);
        intake.borrow_mut().take_apart()
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let polled = self.intake.borrow_mut().poll_head(cx);
        match polled {
            Poll::Ready(Ok(Some(head))) => self.asks(head),
            Poll::Ready(Ok(None)) => self.stage = Stage::Parting,
            Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
            // Something may have been kept back.
            Poll::Pending => return self.waits(cx),
        }
        Poll::Ready(Ok(()))
    }

    fn asks(&mut self, head: RequestHead) {
        self.asker = Asker {
            persists: head.asker.persists && self.lasts,
            ..head.asker
        };
        let body = if self.intake.borrow().is_read() {
            Incoming::none()
        } else {
            Incoming::http1(ClientBody::new(&self.intake))
        };
        let request = head.request.map(|()| body);
        self.stage = Stage::Asked(self.ask(request));
    }

    fn ask(&self, request: Request<Incoming>) -> Answering {
        Box::pin(self.forwarder.forward(request))
    }

    fn answers(&mut self, response: Response<ResponseBody>, cx: &mut Context<'_>) {
        // What is left of the service's future may hold the client's body.
        self.stage = Stage::Answered;
        let mut intake = self.intake.borrow_mut();
        intake.is_answered();
        if intake.takes_wanted() {
            self.writer.invite();
        }
        self.asker.persists &= self.lasts && intake.stands(cx) != Standing::Lost;
        drop(intake);
        self.changes = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let body = self.writer.begin(response, &mut self.asker);
        self.lasts &= self.asker.persists;
        if let Some(body) = body {
            self.stage = Stage::Answering(body);
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            match self.poll_fill(cx) {
                Poll::Ready(Ok(Filled::Ended)) => {
                    // Whoever made the body learns of its end before the client does.
                    self.stage = Stage::Answered;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(Filled::Full)) => match self.poll_flush(cx) {
                    Poll::Ready(flushed) => flushed?,
                    Poll::Pending => return self.watches(cx),
                },
                Poll::Ready(Err(broken)) => {
                    // The client is to have what came before.
                    let _ = self.poll_flush(cx);
                    return Poll::Ready(Err(broken));
                }
                Poll::Pending => {
                    // A body that waits for the client to take what there is does not know yet that it has.
                    let stalled = self.is_stalled();
                    let flushed = self.poll_flush(cx)?;
                    if !stalled || flushed.is_pending() {
                        return self.watches(cx);
                    }
                }
            }
        }
    }

    /// Places as much of the body as there is, and as there is room for.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, Broken>> {
        let Stage::Answering(body) = &mut self.stage else {
            return Poll::Ready(Ok(Filled::Ended));
        };
        let mut body = Pin::new(body);
        while self.writer.has_room() {
            let more = match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => self.writer.place(frame),
                Some(Err(_)) => return Poll::Ready(Err(Broken::Closed)),
                None => false,
            };
            if !more || body.is_end_stream() {
                let ended = self.writer.end().map_err(|Short| Broken::Closed);
                return Poll::Ready(ended.map(|()| Filled::Ended));
            }
            if self.writer.is_full() {
                // All of it is there; that it ends, it has yet to say.
                let _ = body.as_mut().poll_frame(cx);
                return Poll::Ready(Ok(Filled::Ended));
            }
        }
        Poll::Ready(Ok(Filled::Full))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.poll_flush(cx) {
            Poll::Ready(flushed) => flushed?,
            Poll::Pending => return self.watches(cx),
        }
        self.writer.rests();
        let mut intake = self.intake.borrow_mut();
        self.stage = match intake.stands(cx) {
            _ if self.changes => Stage::Changed,
            Standing::Whole if self.lasts => Stage::Idle,
            Standing::Whole | Standing::Lost => {
                // What came behind the last request and was not read would have the connection reset.
                let _ = intake.poll_gone(cx);
                Stage::Parting
            }
            Standing::Open => {
                intake.waits_for_body(cx);
                return Poll::Pending;
            }
        };
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.intake.borrow_mut().guarded() {
            Some(guarded) => Pin::new(guarded).poll_shutdown(cx).map_err(broken),
            None => Poll::Ready(Ok(())),
        }
    }

    /// There is nothing to do until somebody else does something: what there is for the client goes to it.
    fn waits(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.intake.borrow_mut().takes_wanted() {
            self.writer.invite();
        }
        if let Poll::Ready(flushed) = self.poll_flush(cx) {
            flushed?;
        }
        self.watches(cx)
    }

    /// Looks whether the client that is served is still there.
    fn watches(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if matches!(self.stage, Stage::Idle) {
            return Poll::Pending;
        }
        let mut intake = self.intake.borrow_mut();
        intake.stands(cx);
        intake.poll_gone(cx).map(Err)
    }

    fn is_stalled(&self) -> bool {
        let mut intake = self.intake.borrow_mut();
        intake.guarded().is_some_and(|guarded| guarded.is_stalled())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        match self.intake.borrow_mut().guarded() {
            Some(guarded) => self
                .writer
                .poll_flush(Pin::new(guarded), cx)
                .map_err(broken),
            None => Poll::Ready(Err(Broken::Closed)),
        }
    }
}

/// How far the writer got with a body.
enum Filled {
    /// All of it is placed.
    Ended,
    /// It has no more room.
    Full,
}

#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn broken(error: io::Error) -> Broken {
    tracing::debug!(%error, "client takes no more");
    Broken::Closed
}

/// Requests that are served before others have their turn, if a client sends them faster than they are answered.
const EXCHANGES: usize = 16;
