//! The socket of an upstream connection, with what hyper would not tell of it.

use std::{
    cell::Cell,
    io,
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A socket that can be made to ask the kernel for an end of input before the runtime was told of it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    notes: Rc<SocketNotes>,
}

/// What a socket and the exchange on it tell each other.
#[derive(Debug, Default)]
pub(crate) struct SocketNotes {
    /// Ask the kernel at the next read.
    pub(crate) ask_kernel: Cell<bool>,
    /// Bytes were written since somebody asked.
    pub(crate) written: Cell<bool>,
}

impl Socket {
    pub(crate) const fn new(stream: TcpStream, notes: Rc<SocketNotes>) -> Self {
        Self { stream, notes }
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl SocketNotes {
    fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.written.set(true);
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.notes.ask_kernel.take() {
            match SockRef::from(&self.stream).peek(&mut [MaybeUninit::uninit()]) {
                Ok(0) => return Poll::Ready(Ok(())),
                // Nothing may come before a request was sent.
                Ok(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.notes.wrote(&polled);
        left_to_reading(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.notes.wrote(&polled);
        left_to_reading(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// An endpoint may answer, and close, while its request is still being written. hyper would give up at the
/// write that fails then, with the answer unread; reading comes to the answer, and to the end behind it.
fn left_to_reading(polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    let is_cut = |error: &io::Error| matches!(error.kind(), BrokenPipe | ConnectionReset);
    if matches!(&polled, Poll::Ready(Err(error)) if is_cut(error)) {
        return Poll::Pending;
    }
    polled
}
