//! Reads responses from an endpoint's socket: their heads, then their bodies frame by frame.
//!
//! Owns the buffer, which is read into directly and given away in pieces, so that a body is never copied. Must not
//! know of requests. hyper's client would do, at the cost of a second task's worth of channels, futures and buffers
//! for each exchange, and it is more lenient than a proxy may be.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::{
    chunk::{Piece, Step, Walker},
    response_head::{self, Framing, Malformed, ResponseHead},
    spare,
    trailers::trailers,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct ResponseReader {
    buf: BytesMut,
    /// How much to read at once: grows while reads fill it.
    read_size: usize,
    /// Bytes of the head that were searched for its end.
    searched: usize,
    interim: u8,
    stage: Stage,
    persists: bool,
}

#[derive(Debug)]
enum Stage {
    /// Before the end of a head.
    Head,
    Length(u64),
    Chunked(Walker),
    Trailers(Walker, Vec<u8>),
    UntilClose,
    Ended,
}

/// Why a response is not, or not wholly, there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection is gone.
    #[error("the endpoint closed the connection too early")]
    Closed,
    /// What came is not HTTP.
    #[error("the endpoint's response is malformed")]
    Malformed,
    /// The client's own body failed, and the exchange with it.
    #[error("the request body failed")]
    Request,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Came {
    /// `100 Continue`: the endpoint wants the request's body.
    Continue,
    /// The head of the response.
    Head(Response<()>),
}

impl From<Malformed> for Broken {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl ResponseReader {
    pub(crate) fn new() -> Self {
        Self {
            buf: BytesMut::new(),
            read_size: FIRST_READ,
            searched: 0,
            interim: 0,
            stage: Stage::Ended,
            persists: true,
        }
    }

    /// The next response is to be read.
    pub(crate) fn expect(&mut self) {
        self.stage = Stage::Head;
        self.searched = 0;
        self.interim = 0;
    }

    /// Whether the response has ended, nothing was read beyond it, and both sides keep the connection.
    pub(crate) fn is_reusable(&self) -> bool {
        matches!(self.stage, Stage::Ended) && self.persists && self.buf.is_empty()
    }

