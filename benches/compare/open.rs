//! Latency at a fixed rate, whatever the proxy does: requests have a time at which they are due, and that is where
//! their latency is counted from.
//!
//! A client that waits for an answer before it asks again leaves out the very requests that a pause would have hit
//! (*coordinated omission*). Here a request that is due while all connections are taken waits, and its waiting counts.
//! The pace is kept by looking at the clock without rest, because timers are a millisecond coarse; the core is that of
//! the load alone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{
    door::Door,
    figures::Figures,
    peer::Peer,
    process::Process,
    slice::{Slice, in_turn},
    wire::SMALL,
};

/// Rounds of one length, of all proxies, slice by slice in turn.
pub(crate) struct Rounds<'a> {
    pub(crate) running: &'a [(Peer, Process)],
    pub(crate) rate: f64,
    pub(crate) lasts: Duration,
}

impl Rounds<'_> {
    /// One of them: percentiles of each slice.
    pub(crate) async fn one(&self, round: usize, figures: &mut Figures) {
        let (slice, count) = SLICE.of_round(self.lasts);
        for number in 0..count {
            for (peer, process) in in_turn(self.running, round * count + number) {
                let door = Door::Clear(process.ports.h1);
                let latencies = at_rate(&door, self.rate, slice).await;
                figures.fails(latencies.failed, "open", *peer);
                for (name, share) in PERCENTILES {
                    figures.add(name, *peer, latencies.at(share));
                }
            }
        }
    }
}

/// How long requests took from when they were due, in microseconds, sorted.
pub(crate) struct Latencies {
    sorted: Vec<f64>,
    pub(crate) failed: u64,
}

impl Latencies {
    pub(crate) fn at(&self, share: f64) -> f64 {
        percentile(&self.sorted, share)
    }
}

/// The value below which this share of sorted ones is.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    let at = (last * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[derive(Default)]
struct Due {
    times: Mutex<VecDeque<Instant>>,
    sorted: Mutex<Vec<f64>>,
    failed: Mutex<u64>,
}

/// Asks at this rate for so long, after a warm-up that is not counted.
pub(crate) async fn at_rate(door: &Door, rate: f64, slice: Slice) -> Latencies {
    let due = Arc::new(Due::default());
    // A permit for each request that is due; whoever has waited longest gets it, so all connections are used alike.
    let permits = Arc::new(Semaphore::new(0));
    let mut clients = JoinSet::new();
    let counted_from = Instant::now() + slice.warm_up;
    for _ in 0..CONNECTIONS {
        let mut wire = door.open(4096).await.unwrap();
        let (due, permits, door) = (Arc::clone(&due), Arc::clone(&permits), door.clone());
        clients.spawn(async move {
            loop {
                permits.acquire().await.unwrap().forget();
                let Some(at) = due.times.lock().unwrap().pop_front() else {
                    continue;
                };
                if wire.ask(SMALL).await.is_err() {
                    *due.failed.lock().unwrap() += 1;
                    wire = door.open(4096).await.unwrap();
                } else if at >= counted_from {
                    let took = at.elapsed().as_secs_f64() * 1e6;
                    due.sorted.lock().unwrap().push(took);
                }
            }
        });
    }
    pace(&due, &permits, rate, slice.warm_up + slice.lasts).await;
    drop(clients);
    // What was still due has been waiting at least until now.
    let left = due.times.lock().unwrap().drain(..).collect::<Vec<_>>();
    let mut sorted = std::mem::take(&mut *due.sorted.lock().unwrap());
    sorted.extend(left.iter().map(|at| at.elapsed().as_secs_f64() * 1e6));
    sorted.sort_unstable_by(f64::total_cmp);
    let failed = *due.failed.lock().unwrap();
    Latencies { sorted, failed }
}

async fn pace(due: &Due, permits: &Semaphore, rate: f64, lasts: Duration) {
    let began = Instant::now();
    let mut made = 0_u32;
    while began.elapsed() < lasts {
        let now = (began.elapsed().as_secs_f64() * rate) as u32;
        for number in made..now {
            let at = began + Duration::from_secs_f64(f64::from(number) / rate);
            due.times.lock().unwrap().push_back(at);
        }
        permits.add_permits((now - made) as usize);
        made = now;
        // Sockets are looked at before this goes on.
        tokio::task::yield_now().await;
    }
}

const CONNECTIONS: usize = 64;
const PERCENTILES: [(&str, f64); 3] = [("open.p50", 0.5), ("open.p99", 0.99), ("open.p999", 0.999)];
/// A p99.9 of some thousand requests has a few beyond it.
const SLICE: Slice = Slice {
    warm_up: Duration::from_millis(100),
    lasts: Duration::from_millis(250),
};
