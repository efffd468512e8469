//! The socket behind the guard: what hyper reads from and writes to.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::{
    input::{Input, Phase},
    wire::Wire,
};
use crate::proxy::transport::Transport;

/// A socket with its guard; what hyper reads from.
#[derive(Debug)]
pub(crate) struct Guarded {
    socket: Transport,
    wire: Rc<Wire>,
}

impl Guarded {
    pub(crate) const fn new(socket: Transport, wire: Rc<Wire>) -> Self {
        Self { socket, wire }
    }

    /// The socket, and what was read from it that is not HTTP/1.
    pub(crate) fn into_parts(self) -> (Transport, Vec<u8>) {
        let held = std::mem::take(&mut self.wire.input().borrow_mut().held);
        (self.socket, held)
    }

    /// Closes the socket so that the client cannot take it for an end.
    pub(crate) fn reset(self) {
        // A socket that cannot be told so is closed already.
        let _ = self.socket.resets();
    }

    /// hyper's buffer grows with what a read brings and never shrinks while nothing comes: after one large upload, an
    /// idle connection would keep a quarter of a mebibyte.
    fn poll_socket(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() <= READ_LIMIT {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        Pin::new(&mut (&mut self.socket).take(READ_LIMIT as u64)).poll_read(cx, buf)
    }

    /// While an upgrade is being decided, what comes is held, up to a bound; the end of input passes.
    fn poll_upgrading(&mut self, cx: &mut Context<'_>, input: &mut Input) -> Poll<io::Result<()>> {
        let mut scratch = [0; 2048];
        while input.held.len() < UPGRADE_HOLD_LIMIT {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            input.held.extend_from_slice(buf.filled());
        }
        Poll::Pending
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let wire = Rc::clone(&this.wire);
        let mut input = wire.input().borrow_mut();
        loop {
            if input.hand_on(buf) {
                return Poll::Ready(Ok(()));
            }
            match input.phase {
                Phase::Head if input.searched < input.held.len() => {
                    input.judge_held();
                    continue;
                }
                Phase::Upgrading => return this.poll_upgrading(cx, &mut input),
                // Nothing more is read; the answer ends the connection, and its writing wakes the task.
                Phase::Refused => return Poll::Pending,
                // Nor here; whoever polls the connection looks at the wire next.
                Phase::Http2 => return Poll::Pending,
                Phase::Broken => {
                    return Poll::Ready(Err(io::Error::from(io::ErrorKind::InvalidData)));
                }
                Phase::Head | Phase::Length(_) | Phase::Chunked(_) => {}
            }
            let before = buf.filled().len();
            ready!(this.poll_socket(cx, buf))?;
            let came = &buf.filled()[before..];
            if came.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if input.held.is_empty() {
                let length = input.judge(came);
                buf.set_filled(before + length);
                if length > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                input.held.extend_from_slice(came);
                buf.set_filled(before);
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wire.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.socket).poll_flush(cx);
        self.wire.flushed(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.wire.wrote(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Largest read. One byte less than a power of two, so that hyper does not offer twice as much the next time.
const READ_LIMIT: usize = 64 * 1024 - 1;
/// Bytes held while an upgrade is being decided; a client that sends more waits.
const UPGRADE_HOLD_LIMIT: usize = 16 * 1024;
