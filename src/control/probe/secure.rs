//! The TLS handshake of a probe: the same that requests begin with, on a connection of its own. An endpoint that traffic
//! would not believe is not healthy.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::failure::ProbeFailure;
use crate::{
    core::tls::UpstreamTls,
    tls::{Connector, Connectors},
};

/// How one endpoint is to prove who it is.
#[derive(Debug)]
pub(super) struct Secure {
    /// `None` would be a mistake of cutover's.
    connector: Option<(Arc<Connector>, ServerName<'static>)>,
}

impl Secure {
    pub(super) fn new(tls: &UpstreamTls, connectors: &Connectors, addr: &str) -> Self {
        let connector = connectors.of(tls).and_then(|connector| {
            let name = connector.server_name(addr)?;
            Some((connector, name))
        });
        Self { connector }
    }

    /// Carries out the handshake.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ProbeFailure> {
        let Some((connector, name)) = &self.connector else {
            let why = "no certificate can be issued for this address";
            return Err(ProbeFailure::Handshake(why.to_owned()));
        };
        TlsConnector::from(connector.current())
            .connect(name.clone(), stream)
            .await
            .map_err(|error| ProbeFailure::handshake(&error))
    }
}