    /// Whether nothing of the body is left to read.
    pub(crate) const fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// What is known of the length of the rest.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.stage {
            Stage::Length(left) => SizeHint::with_exact(left),
            Stage::Ended => SizeHint::with_exact(0),
            Stage::Head | Stage::Chunked(_) | Stage::Trailers(..) | Stage::UntilClose => {
                SizeHint::default()
            }
        }
    }

    /// What was read beyond the head of a response that ended HTTP on this connection.
    pub(crate) fn into_rest(self) -> Bytes {
        self.buf.freeze()
    }

    /// Lets go of memory that an unused connection does not need.
    pub(crate) fn shrink(&mut self) {
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
        }
    }

    /// Gives back the buffer while there is nothing in it. One that has grown is kept for what follows: a large body.
    pub(crate) fn rest(&mut self) {
        if self.buf.is_empty() && self.read_size == FIRST_READ {
            spare::give_back(std::mem::take(&mut self.buf));
        }
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
            if !self.buf.is_empty() {
                match response_head::take(&mut self.buf, self.searched, bodiless) {
                    Some(head) => match self.came(head?)? {
                        Some(came) => return Poll::Ready(Ok(came)),
                        None => continue,
                    },
                    None => self.searched = self.buf.len(),
                }
            }
            if !ready!(self.poll_more(socket.as_mut(), cx))? {
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
        self.stage = match head.framing {
            Framing::Length(0) => Stage::Ended,
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(Walker::new()),
            Framing::UntilClose => Stage::UntilClose,
        };
        Ok(Some(Came::Head(head.response)))
    }

    /// The next piece of the body.
    pub(crate) fn poll_frame<S: AsyncRead>(
        &mut self,
        mut socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match self.next_frame() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.is_ended() => return Poll::Ready(None),
                Ok(None) => {}
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
            match ready!(self.poll_more(socket.as_mut(), cx)) {
                Ok(true) => {}
                Ok(false) if matches!(self.stage, Stage::UntilClose) => {
                    self.stage = Stage::Ended;
                    return Poll::Ready(None);
                }
                Ok(false) => return Poll::Ready(Some(Err(Broken::Closed))),
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
        }
    }

    /// A frame of what was read already.
    fn next_frame(&mut self) -> Result<Option<Frame<Bytes>>, Broken> {
        loop {
            if self.buf.is_empty() {
                return Ok(None);
            }
            match &mut self.stage {
                Stage::Head | Stage::Ended => return Ok(None),
                Stage::UntilClose => return Ok(Some(Frame::data(self.buf.split().freeze()))),
                Stage::Length(left) => {
                    let here = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(self.buf.len());
                    *left -= here as u64;
                    if *left == 0 {
                        self.stage = Stage::Ended;
                    }
                    return Ok(Some(Frame::data(piece(&mut self.buf, here))));
                }
                Stage::Chunked(walker) => match walker.next_piece(&self.buf) {
                    Piece::Framing(length) => drop(self.buf.split_to(length)),
                    Piece::Data(length) => {
                        return Ok(Some(Frame::data(piece(&mut self.buf, length))));
                    }
                    Piece::Trailers => self.stage = Stage::Trailers(*walker, Vec::new()),
                    Piece::Malformed => return Err(Broken::Malformed),
                },
                Stage::Trailers(walker, held) => match walker.walk(&self.buf) {
                    Step::More => held.extend_from_slice(&self.buf.split()),
                    Step::Malformed(_) => return Err(Broken::Malformed),
                    Step::Ended(length) => {
                        held.extend_from_slice(&self.buf.split_to(length));
                        let trailers = trailers(&std::mem::take(held).into())?;
                        self.stage = Stage::Ended;
                        return Ok(some_trailers(trailers));
                    }
                },
            }
        }
    }

    /// Reads what the socket has; false at the end of input. A connection that broke is no such end: a body that is
    /// ended by the close of its connection would pass for a whole one.
    fn poll_more<S: AsyncRead>(
        &mut self,
        socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, Broken>> {
        if self.buf.capacity() == 0 {
            self.buf = spare::take();
        }
        self.buf.reserve(self.read_size);
        let Poll::Ready(read) = poll_read_buf(socket, cx, &mut self.buf) else {
            self.rest();
            return Poll::Pending;
        };
        match read {
            Ok(length) => {
                if length >= self.read_size {
                    self.read_size = (self.read_size * 2).min(MAX_READ);
                } else if length < self.read_size / 4 {
                    self.read_size = (self.read_size / 2).max(FIRST_READ);
                }
                Poll::Ready(Ok(length > 0))
            }
            Err(error) => {
                tracing::debug!(%error, "endpoint connection broke");
                Poll::Ready(Err(Broken::Closed))
            }
        }
    }
}

/// Takes so many bytes from `buf`. Few are copied, so that the next read has all of `buf` again; many are not.
fn piece(buf: &mut BytesMut, length: usize) -> Bytes {
    if length > COPIED {
        return buf.split_to(length).freeze();
    }
    let copy = Bytes::copy_from_slice(&buf[..length]);
    buf.advance(length);
    copy
}

fn some_trailers(trailers: HeaderMap) -> Option<Frame<Bytes>> {
    (!trailers.is_empty()).then(|| Frame::trailers(trailers))
}

/// Bytes up to which a copy is cheaper than sharing the buffer that they came in.
const COPIED: usize = 1024;
/// Size of the first read, and of those that follow small ones.
const FIRST_READ: usize = spare::ROOM;
/// Largest read, and so the largest piece of a body at once.
const MAX_READ: usize = 256 * 1024;
/// Interim responses before the one that counts.
const MAX_INTERIM: u8 = 32;
