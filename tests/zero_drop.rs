//! Promise: a switch drops nothing and cuts nothing, and once it is answered nobody meets the older colour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::time::Duration;

use cutover::core::{
    ids::{ByColour, Colour},
    switch::{Outcome, Receipt},
};
use support::{
    answering::Answering,
    call::Admin,
    client::get,
    eventually,
    load::{Load, Mix},
    operator::{Operator, Way},
    site::{Site, service, shop},
    witness::{Kind, adds_up},
};
use tokio::time::{Instant, sleep};

/// A site with two endpoints of each colour, and load on it.
struct Stage {
    site: Site,
    pools: ByColour<[Answering; 2]>,
    load: Load,
    operator: Operator,
    /// Further keys of the service, and further services.
    keys: String,
    others: String,
}

impl Stage {
    async fn set(keys: &str, others: &str) -> Self {
        let mut pools = Vec::new();
        for colour in Colour::ALL {
            let name = colour.as_str();
            pools.push([Answering::start(name).await, Answering::start(name).await]);
        }
        let green = pools.pop().unwrap();
        let pools = ByColour {
            blue: pools.pop().unwrap(),
            green,
        };
        let (keys, others) = (keys.to_owned(), others.to_owned());
        let site = Site::start_watching(&file(&pools, Colour::Blue, &keys, &others)).await;
        for colour in Colour::ALL {
            site.ready("shop", colour, 2).await;
        }
        let load = Load::start(site.addr(), Mix::default());
        Self {
            operator: Operator::new(Admin(site.admin()), load.witness()),
            load,
            site,
            pools,
            keys,
            others,
        }
    }

    async fn switch(&mut self, way: Way) {
        let Self {
            site,
            pools,
            keys,
            others,
            ..
        } = self;
        let write = |live| site.write(&file(pools, live, keys, others));
        self.operator.switch(way, write).await;
        self.load.is_well();
    }

    fn write(&self) {
        let live = self.operator.file_live;
        self.site
            .write(&file(&self.pools, live, &self.keys, &self.others));
    }

    const fn admin(&self) -> Admin {
        self.operator.admin
    }

    /// Ends the load, and holds receipts and metrics against what the clients have seen.
    async fn account(self) -> Vec<Receipt> {
        let admin = self.admin();
        let witness = self.load.stop().await;
        eventually("the end of the drains", async || {
            admin.service("shop").await.draining.is_empty()
        })
        .await;
        witness.proves_order(Colour::Blue);
        let receipts = admin.history("shop").await;
        witness.proves_receipts(&receipts);
        let requests = witness.served(|kind| kind != Kind::Tunnel);
        let tunnels = witness.served(|kind| kind == Kind::Tunnel);
        assert!(tunnels.blue + tunnels.green > 3, "{tunnels:?}");
        for colour in Colour::ALL {
            assert!(
                requests[colour] > 50,
                "too little load to prove anything: {requests:?}"
            );
            let series = |name: &str, labels: &str| {
                format!("cutover_{name}{{service=\"shop\",colour=\"{colour}\"{labels}}}")
            };
            let site = &self.site;
            let ended = [
                ("2xx", requests[colour]),
                ("1xx", tunnels[colour]),
                ("5xx", 0),
                ("4xx", 0),
            ];
            for (class, count) in ended {
                let class = format!(",class=\"{class}\"");
                site.counts(&series("requests_total", &class), count as f64)
                    .await;
            }
            for none in [
                "requests_in_flight",
                "tunnels_in_flight",
                "upstream_failures_total",
            ] {
                site.counts(&series(none, ""), 0.0).await;
            }
        }
        let drained = "cutover_drain_duration_seconds_count{service=\"shop\"}";
        self.site.counts(drained, receipts.len() as f64).await;
        receipts
    }
}

fn file(pools: &ByColour<[Answering; 2]>, live: Colour, keys: &str, others: &str) -> String {
    let addrs = |colour: Colour| [pools[colour][0].addr(), pools[colour][1].addr()];
    let keys = format!("live = \"{live}\"\n{PROBE}{keys}");
    shop(&addrs(Colour::Blue), &addrs(Colour::Green), &keys) + others
}

/// By what is answered, not by who listens; often, so that a gate does not wait long.
const PROBE: &str = "probe.kind = \"http\"\nprobe.path = \"/healthz\"\nprobe.interval = \"100ms\"\n\
                     probe.timeout = \"100ms\"\nprobe.rise = 1\nprobe.fall = 1\n";

