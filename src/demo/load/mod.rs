//! Steady, checked load: kept-alive GETs, uploads, streams and WebSocket sessions side by side.
//!
//! Owns the clients and their pace; must not know of pools or switches beyond the colour that each answer
//! names. A benchmark tool counts answers; this one checks every byte of every answer, because a proxy that
//! gives a client another client's answer is worse than one that gives none.

mod clients;
mod connection;
mod ledger;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::{clients::Client, connection::Connection};
pub use self::{
    connection::Target,
    ledger::{Entry, FAILURES_LIMIT, Failed, Failure, Kind, LATENCIES_LIMIT, Ledger, Totals},
};

/// How many clients of each kind, and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    /// Clients that send `GET /ping`.
    pub gets: usize,
    /// Clients that upload.
    pub uploads: usize,
    /// Clients that read streams.
    pub streams: usize,
    /// Clients that hold WebSocket sessions.
    pub websockets: usize,
    /// From the start of one request to the next, for GETs and uploads.
    pub pace: Duration,
    /// Length of one upload in bytes.
    pub upload_size: usize,
    /// How long one stream lasts, in whole seconds.
    pub stream_seconds: u64,
    /// Messages of one WebSocket session, ten a second.
    pub messages: u32,
}

impl Default for LoadPlan {
    /// About 600 requests a second: lively, and far from what a laptop can bear.
    fn default() -> Self {
        Self {
            gets: 10,
            uploads: 2,
            streams: 3,
            websockets: 4,
            pace: Duration::from_millis(20),
            upload_size: 64 * 1024,
            stream_seconds: 3,
            messages: 20,
        }
    }
}

impl LoadPlan {
    /// Nothing but GETs: what a proxy may send again, so that not even a crashing endpoint is an excuse.
    #[must_use]
    pub fn safe_only(self) -> Self {
        Self {
            uploads: 0,
            streams: 0,
            websockets: 0,
            ..self
        }
    }
}

/// Clients at work. Dropping it ends them at once, and what they had in flight counts as failed.
#[derive(Debug)]
pub struct Load {
    ledger: Arc<Ledger>,
    stop: CancellationToken,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts every client of `plan` against `target`.
    #[must_use]
    pub fn start(target: &Target, plan: &LoadPlan) -> Self {
        let ledger = Arc::new(Ledger::default());
        let stop = CancellationToken::new();
        let mut clients = JoinSet::new();
        let kinds =
            Kind::ALL
                .into_iter()
                .zip([plan.gets, plan.uploads, plan.streams, plan.websockets]);
        for (kind, count) in kinds {
            for _ in 0..count {
                let connection = Connection::new(target.clone(), Arc::clone(&ledger));
                let client = Client::new(kind, connection, plan.clone());
                clients.spawn(client.run(Arc::clone(&ledger), stop.clone()));
            }
        }
        Self {
            ledger,
            stop,
            clients,
        }
    }

    /// The account that the clients write.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Begins nothing new, waits for what is in flight ([`REQUEST_DEADLINE`] at most) and gives the totals.
    pub async fn stop(mut self) -> Totals {
        self.stop.cancel();
        while self.clients.join_next().await.is_some() {}
        self.ledger.totals()
    }
}

impl From<SocketAddr> for Target {
    fn from(addr: SocketAddr) -> Self {
        let text = addr.to_string();
        Self {
            // A socket address is made of digits, dots, colons and brackets; it is always a legal field.
            host: HeaderValue::try_from(text.as_str())
                .unwrap_or_else(|_| HeaderValue::from_static("localhost")),
            addr: text,
        }
    }
}

/// How long one request may take, beyond what it is asked to take, before it counts as failed.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
