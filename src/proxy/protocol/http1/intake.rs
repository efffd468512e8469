//! What comes in on a client's connection: the guarded socket, and the reader behind it.
//!
//! Owned by the connection together with the body of the request that is being read, because whoever wants the next piece of
//! a body reads it from the socket right there. Owns what becomes of a body that nobody wants.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{
    Guarded,
    body_reader::BodyReader,
    broken::Broken,
    request_head::{self, RequestHead},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Intake {
    /// There until the connection is taken apart.
    guarded: Option<Guarded>,
    reader: BodyReader,
    body: Body,
    /// Whether the client is to be told that its body may come.
    wanted: bool,
    /// Who waits for the body to be read or dropped.
    waits: Option<Waker>,
}

/// What somebody does about the body of the present request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// There is none, or it was read to its end.
    None,
    /// Somebody holds it, and the client is to be told first that it may come (RFC 9110 section 10.1.1).
    Expected,
    /// Somebody holds it.
    Held,
    /// Nobody wants it any more.
    Dropped,
    /// It is not read any more, and nothing behind it will be.
    Unread,
}

/// Where the body of the present request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// All of it was read.
    Whole,
    /// Somebody may read more of it.
    Open,
    /// Nothing more will be read from this connection.
    Lost,
}

impl Intake {
    /// Behind a body, no more than `max_trailers` fields are taken.
    pub(super) fn new(guarded: Guarded, max_trailers: usize) -> Self {
        Self {
            guarded: Some(guarded),
            reader: BodyReader::new(max_trailers),
            body: Body::None,
            wanted: false,
            waits: None,
        }
    }

    /// The socket, unless the connection was taken apart.
    pub(super) const fn guarded(&mut self) -> Option<&mut Guarded> {
        self.guarded.as_mut()
    }

    /// The socket, and what was read from it and belongs to no request.
    pub(super) fn take_apart(&mut self) -> Option<(Guarded, Bytes)> {
        let guarded = self.guarded.take()?;
        Some((guarded, self.reader.take_rest()))
    }

    /// Whether nothing that came is left.
    pub(super) fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// The head of the next request; `None` at the end of input. Its body, if it has one, is to be held then.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<RequestHead>, Broken>> {
        let Some(guarded) = &mut self.guarded else {
            return Poll::Ready(Err(Broken::Closed));
        };
        loop {
            if !self.reader.is_empty()
                && let Some(head) = request_head::take(self.reader.buf())
            {
                let head = head?;
                self.reader.begins(head.framing);
                self.body = match (self.reader.is_ended(), head.expects) {
                    (true, _) => Body::None,
                    (false, true) => Body::Expected,
                    (false, false) => Body::Held,
                };
                self.reader.rest();
                return Poll::Ready(Ok(Some(head)));
            }
            if guarded.is_quiet(cx) {
                return Poll::Pending;
            }
            match self.reader.poll_more(Pin::new(&mut *guarded), cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(None)),
                Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The next piece of the body, for whoever holds it.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(guarded) = &mut self.guarded else {
            return Poll::Ready(Some(Err(Broken::Closed)));
        };
        if self.body == Body::Expected {
            self.body = Body::Held;
            self.wanted = true;
        }
        let polled = self.reader.poll_frame(Pin::new(guarded), cx);
        if self.reader.is_ended() {
            self.body = Body::None;
            self.wake();
        }
        polled
    }

    /// Whether all of the body was read.
    pub(super) const fn is_read(&self) -> bool {
        self.reader.is_ended()
    }

    /// What is known of the length of the rest of the body.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.reader.size_hint()
    }

    /// Whoever held the body wants no more of it.
    pub(super) fn body_is_dropped(&mut self) {
        self.body = Body::Dropped;
        self.wake();
    }

    /// Whether the client is to be told that its body may come. Said once.
    pub(super) const fn takes_wanted(&mut self) -> bool {
        mem::replace(&mut self.wanted, false)
    }

    /// The answer has begun: the client is not told any more that its body may come.
    pub(super) fn is_answered(&mut self) {
        if self.body == Body::Expected {
            self.body = Body::Held;
        }
    }

    /// Where the body stands. Of one that nobody wants, what is there at once is thrown away; if that is not all,
    /// nothing more is read.
    pub(super) fn stands(&mut self, cx: &mut Context<'_>) -> Standing {
        if self.body == Body::Dropped {
            let _ = self.poll_frame(cx);
            if !self.is_read() {
                self.body = Body::Unread;
            }
        }
        match self.body {
            Body::None => Standing::Whole,
            Body::Expected | Body::Held => Standing::Open,
            Body::Dropped | Body::Unread => Standing::Lost,
        }
    }

    /// Has whoever polls be woken when the body is read or dropped.
    pub(super) fn waits_for_body(&mut self, cx: &mut Context<'_>) {
        self.waits = Some(cx.waker().clone());
    }

    /// Looks whether the client is gone, while its request is served. What it sends meanwhile is kept: one read of it.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        if self.body != Body::None || !self.reader.is_empty() {
            return Poll::Pending;
        }
        let Some(guarded) = &mut self.guarded else {
            return Poll::Ready(Broken::Closed);
        };
        if guarded.is_quiet(cx) {
            return Poll::Pending;
        }
        match self.reader.poll_more(Pin::new(guarded), cx) {
            Poll::Pending | Poll::Ready(Ok(true)) => Poll::Pending,
            Poll::Ready(Ok(false)) => Poll::Ready(Broken::Closed),
            Poll::Ready(Err(broken)) => Poll::Ready(broken),
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waits.take() {
            waker.wake();
        }
    }
}
