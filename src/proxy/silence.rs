//! Whether an endpoint has kept silent on an unused connection: neither closed it, nor said anything unasked.
//!
//! Owns asking the runtime, which costs nothing, and the kernel, which knows before the runtime is told. Must not wait.
//! What is said unasked must never be taken for the answer to the next request: many a server says `408` before it
//! closes a connection that it found unused for too long.

use std::{
    io::{self, Read},
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Waker},
};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

use super::transport::Transport;

/// As far as the runtime was told: no system call, unless there is something to read.
pub(crate) fn seems_silent(transport: &mut Transport) -> bool {
    let mut byte = [0];
    match transport {
        Transport::Plain(socket) => is_nothing_yet(&socket.try_read(&mut byte)),
        // Nobody needs to be woken: an unused connection is looked at when it is needed.
        Transport::Tls(stream) => Pin::new(&mut **stream)
            .poll_read(
                &mut Context::from_waker(Waker::noop()),
                &mut ReadBuf::new(&mut byte),
            )
            .is_pending(),
    }
}

fn is_nothing_yet(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// As far as the kernel knows.
pub(crate) fn is_silent(transport: &mut Transport) -> bool {
    match transport {
        Transport::Plain(socket) => {
            is_nothing_yet(&SockRef::from(&*socket).peek(&mut [MaybeUninit::uninit()]))
        }
        Transport::Tls(stream) => match &mut **stream {
            TlsStream::Client(stream) => {
                let (socket, connection) = stream.get_mut();
                says_nothing(socket, connection)
            }
            // Clients' connections are never asked about.
            TlsStream::Server(_) => true,
        },
    }
}

/// Below TLS, bytes on an unused connection may be session tickets, which mean nothing, or the endpoint's
/// `close_notify`, which means that it is of no use: only who reads them knows. They are taken past the runtime, which
/// would not ask the kernel before it was told of an event.
fn says_nothing(socket: &TcpStream, connection: &mut ClientConnection) -> bool {
    let socket = SockRef::from(socket);
    for _ in 0..READS {
        // Also before anything is read: what was deciphered with the last answer, the kernel knows no more of.
        match connection.process_new_packets() {
            Ok(state) if !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0 => {}
            Ok(_) | Err(_) => return false,
        }
        match connection.read_tls(&mut ReadPast(&socket)) {
            Ok(1..) => {}
            Ok(_) => return false,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    false
}

/// Reads what the kernel has, without waiting.
struct ReadPast<'a>(&'a socket2::Socket);

impl Read for ReadPast<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut self.0, buf)
    }
}

/// Reads from an unused connection, of 4 KiB at least, after which its endpoint is one that says too much.
const READS: usize = 16;
