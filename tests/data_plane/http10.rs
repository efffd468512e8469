//! HTTP/1.0 on either side: older clients and endpoints are served in their own terms.

use crate::support::{
    answering::Answering,
    pattern,
    scripted::Scripted,
    site::{ONE_WORKER, Site, shop},
};

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&shop(&[endpoint.addr()], &[], "")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_10_client_is_answered_in_its_own_terms() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    // Without keep-alive the connection ends with the answer.
    let mut client = site.client().await;
    client.send("GET /bytes/9 HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer().await.body, pattern(9));
    client.closed().await;
    // With it, it does not.
    let mut client = site.client().await;
    for _ in 0..2 {
        client
            .send("GET /bytes/9 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.body, pattern(9));
        assert_eq!(answer.field("connection"), Some("keep-alive"));
    }
    // It does not know chunks: a body of unknown length ends with the connection.
    client
        .send("POST /echo HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")
        .await;
    assert_eq!(client.answer().await.text(), "hi");
    let mut client = site.client().await;
    client
        .send("GET /stream/100 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.text(), "line 0\nline 1\n");
    assert_eq!(answer.field("transfer-encoding"), None);
    client.closed().await;
    assert_eq!(blue.requests(), 5);
    assert_eq!(blue.connections(), 1, "the endpoint's side is its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_10_endpoint_is_understood() {
    let endpoint = Scripted::start(|mut link| async move {
        let head = link.head().await;
        assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
        if link.number == 0 {
            link.write("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc")
                .await;
        } else {
            link.write("HTTP/1.0 200 OK\r\n\r\n").await;
            link.write(pattern(300_000)).await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let answer = client.get("/").await;
    assert_eq!(
        (answer.version.as_str(), answer.text().as_str()),
        ("HTTP/1.1", "abc")
    );
    let answer = client.get("/").await;
    assert!(answer.body == pattern(300_000));
    assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
    assert_eq!(
        client.get("/").await.status,
        200,
        "the client's connection lives on"
    );
    assert_eq!(endpoint.connections(), 3, "HTTP/1.0 without keep-alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_10_endpoint_does_not_spoil_the_next_request() {
    let endpoint = Scripted::start(|mut link| async move {
        while let Some(head) = link.try_head().await {
            if head.starts_with("POST") {
                link.until("0\r\n\r\n").await;
            }
            link.write("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
                .await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for number in 0..3 {
        assert_eq!(client.get("/").await.text(), "ok");
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.text(), "ok", "{number}");
    }
    let all: String = (0..endpoint.connections())
        .map(|connection| endpoint.received(connection))
        .collect();
    assert_eq!(
        all.matches("\r\n4\r\nbody\r\n0\r\n\r\n").count(),
        3,
        "{all}"
    );
}
