//! The load's account: every request under its own id, and what became of it.
//!
//! Owns the counting; must not send anything. A request is opened before its first byte and must be concluded;
//! one that is dropped instead counts as failed, so that no way out of a client can lose a request silently,
//! as it could with one counter for successes and one for errors.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::core::ids::{ByColour, Colour};

/// Counts what the clients of one load see.
#[derive(Debug, Default)]
pub struct Ledger {
    account: Mutex<Account>,
}

/// What a request of the load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `GET /ping` on a kept-alive connection.
    Get,
    /// `POST /upload`, its hash checked.
    Upload,
    /// `GET /stream`, every line checked.
    Stream,
    /// One WebSocket session, every echo checked.
    WebSocket,
}

impl Kind {
    /// All of them, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Get, Self::Upload, Self::Stream, Self::WebSocket];

    /// The lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Upload => "upload",
            Self::Stream => "stream",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a request counts as failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("connect: {0}")]
    Connect(String),
    /// The connection broke before the answer was whole.
    #[error("cut: {0}")]
    Cut(String),
    /// Not within the load's deadline.
    #[error("no whole answer in time")]
    Deadline,
    /// Another status than the one that was to come.
    #[error("status {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// The answer is whole and wrong.
    #[error("wrong answer: {0}")]
    Wrong(String),
    /// A request begun after a switch had answered `committed` was served by the old colour.
    #[error("served by {0} after the switch away from it was committed")]
    OldColour(Colour),
    /// Nobody concluded it.
    #[error("abandoned")]
    Abandoned,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its id, as sent in `X-Request-Id`.
    pub id: String,
    /// What it was.
    pub kind: Kind,
    /// Why.
    pub why: Failure,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.id, self.why)
    }
}

/// What the ledger says at one moment.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Requests that were opened.
    pub opened: u64,
    /// Whole and right, by colour.
    pub served: ByColour<u64>,
    /// Whole and right, by kind, in the order of [`Kind::ALL`].
    pub by_kind: [u64; 4],
    /// Failed.
    pub failed: u64,
    /// The first of them, [`FAILURES_LIMIT`] at most.
    pub failures: Vec<Failed>,
    /// Opened and not concluded.
    pub in_flight: u64,
    /// Of those: WebSocket sessions.
    pub websockets: u64,
    /// Connections that ended between two requests, as they may.
    pub reconnects: u64,
    /// The newest durations of [`Kind::Get`], [`LATENCIES_LIMIT`] at most, shortest first.
    pub latencies: Vec<Duration>,
}

impl Totals {
    /// Whole and right, over both colours.
    #[must_use]
    pub const fn succeeded(&self) -> u64 {
        self.served.blue + self.served.green
    }

    /// The duration that `share` (0 to 1) of the newest GETs did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let last = self.latencies.len().checked_sub(1)?;
        let rank = (last as f64 * share.clamp(0.0, 1.0)).round() as usize;
        self.latencies.get(rank).copied()
    }
}

impl Ledger {
    /// Opens a request.
    pub fn open(self: &Arc<Self>, kind: Kind) -> Entry {
        let mut account = self.lock();
        account.opened += 1;
        account.in_flight += 1;
        account.websockets += u64::from(kind == Kind::WebSocket);
        Entry {
            id: format!("demo-{}", account.opened),
            kind,
            opened: Instant::now(),
            expected: account.expected,
            epoch: account.epoch,
            ledger: Arc::clone(self),
            open: true,
        }
    }

    /// A switch is about to be asked for: until [`Self::committed`], both colours may answer.
    pub fn switching(&self) {
        let mut account = self.lock();
        account.expected = None;
        account.epoch += 1;
    }

    /// A switch to `colour` has answered `committed`: a request opened from now on and concluded before the
    /// next [`Self::switching`] must be served by it.
    pub fn committed(&self, colour: Colour) {
        self.lock().expected = Some(colour);
    }

    /// A connection ended between two requests.
    pub fn reconnected(&self) {
        self.lock().reconnects += 1;
    }

    /// What the ledger says now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let account = self.lock();
        let mut latencies = account.latencies.iter().copied().collect::<Vec<_>>();
        let totals = Totals {
            opened: account.opened,
            served: account.served,
            by_kind: account.by_kind,
            failed: account.failed,
            failures: account.failures.clone(),
            in_flight: account.in_flight,
            websockets: account.websockets,
            reconnects: account.reconnects,
            latencies: Vec::new(),
        };
        drop(account);
        latencies.sort_unstable();
        Totals {
            latencies,
            ..totals
        }
    }

    /// Held for a few additions and never across a wait; even a poisoned account holds whole numbers.
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is not concluded yet.
#[derive(Debug)]
pub struct Entry {
    id: String,
    kind: Kind,
    opened: Instant,
    expected: Option<Colour>,
    epoch: u64,
    ledger: Arc<Ledger>,
    open: bool,
}

