//! The small app that the tour moves between two versions, one process or task for each endpoint.
//!
//! Owns its listening socket and every connection on it; must not know that a proxy stands in front of it.
//! It is an ordinary HTTP/1.1 server that finishes what it has begun when it is told to stop, because an app
//! that drops its own requests would be blamed on the switch.

pub(super) mod answers;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn, upgrade::OnUpgrade};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::core::ids::Colour;

/// One running app. Dropping it ends it at once, as a crash would.
#[derive(Debug)]
pub struct ColourApp {
    persona: Arc<Persona>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl ColourApp {
    /// Listens on `addr` (port 0: one that is free) and answers as `colour`.
    ///
    /// # Errors
    /// The socket's own.
    pub async fn start(colour: Colour, addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let persona = Arc::new(Persona {
            colour,
            addr: listener.local_addr()?,
            healthy: AtomicBool::new(true),
        });
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, Arc::clone(&persona), stop.clone()));
        Ok(Self {
            persona,
            stop,
            task,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.persona.addr
    }

    /// What it answers as.
    #[must_use]
    pub fn colour(&self) -> Colour {
        self.persona.colour
    }

    /// Passes or fails its probes from now on.
    pub fn set_healthy(&self, healthy: bool) {
        // Relaxed: a flag of its own, nothing else is published with it.
        self.persona.healthy.store(healthy, Ordering::Relaxed);
    }

    /// Stops listening, finishes what is in flight, [`STOP_DEADLINE`] at most, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        // An error is a task that was aborted or panicked: it has ended, which is all that is asked.
        let _ = (&mut self.task).await;
    }
}

impl Drop for ColourApp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What makes one app different from another.
#[derive(Debug)]
struct Persona {
    colour: Colour,
    addr: SocketAddr,
    healthy: AtomicBool,
}

/// What a request may leave behind for its connection: the upgrade that it was promised.
#[derive(Debug, Default)]
struct UpgradeSlot(Mutex<Option<OnUpgrade>>);

impl UpgradeSlot {
    fn put(&self, promised: OnUpgrade) {
        *self.lock() = Some(promised);
    }

    fn take(&self) -> Option<OnUpgrade> {
        self.lock().take()
    }

    /// Held for one move; even a poisoned one holds a whole value.
    fn lock(&self) -> MutexGuard<'_, Option<OnUpgrade>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(listener: TcpListener, persona: Arc<Persona>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    let mut connections = JoinSet::new();
    while let Some((stream, room)) = accept(&listener, &room, &stop).await {
        let (persona, stop) = (Arc::clone(&persona), stop.clone());
        connections.spawn(async move {
            let _room = room;
            converse(stream, persona, stop).await;
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    // What is left after the deadline ends with the set.
    let _ = tokio::time::timeout(STOP_DEADLINE, all).await;
}

/// The next connection, when there is room for one; nothing once the app stops.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let next = async {
        let room = Arc::clone(room).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, room)),
                // Out of descriptors, as a rule: the queue keeps what waits.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        stream = next => stream,
    }
}

/// Answers the requests of one connection and, if one of them was upgraded, the session after it.
async fn converse(stream: TcpStream, persona: Arc<Persona>, stop: CancellationToken) {
    // Only a delay is lost where it cannot be set.
    let _ = stream.set_nodelay(true);
    let slot = Arc::new(UpgradeSlot::default());
    let service = service_fn(|req| {
        let (persona, slot) = (Arc::clone(&persona), Arc::clone(&slot));
        async move { answers::answer(&persona, &slot, req).await }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(KEEP_ALIVE)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let (Ok(()), Some(promised)) = (ended, slot.take()) {
        answers::echo_session(promised, stop).await;
    }
}

/// How long [`ColourApp::stop`] waits for what is in flight.
pub const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// Connections of one app.
const CONNECTIONS_LIMIT: usize = 4096;
/// How long a connection is kept without a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Between two tries to accept, when the first one failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
