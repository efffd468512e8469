//! The zero-drop test for longer, against the binary: `cargo bench --bench zero_drop -- [SECONDS]`, 30 by default.
//!
//! Ends with a non-zero exit code if a single request failed, was cut, was served by a colour that was not live any
//! more, or is missing from a receipt; otherwise tells how many there were, and what a switch cost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark tells, and fails where it stands"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{collections::BTreeMap, time::Duration};

use cutover::core::{
    ids::{Colour, Tenure},
    switch::Receipt,
};
use support::{
    answering::Answering,
    eventually,
    load::{Load, Mix},
    operator::{Operator, Way},
    serve::Home,
    site::shop,
    witness::{Kind, Witness},
};
use tokio::time::{Instant, sleep};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let given = arguments.iter().find_map(|it| it.parse().ok());
    // Whoever runs all targets as tests wants to know that this one works, not what it measures.
    let is_bench = arguments.iter().any(|it| it == "--bench");
    let seconds = given.unwrap_or(if is_bench { 30 } else { 1 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(run(Duration::from_secs(seconds)));
}

async fn run(lasts: Duration) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let services = |live: Colour| {
        let live = format!("live = \"{live}\"");
        shop(&[pools[0].addr()], &[pools[1].addr()], &live)
    };
    let home = Home::new("", &services(Colour::Blue));
    let serve = home.serve().await;
    eventually("both colours are ready", async || {
        let view = serve.admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
    let mut load = Load::start(serve.addr, MIX);
    let mut operator = Operator::new(serve.admin, load.witness());
    let mut receipts = BTreeMap::new();
    let (begun, mut ways) = (Instant::now(), Way::ALL.into_iter().cycle());
    while begun.elapsed() < lasts {
        let way = ways.next().unwrap();
        operator
            .switch(way, |live| home.write("", &services(live)))
            .await;
        load.is_well();
        if load.witness().switches().is_multiple_of(KEEP_EVERY) {
            keep(&mut receipts, serve.admin.history("shop").await);
        }
        sleep(PAUSE).await;
    }
    let took = begun.elapsed();
    let witness = load.stop().await;
    eventually("the end of the drains", async || {
        serve.admin.service("shop").await.draining.is_empty()
    })
    .await;
    keep(&mut receipts, serve.admin.history("shop").await);
    let receipts: Vec<_> = receipts.into_values().collect();
    witness.proves_order(Colour::Blue);
    witness.proves_receipts(&receipts);
    tell(&witness, &receipts, took);
}

/// The history is bounded; a long run has more switches than it keeps.
fn keep(receipts: &mut BTreeMap<Tenure, Receipt>, history: Vec<Receipt>) {
    receipts.extend(history.into_iter().map(|it| (it.tenure, it)));
}

fn tell(witness: &Witness, receipts: &[Receipt], took: Duration) {
    let seconds = took.as_secs_f64();
    for kind in [Kind::Get, Kind::Post, Kind::Stream, Kind::Tunnel] {
        let served = witness.served(|it| it == kind);
        println!(
            "{:<8}blue {:>8}  green {:>8}",
            format!("{kind:?}"),
            served.blue,
            served.green
        );
    }
    let all = witness.served(|_| true);
    let rate = (all.blue + all.green) as f64 / seconds;
    println!("failed   0, cut 0, {rate:.0} requests/s for {seconds:.1} s");
    let met: u64 = receipts.iter().map(|it| it.in_flight_at_commit).sum();
    let switches = receipts.len();
    println!(
        "switches {switches}, {:.1}/s, {met} requests met one",
        switches as f64 / seconds
    );
    let mut barriers: Vec<_> = receipts.iter().filter_map(|it| it.barrier_us).collect();
    barriers.sort_unstable();
    let at = |percent: usize| barriers.get((barriers.len() - 1) * percent / 100).unwrap();
    println!(
        "barrier  median {} us, p99 {} us, longest {} us",
        at(50),
        at(99),
        at(100)
    );
}

const MIX: Mix = Mix {
    gets: 16,
    posts: 4,
    streams: 6,
    tunnels: 6,
    pace: Duration::from_millis(3),
};
/// Between two switches: slow enough that streams of earlier tenures, of three seconds each, stay within the bound on
/// drains that run side by side.
const PAUSE: Duration = Duration::from_millis(60);
/// Less than the history keeps.
const KEEP_EVERY: usize = 50;
