//! An endpoint may answer before it has read the request; the client hears it, and the connection, on which
//! half a request stands, is not used again.

use crate::support::{
    client::get,
    pattern,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const TOO_LARGE: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\n\r\ntoo large";

async fn refusing() -> Scripted {
    Scripted::start(|mut link| async move {
        while let Some(head) = link.try_head().await {
            if head.starts_with("GET") {
                link.write(OK).await;
                continue;
            }
            link.write(TOO_LARGE).await;
            link.end().await;
            return;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_overtakes_an_upload_that_has_stopped() {
    let endpoint = refusing().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\npart")
        .await;
    assert_eq!(client.answer().await.said(), (413, "too large".to_owned()));
    // The rest of the body cannot be told from a request: the connection ends.
    client.try_send(get("/smuggled")).await;
    client.closed().await;
    endpoint.left_alone().await;
    assert_eq!(site.client().await.get("/next").await.status, 200);
    assert_eq!(endpoint.connections(), 2);
    assert!(!endpoint.received(1).contains("smuggled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_a_client_that_goes_on_sending() {
    let endpoint = refusing().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    // Neither framing is complete with it: the connection must not be used again.
    let body = pattern(700_000);
    for framing in ["Content-Length: 800000", "Transfer-Encoding: chunked"] {
        let mut client = site.client().await;
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"))
            .await;
        if framing.contains("chunked") {
            client.try_send("aae60\r\n").await;
        }
        client.try_send(&body).await;
        let answer = client.answer().await;
        assert_eq!(answer.said(), (413, "too large".to_owned()), "{framing}");
    }
    endpoint.left_alone().await;
    assert_eq!(endpoint.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_answers_and_closes_on_an_upload_is_heard() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        // Closed with unread bytes in it, the connection is reset.
        link.write(TOO_LARGE).await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "passive.eject = \"0s\"")).await;
    let body = pattern(2_000_000);
    for attempt in 0..30 {
        let mut client = site.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n")
            .await;
        client.try_send(&body).await;
        let answer = client.answer().await;
        assert_eq!(answer.said(), (413, "too large".to_owned()), "{attempt}");
    }
    assert_eq!(endpoint.connections(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_that_is_still_going_on_does_not_stop_the_upload() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .await;
        link.until("the end").await;
        link.write("done").await;
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n")
        .await;
    assert_eq!(client.answer_head().await.status, 200);
    assert_eq!(client.take(4).await, b"half");
    client.send("here the end").await;
    assert_eq!(client.take(4).await, b"done");
    assert!(endpoint.received(0).ends_with("\r\n\r\nhere the end"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_breaks_its_body_after_an_early_answer_is_at_fault_itself() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            .await;
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(client.answer_head().await.status, 200);
    client.send("4\r\npart\r\nno chunk size\r\n").await;
    assert_eq!(client.rest().await, b"half");
    endpoint.left_alone().await;
    let labels = "{service=\"shop\",colour=\"blue\"}";
    site.counts(&format!("cutover_requests_in_flight{labels}"), 0.0)
        .await;
    site.counts(&format!("cutover_upstream_failures_total{labels}"), 0.0)
        .await;
}
