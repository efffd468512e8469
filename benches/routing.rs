//! What one request pays for being routed: the route look-up, the pick, the claim, the fields that name clients; and
//! what a snapshot of a thousand services and its publishing cost.

#![allow(clippy::expect_used, reason = "a benchmark fails where it stands")]

use std::{
    fmt::Write as _,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Instant,
};

use criterion::{Criterion, criterion_group, criterion_main};
use cutover::{
    config::load::{Source, parse},
    core::{
        balance::{Balance, Candidate},
        event::{Event, Reload, Restored},
        forwarded,
        hops::{Hops, address},
        ids::{Colour, Generation, ListenerId, ServiceName, ServiceSlot, Tenure},
        in_flight::{Claim, Ending, TenureCounter, WorkerTenure},
        route::RouteTable,
        service::{AmbiguousPath, BalanceKind, Route, RouteHost},
        snapshot::Snapshot,
        state::State,
        switch::Actor,
        time::{Now, Timestamp},
    },
    publish::Publisher,
};

/// A path as nearly all are, one with an escape, one with dots, and one that is refused.
const PATHS: [(&str, &str); 4] = [
    ("plain path", "/cart/items/1234567890"),
    ("escaped path", "/cart/caf%C3%A9/1234567890"),
    ("dotted path", "/cart/./items/../1234567890"),
    ("ambiguous path", "/cart%2Fitems/1234567890"),
];

fn routes(services: u32) -> Vec<Route> {
    (0..services)
        .map(|number| Route {
            host: RouteHost::Exact(format!("service-{number}.example.com")),
            prefix: "/".to_owned(),
        })
        .collect()
}

fn table(routes: &[Route]) -> RouteTable {
    RouteTable::new(routes.iter().zip((0..).map(ServiceSlot)))
}

fn route(criterion: &mut Criterion) {
    for services in [1, 1_000] {
        let table = table(&routes(services));
        let host = format!("service-{}.example.com:8080", services - 1);
        for (kind, path) in PATHS {
            criterion.bench_function(&format!("route/{services} services, {kind}"), |bencher| {
                bencher.iter(|| {
                    table.lead(black_box(&host), black_box(path), |_| AmbiguousPath::Reject)
                });
            });
        }
    }
    let all = routes(1_000);
    criterion.bench_function("build/route table of 1000 services", |bencher| {
        bencher.iter(|| table(black_box(&all)))
    });
}

fn pick(criterion: &mut Criterion) {
    let kinds = [
        (BalanceKind::LeastInFlight, "least_in_flight"),
        (BalanceKind::RoundRobin, "round_robin"),
        (BalanceKind::P2c, "p2c"),
    ];
    let candidates: Vec<_> = (0..8)
        .map(|index| Candidate {
            index,
            weight: 1,
            in_flight: index as u32 % 3,
        })
        .collect();
    for (kind, name) in kinds {
        let mut balance = Balance::new(kind, candidates.len(), 1);
        criterion.bench_function(&format!("pick/{name} of 8"), |bencher| {
            bencher.iter(|| balance.pick(black_box(&candidates)));
        });
    }
}

fn claim(criterion: &mut Criterion) {
    let counter = Arc::new(TenureCounter::new(
        ServiceName::new("shop"),
        Colour::Blue,
        Tenure(1),
        2,
    ));
    let tenure = WorkerTenure::new(counter, 0);
    criterion.bench_function("claim/begin and end", |bencher| {
        bencher.iter(|| Claim::new(black_box(&tenure)).ends(Ending::Finished));
    });
}

fn publish(criterion: &mut Criterion) {
    let publisher = Publisher::new();
    let mut reader = publisher.reader();
    criterion.bench_function("snapshot/load unchanged", |bencher| {
        bencher.iter(|| black_box(reader.load().generation))
    });
    let mut generation = Generation(0);
    criterion.bench_function("snapshot/publish and load", |bencher| {
        bencher.iter(|| {
            generation = generation.next();
            publisher.publish(Arc::new(Snapshot {
                generation,
                ..Snapshot::default()
            }));
            black_box(reader.load().generation)
        });
    });
}

/// The fields that say for whom a request is made: read from the right, and written anew.
fn fields(criterion: &mut Criterion) {
    let field = "203.0.113.7, 10.0.0.1, 10.0.0.2";
    let is_trusted = |it: IpAddr| matches!(it, IpAddr::V4(it) if it.octets()[0] == 10);
    criterion.bench_function("fields/X-Forwarded-For of three hops", |bencher| {
        bencher.iter(|| {
            let entries = black_box(field).rsplit(',').map(address);
            Hops::read(entries, is_trusted).client()
        });
    });
    let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
    criterion.bench_function("fields/Forwarded written", |bencher| {
        bencher.iter(|| {
            forwarded::write(
                black_box(client),
                Some(black_box("shop.example.com")),
                Some("https"),
            )
        });
    });
}

/// A file of a thousand services, of which one route changes: judged, decided, and built into a snapshot.
fn snapshot(criterion: &mut Criterion) {
    let files = ["a", "b"].map(|path| Source::new(Path::new("cutover.toml"), thousand(path)));
    criterion.bench_function("snapshot/a file of 1000 services judged", |bencher| {
        bencher.iter(|| parse(black_box(&files[0]), 2));
    });
    let files = files.map(|file| parse(&file, 2).expect("the file is valid").config);
    let mut state = State::new(2, Restored::default());
    let mut turns = files.iter().cycle();
    criterion.bench_function("snapshot/built for 1000 services, one changed", |bencher| {
        bencher.iter(|| {
            let config = turns.next().expect("a cycle has no end");
            let listeners = config.listeners.iter().map(|it| it.name.clone());
            let reload = Reload {
                services: config.services.clone(),
                listeners: listeners.map(|it| (ListenerId(1), it)).collect(),
                actor: Actor::file(),
            };
            state.handle(Event::Reloaded(reload), now())
        });
    });
}

fn thousand(path: &str) -> String {
    let mut text = "[listener.web]\nlisten = \"127.0.0.1:8080\"\n".to_owned();
    for number in 0..1_000 {
        let prefix = if number == 0 { path } else { "x" };
        let written = writeln!(
            text,
            "[service.s{number}]\nroutes = [\"s{number}.example.com/{prefix}\"]\n\
             blue.endpoints = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\ngreen.endpoints = [\"10.0.1.1:80\", \"10.0.1.2:80\"]"
        );
        written.expect("a string takes everything");
    }
    text
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is an edge: core is told the time"
)]
fn now() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_millis(1_800_000_000_000),
    }
}

criterion_group!(benches, route, pick, claim, fields, snapshot, publish);
criterion_main!(benches);
