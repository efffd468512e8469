//! Promise: endpoints come and go under load, and no request notices.

use std::net::SocketAddr;

use cutover::core::{
    ids::Colour::{Blue, Green},
    leave::{LeaveOutcome, LeaveReceipt},
};
use serde_json::json;

use crate::support::{
    answering::Answering,
    call::Admin,
    eventually,
    load::{Load, Mix},
    site::{ONE_WORKER, Site, shop},
};

fn path(addr: SocketAddr, call: &str) -> String {
    format!("/v1/services/shop/pools/blue/endpoints/{addr}{call}")
}

async fn drain(admin: Admin, addr: SocketAddr) -> LeaveReceipt {
    let answer = admin
        .post(&path(addr, "/drain?wait=drained"), json!({}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()["receipt"].clone()).unwrap()
}

async fn undrain(admin: Admin, addr: SocketAddr) {
    let answer = admin.post(&path(addr, "/undrain"), json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_one_after_the_other_fails_no_request_and_reaches_none_that_is_drained() {
    let blue = [
        Answering::start("blue").await,
        Answering::start("blue").await,
    ];
    let file = shop(&[blue[0].addr(), blue[1].addr()], &[], "");
    let site = Site::start(&file).await;
    site.ready("shop", Blue, 2).await;
    let admin = Admin(site.admin());
    let mix = Mix {
        streams: 0,
        tunnels: 0,
        ..Mix::default()
    };
    let mut load = Load::start(site.addr(), mix);
    let mut met = 0;
    for turn in 0..8 {
        let (drained, other) = (&blue[turn % 2], &blue[(turn + 1) % 2]);
        let before = drained.requests();
        eventually("requests", async || drained.requests() > before + 10).await;
        let receipt = drain(admin, drained.addr()).await;
        met += receipt.in_flight_at_leaving;
        assert_eq!((receipt.outcome, receipt.left()), (LeaveOutcome::Left, 0));
        let (quiet, busy) = (drained.requests(), other.requests());
        eventually("requests elsewhere", async || other.requests() > busy + 30).await;
        assert_eq!(
            drained.requests(),
            quiet,
            "nobody comes after the last has gone"
        );
        load.is_well();
        undrain(admin, drained.addr()).await;
    }
    load.stop().await;
    // Whether one was in flight at some of the leaves is left to chance; that the counts add up is not.
    let receipts = site.service("shop").await.leaving;
    assert_eq!(receipts.len(), 8);
    assert_eq!(
        receipts
            .iter()
            .map(|it| it.finished + it.replayed)
            .sum::<u64>(),
        met
    );
}

#[tokio::test]
async fn a_drain_survives_a_restart_and_needs_another_endpoint_to_go_on() {
    let blue = [Answering::start("one").await, Answering::start("two").await];
    let (one, two) = (blue[0].addr(), blue[1].addr());
    let file = shop(&[one, two], &[], "");
    let site = Site::start(&file).await;
    site.ready("shop", Blue, 2).await;
    drain(Admin(site.admin()), one).await;
    let site = site.restart(&file).await;
    site.ready("shop", Blue, 1).await;
    let mut client = site.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.field("x-endpoint"), Some("two"));
    }
    assert!(site.endpoint("shop", one).await.drained);
    let series =
        format!("cutover_endpoint_drained{{service=\"shop\",colour=\"blue\",endpoint=\"{one}\"}}");
    site.counts(&series, 1.0).await;
    let (addr, admin) = (two.to_string(), Admin(site.admin()));
    for force in [&[][..], &["--force"]] {
        let args = [&["endpoint", "drain", "shop", "blue", &addr], force].concat();
        let output = admin.cli(&args).await;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
    undrain(admin, one).await;
    eventually("the first is back", async || {
        client.get("/").await.field("x-endpoint") == Some("one")
    })
    .await;
}

#[tokio::test]
async fn what_outlives_a_deadline_is_cut_and_nothing_else() {
    let blue = [Answering::start("one").await, Answering::start("two").await];
    let (one, two) = (blue[0].addr(), blue[1].addr());
    let keys = "balance = \"round_robin\"";
    let file = shop(&[one, two], &[], keys);
    let site = Site::start(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Blue, 2).await;
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let mut tunnels = [site.client().await, site.client().await];
    for tunnel in &mut tunnels {
        tunnel.send(upgrade).await;
    }
    let mut by_endpoint = Vec::new();
    for mut tunnel in tunnels {
        let head = tunnel.answer_head().await;
        assert_eq!(head.status, 101);
        by_endpoint.push((head.field("x-endpoint").unwrap().to_owned(), tunnel));
    }
    by_endpoint.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut on_two, mut on_one) = (by_endpoint.pop().unwrap().1, by_endpoint.pop().unwrap().1);
    let addr = one.to_string();
    let args = [
        "endpoint",
        "drain",
        "shop",
        "blue",
        &addr,
        "--wait",
        "--deadline",
        "200ms",
    ];
    let output = Admin(site.admin()).cli(&args).await;
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("finished 0, replayed 0, cut 1, left 0"),
        "{told}"
    );
    on_one.closed().await;
    on_two.send("still here").await;
    assert_eq!(on_two.take(10).await, b"still here");
}

#[tokio::test]
async fn a_newcomer_begins_with_a_tenth_of_its_share() {
    let (blue, newcomer) = (
        Answering::start("blue").await,
        Answering::start("new").await,
    );
    let keys = "balance = \"round_robin\"\nslow_start = \"1h\"";
    let file = shop(&[blue.addr()], &[], keys);
    let site = Site::start(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Blue, 1).await;
    let admin = Admin(site.admin());
    let addr = newcomer.addr().to_string();
    let output = admin.cli(&["endpoint", "add", "shop", "blue", &addr]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    site.ready("shop", Blue, 2).await;
    let mut client = site.client().await;
    for _ in 0..110 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((blue.requests(), newcomer.requests()), (100, 10));
    // Where all are new, nobody is held back.
    let fresh = [Answering::start("one").await, Answering::start("two").await];
    let file = shop(&[blue.addr()], &[fresh[0].addr(), fresh[1].addr()], keys);
    site.rewrite(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Green, 2).await;
    site.switch("shop", Green).await;
    for _ in 0..100 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((fresh[0].requests(), fresh[1].requests()), (50, 50));
}
