//! The TLS handshake with an endpoint.
//!
//! Owns which name its certificate must be issued for, and what a failure means; how long it may take, the connect
//! timeout says, which runs already.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use super::{endpoint::ConnectError, protocol::Negotiated, transport::Transport};
use crate::{
    core::{ids::EndpointAddr, service::UpstreamProtocol, tls::UpstreamTls},
    tls::{self, Connector, Connectors, alpn},
};

/// How one endpoint is to prove who it is.
#[derive(Debug)]
pub(crate) struct Secure {
    spec: Arc<UpstreamTls>,
    /// `None` would be a mistake of cutover's; nothing is sent then.
    connector: Option<(Arc<Connector>, ServerName<'static>)>,
}

impl Secure {
    pub(crate) fn new(
        spec: &Arc<UpstreamTls>,
        connectors: &Connectors,
        addr: &EndpointAddr,
    ) -> Self {
        let connector = connectors.of(spec).and_then(|connector| {
            let name = connector.server_name(addr.as_str())?;
            Some((connector, name))
        });
        Self {
            spec: Arc::clone(spec),
            connector,
        }
    }

    /// What the file says.
    pub(crate) const fn spec(&self) -> &Arc<UpstreamTls> {
        &self.spec
    }

    /// Carries out the handshake, in which `protocol` is offered.
    pub(crate) async fn handshake(
        &self,
        socket: TcpStream,
        addr: &EndpointAddr,
        protocol: UpstreamProtocol,
    ) -> Result<(Transport, Negotiated), ConnectError> {
        let (connector, name) = self.connector.as_ref().ok_or(ConnectError::Handshake)?;
        let connecting = TlsConnector::from(connector.current());
        let offering = connecting.with_alpn(alpn::offered(protocol));
        match offering.connect(name.clone(), socket).await {
            Ok(stream) => {
                let negotiated = match stream.get_ref().1.alpn_protocol() {
                    Some(alpn::HTTP_2) => Negotiated::Http2,
                    Some(_) | None => Negotiated::Http1,
                };
                let transport = Transport::Tls(Box::new(TlsStream::Client(stream)));
                Ok((transport, negotiated))
            }
            Err(error) => {
                tracing::debug!(endpoint = %addr, %error, "handshake failed");
                Err(match tls::distrust(&error) {
                    Some(_) => ConnectError::Untrusted,
                    None => ConnectError::Handshake,
                })
            }
        }
    }
}
