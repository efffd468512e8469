//! The TCP probe, which is also how every other kind begins: a fresh connection. A kept one would prove the
//! endpoint that was there before, and behind a NodePort one pod out of many.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::failure::ProbeFailure;

/// Connects to the first address that answers, in order, as requests do.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ProbeFailure> {
    let mut failure = ProbeFailure::Unresolved;
    for addr in addresses {
        match TcpStream::connect(addr).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = ProbeFailure::connect(&error),
        }
    }
    Err(failure)
}
