//! What control and proxy say to each other, so that neither needs to know the other (invariant 10).
//!
//! Owns the orders to a worker and the reports from it. Both ways are bounded: an order waits for room,
//! because none may be lost; a report does not, because traffic must never wait for the control plane.

use std::{
    net::TcpListener,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    config::{ListenerConfig, ListenerLimits, PeerPolicy},
    core::{
        health::PassiveFailure,
        ids::{EndpointId, ListenerId, ListenerName},
        in_flight::{Counts, Ending, TenureCounter},
    },
    tls::Acceptor,
};

/// What a worker is told to do; it carries out one order wholly before it looks at the next.
#[derive(Debug)]
pub enum Order {
    /// Leave every older snapshot, then read the own shard of these counters and answer. The answer is the
    /// worker's part of the proof behind `committed`.
    Barrier {
        /// Counters of the tenures that begin to drain.
        counters: Arc<[Arc<TenureCounter>]>,
        /// Takes one answer from each worker.
        answer: mpsc::Sender<BarrierAnswer>,
    },
    /// End every claim of this tenure, in this way.
    Cut(Arc<TenureCounter>, Ending),
    /// Accept from this listener, too.
    Open(Arc<OpenListener>),
    /// Accept what waits in the queue of this listener, then accept from it no more; connections already
    /// accepted live on. Answered when this worker has let go of it.
    Close(ListenerId, SocketFate, oneshot::Sender<()>),
    /// The process stops: close every listener, answer the last requests with `Connection: close`, and answer
    /// this order when no connection is left.
    Drain(oneshot::Sender<()>),
    /// The shutdown deadline has passed: end every claim and connection.
    CutAll,
}

/// What becomes of the socket of a listener that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketFate {
    /// It is closed with the listener: what waits in its queue must be taken first.
    Closes,
    /// Another listener goes on with it, and with its queue.
    LivesOn,
}

/// One worker's part of a barrier.
#[derive(Clone, Debug)]
pub struct BarrierAnswer {
    /// Which worker.
    pub worker: usize,
    /// Its reading of its own shard of each counter, in the order of the question.
    pub counts: Vec<Counts>,
}

/// A bound socket that every worker accepts from. It is opened once and outlives any worker: closing one of
/// several `SO_REUSEPORT` sockets would reset what waits in its queue.
#[derive(Debug)]
pub struct OpenListener {
    /// The socket, non-blocking.
    pub socket: TcpListener,
    /// What connections keep of the listener. They must not keep the socket: as long as it is open, its address
    /// is neither free nor refused.
    pub entrance: Arc<Entrance>,
}

/// A listener as the connections know it that came in by it; they may outlive it.
#[derive(Debug)]
pub struct Entrance {
    /// Its number.
    pub id: ListenerId,
    /// Its name.
    pub name: ListenerName,
    /// Its bounds. `max_connections` is over all workers.
    pub limits: ListenerLimits,
    /// Whom it believes.
    pub peers: PeerPolicy,
    /// What it answers handshakes with; in the clear, nothing.
    pub tls: Option<Arc<Acceptor>>,
    /// Connections open at present. Shared by the workers; touched when a connection begins and ends, never
    /// by a request.
    open: AtomicUsize,
}

impl OpenListener {
    /// A bound, non-blocking socket as listener `id`.
    #[must_use]
    pub fn new(
        id: ListenerId,
        socket: TcpListener,
        config: &ListenerConfig,
        tls: Option<Arc<Acceptor>>,
    ) -> Self {
        let entrance = Arc::new(Entrance {
            id,
            name: config.name.clone(),
            limits: config.limits.clone(),
            peers: config.peers.clone(),
            tls,
            open: AtomicUsize::new(0),
        });
        Self { socket, entrance }
    }
}

impl Deref for OpenListener {
    type Target = Entrance;

    fn deref(&self) -> &Entrance {
        &self.entrance
    }
}

impl Entrance {
    /// Whether it has as many connections as it may. Workers that ask at the same moment may let in one each
    /// beyond the limit. `Relaxed`: nothing else is read by this number.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open.load(Relaxed) >= self.limits.max_connections
    }

    /// A connection was accepted.
    pub fn enter(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    /// A connection has ended.
    pub fn leave(&self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

/// What a worker tells the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A connection to an endpoint failed.
    Failed(EndpointId, PassiveFailure),
}

/// Orders that may wait for one worker.
pub const ORDERS_LIMIT: usize = 64;
/// Reports that may wait for the controller. They are sent with `try_send`: one that finds no room is
/// dropped, the next failure will say the same.
pub const REPORTS_LIMIT: usize = 1024;
