//! `max_buffered`: who is given up, and what they hear.

use serde_json::json;

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{Raw, get},
        eventually, large,
        scripted::Scripted,
        site::{Site, shop},
    },
};

fn config(max: &str, endpoint: std::net::SocketAddr) -> String {
    let process = format!(
        "[process]\nworkers = 2\nmax_buffered = \"{max}\"\naccess_log = \"{{dir}}/access.log\"\n"
    );
    process + &shop(&[endpoint], &[], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stands_still_is_broken_off_and_one_that_moves_is_not() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config("1MiB", blue.addr())).await;
    let body = large();
    let ask = get(&format!("/bytes/{}", body.len()));
    let mut still = Vec::new();
    for _ in 0..6 {
        let mut client = Raw::connect_narrow(site.addr()).await;
        client.send(&ask).await;
        assert_eq!(client.answer_head().await.status, 200);
        still.push(client);
    }
    let mut moving = site.client().await;
    assert_eq!(
        moving
            .get(&format!("/bytes/{}", body.len()))
            .await
            .body
            .len(),
        body.len()
    );
    eventually("some are given up", async || {
        site.metric("cutover_limited_total{limit=\"max_buffered\"}")
            .await
            >= 2.0
    })
    .await;
    eventually("the rest fits", async || {
        site.metric("cutover_buffered_bytes").await <= 1_048_576.0
    })
    .await;
    let lines = site.access_log(3).await;
    let given_up = lines
        .iter()
        .filter(|line| line["cause"] == json!("buffers full"))
        .count();
    assert!((2..=5).contains(&given_up), "{given_up} of six");
    assert_eq!(moving.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_its_endpoint_does_not_take_is_a_503() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.take(1_000_000).await;
        std::future::pending::<()>().await;
    })
    .await;
    let site = Site::start(&config("1MiB", endpoint.addr())).await;
    let body = large();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = site.client().await;
        let body = body.clone();
        let head = head.clone();
        clients.push(tokio::spawn(async move {
            client.send(head).await;
            client.try_exchange(&body).await
        }));
    }
    let mut refused = 0;
    for client in clients {
        let Some(answer) = client.await.unwrap() else {
            continue;
        };
        assert_eq!(answer.status, 503);
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(
            answer.text().contains("buffers full (proxy)"),
            "{}",
            answer.text()
        );
        refused += 1;
    }
    assert!(refused >= 1);
    // A client that was still sending may have lost its answer to the end of the connection.
    let counted = site
        .metric("cutover_limited_total{limit=\"max_buffered\"}")
        .await;
    assert!((f64::from(refused)..=20.0).contains(&counted), "{counted}");
    // Nothing speaks against the endpoint.
    let view = site.endpoint("shop", endpoint.addr()).await;
    assert_eq!(view.ejected_for_ms, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_nobody_is_given_up() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config("0B", blue.addr())).await;
    let body = large();
    let mut clients = Vec::new();
    for _ in 0..6 {
        let mut client = Raw::connect_narrow(site.addr()).await;
        client.send(get(&format!("/bytes/{}", body.len()))).await;
        assert_eq!(client.answer_head().await.status, 200);
        clients.push(client);
    }
    eventually(
        "more stands in buffers than a bound would let",
        async || site.metric("cutover_buffered_bytes").await > 1_048_576.0,
    )
    .await;
    limited(&site, "max_buffered", 0.0).await;
    site.counts("cutover_connections_open", 6.0).await;
}
