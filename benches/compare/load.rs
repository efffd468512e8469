//! Load that goes on until it is dropped: so many clients, each with one request after the other.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{door::Door, wire::LAST};

/// What clients have done so far. One thread counts; atomics because tasks must be `Send`.
#[derive(Default)]
pub(crate) struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
    /// When each answer came, and how long it took, if that is asked for.
    log: Option<Mutex<Vec<(Instant, Duration)>>>,
}

impl Tally {
    pub(crate) fn counts(&self, is_done: bool) {
        let counter = if is_done { &self.done } else { &self.failed };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// How long those answers took that came in this time, in microseconds, sorted.
    pub(crate) fn latencies(&self, from: Instant, to: Instant) -> Vec<f64> {
        let log = self.log.as_ref().unwrap().lock().unwrap();
        let within = log.iter().filter(|(at, _)| (from..to).contains(at));
        let mut all: Vec<_> = within.map(|(_, took)| took.as_secs_f64() * 1e6).collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    async fn judged(&self, began: Instant, is_done: bool) {
        self.counts(is_done);
        if let Some(log) = self.log.as_ref().filter(|_| is_done) {
            let now = Instant::now();
            log.lock().unwrap().push((now, now - began));
        }
        if !is_done {
            // Whoever is refused does not ask again at once.
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Clients at work.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) clients: JoinSet<()>,
    pub(crate) tally: Arc<Tally>,
}

impl Load {
    /// The same, and it remembers how long each request took.
    pub(crate) fn with_log() -> Self {
        let tally = Tally {
            log: Some(Mutex::default()),
            ..Tally::default()
        };
        Self {
            tally: Arc::new(tally),
            ..Self::default()
        }
    }

    /// Until it runs as it will.
    pub(crate) async fn warms_up(&self) {
        sleep(WARM_UP).await;
        self.reaches(1).await;
    }

    /// Waits until so much is done, but not for ever: what then has not been done is told by nobody.
    pub(crate) async fn reaches(&self, done: u64) {
        let until = Instant::now() + PATIENCE;
        while self.tally.done() < done && Instant::now() < until {
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// On connections that are kept.
    pub(crate) fn kept(mut self, count: usize, door: &Door, request: &'static [u8]) -> Self {
        for _ in 0..count {
            let (door, tally) = (door.clone(), Arc::clone(&self.tally));
            self.clients.spawn(async move {
                loop {
                    let Ok(mut wire) = door.open(buffer(request)).await else {
                        tally.judged(Instant::now(), false).await;
                        continue;
                    };
                    loop {
                        let began = Instant::now();
                        let is_done = wire.ask(request).await.is_ok();
                        tally.judged(began, is_done).await;
                        if !is_done {
                            break;
                        }
                    }
                }
            });
        }
        self
    }

    /// A connection for each request; `handshakes` says which of them count.
    pub(crate) fn fresh(
        mut self,
        count: usize,
        door: impl Fn() -> Door,
        handshakes: Handshakes,
    ) -> Self {
        for _ in 0..count {
            let (door, tally) = (door(), Arc::clone(&self.tally));
            self.clients.spawn(async move {
                let mut is_first = true;
                loop {
                    let began = Instant::now();
                    let resumed = once(&door).await.ok();
                    let must = handshakes == Handshakes::Resumed && !is_first;
                    tally
                        .judged(began, resumed.is_some_and(|it| it || !must))
                        .await;
                    is_first = false;
                }
            });
        }
        self
    }
}

/// Which handshakes are as they should be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshakes {
    Any,
    /// From the second of a client on.
    Resumed,
}

/// One connection with one request; whether its handshake was resumed.
async fn once(door: &Door) -> io::Result<bool> {
    let mut wire = door.open(buffer(LAST)).await?;
    wire.ask(LAST).await?;
    let is_resumed = wire.is_resumed;
    wire.ends().await;
    Ok(is_resumed)
}

/// Large answers are read in large pieces.
fn buffer(request: &[u8]) -> usize {
    let is_big = request.starts_with(b"GET /big");
    if is_big { 256 << 10 } else { 4 << 10 }
}

const WARM_UP: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);
