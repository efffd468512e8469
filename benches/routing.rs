//! What one request pays for being routed: the route look-up, the pick, the claim; and what one publish costs
//! with a thousand services.

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use cutover::{
    core::{
        balance::{Balance, Candidate},
        ids::{Colour, Generation, ServiceName, ServiceSlot, Tenure},
        in_flight::{Claim, Ending, TenureCounter, WorkerTenure},
        route::RouteTable,
        service::{AmbiguousPath, BalanceKind, Route, RouteHost},
        snapshot::Snapshot,
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

criterion_group!(benches, route, pick, claim, publish);
criterion_main!(benches);