impl Entry {
    /// The id, to be sent in `X-Request-Id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes down what became of the request: the colour that served it, or why it failed.
    pub fn conclude(mut self, outcome: Result<Colour, Failure>) {
        self.close(outcome);
    }

    fn close(&mut self, outcome: Result<Colour, Failure>) {
        self.open = false;
        let mut account = self.ledger.lock();
        let outcome = match (outcome, self.expected) {
            (Ok(colour), Some(expected)) if colour != expected && self.epoch == account.epoch => {
                Err(Failure::OldColour(colour))
            }
            (outcome, _) => outcome,
        };
        account.in_flight -= 1;
        account.websockets -= u64::from(self.kind == Kind::WebSocket);
        match outcome {
            Ok(colour) => account.succeed(colour, self.kind, self.opened.elapsed()),
            Err(why) => account.fail(Failed {
                id: self.id.clone(),
                kind: self.kind,
                why,
            }),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.open {
            self.close(Err(Failure::Abandoned));
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    opened: u64,
    served: ByColour<u64>,
    by_kind: [u64; 4],
    failed: u64,
    failures: Vec<Failed>,
    in_flight: u64,
    websockets: u64,
    reconnects: u64,
    latencies: VecDeque<Duration>,
    expected: Option<Colour>,
    epoch: u64,
}

impl Account {
    fn succeed(&mut self, colour: Colour, kind: Kind, took: Duration) {
        self.served[colour] += 1;
        let [get, upload, stream, websocket] = &mut self.by_kind;
        match kind {
            Kind::Get => *get += 1,
            Kind::Upload => *upload += 1,
            Kind::Stream => *stream += 1,
            Kind::WebSocket => *websocket += 1,
        }
        if kind == Kind::Get {
            if self.latencies.len() == LATENCIES_LIMIT {
                self.latencies.pop_front();
            }
            self.latencies.push_back(took);
        }
    }

    fn fail(&mut self, failed: Failed) {
        self.failed += 1;
        if self.failures.len() < FAILURES_LIMIT {
            self.failures.push(failed);
        }
    }
}

/// Failed requests kept with their reasons; further ones are only counted.
pub const FAILURES_LIMIT: usize = 64;
/// Durations kept for the quantiles.
pub const LATENCIES_LIMIT: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_nobody_concludes_counts_as_failed() {
        let ledger = Arc::new(Ledger::default());
        ledger.open(Kind::Get).conclude(Ok(Colour::Blue));
        drop(ledger.open(Kind::WebSocket));
        let totals = ledger.totals();
        assert_eq!(
            (totals.opened, totals.succeeded(), totals.failed),
            (2, 1, 1)
        );
        assert_eq!((totals.in_flight, totals.websockets), (0, 0));
        assert_eq!(totals.failures[0].why, Failure::Abandoned);
    }

    #[test]
    fn the_old_colour_is_a_failure_only_after_committed() {
        let ledger = Arc::new(Ledger::default());
        let before = ledger.open(Kind::Get);
        ledger.switching();
        let during = ledger.open(Kind::Get);
        ledger.committed(Colour::Green);
        let after = ledger.open(Kind::Get);
        for entry in [before, during, after] {
            entry.conclude(Ok(Colour::Blue));
        }
        let totals = ledger.totals();
        assert_eq!((totals.served.blue, totals.failed), (2, 1));
        assert_eq!(totals.failures[0].why, Failure::OldColour(Colour::Blue));
    }

    #[test]
    fn a_request_that_meets_the_next_switch_may_be_served_by_either() {
        let ledger = Arc::new(Ledger::default());
        ledger.committed(Colour::Green);
        let entry = ledger.open(Kind::Get);
        ledger.switching();
        ledger.committed(Colour::Blue);
        entry.conclude(Ok(Colour::Blue));
        assert_eq!(ledger.totals().failed, 0);
    }

    #[test]
    fn failures_are_counted_beyond_those_that_are_kept() {
        let ledger = Arc::new(Ledger::default());
        for _ in 0..FAILURES_LIMIT + 5 {
            ledger.open(Kind::Get).conclude(Err(Failure::Deadline));
        }
        let totals = ledger.totals();
        assert_eq!(totals.failed as usize, FAILURES_LIMIT + 5);
        assert_eq!(totals.failures.len(), FAILURES_LIMIT);
        assert_eq!(totals.quantile(0.5), None);
    }
}
