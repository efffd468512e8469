//! A request's body on its way into a call: as fast as the endpoint takes it, and no faster.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;

use crate::proxy::{downstream::Downstream, upload::RequestBody};

/// See the module.
#[derive(Debug)]
pub(super) struct Piping {
    body: RequestBody,
    stream: SendStream<Bytes>,
    /// What was read and not sent yet.
    piece: Bytes,
    has_sent: bool,
}

/// A body on its way, to be sent on by whoever has its turn: the response, while its client takes it, and the stream
/// that the request came by, while it does not. Else a client that reads nothing yet could not send, either.
#[derive(Clone, Debug)]
pub(crate) struct Carrier(Rc<RefCell<Carried>>);

/// How far it has come.
#[derive(Debug)]
enum Carried {
    Carrying(Piping),
    /// All of it was sent, or the endpoint wants no more, or nobody does.
    Ended,
    /// The client broke it off.
    Broken,
}

impl Carrier {
    pub(super) fn new(piping: Option<Piping>) -> Self {
        let carried = piping.map_or(Carried::Ended, Carried::Carrying);
        Self(Rc::new(RefCell::new(carried)))
    }

    /// Sends what can be sent now. Says whether the client has broken it off.
    pub(crate) fn drive(&self, cx: &mut Context<'_>, downstream: &Downstream) -> bool {
        let mut carried = self.0.borrow_mut();
        if let Carried::Carrying(piping) = &mut *carried {
            match piping.poll(cx, downstream) {
                Poll::Ready(Piped::Ended) => *carried = Carried::Ended,
                Poll::Ready(Piped::Broken) => *carried = Carried::Broken,
                Poll::Pending => {}
            }
        }
        matches!(*carried, Carried::Broken)
    }

    /// Nobody wants the rest.
    pub(super) fn drop_off(&self) {
        *self.0.borrow_mut() = Carried::Ended;
    }
}

/// How a body has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piped {
    /// All of it was sent, or the endpoint wants no more.
    Ended,
    /// The client broke it off; the call is reset.
    Broken,
}

impl Piping {
    pub(super) const fn new(body: RequestBody, stream: SendStream<Bytes>) -> Self {
        Self {
            body,
            stream,
            piece: Bytes::new(),
            has_sent: false,
        }
    }

    /// The body, as whole as it was, if nothing of it has left.
    pub(super) fn into_unsent(mut self) -> Option<RequestBody> {
        let is_whole = !self.has_sent && self.body.takes_back(self.piece);
        is_whole.then_some(self.body)
    }

    /// Sends what can be sent now.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, downstream: &Downstream) -> Poll<Piped> {
        loop {
            // How it was reset, if it was, the response says.
            if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Piped::Ended);
            }
            if self.piece.is_empty() {
                if let Some(piped) = ready!(self.poll_body(cx)) {
                    return Poll::Ready(piped);
                }
                continue;
            }
            self.stream.reserve_capacity(self.piece.len());
            let capacity = match self.stream.capacity() {
                0 => match ready!(self.stream.poll_capacity(cx)) {
                    Some(Ok(capacity)) => capacity,
                    Some(Err(_)) | None => return Poll::Ready(Piped::Ended),
                },
                capacity => capacity,
            };
            let piece = self.piece.split_to(capacity.min(self.piece.len()));
            let ends = self.piece.is_empty() && self.body.is_end_stream();
            downstream.expects_progress();
            self.has_sent = true;
            if self.stream.send_data(piece, ends).is_err() || ends {
                return Poll::Ready(Piped::Ended);
            }
        }
    }

    /// Reads the next piece; says so if there is none.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piped>> {
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None => {
                let _ = self.stream.send_data(Bytes::new(), true);
                return Poll::Ready(Some(Piped::Ended));
            }
            Some(Err(_)) => {
                self.stream.send_reset(Reason::CANCEL);
                return Poll::Ready(Some(Piped::Broken));
            }
            Some(Ok(frame)) => frame,
        };
        match frame.into_data() {
            Ok(piece) if piece.is_empty() && self.body.is_end_stream() => {
                let _ = self.stream.send_data(piece, true);
                Poll::Ready(Some(Piped::Ended))
            }
            Ok(piece) => {
                self.piece = piece;
                Poll::Ready(None)
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.stream.reserve_capacity(0);
                let _ = self.stream.send_trailers(trailers);
                Poll::Ready(Some(Piped::Ended))
            }
        }
    }
}
