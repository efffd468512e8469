//! `max_request_body`: a body that is too large is a 413, and the endpoint never takes a part of it for the whole.

use std::time::Duration;

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{chunked, get, post},
        pattern,
        scripted::{OK, Scripted, find},
        site::{ONE_WORKER, Site, service, shop},
    },
};

const MAX: usize = 10 * 1024;
const KEY: &str = "max_request_body = \"10KiB\"";
const CHUNKED: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], KEY))).await
}

/// An endpoint that reads what comes until the connection ends, and answers nothing.
async fn listening() -> Scripted {
    Scripted::start(|mut link| async move { link.end().await }).await
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    [CHUNKED.as_bytes(), &chunked(body, 1000)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_up_to_the_bound_passes_however_it_is_framed() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], KEY)).await;
    let mut client = site.client().await;
    for length in [0, 1, MAX - 1, MAX] {
        let body = pattern(length);
        for request in [post("/echo", &body), in_chunks(&body)] {
            let answer = client.exchange(request).await;
            assert_eq!((answer.status, answer.body.len()), (200, length));
        }
    }
    limited(&site, "max_request_body", 0.0).await;
    assert_eq!(blue.requests(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_above_it_is_refused_before_anything_reaches_the_endpoint() {
    let endpoint = listening().await;
    let site = before(&endpoint).await;
    for (count, body) in [(1.0, pattern(MAX + 1)), (2.0, pattern(1_000_000))] {
        let mut client = site.client().await;
        client.try_send(post("/", &body)).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(answer.text().contains("request body too large (client)"));
        client.closed().await;
        limited(&site, "max_request_body", count).await;
    }
    assert_eq!(endpoint.connections(), 0);
    let refused = "cutover_requests_total{service=\"shop\",colour=\"blue\",class=\"4xx\"}";
    site.counts(refused, 2.0).await;
    let failures = "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}";
    site.counts(failures, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_go_beyond_it_end_the_exchange_before_the_last_one() {
    let endpoint = listening().await;
    let site = before(&endpoint).await;
    for length in [MAX + 1, 100_000] {
        let mut client = site.client().await;
        client.try_send(in_chunks(&pattern(length))).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.field("connection"), Some("close"));
        client.closed().await;
    }
    // One chunk that alone is too large: its size says so, but only its bytes count.
    let mut client = site.client().await;
    client.send(format!("{CHUNKED}fffffff\r\n")).await;
    client.hears_nothing_for(Duration::from_millis(100)).await;
    client.try_send(pattern(MAX + 1)).await;
    assert_eq!(client.answer().await.status, 413);
    endpoint.left_alone().await;
    for connection in 0..endpoint.connections() {
        let received = endpoint.bytes(connection);
        let head = find(&received, b"\r\n\r\n").expect("a head") + 4;
        let body = &received[head..];
        assert!(find(body, b"\r\n0\r\n").is_none(), "the body seems whole");
        assert!(body.len() < MAX + 1024, "{} bytes", body.len());
    }
    limited(&site, "max_request_body", 3.0).await;
    // Nothing speaks against the endpoint.
    let view = site.endpoint("shop", endpoint.addr()).await;
    assert_eq!(view.ejected_for_ms, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_told_without_sending_the_body() {
    let endpoint = listening().await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10241\r\nExpect: 100-continue\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 413, "and no 100 before it");
    assert_eq!(answer.field("connection"), Some("close"));
    client.closed().await;
    assert_eq!(endpoint.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_begun_is_broken_off() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(format!("{CHUNKED}5\r\nfirst\r\n")).await;
    assert_eq!(client.answer_head().await.status, 200);
    assert_eq!(client.take(4).await, b"half");
    client.try_send(chunked(&pattern(MAX), MAX)).await;
    assert_eq!(client.rest().await, b"", "nothing that could end it well");
    endpoint.left_alone().await;
    assert!(!endpoint.received(0).ends_with("0\r\n\r\n"));
    limited(&site, "max_request_body", 1.0).await;
    let failures = "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}";
    site.counts(failures, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_service_has_a_bound_of_its_own_and_a_reload_changes_it() {
    let blue = Answering::start("blue").await;
    let pools = [&[blue.addr()][..], &[]];
    let config =
        |key: &str| service("small", "/small", pools, key) + &service("large", "/large", pools, "");
    let site = Site::start(&config("max_request_body = \"1KiB\"")).await;
    let body = pattern(2000);
    let mut client = site.client().await;
    assert_eq!(client.exchange(post("/large", &body)).await.status, 200);
    assert_eq!(client.exchange(post("/small", &body)).await.status, 413);
    for key in ["max_request_body = \"2000B\"", "max_request_body = \"0B\""] {
        site.rewrite(&config(key)).await;
        let mut client = site.client().await;
        assert_eq!(client.exchange(post("/small", &body)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_refused_body_is_not_taken_for_a_request() {
    let endpoint = Scripted::answering(OK).await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let length = MAX + 1;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    client.try_send(get("/smuggled")).await;
    assert_eq!(client.answer().await.status, 413);
    client.try_send(get("/smuggled")).await;
    client.closed().await;
    assert_eq!(site.client().await.get("/next").await.status, 200);
    assert!(!endpoint.received(0).contains("smuggled"));
}
