//! A WebSocket is a tunnel, counted while it lasts, and nothing goes into it before the endpoint agreed.

use std::{sync::Arc, time::Duration};

use cutover::core::ids::Colour::Blue;

use tokio::sync::Notify;

use crate::support::{
    answering::Answering,
    eventually, pattern,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_early_reaches_the_endpoint_only_after_its_101() {
    // RUSTSEC-2026-0033 is the opposite: bytes that the endpoint reads as a further request.
    let endpoint = Scripted::start(|mut link| async move {
        let head = link.head().await;
        assert!(head.contains("connection: upgrade\r\n"), "{head}");
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        assert!(head.contains("sec-websocket-key: dGhl"), "{head}");
        link.hears_nothing_for(Duration::from_millis(150)).await;
        link.write(AGREE).await;
        assert_eq!(link.take(5).await, b"early");
        link.write("echo").await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(format!("{ASK}ear")).await;
    client.send("ly").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.field("upgrade"), Some("websocket"));
    assert!(
        answer
            .field("connection")
            .is_some_and(|field| field.eq_ignore_ascii_case("upgrade"))
    );
    assert_eq!(
        answer.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(client.take(4).await, b"echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_endpoint_sends_with_its_101_reaches_the_client() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write(format!("{AGREE}hello")).await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(ASK).await;
    assert_eq!(client.answer().await.status, 101);
    assert_eq!(client.take(5).await, b"hello");
    drop(client);
    endpoint.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_carries_anything_both_ways_and_is_counted_while_it_lasts() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    client.send(ASK).await;
    assert_eq!(client.answer().await.status, 101);
    let pool = &site.service("shop").await.pools[Blue];
    assert_eq!((pool.in_flight, pool.tunnels), (1, 1));
    assert_eq!(site.endpoint("shop", blue.addr()).await.in_flight, 1);
    let labels = "{service=\"shop\",colour=\"blue\"}";
    site.counts(&format!("cutover_tunnels_in_flight{labels}"), 1.0)
        .await;
    site.counts(&format!("cutover_requests_in_flight{labels}"), 0.0)
        .await;
    let sent = pattern(200_000);
    for piece in sent.chunks(10_000) {
        client.send(piece).await;
        assert!(client.take(piece.len()).await == piece);
    }
    client.half_close().await;
    client.closed().await;
    site.counts(&format!("cutover_tunnels_in_flight{labels}"), 0.0)
        .await;
    site.counts(&format!("cutover_tunnels_total{labels}"), 1.0)
        .await;
    let closed = "cutover_requests_total{service=\"shop\",colour=\"blue\",class=\"1xx\"}";
    site.counts(closed, 1.0).await;
    assert_eq!(site.service("shop").await.pools[Blue].in_flight, 0);
    assert_eq!(blue.in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_closed_tunnel_still_carries_the_other_half() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write(AGREE).await;
        link.end().await;
        link.write("last words").await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(ASK).await;
    assert_eq!(client.answer().await.status, 101);
    client.send("bye").await;
    client.half_close().await;
    assert_eq!(client.take(10).await, b"last words");
    client.closed().await;
    assert!(endpoint.received(0).ends_with("\r\n\r\nbye"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upgrade_leaves_a_usable_connection() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            .await;
        while link.try_head().await.is_some() {
            link.write(OK).await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(ASK).await;
    assert_eq!(client.answer().await.said(), (403, "no".to_owned()));
    assert_eq!(client.get("/next").await.said(), (200, "ok".to_owned()));
    // What was sent early is judged as the HTTP that it is.
    client
        .send(format!("{ASK}GET /early HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 200);
    client
        .send(format!("{ASK}GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"))
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
    client.closed().await;
    let received = endpoint.received(0);
    assert!(received.contains("GET /next ") && received.contains("GET /early "));
    assert_eq!(endpoint.connections(), 1);
    let pool = &site.service("shop").await.pools[Blue];
    assert_eq!((pool.in_flight, pool.tunnels), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_101_that_nobody_asked_for_is_a_502() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write(AGREE).await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("malformed response"),
        "{}",
        answer.text()
    );
    endpoint.left_alone().await;
    assert_eq!(endpoint.connections(), 1);
    site.counts(
        "cutover_tunnels_total{service=\"shop\",colour=\"blue\"}",
        0.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_that_cutover_does_not_pass_is_an_ordinary_request() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    for fields in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
        "Upgrade: websocket\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n",
    ] {
        client
            .send(format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 200);
        let text = answer.text();
        for gone in ["upgrade", "http2-settings", "\"connection\""] {
            assert!(!text.contains(gone), "{fields:?}: {text}");
        }
    }
    assert_eq!(blue.requests(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_in_which_nothing_moves_is_closed() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "timeouts.idle = \"900ms\"")).await;
    let mut client = site.client().await;
    client.send(ASK).await;
    assert_eq!(client.answer().await.status, 101);
    // Longer than the idle timeout, but never without a byte for so long.
    for _ in 0..6 {
        client.send("x").await;
        assert_eq!(client.take(1).await, b"x");
        client.hears_nothing_for(Duration::from_millis(200)).await;
    }
    client.closed().await;
    eventually("the endpoint's end is closed", async || {
        blue.in_flight() == 0
    })
    .await;
    eventually("its claim has ended", async || {
        let pool = &site.service("shop").await.pools[Blue];
        (pool.in_flight, pool.tunnels) == (0, 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_101_leaves_nothing_behind() {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let endpoint = Scripted::start(move |mut link| {
        let told = Arc::clone(&told);
        async move {
            link.head().await;
            told.notified().await;
            link.write(AGREE).await;
            link.end().await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    for count in 1..=5 {
        let mut client = site.client().await;
        client.send(ASK).await;
        endpoint.connected(count).await;
        drop(client);
        go_on.notify_one();
        endpoint.left_alone().await;
        eventually("no claim is left", async || {
            site.service("shop").await.pools[Blue].in_flight == 0
        })
        .await;
    }
    site.counts("cutover_connections_open", 0.0).await;
}
