//! Reads a peer's socket into one buffer, and bodies out of it, frame by frame.
//!
//! Owns the buffer, which is read into directly and given away in pieces, so that a body is never copied; whoever reads
//! heads finds them at its start. Must not know which side the peer is on.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::{
    broken::Broken,
    chunk::{Piece, Step, Walker},
    spare,
    trailers::trailers,
};

/// See the module.
#[derive(Debug)]
pub(super) struct BodyReader {
    buf: BytesMut,
    /// How much to read at once: grows while reads fill it.
    read_size: usize,
    stage: Stage,
    /// Fields that may stand behind a body.
    max_trailers: usize,
}

/// How a body is framed (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// As many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
    /// All that comes until the connection closes.
    UntilClose,
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

impl BodyReader {
    /// Between two messages, behind which no more than `max_trailers` fields are taken.
    pub(super) fn new(max_trailers: usize) -> Self {
        Self {
            buf: BytesMut::new(),
            read_size: FIRST_READ,
            stage: Stage::Ended,
            max_trailers,
        }
    }

    /// What has come and was not taken; a head is taken from it.
    pub(super) const fn buf(&mut self) -> &mut BytesMut {
        &mut self.buf
    }

    /// Whether all that has come was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// A head is to come.
    pub(super) fn awaits_head(&mut self) {
        self.stage = Stage::Head;
    }

    /// A head has been taken, and this is what follows.
    pub(super) fn begins(&mut self, framing: Framing) {
        self.stage = match framing {
            Framing::Length(0) => Stage::Ended,
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(Walker::new()),
            Framing::UntilClose => Stage::UntilClose,
        };
    }

    /// Whether nothing of the message is left to read.
    pub(super) const fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// What is known of the length of the rest.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self.stage {
            Stage::Length(left) => SizeHint::with_exact(left),
            Stage::Ended => SizeHint::with_exact(0),
            Stage::Head | Stage::Chunked(_) | Stage::Trailers(..) | Stage::UntilClose => {
                SizeHint::default()
            }
        }
    }

    /// What was read beyond the message.
    pub(super) fn take_rest(&mut self) -> Bytes {
        mem::take(&mut self.buf).freeze()
    }

    /// Lets go of memory that an unused connection does not need.
    pub(super) fn shrink(&mut self) {
        if self.buf.is_empty() {
            self.buf = BytesMut::new();
        }
    }

    /// Gives back the buffer while there is nothing in it. One that has grown is kept for what follows: a large body.
    pub(super) fn rest(&mut self) {
        if self.buf.is_empty() && self.read_size == FIRST_READ {
            spare::give_back(mem::take(&mut self.buf));
        }
    }

    /// The next piece of the body.
    pub(super) fn poll_frame<S: AsyncRead>(
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
                        let trailers = trailers(&mem::take(held).into(), self.max_trailers)?;
                        self.stage = Stage::Ended;
                        return Ok(some_trailers(trailers));
                    }
                },
            }
        }
    }

    /// Reads what the socket has; false at the end of input. A connection that broke is no such end: a body that is
    /// ended by the close of its connection would pass for a whole one.
    pub(super) fn poll_more<S: AsyncRead>(
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
                tracing::debug!(%error, "connection broke");
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
pub(crate) const MAX_READ: usize = 256 * 1024;
