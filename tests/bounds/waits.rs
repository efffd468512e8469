//! What is waited for, and for how long: each wait ends, is counted by its name, and nobody else notices.

use std::time::{Duration, Instant};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{Raw, get},
        load::{Load, Mix},
        site::{Site, shop},
    },
};

async fn before(blue: &Answering, keys: &str) -> Site {
    let listener = format!("[listener.web]\nlisten = \"127.0.0.1:0\"\n{keys}\n");
    Site::start(&(listener + &shop(&[blue.addr()], &[], ""))).await
}

const SHORT: &str = "header_read_timeout = \"500ms\"\nkeep_alive = \"600ms\"";

/// Sends one byte after the other, with pauses, until the connection ends or all of them are sent.
async fn drip(client: &mut Raw, bytes: &[u8]) {
    for byte in bytes {
        if !client.try_send([*byte]).await {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_a_408_however_steady_it_is() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, SHORT).await;
    let mut load = Load::start(site.addr(), Mix::default());
    let mut drips = JoinSet::new();
    for _ in 0..100 {
        let addr = site.addr();
        drips.spawn(async move {
            let mut client = Raw::connect(addr).await;
            let began = now();
            drip(&mut client, get("/a-path-that-takes-its-time").as_bytes()).await;
            assert_eq!(client.answer().await.status, 408);
            client.closed().await;
            began.elapsed()
        });
    }
    for took in drips.join_all().await {
        assert!(took < Duration::from_secs(6), "{took:?}");
    }
    limited(&site, "header_read_timeout", 100.0).await;
    load.is_well();
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_slow_but_whole_in_time_is_served() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "header_read_timeout = \"5s\"").await;
    let mut client = site.client().await;
    drip(&mut client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    limited(&site, "header_read_timeout", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_or_empty_lines_only_are_closed() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, SHORT).await;
    let mut load = Load::start(site.addr(), Mix::default());
    let mut silent = Vec::new();
    for number in 0..300 {
        let mut client = site.client().await;
        if number % 3 == 0 {
            client.send("\r\n").await;
        }
        silent.push(client);
    }
    for client in &mut silent {
        client.closed().await;
    }
    limited(&site, "header_read_timeout", 300.0).await;
    limited(&site, "keep_alive", 0.0).await;
    load.is_well();
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_further_request_is_closed() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, SHORT).await;
    let mut client = site.client().await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.status, 200);
        sleep(Duration::from_millis(200)).await;
    }
    limited(&site, "keep_alive", 0.0).await;
    client.closed().await;
    limited(&site, "keep_alive", 1.0).await;
    limited(&site, "header_read_timeout", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_which_nothing_comes_is_counted_as_idle() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "timeouts.idle = \"300ms\"")).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    assert_eq!(client.answer().await.status, 408);
    limited(&site, "idle", 1.0).await;
    // An endpoint that is silent is none of the client's doing.
    assert_eq!(site.client().await.get("/stream/200").await.status, 200);
    limited(&site, "idle", 1.0).await;
}

#[expect(clippy::disallowed_methods, reason = "a test measures a wait")]
fn now() -> Instant {
    Instant::now()
}
