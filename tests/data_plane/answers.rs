//! What cutover says in its own words: short, with the request's id, the side and the cause.

use serde_json::json;

use crate::support::{
    answering::Answering,
    client::Answer,
    scripted::{OK, Scripted},
    site::{Site, nobody, service, shop},
};

async fn ask(site: &Site, fields: &str) -> Answer {
    let mut client = site.client().await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: id-1\r\n{fields}\r\n"
        ))
        .await;
    let answer = client.answer().await;
    // The connection is as good as before.
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.status, answer.status);
    answer
}

/// Asks three times, and looks at every form of the answer.
async fn says(site: &Site, status: u16, cause: &str, side: &str) {
    let plain = ask(site, "").await;
    assert_eq!(plain.status, status);
    assert_eq!(plain.field("x-request-id"), Some("id-1"));
    assert_eq!(
        plain.field("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(plain.field("cache-control"), Some("no-store"));
    assert_eq!(plain.field("retry-after"), (status == 503).then_some("1"));
    let text = plain.text();
    assert!(text.starts_with(&status.to_string()), "{text}");
    assert!(
        text.ends_with(&format!(": {cause} ({side}), request id-1\n")),
        "{text}"
    );
    for accept in [
        "application/json",
        "application/problem+json, text/plain;q=0.5",
    ] {
        let answer = ask(site, &format!("Accept: {accept}\r\n")).await;
        let said = json!({"status": status, "error": cause, "side": side, "request_id": "id-1"});
        assert_eq!(answer.json(), said, "{accept}");
        assert_eq!(answer.field("content-type"), Some("application/json"));
    }
    let browser = ask(
        site,
        "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n",
    )
    .await;
    assert_eq!(browser.text(), text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_route_is_a_404() {
    let blue = Answering::start("blue").await;
    let elsewhere = service("shop", "other.test/", [&[blue.addr()], &[]], "");
    let site = Site::start(&elsewhere).await;
    says(&site, 404, "no route", "client").await;
    site.counts("cutover_unrouted_requests_total", 8.0).await;
    assert_eq!(blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_connections_is_a_502() {
    let site = Site::start(&shop(&[nobody()], &[], "")).await;
    says(&site, 502, "connect refused", "endpoint").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_head_has_no_body_even_if_it_is_cutovers_own() {
    let site = Site::start(&shop(&[nobody()], &[], "")).await;
    let mut client = site.client().await;
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.answer_to_head().await;
        assert_eq!(answer.status, 502);
        assert!(answer.field("x-request-id").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_speak_http_is_a_502() {
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nok",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
    ] {
        let endpoint = Scripted::answering(answer).await;
        let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
        says(&site, 502, "malformed response", "endpoint").await;
        assert_eq!(
            endpoint.connections(),
            8,
            "no such connection is used twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_closes_without_a_word_is_a_502() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    says(
        &site,
        502,
        "connection closed before the response",
        "endpoint",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer_is_a_504() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.end().await;
    })
    .await;
    let site = Site::start(&shop(
        &[endpoint.addr()],
        &[],
        "timeouts.response = \"50ms\"",
    ))
    .await;
    says(&site, 504, "response timeout", "endpoint").await;
    endpoint.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_ready_endpoint_is_a_503_where_it_is_to_be() {
    let blue = Answering::start("blue").await;
    let keys = "on_all_unhealthy = \"reject\"\n\
                probe.interval = \"50ms\"\nprobe.rise = 1\nprobe.fall = 1\nprobe.path = \"/healthz\"";
    blue.unwell(true);
    let site = Site::start(&shop(&[blue.addr()], &[], keys)).await;
    says(&site, 503, "no ready endpoint", "proxy").await;
    assert_eq!(blue.requests(), 0);
    blue.unwell(false);
    site.ready("shop", cutover::core::ids::Colour::Blue, 1)
        .await;
    assert_eq!(site.client().await.get("/").await.status, 200);
    assert_eq!(blue.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_ready_endpoint_is_tried_otherwise() {
    let blue = Answering::start("blue").await;
    let keys = "probe.interval = \"50ms\"\nprobe.rise = 1\nprobe.path = \"/healthz\"";
    blue.unwell(true);
    let site = Site::start(&shop(&[blue.addr()], &[], keys)).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
    assert_eq!(site.service("shop").await.pools.blue.ready, 0);
    assert_eq!(blue.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_request_that_went_nowhere_is_never_taken_for_a_request() {
    let endpoint = Scripted::answering(OK).await;
    let only = service("shop", "shop.test/", [&[endpoint.addr()], &[]], "");
    let site = Site::start(&only).await;
    let inner = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n";
    for (framing, body) in [
        (format!("Content-Length: {}", inner.len()), inner.to_owned()),
        (
            "Transfer-Encoding: chunked".to_owned(),
            format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len()),
        ),
    ] {
        let mut client = site.client().await;
        client
            .send(format!(
                "POST / HTTP/1.1\r\nHost: other.test\r\n{framing}\r\n\r\n"
            ))
            .await;
        assert_eq!(client.answer().await.status, 404);
        client.try_send(&body).await;
        // Either the body was read and thrown away, or the connection has ended; both are sound.
        client
            .try_send("GET /after HTTP/1.1\r\nHost: shop.test\r\n\r\n")
            .await;
        if let Ok(answer) = client.try_answer().await {
            assert_eq!(answer.said(), (200, "ok".to_owned()));
        }
    }
    for connection in 0..endpoint.connections() {
        let received = endpoint.received(connection);
        assert!(!received.contains("smuggled"), "{received}");
    }
}
