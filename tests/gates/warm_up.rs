//! Warming up: the first requests after a switch find connections that are there.

use cutover::core::{
    gate::verdict::GateKind,
    ids::Colour,
    switch::{Refusal, SwitchAnswer},
};

use crate::support::{
    answering::Answering,
    client::Raw,
    load::{Load, Mix},
    scripted::Scripted,
    site::{Site, order, shop},
};

const CONNECTS: &str = "cutover_upstream_connects_total{service=\"shop\",colour=\"green\"}";
/// What a file of these tests has: the connections live as long as the test.
const KEYS: &str = "switch.warm_up = true\nconnections.idle_timeout = \"60s\"\n";

async fn site(green: &[&Answering], keys: &str) -> (Site, Answering) {
    let blue = Answering::start("blue").await;
    let green: Vec<_> = green.iter().map(|it| it.addr()).collect();
    let site = Site::start(&shop(&[blue.addr()], &green, &format!("{KEYS}{keys}"))).await;
    site.ready("shop", Colour::Green, green.len()).await;
    site.ready("shop", Colour::Blue, 1).await;
    (site, blue)
}

/// Requests on many connections, so that every worker has some; each is answered by green.
async fn ask(site: &Site) {
    for _ in 0..24 {
        let mut client: Raw = site.client().await;
        for _ in 0..3 {
            let answer = client.get("/").await;
            assert_eq!(answer.field("x-endpoint"), Some("green"));
        }
    }
}

#[tokio::test]
async fn the_first_requests_after_the_commit_open_no_connection() {
    for protocol in ["http1", "h2"] {
        let greens = [
            Answering::start("green").await,
            Answering::start("green").await,
        ];
        let keys = format!("protocol = \"{protocol}\"");
        let (site, _blue) = site(&[&greens[0], &greens[1]], &keys).await;
        assert!(site.metric(CONNECTS).await < 0.5, "{protocol}");
        let receipt = site.switch("shop", Colour::Green).await;
        assert_eq!(receipt.gates[0].gate, GateKind::WarmUp);
        // Two workers, two endpoints.
        site.counts(CONNECTS, 4.0).await;
        assert_eq!(greens[0].requests() + greens[1].requests(), 0);
        ask(&site).await;
        site.counts(CONNECTS, 4.0).await;
        let requests = greens[0].requests() + greens[1].requests();
        assert_eq!(requests, 72, "{protocol}");
    }
}

#[tokio::test]
async fn without_it_they_do() {
    let (green, blue) = (
        Answering::start("green").await,
        Answering::start("blue").await,
    );
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], "")).await;
    site.ready("shop", Colour::Green, 1).await;
    site.switch("shop", Colour::Green).await;
    assert!(site.metric(CONNECTS).await < 0.5);
    ask(&site).await;
    assert!(site.metric(CONNECTS).await > 0.5);
}

#[tokio::test]
async fn it_comes_after_approval_and_what_it_opened_outlives_other_snapshots() {
    let green = Answering::start("green").await;
    let keys = "switch.approve = true\nswitch.approve_timeout = \"50ms\"";
    let (site, blue) = site(&[&green], keys).await;
    let refused = site.try_switch(order("shop", Colour::Green)).await;
    assert!(
        matches!(refused, SwitchAnswer::Refused(_)),
        "nobody approves: {refused:?}"
    );
    assert!(site.metric(CONNECTS).await < 0.5);
    let config = shop(&[blue.addr()], &[green.addr()], KEYS);
    site.rewrite(&config).await;
    site.switch("shop", Colour::Green).await;
    site.counts(CONNECTS, 2.0).await;
    // Another route is another snapshot of the service, and the connections stay.
    let other = config.replace("[\"/\"]", "[\"/\", \"other.test/\"]");
    assert_ne!(other, config);
    site.rewrite(&other).await;
    ask(&site).await;
    site.counts(CONNECTS, 2.0).await;
}

#[tokio::test]
async fn an_endpoint_that_workers_cannot_speak_to_refuses_by_name() {
    // It takes connections, and speaks no HTTP/2: probes by TCP do not notice.
    let green = Scripted::start(|mut link| async move {
        link.until("PRI").await;
        link.write("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let blue = Answering::start("blue").await;
    let keys = format!("{KEYS}protocol = \"h2\"");
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], &keys)).await;
    site.ready("shop", Colour::Green, 1).await;
    let SwitchAnswer::Refused(Refusal::Gates(gates)) =
        site.try_switch(order("shop", Colour::Green)).await
    else {
        panic!("no worker can speak to it");
    };
    assert_eq!(gates[0].gate, GateKind::WarmUp);
    let fault = &gates[0].endpoints[0];
    assert_eq!(fault.endpoint.as_str(), green.addr().to_string());
    assert_eq!(fault.why, "connect refused");
    let told = gates[0].to_string();
    let begins = "warm-up of pool `green` of service `shop` failed";
    assert!(told.starts_with(begins), "{told}");
    assert_eq!(site.service("shop").await.live, Colour::Blue);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_notices_pools_that_are_warmed_up() {
    let green = Answering::start("green").await;
    let (site, _blue) = site(&[&green], "").await;
    let mut load = Load::start(site.addr(), Mix::default());
    for round in 0..8 {
        let to = site.service("shop").await.live.other();
        assert_eq!(site.switch("shop", to).await.tenure.0, round + 2);
        load.is_well();
    }
    load.stop().await;
}
