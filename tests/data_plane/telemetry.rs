//! What is counted and logged is what happened.

use serde_json::{Value, json};

use crate::support::{
    answering::Answering,
    client::{get, post},
    pattern,
    scripted::{OK, Scripted},
    site::{Site, shop},
};

const LOGGED: &str = "[process]\nworkers = 1\naccess_log = \"{dir}/access.log\"\n";
const LABELS: &str = "service=\"shop\",colour=\"blue\"";

/// The named parts of a line, in this order.
fn parts<const N: usize>(line: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| line[name].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_access_log_tells_what_happened() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(LOGGED.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut client = site.client().await;
    let sent = "POST /echo?q=1 HTTP/1.1\r\nHost: shop.test\r\nX-Request-Id: id-7\r\n\
                Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    client.send(sent).await;
    assert_eq!(client.answer().await.text(), "hello");
    let line = &site.access_log(1).await[0];
    assert_eq!(
        parts(
            line,
            ["client", "method", "target", "proto", "host", "status"]
        ),
        [
            json!("127.0.0.1"),
            json!("POST"),
            json!("/echo?q=1"),
            json!("HTTP/1.1"),
            json!("shop.test"),
            json!(200)
        ]
    );
    assert_eq!(
        parts(line, ["service", "colour", "endpoint", "tenure"]),
        [
            json!("shop"),
            json!("blue"),
            json!(blue.addr().to_string()),
            json!(1)
        ]
    );
    assert_eq!(
        parts(
            line,
            ["bytes_in", "bytes_out", "replays", "request_id", "cause"]
        ),
        [json!(5), json!(5), json!(0), json!("id-7"), json!(null)]
    );
    let took = line["duration_ms"].as_f64().unwrap();
    let head = line["head_ms"].as_f64().unwrap();
    assert!(0.0 < head && head <= took && took < 10_000.0, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_end_has_its_line() {
    let endpoint = Scripted::start(|mut link| async move {
        let head = link.head().await;
        if head.starts_with("GET /cut") {
            link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                .await;
        } else if head.starts_with("GET /leave") {
            link.end().await;
        } else if head.starts_with("GET /stale") {
            link.write(OK).await;
            link.head().await;
        }
    })
    .await;
    let keys = "passive.eject = \"0s\"";
    let site = Site::start(&(LOGGED.to_owned() + &shop(&[endpoint.addr()], &[], keys))).await;
    let seen = ["status", "cause", "bytes_out", "replays"];

    let mut client = site.client().await;
    client.send(get("/cut")).await;
    client.try_answer().await.expect_err("it is cut short");
    let lines = site.access_log(1).await;
    let cause = "connection closed within the response";
    assert_eq!(
        parts(&lines[0], seen),
        [json!(200), json!(cause), json!(4), json!(0)]
    );

    let mut client = site.client().await;
    client.send(get("/leave")).await;
    endpoint.connected(2).await;
    drop(client);
    let lines = site.access_log(2).await;
    let cause = "client closed the connection";
    assert_eq!(
        parts(&lines[1], seen),
        [json!(499), json!(cause), json!(0), json!(0)]
    );

    let mut client = site.client().await;
    client.send(post("/lost", b"order")).await;
    let answer = client.answer().await;
    let lines = site.access_log(3).await;
    let cause = "connection closed before the response";
    let length = answer.body.len();
    assert_eq!(
        parts(&lines[2], seen),
        [json!(502), json!(cause), json!(length), json!(0)]
    );
    assert_eq!(
        lines[2]["request_id"],
        answer.field("x-request-id").unwrap()
    );

    for _ in 0..2 {
        assert_eq!(client.get("/stale").await.status, 200);
    }
    let lines = site.access_log(5).await;
    assert_eq!(
        parts(&lines[4], seen),
        [json!(200), json!(null), json!(2), json!(1)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_head_has_its_line_too() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(LOGGED.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut client = site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .await;
    let answer = client.answer().await;
    let lines = site.access_log(1).await;
    assert_eq!(
        parts(&lines[0], ["status", "cause", "service", "endpoint"]),
        [
            json!(400),
            json!("repeated host field"),
            json!(null),
            json!(null)
        ]
    );
    assert_eq!(
        lines[0]["request_id"],
        answer.field("x-request-id").unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_has_its_line_when_it_closes() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(LOGGED.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut client = site.client().await;
    client
        .send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 101);
    client.send("12345").await;
    assert_eq!(client.take(5).await, b"12345");
    drop(client);
    let lines = site.access_log(1).await;
    assert_eq!(
        parts(&lines[0], ["status", "bytes_in", "bytes_out", "service"]),
        [json!(101), json!(5), json!(5), json!("shop")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_add_up() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        client.exchange(post("/echo", &pattern(1000))).await;
    }
    for status in [301, 404, 404, 500] {
        assert_eq!(
            client.get(&format!("/status/{status}")).await.status,
            status
        );
    }
    client.get("/bytes/500").await;
    for (series, value) in [
        ("cutover_requests_total{LABELS,class=\"2xx\"}", 4.0),
        ("cutover_requests_total{LABELS,class=\"3xx\"}", 1.0),
        ("cutover_requests_total{LABELS,class=\"4xx\"}", 2.0),
        ("cutover_requests_total{LABELS,class=\"5xx\"}", 1.0),
        ("cutover_request_duration_seconds_count{LABELS}", 8.0),
        ("cutover_request_bytes_total{LABELS}", 3000.0),
        ("cutover_response_bytes_total{LABELS}", 3500.0),
        ("cutover_upstream_connects_total{LABELS}", 1.0),
        ("cutover_upstream_failures_total{LABELS}", 0.0),
        ("cutover_replays_total{LABELS}", 0.0),
        ("cutover_requests_in_flight{LABELS}", 0.0),
        ("cutover_connections_accepted_total", 1.0),
        ("cutover_connections_open", 1.0),
    ] {
        site.counts(&series.replace("LABELS", LABELS), value).await;
    }
    assert_eq!(blue.requests(), 8);
}
