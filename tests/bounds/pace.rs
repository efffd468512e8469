//! `min_body_rate`: a client that keeps cutover waiting is let go, and nobody pays for what somebody else is slow at.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{Raw, get, post},
        eventually, large,
        scripted::{OK, Scripted},
        site::{Site, shop},
    },
};

/// Logged, with these keys of the listener.
async fn before(endpoint: SocketAddr, keys: &str) -> Site {
    with(keys, &shop(&[endpoint], &[], "")).await
}

async fn with(keys: &str, shop: &str) -> Site {
    let process = "[process]\nworkers = 1\naccess_log = \"{dir}/access.log\"\n";
    let listener = format!("[listener.web]\nlisten = \"127.0.0.1:0\"\n{keys}\n");
    Site::start(&(process.to_owned() + &listener + shop)).await
}

const SLOW: &str = "min_body_rate = \"2KiB\"\nbody_rate_grace = \"500ms\"";
const PAUSE: Duration = Duration::from_millis(50);

/// Sends `pieces` of `size` bytes with a pause after each; fewer if cutover breaks off.
async fn drip(client: &mut Raw, pieces: usize, size: usize) {
    for _ in 0..pieces {
        if !client.try_send(vec![b'x'; size]).await {
            return;
        }
        sleep(PAUSE).await;
    }
}

fn head(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_a_408() {
    let endpoint = Scripted::start(|mut link| async move { link.end().await }).await;
    let site = before(endpoint.addr(), SLOW).await;
    let mut client = site.client().await;
    client.send(head(100_000)).await;
    // 20 bytes a second, never without a byte for long.
    drip(&mut client, 60, 1).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 408);
    assert_eq!(answer.field("connection"), Some("close"));
    assert!(
        answer.text().contains("request body too slow (client)"),
        "{}",
        answer.text()
    );
    limited(&site, "request_body_rate", 1.0).await;
    limited(&site, "idle", 0.0).await;
    endpoint.left_alone().await;
    let line = &site.access_log(1).await[0];
    assert_eq!(
        (&line["status"], &line["cause"]),
        (&json!(408), &json!("request body too slow"))
    );
    let took = line["duration_ms"].as_f64().unwrap();
    assert!((400.0..3000.0).contains(&took), "after {took} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_the_rate_may_last() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), SLOW).await;
    let mut client = site.client().await;
    client.send(head(40 * 1000)).await;
    drip(&mut client, 40, 1000).await;
    assert_eq!(client.answer().await.json()["body_length"], 40_000);
    limited(&site, "request_body_rate", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_body_has_the_grace_for_itself() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), SLOW).await;
    let mut client = site.client().await;
    for _ in 0..25 {
        client.send(head(2)).await;
        client.send("a").await;
        sleep(PAUSE).await;
        client.send("b").await;
        assert_eq!(client.answer().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_reads_slowly_is_not_the_clients_fault() {
    let length = large().len();
    let endpoint = Scripted::start(move |mut link| async move {
        link.head().await;
        for _ in 0..30 {
            link.take(1000).await;
            sleep(PAUSE).await;
        }
        link.take(length - 30_000).await;
        link.write(OK).await;
        link.end().await;
    })
    .await;
    let site = before(endpoint.addr(), SLOW).await;
    let mut client = site.client().await;
    assert_eq!(client.exchange(post("/", &large())).await.status, 200);
    limited(&site, "request_body_rate", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_the_endpoint_costs_the_client_nothing() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), SLOW).await;
    let mut client = site.client().await;
    client.send(post("/slow/1500", b"body")).await;
    assert_eq!(client.answer().await.status, 200);
    // Seven bytes each 50 ms, as server-sent events may come.
    assert_eq!(client.get("/stream/1500").await.text().lines().count(), 30);
    limited(&site, "request_body_rate", 0.0).await;
    limited(&site, "response_body_rate", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_continue_costs_the_client_nothing() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        assert_eq!(link.take(4).await, b"body");
        link.write(OK).await;
        link.end().await;
    })
    .await;
    let site = before(endpoint.addr(), SLOW).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100, "after a second");
    client.send("body").await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_has_no_pace() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            .await;
        link.take(30).await;
        link.write("done").await;
        link.end().await;
    })
    .await;
    let site = before(endpoint.addr(), SLOW).await;
    let mut client = site.client().await;
    client.send(head(30)).await;
    assert_eq!(client.answer_head().await.status, 200);
    drip(&mut client, 30, 1).await;
    assert_eq!(client.take(4).await, b"done");
    limited(&site, "request_body_rate", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_has_no_pace() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), SLOW).await;
    let mut client = site.client().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 101);
    for _ in 0..30 {
        client.send("x").await;
        assert_eq!(client.take(1).await, b"x");
        sleep(PAUSE).await;
    }
}

const READ: &str = "min_body_rate = \"1MiB\"\nbody_rate_grace = \"500ms\"";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_too_slowly_is_broken_off() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), READ).await;
    let mut client = Raw::connect_narrow(site.addr()).await;
    client.send(get(&format!("/bytes/{}", large().len()))).await;
    assert_eq!(client.answer_head().await.status, 200);
    let mut taken = 0;
    while site.metric("cutover_connections_open").await > 0.0 {
        client.take(2000).await;
        taken += 2000;
        sleep(PAUSE).await;
    }
    // 40 kB a second, never without a byte for long.
    assert!((2000..400_000).contains(&taken), "{taken} bytes were taken");
    limited(&site, "response_body_rate", 1.0).await;
    limited(&site, "idle", 0.0).await;
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    let line = &site.access_log(1).await[0];
    assert_eq!(line["cause"], json!("response taken too slowly"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_above_the_rate_may_last() {
    let blue = Answering::start("blue").await;
    let site = before(blue.addr(), READ).await;
    let mut client = site.client().await;
    let body = large();
    client.send(get(&format!("/bytes/{}", body.len()))).await;
    assert_eq!(client.answer_head().await.status, 200);
    // A pause of half the grace, again and again.
    for piece in body.chunks(4_000_000) {
        assert!(client.take(piece.len()).await == piece);
        sleep(Duration::from_millis(250)).await;
    }
    limited(&site, "response_body_rate", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_pile_up_unread_end_the_connection() {
    let blue = Answering::start("blue").await;
    let idle = "timeouts.idle = \"500ms\"";
    for (listener, service, limit) in [(READ, "", "response_body_rate"), ("", idle, "idle")] {
        let site = with(listener, &shop(&[blue.addr()], &[], service)).await;
        let mut client = Raw::connect_narrow(site.addr()).await;
        // Small answers, many of them: between two of them no request is being served.
        let many = get("/").repeat(20_000);
        while client.try_send(&many).await {}
        limited(&site, limit, 1.0).await;
        site.counts("cutover_connections_open", 0.0).await;
    }
}
