//! Whether an endpoint has kept silent on an unused connection: neither closed it, nor said anything unasked.
//!
//! Owns asking the kernel, which knows before the runtime is told. Must not wait.

use std::{
    io::{self, Read},
    mem::MaybeUninit,
};

use rustls::ClientConnection;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::transport::Transport;

/// See the module.
pub(crate) fn is_silent(transport: &mut Transport) -> bool {
    match transport {
        Transport::Plain(socket) => {
            let peeked = SockRef::from(&*socket).peek(&mut [MaybeUninit::uninit()]);
            matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
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
