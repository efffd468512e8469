//! Switches of cutover under full load: how long the barrier takes, and what clients notice.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    admin, door::Door, figures::Figures, load::Load, open::percentile, peer::Peer,
    process::Process, stage::Stage, wire::SMALL,
};

/// So many switches with a second before and after each, and then many in a row.
pub(crate) async fn measure(stage: &Stage, times: usize, figures: &mut Figures) {
    let process = Process::start(stage, Peer::Cutover).await;
    let load = Load::with_log().kept(64, &Door::Clear(process.ports.h1), SMALL);
    let admin = process.ports.admin;
    let mut colours = ["green", "blue"].into_iter().cycle();
    let mut switch = async || switch(admin, colours.next().unwrap()).await;
    // The first waits until green has proved itself.
    switch().await;
    for _ in 0..times {
        sleep(SECOND + SETTLES).await;
        let at = Instant::now();
        switch().await;
        sleep(SECOND).await;
        let before = percentile(&load.tally.latencies(at - SECOND, at), 0.99);
        let after = percentile(&load.tally.latencies(at, at + SECOND), 0.99);
        figures.add("switch.after", Peer::Cutover, after / before);
        figures.add("switch.p99_before", Peer::Cutover, before);
        figures.add("switch.p99_after", Peer::Cutover, after);
    }
    let mut barriers = Vec::new();
    for _ in 0..SWITCHES {
        barriers.push(switch().await);
        sleep(PAUSE).await;
    }
    barriers.sort_unstable_by(f64::total_cmp);
    figures.add(
        "switch.barrier_p50",
        Peer::Cutover,
        percentile(&barriers, 0.5),
    );
    figures.add("switch.barrier", Peer::Cutover, percentile(&barriers, 0.99));
    let failed = load.tally.failed();
    figures.fails(failed, "switch", Peer::Cutover);
}

/// Asks for a switch, and tells how long the barrier took, in microseconds, by its receipt.
async fn switch(at: SocketAddr, to: &str) -> f64 {
    let answer = admin::switch(at, "shop", to).await;
    let took = answer["receipt"]["barrier_us"].as_f64();
    took.unwrap_or_else(|| panic!("no receipt: {answer}"))
}

const SECOND: Duration = Duration::from_secs(1);
const SETTLES: Duration = Duration::from_millis(100);
const SWITCHES: usize = 200;
/// Drains end in between: more than a few side by side are refused.
const PAUSE: Duration = Duration::from_millis(20);
