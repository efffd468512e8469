//! Where a client comes in, and how: in the clear or through TLS.

use std::{io, net::SocketAddr};

use rustls::{HandshakeKind, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::wire::Wire;

/// A way in.
#[derive(Clone)]
pub(crate) enum Door {
    Clear(SocketAddr),
    Secure(SocketAddr, TlsConnector),
}

impl Door {
    /// A new connection, with a buffer of this size.
    pub(crate) async fn open(&self, buffer: usize) -> io::Result<Wire> {
        match self {
            Self::Clear(addr) => Ok(Wire::new(connect(*addr).await?, buffer, false)),
            Self::Secure(addr, connector) => {
                let name = ServerName::try_from("shop.example.com").unwrap();
                let stream = connector.connect(name, connect(*addr).await?).await?;
                let kind = stream.get_ref().1.handshake_kind();
                let is_resumed = kind == Some(HandshakeKind::Resumed);
                Ok(Wire::new(stream, buffer, is_resumed))
            }
        }
    }
}

pub(crate) async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
