//! What two parsers could read differently, or what is too large or too slow, is refused and goes no further.

use std::time::Duration;

use crate::support::{
    answering::Answering,
    client::get,
    site::{Site, shop},
};

/// `[listener.web]` with small bounds, and the shop.
async fn before(blue: &Answering, limits: &str) -> Site {
    let listener = format!("[listener.web]\nlisten = \"127.0.0.1:0\"\n{limits}\n");
    Site::start(&(listener + &shop(&[blue.addr()], &[], ""))).await
}

fn post(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n")
}

/// Every request head that is refused, the status, and what the client is told.
fn refused_heads() -> Vec<(String, u16, &'static str)> {
    let both = "both content-length and transfer-encoding";
    let length = "malformed content-length";
    let line = "malformed request line";
    let host = "host field";
    [
        (post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400, both),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400, both),
        (post("Content-Length: 5\r\nContent-Length: 5\r\n"), 400, "repeated content-length"),
        (post("Content-Length: 5\r\ncontent-length: 6\r\n"), 400, "repeated content-length"),
        (post("Content-Length: 5, 5\r\n"), 400, length),
        (post("Content-Length: +5\r\n"), 400, length),
        (post("Content-Length: -1\r\n"), 400, length),
        (post("Content-Length: 0x5\r\n"), 400, length),
        (post("Content-Length:\r\n"), 400, length),
        (post("Content-Length: 99999999999999999999\r\n"), 400, length),
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400, "chunked is not the last transfer coding"),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501, "unknown transfer coding"),
        (post("Transfer-Encoding: identity\r\n"), 400, "transfer-encoding does not end in chunked"),
        (post("Transfer-Encoding: chunked, chunked\r\n"), 400, "chunked is not the last transfer coding"),
        (post("Transfer-Encoding: xchunked\r\n"), 400, "transfer-encoding does not end in chunked"),
        (post("Transfer-Encoding : chunked\r\n"), 400, "malformed header field name"),
        (post("Content-Length : 5\r\n"), 400, "malformed header field name"),
        (post("X: a\r\n b: folded\r\n"), 400, "folded header field"),
        (post("X: a\rTransfer-Encoding: chunked\r\n"), 400, "control character in header field"),
        (post("X: a\0b\r\n"), 400, "control character in header field"),
        (post("X\r\n"), 400, "header field without colon"),
        (post(": nameless\r\n"), 400, "malformed header field name"),
        (post("X: a\nContent-Length: 5\r\n"), 400, "bare line feed"),
        (post("Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"), 400, "repeated upgrade field"),
        (post("Expect: 200-ok\r\n"), 417, "unknown expectation"),
        (post("Host: b\r\n"), 400, "repeated host field"),
        // RUSTSEC-2026-0034: HTTP/1.0 knows no chunks, and servers disagree about such a request.
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400, "transfer-encoding in HTTP/1.0"),
        ("POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400, "transfer-encoding in HTTP/1.0"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400, "missing host field"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400, host),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n".to_owned(), 400, host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n".to_owned(), 400, host),
        ("GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "host field and request target disagree"),
        ("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "malformed request target"),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, line),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, line),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n".to_owned(), 400, line),
        ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "malformed request target"),
        ("GET path HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "malformed request target"),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "malformed request target"),
        ("G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, line),
        ("nonsense\r\n\r\n".to_owned(), 400, line),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\r\n\r\n".to_owned(), 400, line),
        ("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_owned(), 505, "unsupported protocol version"),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n".to_owned(), 505, "unsupported protocol version"),
        ("GET / HTTP/0.9\r\nHost: a\r\n\r\n".to_owned(), 505, "unsupported protocol version"),
        ("GET / http/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, line),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n".to_owned(), 405, "connect is not allowed"),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000)), 414, "request target too long"),
        (post(&"X: y\r\n".repeat(101)), 431, "too many header fields"),
        (post(&format!("X: {}\r\n", "y".repeat(70_000))), 431, "request head too large"),
    ]
    .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_head_is_refused_and_nothing_of_it_reaches_an_endpoint() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "").await;
    let cases = refused_heads();
    let mut ids = std::collections::BTreeSet::new();
    for (sent, status, cause) in &cases {
        let mut client = site.client().await;
        client.try_send(sent).await;
        let answer = client.answer().await;
        let shown: String = sent.chars().take(90).collect();
        assert_eq!(answer.status, *status, "{shown:?}: {}", answer.text());
        assert!(
            answer.text().contains(cause),
            "{shown:?}: {}",
            answer.text()
        );
        assert_eq!(answer.field("connection"), Some("close"), "{shown:?}");
        let id = answer.field("x-request-id").expect("an id");
        assert!(answer.text().contains(id), "{shown:?}");
        ids.insert(id.to_owned());
        client.closed().await;
    }
    assert_eq!(ids.len(), cases.len(), "every refusal has an id of its own");
    assert_eq!((blue.requests(), blue.connections()), (0, 0));
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    let refused = cases.len() as f64;
    site.counts("cutover_refused_requests_total", refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_earlier_requests_are_intact_and_later_ones_are_not_served() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "").await;
    for (bad, status, cause) in refused_heads() {
        let mut client = site.client().await;
        let sent = get("/slow/2") + &get("/second") + &bad + &get("/smuggled");
        client.try_send(sent).await;
        assert_eq!(client.answer().await.json()["target"], "/slow/2", "{cause}");
        assert_eq!(client.answer().await.json()["target"], "/second", "{cause}");
        assert_eq!(client.answer().await.status, status, "{cause}");
        client.closed().await;
    }
    let seen = blue.seen();
    assert_eq!(seen.len(), 2 * refused_heads().len());
    assert!(!seen.iter().any(|target| target.contains("smuggled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_json_for_who_asks_for_json() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "").await;
    let mut client = site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nX-Request-Id: mine-1\r\nExpect: more\r\n\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.field("x-request-id"), Some("mine-1"));
    let expected = serde_json::json!({
        "status": 417, "error": "unknown expectation", "side": "client", "request_id": "mine-1",
    });
    assert_eq!(answer.json(), expected);
    client.closed().await;
    assert_eq!(blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_its_framing_ends_at_once() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "").await;
    for chunks in [
        "5\r\nhelloX\r\n0\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "5;ext=1\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\n bad trailer\r\n\r\n",
    ] {
        let mut client = site.client().await;
        client
            .send(format!(
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{}",
                get("/smuggled")
            ))
            .await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 400, "{chunks:?}");
        assert!(
            answer.text().contains("malformed request body"),
            "{chunks:?}: {}",
            answer.text()
        );
        client.closed().await;
    }
    assert!(!blue.seen().iter().any(|target| target.contains("smuggled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_listener_are_exact() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "max_header_count = 3\nmax_header_size = \"8KiB\"").await;
    let with = |fields: &str| format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let filled = |size: usize| {
        let rest = size - with("X: \r\n").len();
        with(&format!("X: {}\r\n", "y".repeat(rest)))
    };
    for (sent, status) in [
        (with("A: 1\r\nB: 2\r\n"), 200),
        (with("A: 1\r\nB: 2\r\nC: 3\r\n"), 431),
        (filled(8192), 200),
        (filled(8193), 431),
    ] {
        let mut client = site.client().await;
        client.send(&sent).await;
        assert_eq!(client.answer().await.status, status, "{} bytes", sent.len());
        if status == 431 {
            client.closed().await;
        }
    }
    assert_eq!(blue.requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_too_slowly_is_answered_408() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, "header_read_timeout = \"300ms\"").await;
    for (before, begun) in [
        ("", "GET / HTTP/1.1\r\nHost: a\r\n"),
        ("GET /first HTTP/1.1\r\nHost: a\r\n\r\n", "G"),
    ] {
        let mut client = site.client().await;
        client.send(before).await;
        if !before.is_empty() {
            assert_eq!(client.answer().await.status, 200);
        }
        client.send(begun).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 408);
        assert!(
            answer.text().contains("request head timeout"),
            "{}",
            answer.text()
        );
        assert!(answer.field("x-request-id").is_some());
        client.closed().await;
    }
    // Bytes that trickle do not buy time.
    let mut client = site.client().await;
    let trickled = async {
        for _ in 0..100 {
            client.try_send("x").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(1500), trickled).await;
    let answer = client.try_answer().await;
    assert_eq!(answer.map_or(408, |answer| answer.status), 408);
    client.closed().await;
    assert_eq!(blue.seen(), ["GET /first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_is_closed_silently() {
    let blue = Answering::start("blue").await;
    let limits = "header_read_timeout = \"300ms\"\nkeep_alive = \"600ms\"";
    let site = before(&blue, limits).await;
    // A new one owes a request within the time for a head.
    let mut client = site.client().await;
    client.closed().await;
    // A kept-alive one has longer.
    let mut client = site.client().await;
    assert_eq!(client.get("/").await.status, 200);
    client.hears_nothing_for(Duration::from_millis(400)).await;
    assert_eq!(client.get("/").await.status, 200);
    client.closed().await;
    site.counts("cutover_connections_open", 0.0).await;
    assert_eq!(blue.requests(), 2);
}
