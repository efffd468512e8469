//! Promise: a pool is called safe to stop when nobody uses it and nobody may need it back, and not before.

use std::time::Duration;

use cutover::core::{
    ids::Colour::{self, Blue, Green},
    view::{HindranceKind, SafeToStop},
};
use tokio::time::Instant;

use crate::support::{
    answering::Answering,
    call::Admin,
    client::Raw,
    eventually,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

async fn verdict(site: &Site, colour: Colour) -> SafeToStop {
    let path = format!("/v1/services/shop/pools/{colour}/safe-to-stop");
    let answer = Admin(site.admin()).get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}

async fn kinds(site: &Site, colour: Colour) -> Vec<HindranceKind> {
    let verdict = verdict(site, colour).await;
    assert_eq!(verdict.safe, verdict.reasons.is_empty());
    verdict.reasons.iter().map(|it| it.kind).collect()
}

async fn tunnel(site: &Site) -> Raw {
    let mut tunnel = site.client().await;
    tunnel
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(tunnel.answer_head().await.status, 101);
    tunnel
}

#[tokio::test]
async fn a_request_and_the_hold_keep_a_pool_across_a_switch_and_a_restart() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let file = |keep: &str| {
        let keys = format!("switch.keep_standby_for = \"{keep}\"");
        shop(&[pools[0].addr()], &[pools[1].addr()], &keys)
    };
    let site = Site::start(&file("1h")).await;
    site.ready("shop", Green, 1).await;
    assert_eq!(kinds(&site, Blue).await, [HindranceKind::Live]);
    assert_eq!(kinds(&site, Green).await, []);

    let mut tunnel = tunnel(&site).await;
    let receipt = site.switch("shop", Green).await;
    let both = [HindranceKind::InFlight, HindranceKind::Held];
    assert_eq!(kinds(&site, Blue).await, both);
    assert_eq!(kinds(&site, Green).await, [HindranceKind::Live]);
    tunnel.half_close().await;
    tunnel.closed().await;
    eventually("the end of the drain", async || {
        kinds(&site, Blue).await == [HindranceKind::Held]
    })
    .await;
    let until = verdict(&site, Blue).await.reasons[0].until.unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(until, receipt.committed_at.unwrap().plus(hour));

    // It follows from the receipt, which the journal has.
    let site = site.restart(&file("1h")).await;
    let view = site.service("shop").await;
    assert_eq!(view.standby_kept_until, Some(until));
    assert_eq!(kinds(&site, Blue).await, [HindranceKind::Held]);
    let output = Admin(site.admin())
        .cli(&["wait-safe", "shop", "blue", "--once"])
        .await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let output = Admin(site.admin())
        .cli(&["wait-safe", "shop", "blue", "--timeout", "400ms"])
        .await;
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("kept ready to return until"), "{told}");

    // So does what another file says of it.
    site.rewrite(&file("0s")).await;
    assert_eq!(kinds(&site, Blue).await, []);
    let safe = "cutover_safe_to_stop{service=\"shop\",colour=\"blue\"}";
    site.counts(safe, 1.0).await;
}

#[tokio::test]
async fn waiting_ends_when_the_hold_has_run_out() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let keys = "switch.keep_standby_for = \"1s\"";
    let site = Site::start(&shop(&[pools[0].addr()], &[pools[1].addr()], keys)).await;
    site.ready("shop", Green, 1).await;
    let asked = Instant::now();
    site.switch("shop", Green).await;
    let output = Admin(site.admin())
        .cli(&["wait-safe", "shop", "blue"])
        .await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(asked.elapsed() >= Duration::from_secs(1));
    assert_eq!(site.service("shop").await.standby_kept_until, None);
}

#[tokio::test]
async fn a_rollback_is_possible_or_says_why_not() {
    let (mut blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], "")).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    let possible = "cutover_rollback_possible{service=\"shop\"}";
    let view = site.service("shop").await;
    assert!(!view.rollback_possible);
    assert_eq!(view.rollback_why, "there is no earlier colour");
    site.switch("shop", Green).await;
    let view = site.service("shop").await;
    assert!(view.rollback_possible, "{}", view.rollback_why);
    site.counts(possible, 1.0).await;
    blue.dies().await;
    site.counts(possible, 0.0).await;
    let why = site.service("shop").await.rollback_why;
    assert!(why.contains("has 0 of 1 endpoints ready"), "{why}");
}

/// Connections that blue is asked by: one request, a switch and a rollback, another request.
async fn connections_across_a_return(keys: &str) -> usize {
    let blue = Scripted::answering(OK).await;
    let green = Answering::start("green").await;
    let file = shop(&[blue.addr()], &[green.addr()], keys);
    let site = Site::start(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    let mut client = site.client().await;
    assert_eq!(client.get("/").await.text(), "ok");
    site.switch("shop", Green).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("green"));
    if !keys.contains("keep_standby_for") {
        blue.left_alone().await;
    }
    site.rollback("shop").await;
    assert_eq!(client.get("/").await.text(), "ok");
    blue.connections()
}

#[tokio::test]
async fn connections_to_a_held_standby_are_kept_and_used_again() {
    let held = "switch.keep_standby_for = \"1h\"";
    assert_eq!(connections_across_a_return(held).await, 1);
    assert_eq!(connections_across_a_return("").await, 2);
}
