//! `Expect: 100-continue` is the endpoint's to answer: the client's body waits for its word.

use std::time::{Duration, Instant};

use crate::support::{
    answering::Answering,
    scripted::{OK, Scripted},
    site::{Site, shop},
};

const HEAD: &str =
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&shop(&[endpoint.addr()], &[], "")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_goes_out_when_the_endpoint_says_continue() {
    let endpoint = Scripted::start(|mut link| async move {
        for _ in 0..2 {
            let head = link.head().await;
            assert!(head.contains("expect: 100-continue\r\n"), "{head}");
            link.hears_nothing_for(Duration::from_millis(100)).await;
            link.write("HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(link.take(4).await, b"body");
            link.write(OK).await;
        }
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for _ in 0..2 {
        client.send(HEAD).await;
        assert_eq!(client.answer().await.status, 100);
        client.send("body").await;
        assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
    }
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_never_sees_the_body() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
            .await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client.send(HEAD).await;
    assert_eq!(client.answer().await.said(), (413, "no".to_owned()));
    endpoint.left_alone().await;
    assert!(endpoint.received(0).ends_with("\r\n\r\n"), "no body");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_says_nothing_gets_the_body_after_a_second() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        assert_eq!(link.take(4).await, b"body");
        link.write(OK).await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let began = now();
    client.send(HEAD).await;
    assert_eq!(client.answer().await.status, 100);
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(800), "{waited:?}");
    assert!(waited <= Duration::from_secs(3), "{waited:?}");
    client.send("body").await;
    assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_wait_is_served_all_the_same() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        client.send(format!("{HEAD}body")).await;
        let mut answer = client.answer().await;
        if answer.status == 100 {
            answer = client.answer().await;
        }
        assert_eq!(answer.json()["body_length"], 4);
    }
    assert_eq!((blue.requests(), blue.connections()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expectation_without_a_body_is_met_already() {
    let endpoint = Scripted::answering(OK).await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert!(!endpoint.received(0).contains("expect"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_10_client_never_hears_of_continue() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody")
        .await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, &answer.json()["body_length"]),
        (200, &4.into())
    );
    client.closed().await;
    assert_eq!(blue.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_that_nobody_asked_for_do_not_pass_for_the_answer() {
    let endpoint = Scripted::answering(format!(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{OK}"
    ))
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        let mut answer = client.get("/").await;
        while answer.status < 200 {
            answer = client.answer().await;
        }
        assert_eq!(answer.said(), (200, "ok".to_owned()));
    }
    assert_eq!(endpoint.connections(), 1);
}

#[expect(clippy::disallowed_methods, reason = "a test measures a wait")]
fn now() -> Instant {
    Instant::now()
}
