//! The same bounds where many requests share a connection: what meets one ends a stream, and the others go on.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    limited,
    support::{
        answering::Answering,
        eventually,
        frames::{
            END_STREAM, Frame, FrameClient, HEADERS, RST_STREAM, data, get, headers, request,
            window_update,
        },
        large, pattern,
        scripted::Scripted,
        site::{Site, shop},
    },
};

fn config(process: &str, listener: &str, shop: &str) -> String {
    format!(
        "[process]\nworkers = 1\n{process}\n[listener.web]\nlisten = \"127.0.0.1:0\"\n{listener}\n{shop}"
    )
}

/// A connection that may be sent much, of which each stream takes little.
async fn roomy(site: &Site) -> FrameClient {
    let mut client = FrameClient::greet(site.addr()).await;
    client.send(&window_update(0, 100_000_000)).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_a_413_of_its_stream() {
    let endpoint = Scripted::start(|mut link| async move { link.end().await }).await;
    let site = Site::start(&shop(
        &[endpoint.addr()],
        &[],
        "max_request_body = \"1KiB\"",
    ))
    .await;
    let mut client = FrameClient::greet(site.addr()).await;
    let mut fields = request("POST", "/");
    fields.push(("content-length", "1025"));
    client.send(&headers(1, 0, &fields)).await;
    assert_eq!(client.answer(1).await.0, 413);
    client.is_alive().await;
    assert_eq!(endpoint.connections(), 0);
    let mut client = FrameClient::greet(site.addr()).await;
    client.send(&headers(1, 0, &request("POST", "/"))).await;
    client.send(&data(1, 0, pattern(1024))).await;
    // Else it may be refused before the endpoint has been met at all.
    endpoint.connected(1).await;
    client.send(&data(1, END_STREAM, pattern(1))).await;
    assert_eq!(client.answer(1).await.0, 413);
    endpoint.left_alone().await;
    assert!(
        !endpoint.received(0).ends_with("0\r\n\r\n"),
        "the body seems whole"
    );
    limited(&site, "max_request_body", 2.0).await;
    client.is_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_too_slowly_is_a_408_of_its_stream() {
    let blue = Answering::start("blue").await;
    let keys = "min_body_rate = \"2KiB\"\nbody_rate_grace = \"500ms\"";
    let site = Site::start(&config("", keys, &shop(&[blue.addr()], &[], ""))).await;
    let mut client = FrameClient::greet(site.addr()).await;
    client.send(&headers(1, 0, &request("POST", "/"))).await;
    for number in 0..30 {
        client.send(&data(1, 0, *b"x")).await;
        sleep(Duration::from_millis(50)).await;
        assert_eq!(client.get(3 + 2 * number, "/").await.0, 200, "others go on");
    }
    limited(&site, "request_body_rate", 1.0).await;
    let mut heads = client
        .seen
        .iter()
        .filter(|frame| frame.kind == HEADERS && frame.stream == 1);
    assert_eq!(heads.next().map(Frame::status), Some(408));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_too_slowly_ends_its_stream() {
    let blue = Answering::start("blue").await;
    let keys = "min_body_rate = \"1MiB\"\nbody_rate_grace = \"500ms\"";
    let site = Site::start(&config("", keys, &shop(&[blue.addr()], &[], ""))).await;
    let mut client = roomy(&site).await;
    let path = format!("/bytes/{}", large().len());
    client.send(&headers(1, END_STREAM, &get(&path))).await;
    assert_eq!(client.head(1).await.status(), 200);
    client
        .wait(|frame| frame.kind == RST_STREAM && frame.stream == 1)
        .await;
    limited(&site, "response_body_rate", 1.0).await;
    assert_eq!(client.get(3, "/").await.0, 200);
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_nobody_takes_do_not_pile_up() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config(
        "max_buffered = \"1MiB\"",
        "",
        &shop(&[blue.addr()], &[], ""),
    ))
    .await;
    let mut client = roomy(&site).await;
    let path = format!("/bytes/{}", large().len());
    for number in 0..50 {
        client
            .send(&headers(1 + 2 * number, END_STREAM, &get(&path)))
            .await;
    }
    eventually("some are given up", async || {
        site.metric("cutover_limited_total{limit=\"max_buffered\"}")
            .await
            >= 10.0
    })
    .await;
    eventually("the rest fits", async || {
        site.metric("cutover_buffered_bytes").await <= 1_048_576.0
    })
    .await;
    client.wait(|frame| frame.kind == RST_STREAM).await;
    assert_eq!(client.get(201, "/").await.0, 200, "others go on");
}
