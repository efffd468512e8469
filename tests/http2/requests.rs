//! Requests over HTTP/2 are requests like any other, each for itself.

use std::{sync::Arc, time::Duration};

use cutover::core::ids::Colour::Blue;
use tokio::sync::Notify;

use crate::support::{
    answering::Answering,
    eventually, pattern,
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, nobody, shop},
    streams::{Pieces, Streams, get, piece, read, request},
};

async fn before(endpoint: &Scripted) -> (Site, Streams) {
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let client = Streams::connect(site.addr()).await;
    (site, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_http_1_sees_what_it_would_see_from_a_client_of_http_1() {
    let endpoint = Scripted::answering(OK).await;
    let (site, client) = before(&endpoint).await;
    let asked = request("GET", "/a/b?c=d")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("x-mine", "yes")
        .header("te", "trailers")
        .body(crate::support::streams::empty())
        .unwrap();
    assert_eq!(client.whole(asked).await.text(), "ok");
    let mut raw = site.client().await;
    raw.send(
        "GET /a/b?c=d HTTP/1.1\r\nHost: shop.test\r\nCookie: a=1; b=2\r\nX-Mine: yes\r\n\
         TE: trailers\r\nConnection: TE\r\n\r\n",
    )
    .await;
    raw.answer().await;
    let heads = endpoint.received(0);
    let mut heads = heads.split_inclusive("\r\n\r\n").map(|head| {
        let mut lines: Vec<_> = head
            .to_ascii_lowercase()
            .lines()
            .filter(|line| !line.starts_with("x-request-id"))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    });
    let (by_http2, by_http1) = (heads.next().unwrap(), heads.next().unwrap());
    assert_eq!(by_http2, by_http1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_pass_whole_both_ways_however_large() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let client = Streams::connect(site.addr()).await;
    let sent = pattern(3_000_000);
    let answer = client.post("/echo", sent.clone()).await;
    assert!(answer.body == sent);
    let answer = client.get("/bytes/3000000").await;
    assert!(answer.body == sent);
    assert_eq!(answer.field("content-length"), Some("3000000"));
    let answer = client.get("/status/204").await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
    let head = request("HEAD", "/bytes/100")
        .body(crate::support::streams::empty())
        .unwrap();
    let answer = client.whole(head).await;
    assert_eq!(
        (answer.field("content-length"), answer.body.len()),
        (Some("100"), 0)
    );
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_do_not_wait_for_each_other() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let client = Streams::connect(site.addr()).await;
    let slow: Vec<_> = (0..99).map(|_| client.send(get("/slow/600"))).collect();
    let slow: Vec<_> = slow.into_iter().map(tokio::spawn).collect();
    eventually("99 requests in flight", async || blue.in_flight() == 99).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(client.get("/").await.status, 200);
    assert!(begun.elapsed() < Duration::from_millis(500));
    for answer in slow {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    let labels = "{service=\"shop\",colour=\"blue\",class=\"2xx\"}";
    site.counts(&format!("cutover_requests_total{labels}"), 100.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_both_ways() {
    let endpoint = Scripted::start(|mut link| async move {
        let head = link.head().await;
        assert!(head.contains("trailer: x-sum\r\n"), "{head}");
        assert!(head.contains("te: trailers\r\n"), "{head}");
        assert_eq!(
            link.until("\r\n\r\n").await,
            "4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n"
        );
        link.write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-late\r\n\r\n\
             2\r\nok\r\n0\r\nx-late: yes\r\ncontent-length: 9\r\n\r\n",
        )
        .await;
        link.end().await;
    })
    .await;
    let (_site, client) = before(&endpoint).await;
    let (pieces, body) = Pieces::new();
    let asked = request("POST", "/")
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .body(body)
        .unwrap();
    let answer = client.send(asked);
    pieces.send("body").await;
    pieces.end_with("x-sum", "7").await;
    let answer = read(answer.await.unwrap()).await.unwrap();
    assert_eq!(answer.text(), "ok");
    assert_eq!(answer.trailer("x-late"), Some("yes"));
    assert_eq!(answer.trailer("content-length"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_ends_the_upload_and_nothing_else() {
    let endpoint = Scripted::start(|mut link| async move {
        while link.try_head().await.is_some() {
            link.write(OK).await;
        }
    })
    .await;
    let (_site, client) = before(&endpoint).await;
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/early").body(body).unwrap());
    let answer = read(answer.await.unwrap()).await.unwrap();
    assert_eq!(answer.text(), "ok");
    // RFC 9113 section 8.1: the client is asked to stop, without an error.
    eventually("the upload is given up", async || {
        !pieces.try_send("more").await
    })
    .await;
    assert_eq!(client.get("/next").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_dropped_is_dropped_at_the_endpoint_and_no_other_is() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let client = Streams::connect(site.addr()).await;
    let kept = tokio::spawn(client.send(get("/slow/1500")));
    let waiting = tokio::spawn(client.send(get("/slow/60000")));
    let mut streaming = client.send(get("/stream/60000")).await.unwrap().into_body();
    piece(&mut streaming).await.unwrap().unwrap();
    eventually("three requests in flight", async || blue.in_flight() == 3).await;
    waiting.abort();
    drop(streaming);
    eventually("one is left", async || blue.in_flight() == 1).await;
    assert_eq!(kept.await.unwrap().unwrap().status(), 200);
    eventually("no claim is left", async || {
        site.service("shop").await.pools[Blue].in_flight == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_takes_all_its_requests_along() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let client = Streams::connect(site.addr()).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| tokio::spawn(client.send(get("/slow/60000"))))
        .collect();
    eventually("twenty requests in flight", async || blue.in_flight() == 20).await;
    for request in waiting {
        request.abort();
    }
    drop(client);
    eventually("none is left", async || blue.in_flight() == 0).await;
    site.counts("cutover_connections_open", 0.0).await;
    assert_eq!(site.service("shop").await.pools[Blue].in_flight, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_answered_on_their_stream() {
    let silent = Scripted::start(|mut link| async move {
        link.head().await;
        link.end().await;
    })
    .await;
    let keys = "timeouts.response = \"300ms\"\n";
    let services = shop(&[silent.addr()], &[], keys)
        + &crate::support::site::service(
            "gone",
            "gone.test/",
            [&[nobody()], &[]],
            "on_all_unhealthy = \"try\"",
        );
    let site = Site::start(&(ONE_WORKER.to_owned() + &services)).await;
    let client = Streams::connect(site.addr()).await;
    let answer = client.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(
        answer.text().contains("response timeout"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.field("connection"), None);
    let gone = http::Request::get("http://gone.test/")
        .body(crate::support::streams::empty())
        .unwrap();
    assert_eq!(client.whole(gone).await.status, 502);
    let connect = http::Request::connect("shop.test:443")
        .body(crate::support::streams::empty())
        .unwrap();
    assert_eq!(client.whole(connect).await.status, 405);
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_breaks_off_resets_its_stream_and_no_other() {
    let gate = Arc::new(Notify::new());
    let go = Arc::clone(&gate);
    let endpoint = Scripted::start(move |mut link| {
        let go = Arc::clone(&go);
        async move {
            if link.head().await.starts_with("GET /broken") {
                link.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                    .await;
                go.notified().await;
            } else {
                link.write(OK).await;
                link.end().await;
            }
        }
    })
    .await;
    let (_site, client) = before(&endpoint).await;
    let mut body = client.send(get("/broken")).await.unwrap().into_body();
    assert_eq!(piece(&mut body).await.unwrap().unwrap(), "half");
    gate.notify_one();
    let broken = piece(&mut body)
        .await
        .unwrap()
        .expect_err("it is broken off");
    let reason = std::error::Error::source(&broken)
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .and_then(h2::Error::reason);
    assert_eq!(reason, Some(h2::Reason::INTERNAL_ERROR), "{broken:?}");
    assert_eq!(client.get("/").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_its_bound_is_refused_or_cut() {
    let blue = Answering::start("blue").await;
    let keys = "max_request_body = \"1KiB\"";
    let site = Site::start(&shop(&[blue.addr()], &[], keys)).await;
    let client = Streams::connect(site.addr()).await;
    assert_eq!(client.post("/", vec![0; 1024]).await.status, 200);
    assert_eq!(client.post("/", vec![0; 1025]).await.status, 413);
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/").body(body).unwrap());
    for _ in 0..3 {
        let _ = pieces.try_send(vec![0; 1000]).await;
    }
    assert_eq!(answer.await.unwrap().status(), 413);
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_has_a_line_in_the_access_log() {
    let blue = Answering::start("blue").await;
    let process =
        "[process]\nworkers = 1\nstate = \"{dir}/state\"\naccess_log = \"{dir}/access.log\"\n";
    let site = Site::start(&(process.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let client = Streams::connect(site.addr()).await;
    client.post("/x?y", "12345").await;
    let lines = site.access_log(1).await;
    let line = &lines[0];
    assert_eq!(line["proto"], "HTTP/2.0");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["target"], "/x?y");
    assert_eq!(line["host"], "shop.test");
    assert_eq!(line["bytes_in"], 5);
    assert_eq!(line["status"], 200);
}
