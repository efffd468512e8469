//! The whole run: rounds, in which every proxy in turn does each work.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    barrier, birth, endpoints, fair, figures::Figures, growth, idle, open, options::Options,
    peer::Peer, process::Process, stage::Stage, work::Work, workers,
};

/// Whatever was asked for.
pub(crate) async fn all(options: &Options) -> Figures {
    let stage = Stage::set(&options.cutover).await;
    let peers = peers(options);
    let mut figures = Figures::of(options.rounds, options.seconds);
    for peer in &peers {
        let version = peer.version(&options.cutover);
        figures.versions.insert(peer.title().to_owned(), version);
    }
    requests(options, &stage, &peers, &mut figures).await;
    apart(options, &stage, &peers, &mut figures).await;
    figures
}

/// The rows that are CPU time for a request, and latency at a fixed rate.
async fn requests(options: &Options, stage: &Stage, peers: &[Peer], figures: &mut Figures) {
    let works: Vec<_> = Work::ALL
        .into_iter()
        .filter(|it| options.wants(it.key()))
        .collect();
    if works.is_empty() && !options.wants("open") {
        return;
    }
    let mut running = Vec::new();
    for peer in peers {
        running.push((*peer, Process::start(stage, *peer).await));
    }
    let lasts = Duration::from_secs_f64(options.seconds);
    for round in 0..options.rounds {
        for work in &works {
            for (peer, process) in running.iter().filter(|(peer, _)| peer.does(*work)) {
                one(stage, *work, (*peer, process), lasts, figures).await;
            }
            eprintln!("round {} of {}: {}", round + 1, options.rounds, work.key());
        }
        if options.wants("open") {
            let rounds = open::Rounds {
                rate: rate(stage, &running, figures).await,
                running: &running,
                lasts,
            };
            rounds.one(round, figures).await;
            eprintln!("round {} of {}: open", round + 1, options.rounds);
        }
    }
}

/// One proxy at one work, once.
async fn one(
    stage: &Stage,
    work: Work,
    (peer, process): (Peer, &Process),
    lasts: Duration,
    figures: &mut Figures,
) {
    let load = work.load(stage, &process.ports);
    load.warms_up().await;
    let (cpu, done, failed) = (process.cpu(), load.tally.done(), load.tally.failed());
    let began = tokio::time::Instant::now();
    sleep(lasts).await;
    load.reaches(done + 1).await;
    let (took, spent) = (began.elapsed(), process.cpu() - cpu);
    let done = (load.tally.done() - done) as f64;
    let key = work.key();
    figures.fails(load.tally.failed() - failed, key, peer);
    figures.add(
        &format!("{key}.cpu"),
        peer,
        spent.as_secs_f64() * 1e6 / done,
    );
    figures.add(&format!("{key}.rate"), peer, done / took.as_secs_f64());
}

/// Half of what nginx can do, or of what cutover can where there is no nginx; found once.
pub(crate) async fn rate(stage: &Stage, running: &[(Peer, Process)], figures: &mut Figures) -> f64 {
    let is_nginx = |it: &&(Peer, Process)| it.0 == Peer::Nginx;
    let measure = running.iter().find(is_nginx).unwrap_or(&running[0]);
    if figures.median("open.rate", Peer::Cutover).is_none() {
        if figures.median("h1.rate", measure.0).is_none() {
            let lasts = Duration::from_secs(1);
            one(stage, Work::Small, (measure.0, &measure.1), lasts, figures).await;
        }
        let rate = figures.median("h1.rate", measure.0).unwrap_or(1_000.0) / 2.0;
        figures.add("open.rate", Peer::Cutover, rate);
    }
    figures
        .median("open.rate", Peer::Cutover)
        .unwrap_or_default()
}

/// The rows for which processes are started anew.
async fn apart(options: &Options, stage: &Stage, peers: &[Peer], figures: &mut Figures) {
    let whole = |it: &&Peer| **it != Peer::Relay;
    for peer in peers.iter().filter(whole) {
        if options.wants("start") {
            for _ in 0..options.rounds {
                birth::start(stage, *peer, figures).await;
            }
        }
        if options.wants("size") {
            birth::size(stage, *peer, figures);
        }
        if options.wants("idle") {
            for way in idle::Way::ALL {
                let bytes = idle::bytes(stage, *peer, way).await;
                eprintln!("{} {}: {bytes:.0} bytes", way.figure(), peer.title());
                figures.add(way.figure(), *peer, bytes);
            }
        }
    }
    let lasts = Duration::from_secs_f64(options.seconds);
    if options.wants("fair") {
        fair::measure(stage, peers, (options.rounds, lasts), figures).await;
    }
    if options.wants("switch") {
        barrier::measure(stage, options.rounds, figures).await;
    }
    if options.wants("growth") {
        endpoints::measure(stage, peers, (options.rounds, lasts), figures).await;
        growth::measure(stage, options.rounds, lasts, figures).await;
    }
    if options.wants("workers") {
        workers::measure(stage, (options.rounds, lasts), figures).await;
    }
}

/// cutover, and those that are there of whom was asked for.
fn peers(options: &Options) -> Vec<Peer> {
    let is_wanted = |it: &Peer| {
        let named = options.peers.as_ref();
        *it == Peer::Cutover || named.is_none_or(|all| all.iter().any(|name| name == it.key()))
    };
    let wanted = Peer::ALL.into_iter().filter(is_wanted);
    let (here, missing): (Vec<_>, Vec<_>) =
        wanted.partition(|it| it.binary(&options.cutover).is_some());
    for peer in missing {
        eprintln!("{} is not on PATH, and is left out", peer.title());
    }
    here
}

/// What the self-check is for: every work was done, and nothing failed.
pub(crate) fn holds(figures: &Figures) {
    assert!(figures.failed.is_empty(), "{:?}", figures.failed);
    for work in Work::ALL.into_iter().filter(|it| *it != Work::Many) {
        let figure = format!("{}.cpu", work.key());
        let median = figures.median(&figure, Peer::Cutover);
        assert!(median.is_some_and(|it| it > 0.0), "{figure}: {median:?}");
    }
    let others = ["open.p999", "fair.heavy", "fair.slow", "fair.huge"];
    for figure in others.into_iter().chain(["workers.cpu", "start"]) {
        assert!(figures.median(figure, Peer::Cutover).is_some(), "{figure}");
    }
}
