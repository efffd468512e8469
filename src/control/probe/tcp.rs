//! The TCP probe, which is also how every other kind begins: a fresh connection. A kept one would prove the
//! endpoint that was there before, and behind a NodePort one pod out of many.

use std::net::SocketAddr;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::failure::ProbeFailure;
use crate::core::proxy_header::{self, ProxyVersion};

/// Begins the connection as endpoints expect it: introducing nobody, because a probe speaks for cutover itself.
pub(in crate::control) async fn introduce(
    stream: &mut TcpStream,
    version: ProxyVersion,
) -> Result<(), ProbeFailure> {
    let header = proxy_header::write(version, None);
    let written = stream.write_all(&header).await;
    written.map_err(|error| ProbeFailure::connect(&error))
}

/// Connects to the first address that answers, in order, as requests do.
pub(in crate::control) async fn connect(
    addresses: &[SocketAddr],
) -> Result<TcpStream, ProbeFailure> {
    let mut failure = ProbeFailure::Unresolved;
    for addr in addresses {
        match TcpStream::connect(addr).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = ProbeFailure::connect(&error),
        }
    }
    Err(failure)
}
