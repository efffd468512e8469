//! Fairness: what one client's work costs all others in waiting.
//!
//! Small requests come at a fixed rate, a quarter of what nginx can do, by themselves and then beside each disturbance,
//! proxy after proxy, round after round. Disturbances are bounded in the mean, so that nobody waits because a core is
//! full; what is left is how long a proxy keeps to one client before it looks after the others. Load and endpoint share
//! a core and make requests late by themselves, which is the same for all: the peers' columns say how much that is.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    disturbance::Disturbance,
    door::Door,
    figures::Figures,
    open::{self, Latencies},
    peer::Peer,
    process::Process,
    run,
    stage::Stage,
};

/// Who is compared; others are full at a quarter of what nginx can do.
const PEERS: [Peer; 3] = [Peer::Cutover, Peer::Nginx, Peer::Haproxy];

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
    let mut taken = Taken::default();
    for round in 0..rounds {
        for (peer, process) in &running {
            for what in in_turn(round) {
                let beside = what.map(|it| it.begins(&process.ports, rate));
                let door = Door::Clear(process.ports.h1);
                let latencies = open::at_rate(&door, rate, lasts).await;
                let name = key(what);
                figures.fails(latencies.failed, name, *peer);
                figures.fails(beside.map_or(0, |it| it.failed()), name, *peer);
                figures.add(&format!("{name}.p99"), *peer, latencies.at(P99));
                let of_peer = taken.0.entry(peer.key()).or_default();
                of_peer.entry(name).or_default().push(latencies);
            }
        }
        eprintln!("round {} of {rounds}: fair", round + 1);
    }
    for (peer, _) in &running {
        taken.tells(*peer, figures);
    }
}

/// By itself and with each disturbance; another comes first in each round.
fn in_turn(round: usize) -> impl Iterator<Item = Option<Disturbance>> {
    let mut all = [None; 1 + Disturbance::ALL.len()];
    for (place, what) in all[1..].iter_mut().zip(Disturbance::ALL) {
        *place = Some(what);
    }
    let count = all.len();
    all.rotate_left(round % count);
    all.into_iter()
}

fn key(what: Option<Disturbance>) -> &'static str {
    what.map_or("fair.alone", Disturbance::figure)
}

/// What each proxy's requests took, by what was beside them.
#[derive(Default)]
struct Taken(BTreeMap<&'static str, BTreeMap<&'static str, Vec<Latencies>>>);

impl Taken {
    /// Of the requests of all rounds together: one round has too few beyond its p99.
    fn tells(&mut self, peer: Peer, figures: &mut Figures) {
        let mut of_peer = self.0.remove(peer.key()).unwrap_or_default();
        let mut p99 = |name| {
            let rounds = of_peer.remove(name).unwrap_or_default();
            Latencies::pooled(rounds).at(P99)
        };
        let alone = p99(key(None));
        figures.add(key(None), peer, alone);
        for what in Disturbance::ALL {
            figures.add(what.figure(), peer, p99(what.figure()) / alone);
        }
    }
}

const P99: f64 = 0.99;
