//! Reads responses from an endpoint's socket: their heads, then their bodies frame by frame.
//!
//! Owns what heads mean for the connection. Must not know of requests. hyper's client would do, at the cost of a second
//! task's worth of channels, futures and buffers for each exchange, and it is more lenient than a proxy may be.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::io::AsyncRead;

use super::{
    body_reader::{BodyReader, Framing},
    broken::Broken,
    response_head::{self, ResponseHead},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    body: BodyReader,
    /// Bytes of the head that were searched for its end.
    searched: usize,
    interim: u8,
    persists: bool,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// `100 Continue`: the endpoint wants the request's body.
    Continue,
    /// The head of the response.
    Head(Response<()>),
}

impl ResponseReader {
    pub(crate) fn new() -> Self {
        Self {
            body: BodyReader::new(response_head::MAX_FIELDS),
            searched: 0,
            interim: 0,
            persists: true,
        }
    }

    /// The next response is to be read.
    pub(crate) fn expect(&mut self) {
        self.body.awaits_head();
        self.searched = 0;
        self.interim = 0;
    }

    /// Whether the response has ended, nothing was read beyond it, and both sides keep the connection.
    pub(crate) fn is_reusable(&self) -> bool {
        self.body.is_ended() && self.persists && self.body.is_empty()
    }

    /// Whether nothing of the body is left to read.
    pub(crate) const fn is_ended(&self) -> bool {
        self.body.is_ended()
    }

    /// What is known of the length of the rest.
    pub(crate) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// What was read beyond the head of a response that ended HTTP on this connection.
    pub(crate) fn into_rest(mut self) -> Bytes {
        self.body.take_rest()
    }

    /// Lets go of memory that an unused connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.body.shrink();
    }

    /// Gives back the buffer while there is nothing in it.
    pub(crate) fn rest(&mut self) {
        self.body.rest();
    }

    /// Reads until a head has come. Interim responses are consumed (RFC 9110 section 15.2); hyper could not pass
    /// them on.
    pub(crate) fn poll_head<S: AsyncRead>(
        &mut self,
        mut socket: Pin<&mut S>,
        cx: &mut Context<'_>,
        bodiless: bool,
    ) -> Poll<Result<Came, Broken>> {
        loop {
            if !self.body.is_empty() {
                match response_head::take(self.body.buf(), self.searched, bodiless) {
                    Some(head) => match self.came(head?)? {
                        Some(came) => return Poll::Ready(Ok(came)),
                        None => continue,
                    },
                    None => self.searched = self.body.buf().len(),
                }
            }
            if !ready!(self.body.poll_more(socket.as_mut(), cx))? {
                return Poll::Ready(Err(Broken::Closed));
            }
        }
    }

    /// `None` for an interim response that means nothing here.
    fn came(&mut self, head: ResponseHead) -> Result<Option<Came>, Broken> {
        self.searched = 0;
        let status = head.response.status();
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            self.interim += 1;
            if self.interim > MAX_INTERIM {
                return Err(Broken::Malformed);
            }
            return Ok((status == StatusCode::CONTINUE).then_some(Came::Continue));
        }
        self.persists = head.persists && head.framing != Framing::UntilClose;
        self.body.begins(head.framing);
        Ok(Some(Came::Head(head.response)))
    }

    /// The next piece of the body.
    pub(crate) fn poll_frame<S: AsyncRead>(
        &mut self,
        socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.body.poll_frame(socket, cx)
    }
}

/// Interim responses before the one that counts.
const MAX_INTERIM: u8 = 32;
