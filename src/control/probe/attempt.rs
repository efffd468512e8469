//! One probe of one endpoint: a fresh connection, what is asked on it, and how long all of that may take.
//!
//! Owns the order of the steps and the timeout round them; a further kind of probe is one more file and one more arm.

use std::{net::SocketAddr, sync::Arc};

use ::http::uri::Scheme;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

use super::{failure::ProbeFailure, grpc::GrpcExchange, http::HttpExchange, secure::Secure, tcp};
use crate::core::{
    event::Watched,
    service::{ProbeKind, UpstreamProtocol},
};

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Spoken {
    Http1,
    Http2,
}

/// One probe of one endpoint.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) watched: Watched,
    /// The handshake before it, if the endpoint has TLS.
    pub(super) secure: Option<Arc<Secure>>,
}

impl Attempt {
    /// Connects and asks, within the timeout.
    pub(super) async fn run(self, addresses: Arc<[SocketAddr]>) -> Result<(), ProbeFailure> {
        let timeout = self.watched.probe.timeout;
        let deadline = Instant::now() + timeout;
        let connecting = timeout_at(deadline, tcp::connect(&addresses)).await;
        let stream = connecting.map_err(|_| ProbeFailure::ConnectTimeout)??;
        let asking = timeout_at(deadline, self.ask_on(stream)).await;
        asking.map_err(|_| ProbeFailure::NoAnswer(timeout))?
    }

    async fn ask_on(&self, mut stream: tokio::net::TcpStream) -> Result<(), ProbeFailure> {
        let spec = &self.watched.probe;
        let protocol = match &spec.kind {
            ProbeKind::Tcp | ProbeKind::Http(_) => spec.protocol,
            ProbeKind::Grpc(_) => UpstreamProtocol::Http2,
        };
        if let Some(version) = spec.introduces {
            tcp::introduce(&mut stream, version).await?;
        }
        match &self.secure {
            None => self.ask(stream, Spoken::unasked(protocol)).await,
            Some(secure) => {
                let (stream, spoken) = secure.handshake(stream, protocol).await?;
                self.ask(stream, spoken).await
            }
        }
    }

    async fn ask<S>(&self, stream: S, spoken: Spoken) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let addr = &self.watched.addr;
        let scheme = match &self.watched.tls {
            None => Scheme::HTTP,
            Some(_) => Scheme::HTTPS,
        };
        match &self.watched.probe.kind {
            ProbeKind::Tcp => Ok(()),
            ProbeKind::Http(probe) => {
                let exchange = HttpExchange::new(probe, addr, scheme);
                Box::pin(exchange.run(stream, spoken)).await
            }
            ProbeKind::Grpc(probe) => {
                let exchange = GrpcExchange::new(probe, addr, scheme);
                Box::pin(exchange.run(stream)).await
            }
        }
    }
}

impl Spoken {
    /// What is spoken where nothing can be agreed on.
    pub(in crate::control) const fn unasked(protocol: UpstreamProtocol) -> Self {
        match protocol {
            UpstreamProtocol::Http1 | UpstreamProtocol::Auto => Self::Http1,
            UpstreamProtocol::Http2 => Self::Http2,
        }
    }
}
