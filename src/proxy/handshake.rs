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

use rustls::{ProtocolVersion, ServerConnection};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream, server};

use super::{
    client::Client,
    downstream::DRAIN_GRACE,
    protocol::{Negotiated, linger::linger},
    transport::Transport,
};
use crate::{
    telemetry::handshakes::{HandshakeFailure, HandshakeKind, HandshakeVersion},
    tls::{self, Acceptor, Identity, Terms, alpn},
};

/// Carries out the handshake; `None` if nothing comes of it.
pub(crate) async fn accept(
    client: &Client,
    stream: TcpStream,
    acceptor: &Acceptor,
) -> Option<(Transport, Negotiated)> {
    let counters = &client.worker().stats().handshakes;
    match shaken(client, stream, acceptor).await {
        Ok(stream) => {
            let connection = stream.get_ref().1;
            counters.succeeded(version(connection), kind(connection));
            let negotiated = negotiated(connection);
            let transport = Transport::Tls(Box::new(TlsStream::Server(stream)));
            Some((transport, negotiated))
        }
        Err(failure) => {
            counters.fails(failure);
            None
        }
    }
}

/// The handshake, unless its time is over before.
async fn shaken(
    client: &Client,
    stream: TcpStream,
    acceptor: &Acceptor,
) -> Result<server::TlsStream<TcpStream>, HandshakeFailure> {
    let mut shaking = pin!(shake(client, stream, acceptor));
    let worker = client.worker();
    let lifeline = worker.lifelines().begin();
    let wait = |time| lifeline.wait_until(worker.clock().coarse().after(time));
    wait(client.listener().limits.header_read_timeout);
    let mut drain_seen = false;
    let shaken = poll_fn(|cx| {
        lifeline.wakes(cx.waker());
        if let Poll::Ready(shaken) = shaking.as_mut().poll(cx) {
            return Poll::Ready(shaken);
        }
        if worker.is_cutting() {
            return Poll::Ready(Err(HandshakeFailure::Shutdown));
        }
        if worker.is_draining() && !std::mem::replace(&mut drain_seen, true) {
            // A client that is half-way may still get through and send its request.
            wait(DRAIN_GRACE);
        }
        if lifeline.has_expired(worker.clock().coarse()) {
            let drained = drain_seen.then_some(HandshakeFailure::Shutdown);
            return Poll::Ready(Err(drained.unwrap_or(HandshakeFailure::Timeout)));
        }
        Poll::Pending
    });
    shaken.await
}

async fn shake(
    client: &Client,
    stream: TcpStream,
    acceptor: &Acceptor,
) -> Result<server::TlsStream<TcpStream>, HandshakeFailure> {
    let stream = expect_handshake(stream).await?;
    let terms = acceptor.current();
    let accepting = TlsAcceptor::from(terms.config.clone()).accept(stream);
    let stream = accepting.await.map_err(|error| {
        let listener = &client.listener().name;
        tracing::debug!(%listener, client = %client.ip(), %error, "handshake failed");
        failure(&error)
    })?;
    client.proves(identity(stream.get_ref().1, &terms)?);
    Ok(stream)
}

/// Waits for the first byte, and tells a client that speaks HTTP in the clear so.
async fn expect_handshake(mut stream: TcpStream) -> Result<TcpStream, HandshakeFailure> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1..) if first[0].is_ascii_uppercase() => {
            // Whether it is heard changes nothing.
            let _ = stream.write_all(NOT_TLS).await;
            linger(stream).await;
            Err(HandshakeFailure::Cleartext)
        }
        Ok(1..) => Ok(stream),
        Ok(0) | Err(_) => Err(HandshakeFailure::Closed),
    }
}

/// Who the client has proved to be, if it was asked and did.
fn identity(
    connection: &ServerConnection,
    terms: &Terms,
) -> Result<Option<Identity>, HandshakeFailure> {
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let Some((fields, certificate)) = terms.fields.as_ref().zip(certificate) else {
        return Ok(None);
    };
    // A session that is resumed was verified when it began; its certificate may have expired since.
    match Identity::of(certificate, fields) {
        Some(identity) if identity.expires_at() > tls::unix_seconds() => Ok(Some(identity)),
        Some(_) | None => Err(HandshakeFailure::ClientCertificate),
    }
}

/// What was agreed on by ALPN.
fn negotiated(connection: &ServerConnection) -> Negotiated {
    match connection.alpn_protocol() {
        Some(alpn::HTTP_2) => Negotiated::Http2,
        Some(_) | None => Negotiated::Http1,
    }
}

fn version(connection: &ServerConnection) -> HandshakeVersion {
    match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => HandshakeVersion::Tls12,
        Some(_) | None => HandshakeVersion::Tls13,
    }
}

fn kind(connection: &ServerConnection) -> HandshakeKind {
    match connection.handshake_kind() {
        Some(rustls::HandshakeKind::Resumed) => HandshakeKind::Resumed,
        Some(rustls::HandshakeKind::Full | rustls::HandshakeKind::FullWithHelloRetryRequest)
        | None => HandshakeKind::Full,
    }
}

fn failure(error: &io::Error) -> HandshakeFailure {
    use rustls::Error;
    match tls::cause(error) {
        None => HandshakeFailure::Closed,
        Some(Error::NoCertificatesPresented | Error::InvalidCertificate(_)) => {
            HandshakeFailure::ClientCertificate
        }
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => {
            HandshakeFailure::Incompatible
        }
        Some(Error::AlertReceived(_)) => HandshakeFailure::Rejected,
        Some(_) => HandshakeFailure::Malformed,
    }
}

/// The answer to HTTP in the clear.
const NOT_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\n\
    Connection: close\r\n\r\n\
    400 Bad Request: this port speaks TLS only\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_cleartext_is_as_long_as_it_says() {
        let text = std::str::from_utf8(NOT_TLS).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
    }
}
