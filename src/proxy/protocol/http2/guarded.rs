//! The socket behind the guard: what hyper's HTTP/2 reads from and writes to.
//!
//! Owns the last word to a client whose connection is broken off here; must not keep what passes.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire::{Broken, Wire};
use crate::proxy::{client::Client, turn::wake_after_others};

/// A socket with its guard. The socket is shared with whoever serves the connection, because hyper does not give back
/// what it was given.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    socket: Rc<RefCell<S>>,
    /// What was read before the protocol was known.
    held: Vec<u8>,
    client: Rc<Client>,
    wire: Rc<Wire>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    pub(super) const fn new(
        socket: Rc<RefCell<S>>,
        held: Vec<u8>,
        client: Rc<Client>,
        wire: Rc<Wire>,
    ) -> Self {
        Self {
            socket,
            held,
            client,
            wire,
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            return Pin::new(&mut *self.socket.borrow_mut()).poll_read(cx, buf);
        }
        let here = self.held.len().min(buf.remaining());
        buf.put_slice(&self.held[..here]);
        self.held.drain(..here);
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the client why, where that can be said at once and between two frames; h2 would go without a word.
    fn break_off(&self, cx: &mut Context<'_>, broken: Broken) -> io::Error {
        if self.wire.is_between_frames() {
            let mut farewell = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            farewell[9..13].copy_from_slice(&self.wire.last_stream().to_be_bytes());
            farewell[13..].copy_from_slice(&u32::from(broken.code()).to_be_bytes());
            // A socket that has no room for it belongs to a client that does not listen.
            let _ = Pin::new(&mut *self.socket.borrow_mut()).poll_write(cx, &farewell);
        }
        io::ErrorKind::InvalidData.into()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.wire.broken().is_some() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        if this.wire.is_turn_over() {
            wake_after_others(cx);
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(this.poll_source(cx, buf))?;
        let now = this.client.worker().clock().coarse();
        match this.wire.judge(&buf.filled()[before..], now) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(broken) => Poll::Ready(Err(this.break_off(cx, broken))),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let length = ready!(Pin::new(&mut *self.socket.borrow_mut()).poll_write(cx, bytes))?;
        self.wire.wrote(&[IoSlice::new(bytes)], length);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket.borrow_mut()).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length =
            ready!(Pin::new(&mut *self.socket.borrow_mut()).poll_write_vectored(cx, slices))?;
        self.wire.wrote(slices, length);
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.borrow().is_write_vectored()
    }
}
