//! The TLS handshake of a client, where its listener asks for one.
//!
//! Owns its bound: it has the time that a request head has, and ends with the process. It runs in the connection's
//! own task, which is counted from the moment it was accepted. Nothing is allocated for it before the client's first
//! byte has come, so that connections that say nothing cost no more here than in the clear.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::Poll,
};

use rustls::ServerConnection;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::{client::Client, downstream::DRAIN_GRACE, protocol::Negotiated, transport::Transport};
use crate::tls::Acceptor;

/// Carries out the handshake; `None` if nothing comes of it.
pub(crate) async fn accept(
    client: &Client,
    stream: TcpStream,
    acceptor: &Acceptor,
) -> Option<(Transport, Negotiated)> {
    let mut shaking = pin!(shake(stream, acceptor));
    let worker = client.worker();
    let lifeline = worker.lifelines().begin();
    let wait = |time| lifeline.wait_until(worker.clock().coarse().after(time));
    wait(client.listener().limits.header_read_timeout);
    let mut drain_seen = false;
    let shaken = poll_fn(|cx| {
        lifeline.wakes(cx.waker());
        if let Poll::Ready(shaken) = shaking.as_mut().poll(cx) {
            return Poll::Ready(shaken.ok());
        }
        if worker.is_draining() && !std::mem::replace(&mut drain_seen, true) {
            // A client that is half-way may still get through and send its request.
            wait(DRAIN_GRACE);
        }
        if worker.is_cutting() || lifeline.has_expired(worker.clock().coarse()) {
            return Poll::Ready(None);
        }
        Poll::Pending
    });
    shaken.await
}

async fn shake(stream: TcpStream, acceptor: &Acceptor) -> io::Result<(Transport, Negotiated)> {
    let stream = expect_handshake(stream).await?;
    let stream = TlsAcceptor::from(acceptor.current()).accept(stream).await?;
    let negotiated = negotiated(stream.get_ref().1);
    let transport = Transport::Tls(Box::new(TlsStream::Server(stream)));
    Ok((transport, negotiated))
}

/// Waits for the first byte, and tells a client that speaks HTTP in the clear so.
async fn expect_handshake(mut stream: TcpStream) -> io::Result<TcpStream> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    if first[0].is_ascii_uppercase() {
        stream.write_all(NOT_TLS).await?;
        stream.shutdown().await?;
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(stream)
}

/// What was agreed on by ALPN.
fn negotiated(connection: &ServerConnection) -> Negotiated {
    match connection.alpn_protocol() {
        Some(_) | None => Negotiated::Http1,
    }
}

/// The answer to HTTP in the clear.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 42\r\n\
    Connection: close\r\n\r\n\
    400 Bad Request: this port speaks TLS only\n";
