//! What control and proxy say to each other, so that neither needs to know the other (invariant 10).
//!
//! Owns the orders to a worker and the reports from it. Both ways are bounded: an order waits for room,
//! because none may be lost; a report does not, because traffic must never wait for the control plane.

mod clients;
mod entrance;

pub use self::entrance::{Crowded, Entrance, Guest, Place};

use std::{net::TcpListener, ops::Deref, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::core::{
    health::PassiveFailure,
    ids::{Colour, EndpointId, ListenerId, ServiceName, ServiceSlot},
    in_flight::{Counts, Ending, TenureCounter},
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
    /// Open a connection to each of these endpoints, and keep it for the requests that come after the switch.
    WarmUp {
        /// Which.
        pool: Arc<ColdPool>,
        /// Takes one answer from each worker.
        answer: mpsc::Sender<WarmUpAnswer>,
    },
    /// End every claim of this tenure, in this way.
    Cut(Arc<TenureCounter>, Ending),
    /// End every claim that this endpoint works for, in this way.
    CutEndpoint(EndpointId, Ending),
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

/// A standby that is about to become live.
#[derive(Clone, Debug)]
pub struct ColdPool {
    /// Where the snapshot has the service.
    pub slot: ServiceSlot,
    /// Its name, because places are used again.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// Its endpoints.
    pub endpoints: Vec<EndpointId>,
}

/// One worker's account of a warm-up.
#[derive(Clone, Debug, Default)]
pub struct WarmUpAnswer {
    /// Endpoints that it has no connection to, each with why.
    pub failed: Vec<(EndpointId, &'static str)>,
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
    /// The socket, non-blocking, and without Nagle's algorithm, which those that are accepted inherit from it.
    pub socket: TcpListener,
    /// What connections keep of the listener. They must not keep the socket: as long as it is open, its address
    /// is neither free nor refused.
    pub entrance: Arc<Entrance>,
}

impl Deref for OpenListener {
    type Target = Entrance;

    fn deref(&self) -> &Entrance {
        &self.entrance
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