const SWITCHES: usize = 54;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_switches_by_all_three_ways_drop_nothing() {
    let mut stage = Stage::set("", "").await;
    for way in Way::ALL.into_iter().cycle().take(SWITCHES) {
        stage.switch(way).await;
        sleep(BETWEEN).await;
    }
    let site_metrics = async |stage: &Stage, kind: &str| {
        let labels = format!("service=\"shop\",outcome=\"committed\",actor_kind=\"{kind}\"");
        stage
            .site
            .metric(&format!("cutover_switches_total{{{labels}}}"))
            .await
    };
    assert_eq!(site_metrics(&stage, "admin").await, 36.0);
    assert_eq!(site_metrics(&stage, "file").await, 18.0);
    let receipts = stage.account().await;
    assert_eq!(receipts.len(), SWITCHES);
    assert!(receipts.iter().any(|it| it.in_flight_at_commit > 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_that_flaps_on_the_standby_drops_nothing() {
    // All of the standby must be ready: each switch waits for a moment between two flaps.
    let mut stage = Stage::set("switch.min_ready = \"100%\"\n", "").await;
    for turn in 0..10 {
        let standby = stage.operator.live.other();
        let flapping = &stage.pools[standby][turn % 2];
        for unwell in [true, false].into_iter().cycle().take(2 + turn % 3) {
            flapping.unwell(unwell);
            sleep(FLAP).await;
        }
        let recovers = async {
            sleep(FLAP).await;
            stage.pools[standby][turn % 2].unwell(false);
        };
        let asked = Instant::now();
        let (receipt, ()) = tokio::join!(stage.admin().switch("shop", standby), recovers);
        assert_eq!(receipt.to, standby);
        stage.operator.switched(standby, asked);
    }
    let receipts = stage.account().await;
    assert!(
        receipts.iter().any(|it| it.gate_ms > 0),
        "no switch waited for its gate"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_of_other_services_in_between_drop_nothing() {
    let other = Answering::start("other").await;
    let mut stage = Stage::set("", "").await;
    for turn in 0..24 {
        // Added, changed, renamed, removed; by the watch and by the call.
        let name = format!("other{}", turn % 3);
        let weight = format!(
            "green.endpoints = [{{ addr = \"{}\", weight = {} }}]",
            other.addr(),
            turn + 1
        );
        let added = service(&name, "other.test/", [&[other.addr()], &[]], &weight);
        stage.others = if turn % 4 == 3 { String::new() } else { added };
        stage.write();
        if turn % 2 == 0 {
            let answer = stage
                .admin()
                .post("/v1/reload", serde_json::json!({}))
                .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        stage
            .switch(if turn % 3 == 2 {
                Way::Command
            } else {
                Way::Call
            })
            .await;
        sleep(BETWEEN).await;
    }
    assert!(
        stage
            .site
            .metric("cutover_reloads_total{result=\"applied\"}")
            .await
            >= 12.0
    );
    stage.account().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_into_a_running_drain_drops_nothing() {
    let mut stage = Stage::set("", "").await;
    eventually("streams in flight", async || {
        stage.admin().service("shop").await.pools.blue.in_flight > 3
    })
    .await;
    let mut into_drain = 0;
    for _ in 0..12 {
        stage.switch(Way::Call).await;
        sleep(BETWEEN).await;
        into_drain += stage.admin().service("shop").await.draining.len();
        stage.operator.rollback().await;
        sleep(BETWEEN).await;
    }
    assert!(into_drain >= 12, "{into_drain} drains ran");
    let receipts = stage.account().await;
    assert_eq!(receipts.iter().filter(|it| it.rollback).count(), 12);
}

#[tokio::test]
async fn what_outlives_the_drain_deadline_is_cut_and_counted() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = "switch.drain_deadline = \"300ms\"";
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], keys)).await;
    site.ready("shop", Colour::Green, 1).await;
    let (mut stream, mut slow, mut quick) = (
        site.client().await,
        site.client().await,
        site.client().await,
    );
    let mut tunnel = site.client().await;
    stream.send(get("/stream/9000")).await;
    slow.send(get("/slow/9000")).await;
    tunnel.send(UPGRADE).await;
    let head = stream.answer_head().await;
    assert_eq!(tunnel.answer_head().await.status, 101);
    assert_eq!(quick.get("/").await.status, 200);
    eventually("three requests in flight", async || blue.in_flight() == 3).await;
    let output = Admin(site.admin())
        .cli(&["switch", "shop", "green", "--output", "json"])
        .await;
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let receipt: Receipt = serde_json::from_value(answer["receipt"].clone()).unwrap();
    adds_up(&receipt);
    assert_eq!(
        (receipt.in_flight_at_commit, receipt.cut.drain_deadline),
        (3, 3)
    );
    assert_eq!(receipt.outcome, Outcome::Cut);
    assert!(
        stream.body_of(head).await.is_err(),
        "a cut body must not look whole"
    );
    let refused = slow.answer().await;
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("drain deadline passed"),
        "{}",
        refused.text()
    );
    tunnel.closed().await;
    // Connections without a request in flight live on.
    assert_eq!(quick.get("/").await.field("x-endpoint"), Some("green"));
    assert_eq!(slow.get("/").await.field("x-endpoint"), Some("green"));
    site.counts(
        "cutover_drain_cut_total{service=\"shop\",cause=\"drain_deadline\"}",
        3.0,
    )
    .await;
    assert_eq!(site.history("shop").await, [receipt]);
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
}

const UPGRADE: &str =
    "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
/// While the clients do something in between.
const BETWEEN: Duration = Duration::from_millis(50);
/// Longer than a probe's interval, so that a flap is seen.
const FLAP: Duration = Duration::from_millis(120);
