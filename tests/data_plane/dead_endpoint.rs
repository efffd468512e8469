//! An endpoint dies under load: only what it had already taken, and nobody may send twice, is lost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use cutover::core::ids::Colour::Blue;
use tokio::task::JoinSet;

use crate::support::{
    answering::Answering,
    client::{Raw, post},
    eventually,
    site::{Site, shop},
    soon,
};

const CLIENTS: usize = 12;

/// What the clients saw.
#[derive(Default)]
struct Tally {
    safe: AtomicUsize,
    not_safe: AtomicUsize,
    lost: AtomicUsize,
    done: AtomicBool,
}

/// Alternates safe and unsafe requests on one connection until it is told to stop.
async fn load(addr: std::net::SocketAddr, tally: Arc<Tally>) {
    let mut client = Raw::connect(addr).await;
    while !tally.done.load(SeqCst) {
        let answer = client.get("/slow/2").await;
        assert_eq!(answer.status, 200, "a safe request: {}", answer.text());
        tally.safe.fetch_add(1, SeqCst);
        client.send(post("/slow/2", b"order")).await;
        let answer = client.answer().await;
        if answer.status == 502 {
            let text = answer.text();
            assert!(
                text.contains("connection closed before the response"),
                "{text}"
            );
            tally.lost.fetch_add(1, SeqCst);
        } else {
            assert_eq!(answer.json()["body_length"], 5);
            tally.not_safe.fetch_add(1, SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_but_unsafe_requests_that_had_left() {
    let steady = Answering::start("steady").await;
    let mut mortal = Answering::start("mortal").await;
    let keys =
        "probe.interval = \"200ms\"\nprobe.rise = 1\nprobe.fall = 2\npassive.eject = \"300ms\"";
    let site = Site::start(&shop(&[steady.addr(), mortal.addr()], &[], keys)).await;
    site.ready("shop", Blue, 2).await;
    let tally = Arc::new(Tally::default());
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(load(site.addr(), Arc::clone(&tally)));
    }
    let mut deaths = 0;
    for _ in 0..3 {
        let before = mortal.requests();
        eventually("both take part", async || {
            mortal.requests() > before + 30 && steady.requests() > 30
        })
        .await;
        mortal.dies().await;
        deaths += 1;
        eventually("an operator sees it", async || {
            let seen = site.endpoint("shop", mortal.addr()).await;
            !seen.ready && (seen.ejected_for_ms.is_some() || seen.why.is_some())
        })
        .await;
        let after = tally.safe.load(SeqCst);
        eventually("traffic flows on", async || {
            tally.safe.load(SeqCst) > after + 50
        })
        .await;
        mortal.comes_back().await;
        site.ready("shop", Blue, 2).await;
    }
    tally.done.store(true, SeqCst);
    while let Some(ended) = soon("the clients", clients.join_next()).await {
        ended.unwrap();
    }
    let lost = tally.lost.load(SeqCst);
    assert!(lost <= deaths * CLIENTS, "{lost} lost");
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let lost = lost as f64;
    let of = |class: &str| {
        format!("cutover_requests_total{{service=\"shop\",colour=\"blue\",class=\"{class}\"}}")
    };
    site.counts(&of("5xx"), lost).await;
    let whole = tally.safe.load(SeqCst) + tally.not_safe.load(SeqCst);
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    site.counts(&of("2xx"), whole as f64).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_breaks_off_is_taken_out_before_the_next_probe() {
    let steady = Answering::start("steady").await;
    let mut mortal = Answering::start("mortal").await;
    // Probes come far too late to help.
    let keys = "probe.interval = \"1h\"\nprobe.rise = 1\npassive.eject = \"400ms\"\nbalance = \"round_robin\"";
    let site = Site::start(&shop(&[steady.addr(), mortal.addr()], &[], keys)).await;
    site.ready("shop", Blue, 2).await;
    mortal.dies().await;
    let mut client = site.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.field("x-endpoint"), Some("steady"));
    }
    eventually("it is ejected", async || {
        let seen = site.endpoint("shop", mortal.addr()).await;
        seen.ejected_for_ms.is_some_and(|left| left <= 400) && !seen.ready
    })
    .await;
    mortal.comes_back().await;
    eventually("it takes part again", async || {
        client.get("/").await;
        mortal.requests() > 0
    })
    .await;
    assert_eq!(
        site.endpoint("shop", mortal.addr()).await.ejected_for_ms,
        None
    );
}
