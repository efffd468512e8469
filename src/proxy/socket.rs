//! The socket of an upstream connection, with what hyper would not tell of it.

use std::{
    cell::Cell,
    io::{self, Read},
    mem::MaybeUninit,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

use super::transport::Transport;

/// A socket that can be made to ask the kernel for an end of input before the runtime was told of it.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Transport,
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
    pub(crate) const fn new(stream: Transport, notes: Rc<SocketNotes>) -> Self {
        Self { stream, notes }
    }

    pub(crate) fn into_stream(self) -> Transport {
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
            match ask_kernel(&mut self.stream) {
                Ok(Idle::Open) => {}
                Ok(Idle::Ended) => return Poll::Ready(Ok(())),
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
        // TLS may have kept what a write was given until now.
        left_to_reading(Pin::new(&mut self.stream).poll_flush(cx))
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

/// What the kernel knows of an unused connection.
enum Idle {
    Open,
    /// The endpoint has closed it.
    Ended,
}

/// Looks at an unused connection; an error if it is of no use.
fn ask_kernel(stream: &mut Transport) -> io::Result<Idle> {
    match stream {
        Transport::Plain(stream) => {
            match SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]) {
                Ok(0) => Ok(Idle::Ended),
                // Nothing may come before a request was sent.
                Ok(_) => Err(io::ErrorKind::InvalidData.into()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Idle::Open),
                Err(error) => Err(error),
            }
        }
        Transport::Tls(stream) => match &mut **stream {
            TlsStream::Client(stream) => {
                let (socket, connection) = stream.get_mut();
                take_in(socket, connection)
            }
            // Clients' connections are never asked about.
            TlsStream::Server(_) => Ok(Idle::Open),
        },
    }
}

/// Below TLS, bytes on an unused connection may be session tickets, which mean nothing, or the endpoint's
/// `close_notify`, which means that it is of no use: only who reads them knows. They are taken past the runtime, which
/// would not ask the kernel before it was told of an event.
fn take_in(socket: &TcpStream, connection: &mut ClientConnection) -> io::Result<Idle> {
    let socket = SockRef::from(socket);
    for _ in 0..IDLE_READS {
        match connection.read_tls(&mut ReadPast(&socket)) {
            Ok(0) => return Ok(Idle::Ended),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Idle::Open),
            Err(error) => return Err(error),
        }
        let state = connection
            .process_new_packets()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if state.peer_has_closed() {
            return Ok(Idle::Ended);
        }
        if state.plaintext_bytes_to_read() > 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Reads what the kernel has, without waiting.
struct ReadPast<'a>(&'a socket2::Socket);

impl Read for ReadPast<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.0, buf)
    }
}

/// An endpoint may answer, and close, while its request is still being written. hyper would give up at the
/// write that fails then, with the answer unread; reading comes to the answer, and to the end behind it.
fn left_to_reading<T>(polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    let is_cut = |error: &io::Error| matches!(error.kind(), BrokenPipe | ConnectionReset);
    if matches!(&polled, Poll::Ready(Err(error)) if is_cut(error)) {
        return Poll::Pending;
    }
    polled
}

/// Reads from an unused connection, of 4 KiB at least, after which its endpoint is one that says too much.
const IDLE_READS: usize = 16;
