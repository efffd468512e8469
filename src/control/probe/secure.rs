//! The TLS handshake of a probe: the same that requests begin with, on a connection of its own. An endpoint that traffic
//! would not believe is not healthy.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Spoken, failure::ProbeFailure};
use crate::{
    core::{service::UpstreamProtocol, tls::UpstreamTls},
    tls::{Connector, Connectors, alpn},
};

/// How one endpoint is to prove who it is.
#[derive(Debug)]
pub(in crate::control) struct Secure {
    /// `None` would be a mistake of cutover's.
    connector: Option<(Arc<Connector>, ServerName<'static>)>,
}

impl Secure {
    pub(in crate::control) fn new(tls: &UpstreamTls, connectors: &Connectors, addr: &str) -> Self {
        let connector = connectors.of(tls).and_then(|connector| {
            let name = connector.server_name(addr)?;
            Some((connector, name))
        });
        Self { connector }
    }

    /// Carries out the handshake, in which `protocol` is offered.
    pub(in crate::control) async fn handshake(
        &self,
        stream: TcpStream,
        protocol: UpstreamProtocol,
    ) -> Result<(TlsStream<TcpStream>, Spoken), ProbeFailure> {
        let Some((connector, name)) = &self.connector else {
            let why = "no certificate can be issued for this address";
            return Err(ProbeFailure::Handshake(why.to_owned()));
        };
        let stream = TlsConnector::from(connector.current())
            .with_alpn(alpn::offered(protocol))
            .connect(name.clone(), stream)
            .await
            .map_err(|error| ProbeFailure::handshake(&error))?;
        match (stream.get_ref().1.alpn_protocol(), protocol) {
            (Some(alpn::HTTP_2), _) => Ok((stream, Spoken::Http2)),
            (Some(_) | None, UpstreamProtocol::Http1 | UpstreamProtocol::Auto) => {
                Ok((stream, Spoken::Http1))
            }
            (Some(_) | None, UpstreamProtocol::Http2) => Err(ProbeFailure::NotAgreed),
        }
    }
}
