//! Every wait ends, and whoever is at fault is told so.

use std::time::Duration;

use tokio::time::sleep;

use crate::support::{
    answering::Answering,
    client::{Raw, get, post},
    eventually, large,
    scripted::{Full, OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const IDLE: &str = "timeouts.idle = \"300ms\"";

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_accept_in_time_is_a_504() {
    let full = Full::start().await;
    let addr = full.addr;
    let keys = "timeouts.connect = \"200ms\"";
    let site = Site::start(&shop(&[addr], &[], keys)).await;
    let mut client = site.client().await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(
        answer.text().contains("connect timeout"),
        "{}",
        answer.text()
    );
    let timeouts = "cutover_upstream_connect_failures_total{service=\"shop\",colour=\"blue\",reason=\"timeout\"}";
    site.counts(timeouts, 1.0).await;
    // Where there is another endpoint, nobody hears of it.
    let blue = Answering::start("blue").await;
    site.rewrite(&shop(&[addr, blue.addr()], &[], keys)).await;
    for _ in 0..4 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(blue.requests(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_connection_takes_long_is_not_taken_for_none() {
    let full = Full::start().await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nkeep_alive = \"100ms\"\n\
                    header_read_timeout = \"100ms\"\n";
    let keys =
        "timeouts.connect = \"700ms\"\ntimeouts.response = \"100ms\"\ntimeouts.idle = \"100ms\"";
    let site = Site::start(&(listener.to_owned() + &shop(&[full.addr], &[], keys))).await;
    for request in [get("/").into_bytes(), post("/", b"body")] {
        let mut client = site.client().await;
        client.send(request).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 504);
        assert!(
            answer.text().contains("connect timeout"),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_in_time_is_asked_for_once() {
    let silent = Scripted::start(|mut link| async move {
        link.head().await;
        link.end().await;
    })
    .await;
    let keys = "timeouts.response = \"200ms\"";
    let site = Site::start(&shop(&[silent.addr()], &[], keys)).await;
    let mut client = site.client().await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(
        answer.text().contains("response timeout"),
        "{}",
        answer.text()
    );
    silent.left_alone().await;
    assert_eq!(silent.connections(), 1);
    // A request with a body: the clock starts at its end.
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
        .await;
    client.hears_nothing_for(Duration::from_millis(400)).await;
    client.send("dy").await;
    assert_eq!(client.answer().await.status, 504);
    assert_eq!(silent.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_sending_its_body_is_answered_408() {
    let endpoint = Scripted::start(|mut link| async move {
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], IDLE)).await;
    for framing in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let mut client = site.client().await;
        client
            .send(format!(
                "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n5\r\n"
            ))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 408, "{framing}");
        assert!(
            answer.text().contains("request body timeout"),
            "{}",
            answer.text()
        );
        client.closed().await;
    }
    endpoint.left_alone().await;
    assert_eq!(endpoint.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stops_in_its_middle_is_broken_off() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .await;
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], IDLE)).await;
    let mut client = site.client().await;
    client.send(get("/")).await;
    let cut = client.try_answer().await.expect_err("it is not whole");
    assert_eq!(cut.0, b"half");
    endpoint.left_alone().await;
    site.counts(
        "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}",
        1.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_take_longer_than_the_idle_timeout_while_they_move() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], IDLE)).await;
    let mut client = site.client().await;
    let answer = client.get("/stream/900").await;
    assert_eq!(answer.text().lines().count(), 18);
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        .await;
    for _ in 0..9 {
        client.send("x").await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(client.answer().await.json()["body_length"], 9);
    assert_eq!(blue.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_let_go() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], IDLE)).await;
    let mut client = Raw::connect_narrow(site.addr()).await;
    let body = large();
    client.send(get(&format!("/bytes/{}", body.len()))).await;
    assert_eq!(client.answer_head().await.status, 200);
    site.counts("cutover_connections_open", 0.0).await;
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    let rest = client.rest().await;
    assert!(rest.len() < body.len(), "it was not all in the buffers");
    assert!(body.starts_with(&rest));
    assert_eq!(blue.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_read_its_request_is_a_504() {
    // Long enough for a busy machine to send what the kernel's buffers hold, without a pause that counts.
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        sleep(Duration::from_secs(9)).await;
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], IDLE)).await;
    // Made before, because making it takes longer than the idle timeout.
    let body = large();
    let mut client = site.client().await;
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        ))
        .await;
    let sending = client.try_send(&body).await;
    assert!(!sending, "nobody took it");
    let failures = "cutover_requests_total{service=\"shop\",colour=\"blue\",class=\"5xx\"}";
    site.counts(failures, 1.0).await;
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_connection_to_an_endpoint_is_closed_in_time() {
    let endpoint = Scripted::answering(OK).await;
    let keys = "connections.idle_timeout = \"200ms\"";
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], keys))).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((endpoint.connections(), endpoint.open()), (1, 1));
    endpoint.left_alone().await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(endpoint.connections(), 2);
}
