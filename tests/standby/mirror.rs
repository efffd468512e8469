//! Promise: copies of live requests tell how a standby answers, and cost nobody anything.

use std::future::pending;

use cutover::core::{
    ids::Colour::{self, Blue, Green},
    view::{HindranceKind, MirrorView},
};

use crate::support::{
    answering::Answering,
    client::{Raw, get, post},
    eventually,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, nobody, shop},
};

async fn start(blue: std::net::SocketAddr, green: std::net::SocketAddr, keys: &str) -> Site {
    let file = shop(&[blue], &[green], keys);
    let site = Site::start(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    site
}

async fn mirror(site: &Site, colour: Colour) -> MirrorView {
    let view = site.service("shop").await;
    let mut mirrors = view.mirror.into_iter();
    mirrors
        .find(|it| it.colour == colour)
        .expect("it was copied to")
}

/// Waits until so many copies have ended or were not made.
async fn settled(site: &Site, copies: u64) -> MirrorView {
    eventually("the copies have ended", async || {
        let view = site.service("shop").await;
        let ended = view
            .mirror
            .iter()
            .map(|it| it.compared + it.unanswered + it.without_live + it.dropped);
        ended.sum::<u64>() >= copies
    })
    .await;
    mirror(site, Green).await
}

/// A body, a method that changes something, a preview, and an upgrade, whose tunnel is handed back.
async fn asks_for_no_copy(site: &Site, client: &mut Raw) -> Raw {
    client.exchange(post("/echo", b"order")).await;
    let with_body = "GET / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 2\r\n\r\nhi";
    client.exchange(with_body).await;
    client
        .exchange("DELETE / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        .await;
    let looked = client
        .exchange("GET / HTTP/1.1\r\nHost: shop.test\r\nX-Preview: 1\r\n\r\n")
        .await;
    assert_eq!(looked.field("x-endpoint"), Some("green"));
    let mut tunnel = site.client().await;
    let upgrade =
        "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    tunnel.send(upgrade).await;
    assert_eq!(tunnel.answer_head().await.status, 101);
    tunnel
}

#[tokio::test]
async fn safe_requests_are_copied_and_compared_and_nothing_else_is() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = "mirror = \"100%\"\npreview = { header = \"X-Preview\" }";
    let site = start(blue.addr(), green.addr(), keys).await;
    let mut client = site.client().await;
    for path in ["/bytes/100", "/bytes/2000000", "/status/404"] {
        client.get(path).await;
    }
    client
        .send("HEAD /bytes/7 HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        .await;
    client.answer_to_head().await;
    // What it says of itself is of another length.
    let answer = client.get("/").await;
    assert_eq!(answer.field("x-endpoint"), Some("blue"));
    let seen = settled(&site, 5).await;
    assert_eq!(
        (seen.compared, seen.same, seen.length_differs),
        (5, 4, 1),
        "{seen:?}"
    );
    assert!(seen.live_mean_us > 0 && seen.copy_mean_us > 0);

    let _tunnel = asks_for_no_copy(&site, &mut client).await;
    // The next copy comes after whatever would have come of these.
    client.get("/bytes/1").await;
    let seen = settled(&site, 6).await;
    assert_eq!((seen.compared, seen.same), (6, 5), "{seen:?}");
    // Six copies and the preview.
    assert_eq!(green.requests(), 7);
    let requests = "cutover_requests_total{service=\"shop\",colour=\"green\",class=\"2xx\"}";
    assert_eq!(site.metric(requests).await, 0.0);
    let same = "cutover_mirror_copies_total{service=\"shop\",colour=\"green\",result=\"same\"}";
    site.counts(same, 5.0).await;

    // Who plans a switch is told.
    let admin = crate::support::call::Admin(site.admin());
    let plan = admin.cli(&["plan", "shop", "green"]).await;
    let told = String::from_utf8(plan.stdout).unwrap();
    assert!(
        told.contains("green has answered 5 of 6 copies as the live pool did"),
        "{told}"
    );

    // After a switch it is the other pool that is compared, and nothing of a copy is in the receipt.
    let receipt = site.switch("shop", Green).await;
    assert_eq!(receipt.in_flight_at_commit, 1, "the tunnel");
    client.get("/bytes/1").await;
    eventually("a copy to blue", async || {
        let view = site.service("shop").await;
        view.mirror
            .iter()
            .any(|it| it.colour == Blue && it.same == 1)
    })
    .await;
}

#[tokio::test]
async fn a_standby_that_answers_otherwise_is_told_and_a_copy_says_what_it_is() {
    let blue = Answering::start("blue").await;
    let green = Scripted::answering("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").await;
    let site = start(blue.addr(), green.addr(), "mirror = \"100%\"").await;
    let mut client = site.client().await;
    let request = "GET /bytes/9 HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Basic eDp5\r\n\r\n";
    assert_eq!(client.exchange(request).await.status, 200);
    let seen = settled(&site, 1).await;
    assert_eq!((seen.compared, seen.status_differs), (1, 1), "{seen:?}");
    let sent = green.received(0).to_lowercase();
    for field in [
        "get /bytes/9 ",
        "host: shop.test",
        "authorization: basic edp5",
        "x-cutover-mirror: 1",
    ] {
        assert!(sent.contains(field), "{field}: {sent}");
    }
}

#[tokio::test]
async fn a_standby_that_hangs_holds_nobody_up_and_gets_no_more_than_its_bound() {
    let blue = Answering::start("blue").await;
    let green = Scripted::start(|mut link| async move {
        link.head().await;
        pending::<()>().await;
    })
    .await;
    let site = start(blue.addr(), green.addr(), "mirror = \"100%\"").await;
    let mut client = site.client().await;
    // Each is answered while not one copy has been: the order of events is the proof, whatever time it takes.
    for _ in 0..200 {
        assert_eq!(client.get("/bytes/10").await.status, 200);
    }
    let view = mirror(&site, Green).await;
    assert_eq!(view.compared, 0, "{view:?}");
    // Only if this took longer than a copy may has one made room for another.
    assert!(view.dropped + view.unanswered >= 200 - 64, "{view:?}");
    green.connected(64).await;
    // Whoever wants to stop the pool is told.
    let name = cutover::core::ids::ServiceName::new("shop");
    let verdict = site.app().handle().safe_to_stop(name, Green).await;
    let reasons = verdict.unwrap().unwrap().reasons;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(reasons[0].kind, HindranceKind::Mirror);
    // They hold up no switch, either.
    let receipt = site.switch("shop", Green).await;
    assert_eq!(receipt.in_flight_at_commit, 0);
}

#[tokio::test]
async fn a_share_is_held_and_a_standby_that_is_away_costs_only_copies() {
    let blue = Answering::start("blue").await;
    let green = Scripted::answering(OK).await;
    let site = start(blue.addr(), green.addr(), "mirror = \"10%\"").await;
    let mut client = site.client().await;
    for _ in 0..200 {
        client.send(get("/bytes/2")).await;
        assert_eq!(client.answer().await.status, 200);
    }
    let seen = settled(&site, 20).await;
    assert_eq!(seen.compared + seen.dropped, 20, "{seen:?}");

    let file = shop(&[blue.addr()], &[nobody()], "mirror = \"100%\"");
    let site = Site::start(&format!("{ONE_WORKER}{file}")).await;
    site.ready("shop", Blue, 1).await;
    let mut client = site.client().await;
    for _ in 0..10 {
        assert_eq!(client.get("/bytes/2").await.status, 200);
    }
    assert_eq!(settled(&site, 10).await.dropped, 10);
}
