//! Connections of the admin side: accepted up to a bound, served by hyper, and let go in good order.
//!
//! Owns the bounds of a connection. `axum::serve` would be shorter; it bounds neither how many connections there are
//! nor how slowly a head may come.

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{listen::Listener, stall::Impatient};

/// One address with what answers on it.
#[derive(Debug)]
pub(super) struct Acceptor {
    pub(super) listener: Listener,
    pub(super) router: Router,
    pub(super) stop: CancellationToken,
}

impl Acceptor {
    /// Accepts until told to stop; then lets the calls that are being answered come to their end, for a while.
    pub(super) async fn run(self) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
        let mut connections = JoinSet::new();
        tokio::select! {
            () = self.stop.cancelled() => {}
            never = self.accept(&room, &mut connections) => match never {},
        }
        // Nobody shall connect to a process that is leaving.
        drop(self.listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
            tracing::warn!("admin calls were cut by the shutdown");
        }
    }

    async fn accept(&self, room: &Arc<Semaphore>, connections: &mut JoinSet<()>) -> Infallible {
        loop {
            // Whoever finds no room waits in the kernel's queue.
            let Ok(permit) = Arc::clone(room).acquire_owned().await else {
                unreachable!("the semaphore is never closed");
            };
            while connections.try_join_next().is_some() {}
            if let Err(error) = self.accept_one(permit, connections).await {
                tracing::warn!(%error, "admin connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    async fn accept_one(
        &self,
        permit: OwnedSemaphorePermit,
        connections: &mut JoinSet<()>,
    ) -> io::Result<()> {
        let (router, stop) = (self.router.clone(), self.stop.clone());
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Without it answers may wait for acknowledgements; if it fails, they are only slower.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(stream, router, stop, permit));
            }
            Listener::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                connections.spawn(serve(stream, router, stop, permit));
            }
        }
        Ok(())
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    let stream = Impatient::new(stream, WRITE_TIMEOUT);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_header_size(HEADER_LIMIT)
        .max_buf_size(BUFFER_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "admin connection was broken off");
    }
}

/// Open connections of one address.
const CONNECTIONS_LIMIT: usize = 256;
/// From the first byte of a head to its last, and the longest that a connection may be kept without a call.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Without a byte of an answer being taken.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a head.
const HEADER_LIMIT: usize = 16 * 1024;
/// Bytes buffered of a connection.
const BUFFER_LIMIT: usize = 64 * 1024;
/// After a failure to accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// For calls to end when the process stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
