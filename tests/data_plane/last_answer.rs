//! The last answer of a connection: it may wait for the end to leave with it, and must not be lost or late for that.

use std::time::Duration;

use crate::support::{
    client::Raw,
    pattern,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await
}

async fn asked(site: &Site) -> Raw {
    let mut client = site.client().await;
    client.send(LAST).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_whole_whatever_its_size() {
    let sizes = [0, 1, 1_000, 8_000, 8_192, 9_000, 70_000, 1_000_000];
    for size in sizes {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
        let answer = [head.as_bytes(), &pattern(size)].concat();
        let endpoint = Scripted::answering(answer).await;
        let site = before(&endpoint).await;
        let mut client = asked(&site).await;
        let answer = client.answer().await;
        assert!(answer.body == pattern(size), "{size}");
        assert_eq!(answer.field("connection"), Some("close"), "{size}");
        client.closed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_of_it_does_not_wait_for_the_rest() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        // The client asks for each piece by its body, having seen the one before.
        for _ in 0..3 {
            link.until("next").await;
            link.write("4\r\nhere\r\n").await;
        }
        link.write("0\r\n\r\n").await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 12\r\n\r\n")
        .await;
    client.answer_head().await;
    for _ in 0..3 {
        client.send("next").await;
        assert_eq!(client.take(9).await, b"4\r\nhere\r\n");
    }
    assert_eq!(client.rest().await, b"0\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_word_to_go_on_does_not_wait() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(link.take(4).await, b"body");
        link.write(OK).await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\
             Expect: 100-continue\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("body").await;
    assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_before_it_come_first_and_come_whole() {
    let endpoint = Scripted::start(|mut link| async move {
        while let Some(head) = link.try_head().await {
            if head.starts_with("GET /broken") {
                // Announced, and not delivered.
                link.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour")
                    .await;
                return;
            }
            link.write(OK).await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send([first, first, LAST].concat()).await;
    for _ in 0..3 {
        assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
    }
    client.closed().await;
    let mut client = site.client().await;
    let broken = LAST.replace("GET /", "GET /broken");
    client.send([first, &broken].concat()).await;
    assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
    client.try_answer().await.expect_err("it is cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_its_time_gets_all_of_it() {
    let endpoint = Scripted::answering(
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n",
            &pattern(3_000_000)[..],
        ]
        .concat(),
    )
    .await;
    let site = before(&endpoint).await;
    let mut client = Raw::connect_narrow(site.addr()).await;
    client.send(LAST).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(client.answer().await.body == pattern(3_000_000));
    client.closed().await;
}
