//! How requests spread over the endpoints of a pool.

use cutover::core::ids::Colour::Blue;

use crate::support::{
    answering::Answering,
    client::get,
    eventually,
    site::{ONE_WORKER, Site, shop},
};

async fn endpoints(count: usize) -> Vec<Answering> {
    let mut endpoints = Vec::new();
    for number in 0..count {
        endpoints.push(Answering::start(&format!("blue-{number}")).await);
    }
    endpoints
}

async fn before(endpoints: &[Answering], keys: &str) -> Site {
    let pool: Vec<_> = endpoints.iter().map(Answering::addr).collect();
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&pool, &[], keys))).await;
    site.ready("shop", Blue, endpoints.len()).await;
    site
}

fn requests(endpoints: &[Answering]) -> Vec<usize> {
    endpoints.iter().map(Answering::requests).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_gives_each_its_turn() {
    let endpoints = endpoints(3).await;
    let site = before(&endpoints, "balance = \"round_robin\"").await;
    let mut client = site.client().await;
    for round in 1..=10 {
        for _ in 0..3 {
            assert_eq!(client.get("/").await.status, 200);
        }
        assert_eq!(requests(&endpoints), [round; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn round_robin_keeps_to_the_weights() {
    let endpoints = endpoints(2).await;
    let keys = format!(
        "balance = \"round_robin\"\nblue.endpoints = [\"{}\", {{ addr = \"{}\", weight = 3 }}]",
        endpoints[0].addr(),
        endpoints[1].addr()
    );
    let site = before(&endpoints, &keys).await;
    let mut client = site.client().await;
    for round in 1..=10 {
        for _ in 0..4 {
            assert_eq!(client.get("/").await.status, 200);
        }
        assert_eq!(requests(&endpoints), [round, 3 * round]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn least_in_flight_leaves_the_busy_one_alone() {
    let endpoints = endpoints(2).await;
    let site = before(&endpoints, "balance = \"least_in_flight\"").await;
    let mut slow = site.client().await;
    slow.send(get("/slow/1500")).await;
    eventually("one endpoint is busy", async || {
        endpoints.iter().any(|endpoint| endpoint.in_flight() == 1)
    })
    .await;
    let (busy, free) = if endpoints[0].in_flight() == 1 {
        (&endpoints[0], &endpoints[1])
    } else {
        (&endpoints[1], &endpoints[0])
    };
    let mut client = site.client().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((busy.requests(), free.requests()), (1, 20));
    assert_eq!(slow.answer().await.status, 200);
    // Once both are free, both are used again.
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(busy.requests() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn p2c_uses_every_endpoint_and_leaves_the_busiest_alone() {
    let endpoints = endpoints(3).await;
    let site = before(&endpoints, "balance = \"p2c\"").await;
    let mut client = site.client().await;
    for _ in 0..90 {
        assert_eq!(client.get("/").await.status, 200);
    }
    let shares = requests(&endpoints);
    assert!(shares.iter().all(|share| *share >= 10), "{shares:?}");
    assert_eq!(shares.iter().sum::<usize>(), 90);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_not_ready_gets_nothing() {
    let endpoints = endpoints(2).await;
    let keys = "balance = \"round_robin\"\nprobe.interval = \"50ms\"\nprobe.rise = 1\n\
                probe.fall = 1\nprobe.path = \"/healthz\"";
    let site = before(&endpoints, keys).await;
    endpoints[0].unwell(true);
    site.ready("shop", Blue, 1).await;
    let before = endpoints[0].requests();
    let mut client = site.client().await;
    for _ in 0..20 {
        let answer = client.get("/").await;
        assert_eq!(answer.field("x-endpoint"), Some("blue-1"));
    }
    assert_eq!(endpoints[0].requests(), before);
    endpoints[0].unwell(false);
    site.ready("shop", Blue, 2).await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(endpoints[0].requests(), before + 1);
}
