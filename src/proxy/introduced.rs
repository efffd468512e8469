//! A connection from a balancer that introduces its client by the PROXY protocol.
//!
//! Owns reading the header, within the time that a request head has, and not one byte beyond it: what follows is a TLS
//! handshake or HTTP. The bytes are looked at before they are taken, so that nothing has to be put back. It runs in the
//! connection's own task, before anything else does; a peer that must introduce and does not is not answered.

use std::{
    cell::Cell,
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::{client::Client, downstream::DRAIN_GRACE, worker::Worker};
use crate::{
    core::proxy_header::{self, Introduction, Reading},
    mailbox::{Entrance, Guest},
    telemetry::limit::Limit,
};

/// A connection whose client is not known yet.
#[derive(Debug)]
pub(crate) struct Stranger {
    pub(crate) worker: Rc<Worker>,
    pub(crate) listener: Arc<Entrance>,
    /// The ends of the socket.
    pub(crate) ends: Introduction,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// It ended before anything came, as a balancer's own check does.
    Left,
    /// What came is no header.
    Malformed(&'static str),
    /// The header did not come in time, or not whole.
    Unfinished,
}

impl Failed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "closed",
            Self::Malformed(why) => why,
            Self::Unfinished => "no whole PROXY header in time",
        }
    }
}

impl Stranger {
    /// Learns who it is; `None` if the connection is not to be served. The client is counted by the address that it is
    /// introduced with.
    pub(crate) async fn introduced(self, stream: &TcpStream) -> Option<(Rc<Client>, Guest)> {
        let ends = match self.read(stream).await {
            Ok(introduction) => introduction.unwrap_or(self.ends),
            Err(Failed::Left) => return None,
            Err(failed) => {
                self.worker.stats().unintroduced.add(1);
                let (listener, peer) = (&self.listener.name, self.ends.source);
                tracing::debug!(%listener, %peer, why = failed.as_str(), "connection not introduced");
                return None;
            }
        };
        let Ok(guest) = self.listener.welcome(ends.source.ip()) else {
            self.worker.stats().met(Limit::MaxConnectionsPerClient);
            // Where it fails, the connection is closed in the usual way.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            return None;
        };
        Some((Client::new(&self.worker, &self.listener, ends), guest))
    }

    async fn read(&self, stream: &TcpStream) -> Result<Option<Introduction>, Failed> {
        let worker = &self.worker;
        let lifeline = worker.lifelines().begin();
        let wait = |time| lifeline.wait_until(worker.clock().coarse().after(time));
        wait(self.listener.limits.header_read_timeout);
        let drain_seen = Cell::new(false);
        let mut reading = pin!(read(stream));
        poll_fn(|cx| {
            lifeline.wakes(cx.waker());
            if let Poll::Ready(read) = reading.as_mut().poll(cx) {
                return Poll::Ready(read);
            }
            if worker.is_draining() && !drain_seen.replace(true) {
                wait(DRAIN_GRACE.min(self.listener.limits.header_read_timeout));
            }
            if worker.is_cutting() || lifeline.has_expired(worker.clock().coarse()) {
                return Poll::Ready(Err(Failed::Unfinished));
            }
            Poll::Pending
        })
        .await
    }
}

/// Takes the header, and nothing else, off the start of `stream`.
async fn read(stream: &TcpStream) -> Result<Option<Introduction>, Failed> {
    let mut header = Vec::new();
    let mut seen = [0; 512];
    loop {
        let length = stream.peek(&mut seen).await.unwrap_or(0);
        if length == 0 {
            let has_begun = !header.is_empty();
            return Err(if has_begun {
                Failed::Unfinished
            } else {
                Failed::Left
            });
        }
        let before = header.len();
        header.extend_from_slice(&seen[..length]);
        let (taken, introduced) = match proxy_header::read(&header) {
            // All of it belongs to the header.
            Reading::Incomplete => (length, None),
            Reading::Header(length, introduced) => (length - before, Some(introduced)),
            Reading::Malformed(why) => return Err(Failed::Malformed(why)),
        };
        take(stream, &mut seen[..taken])
            .await
            .map_err(|_| Failed::Unfinished)?;
        if let Some(introduced) = introduced {
            return Ok(introduced);
        }
    }
}

/// Takes bytes that are known to be there.
async fn take(stream: &TcpStream, mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_read(bytes) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => bytes = &mut bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
