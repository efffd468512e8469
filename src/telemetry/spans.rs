//! Spans: what a collector of traces is told of requests.
//!
//! Owns the queue between the workers and the thread that tells the collector. As with the access log, a worker only
//! moves a record into it and never waits: where the collector cannot keep up, spans are dropped and counted. The spans of
//! the `tracing` crate would be the obvious design; each would be made, entered and closed on the way of every request,
//! also of those that nobody samples.
//!
//! What is sent, and how, is `otlp.rs`'s, which is there with the feature `otel` only.

#[cfg(feature = "otel")]
mod otlp;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::Receiver,
    },
    time::Duration,
};

use tokio::sync::mpsc;

use super::access::AccessRecord;
use crate::core::share::Share;

/// Takes spans; cheap to clone. When the last one is dropped, what was told is sent, and the thread ends.
#[derive(Clone, Debug)]
pub struct Spans {
    queue: mpsc::Sender<SpanRecord>,
    sample: Share,
    counts: Arc<SpanCounts>,
    // Disconnected when the thread has ended. Locked by whoever waits for that only.
    ended: Arc<Mutex<Receiver<()>>>,
}

/// Where a request is in a trace (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: u128,
    /// The span itself, which endpoints are told as their parent.
    pub id: u64,
    /// The span that the client named, if it is believed.
    pub parent: Option<u64>,
}

/// A request that has ended, and its span.
#[derive(Debug)]
pub struct SpanRecord {
    /// See the type.
    pub span: Span,
    /// What the client spoke: `http` or `https`.
    pub scheme: &'static str,
    /// The request.
    pub request: AccessRecord,
}

/// What became of spans.
#[derive(Debug, Default)]
pub struct SpanCounts {
    sent: AtomicU64,
    lost: AtomicU64,
    dropped: AtomicU64,
}

impl Spans {
    /// Hands a span over and never waits. Without room it is dropped, and counted.
    pub fn tell(&self, record: SpanRecord) {
        if self.queue.try_send(record).is_err() {
            // Only where something is wrong already is this line of memory shared between workers.
            self.counts.dropped.fetch_add(1, Relaxed);
        }
    }

    /// The share of the requests without a sampled trace of their own that are to have a span.
    #[must_use]
    pub const fn sample(&self) -> Share {
        self.sample
    }

    /// Waits until what was told is sent, for a bounded time. This must be the last one.
    pub fn close(self) {
        let Self { queue, ended, .. } = self;
        drop(queue);
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        // It ends by being disconnected; after the time it is left alone.
        let _ = ended.recv_timeout(CLOSE_TIMEOUT);
    }

    /// What became of those that were told.
    #[must_use]
    pub const fn counts(&self) -> &Arc<SpanCounts> {
        &self.counts
    }
}

// Each is read and written for itself: `Relaxed` is enough.
impl SpanCounts {
    /// Spans that the collector has taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Spans that could not be sent, or that the collector refused.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Spans for which there was no room.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// How long `close` waits.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
