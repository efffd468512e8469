//! Fairness: what one client's work costs all others in waiting.
//!
//! Small requests come at a fixed rate, a quarter of what nginx can do, by themselves and then beside each disturbance,
//! proxy after proxy, round after round. Disturbances are bounded in the mean, so that nobody waits because a core is
//! full; what is left is how long a proxy keeps to one client before it looks after the others. Load and endpoint share
//! a core and make requests late by themselves, which is the same for all: the peers' columns say how much that is.

use std::time::Duration;

use crate::{
    disturbance::Disturbance,
    door::Door,
    figures::Figures,
    open,
    peer::Peer,
    process::Process,
    run,
    slice::{Slice, in_turn},
    stage::Stage,
};

/// Who is compared; others are full at a quarter of what nginx can do.
const PEERS: [Peer; 3] = [Peer::Cutover, Peer::Nginx, Peer::Haproxy];

/// By itself and with each disturbance.
const BESIDE: [Option<Disturbance>; 4] = [
    None,
    Some(Disturbance::Heavy),
    Some(Disturbance::Slow),
    Some(Disturbance::Huge),
];

/// Rounds of all, and one value for each proxy and disturbance in the end.
pub(crate) async fn measure(
    stage: &Stage,
    peers: &[Peer],
    (rounds, lasts): (usize, Duration),
    figures: &mut Figures,
) {
    let mut running = Vec::new();
    for peer in peers.iter().filter(|it| PEERS.contains(it)) {
        running.push((*peer, Process::start(stage, *peer).await));
    }
    let rate = run::rate(stage, &running, figures).await / 2.0;
    figures.add("fair.rate", Peer::Cutover, rate);
    let (slice, count) = SLICE.of_round(lasts);
    for time in 0..rounds * count {
        for (peer, process) in in_turn(&running, time) {
            for what in in_turn(&BESIDE, time) {
                let beside = what.map(|it| it.begins(&process.ports, rate));
                let door = Door::Clear(process.ports.h1);
                let latencies = open::at_rate(&door, rate, slice).await;
                let name = key(*what);
                figures.fails(latencies.failed, name, *peer);
                figures.fails(beside.map_or(0, |it| it.failed()), name, *peer);
                figures.add(&p99(*what), *peer, latencies.at(0.99));
            }
        }
        eprintln!("slice {} of {}: fair", time + 1, rounds * count);
    }
    for (peer, _) in &running {
        tells(*peer, figures);
    }
}

/// A median of all slices over another, not a median of ratios: a stall in one of the two would be a ratio by itself.
fn tells(peer: Peer, figures: &mut Figures) {
    let Some(alone) = figures.median(&p99(None), peer) else {
        return;
    };
    figures.add(key(None), peer, alone);
    for what in Disturbance::ALL {
        if let Some(beside) = figures.median(&p99(Some(what)), peer) {
            figures.add(what.figure(), peer, beside / alone);
        }
    }
}

/// What is told in the end.
fn key(what: Option<Disturbance>) -> &'static str {
    what.map_or("fair.alone", Disturbance::figure)
}

/// Of each slice.
fn p99(what: Option<Disturbance>) -> String {
    format!("{}.p99", key(what))
}

/// A disturbance is under way before it counts, and has several bursts in a slice.
const SLICE: Slice = Slice {
    warm_up: Duration::from_millis(300),
    lasts: Duration::from_millis(400),
};
