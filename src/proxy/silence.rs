//! Whether an endpoint has kept silent on an unused connection: neither closed it, nor said anything unasked.
//!
//! Owns asking, the runtime or the kernel, which knows before the runtime is told. Must not wait.

use std::{
    io::{self, Read},
    mem::MaybeUninit,
};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};
use tokio_rustls::TlsStream;

use super::transport::Transport;

/// As far as the runtime was told, which costs no call of the kernel: an endpoint that has spoken unasked, some time
/// ago, must not be taken for one that answers the next request.
pub(crate) fn seems_silent(transport: &mut Transport) -> bool {
    let socket = match &*transport {
        Transport::Plain(socket) => socket,
        Transport::Tls(stream) => stream.get_ref().0,
    };
    let asked = socket.try_io(Interest::READABLE, || {
        SockRef::from(socket).peek(&mut [MaybeUninit::uninit()])
    });
    match (asked, &mut *transport) {
        (Err(error), Transport::Plain(_)) => error.kind() == io::ErrorKind::WouldBlock,
        (Ok(_), Transport::Plain(_)) => false,
        (Err(error), Transport::Tls(stream)) if error.kind() == io::ErrorKind::WouldBlock => {
            holds_nothing(stream)
        }
        (Ok(_) | Err(_), Transport::Tls(_)) => is_silent(transport),
    }
}

/// As far as the kernel knows.
pub(crate) fn is_silent(transport: &mut Transport) -> bool {
    match transport {
        Transport::Plain(socket) => {
            let peeked = SockRef::from(&*socket).peek(&mut [MaybeUninit::uninit()]);
            matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
        }
        Transport::Tls(stream) => {
            holds_nothing(stream)
                && match &mut **stream {
                    TlsStream::Client(stream) => {
                        let (socket, connection) = stream.get_mut();
                        says_nothing(socket, connection)
                    }
                    // Clients' connections are never asked about.
                    TlsStream::Server(_) => true,
                }
        }
    }
}

/// Whether nothing is left of what was deciphered before: of that, the kernel knows nothing any more.
fn holds_nothing(stream: &mut TlsStream<TcpStream>) -> bool {
    let state = match stream {
        TlsStream::Client(stream) => stream.get_mut().1.process_new_packets(),
        TlsStream::Server(stream) => stream.get_mut().1.process_new_packets(),
    };
    state.is_ok_and(|state| state.plaintext_bytes_to_read() == 0 && !state.peer_has_closed())
}

/// Below TLS, bytes on an unused connection may be session tickets, which mean nothing, or the endpoint's
/// `close_notify`, which means that it is of no use: only who reads them knows. They are taken past the runtime, which
/// would not ask the kernel before it was told of an event.
fn says_nothing(socket: &TcpStream, connection: &mut ClientConnection) -> bool {
    let socket = SockRef::from(socket);
    for _ in 0..READS {
        match connection.read_tls(&mut ReadPast(&socket)) {
            Ok(1..) => {}
            Ok(_) => return false,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
        match connection.process_new_packets() {
            Ok(state) if !state.peer_has_closed() && state.plaintext_bytes_to_read() == 0 => {}
            Ok(_) | Err(_) => return false,
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
