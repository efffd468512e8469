//! Where a message ends is the same on both sides, and what is in it arrives byte by byte.

use crate::support::{
    answering::Answering,
    client::{Raw, chunked, get, post},
    pattern,
    scripted::Scripted,
    site::{ONE_WORKER, Site, shop},
};

const MIB: usize = 1024 * 1024;

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&shop(&[endpoint.addr()], &[], "")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_keep_their_connection_alive() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    for number in 0..20 {
        let answer = client.exchange(post("/", &pattern(number * 100))).await;
        assert_eq!(answer.json()["body_length"], number * 100);
    }
    assert_eq!((blue.requests(), blue.connections()), (20, 1));
    site.counts("cutover_connections_accepted_total", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    let sent = [
        get("/slow/60").into_bytes(),
        post("/slow/1", b"body"),
        get("/status/204").into_bytes(),
        get("/last").into_bytes(),
    ];
    client.send(sent.concat()).await;
    assert_eq!(client.answer().await.json()["target"], "/slow/60");
    assert_eq!(client.answer().await.json()["body_length"], 4);
    assert_eq!(client.answer().await.status, 204);
    assert_eq!(client.answer().await.json()["target"], "/last");
    let seen = [
        "GET /slow/60",
        "POST /slow/1",
        "GET /status/204",
        "GET /last",
    ];
    assert_eq!(blue.seen(), seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_pass_unchanged_in_both_directions_and_both_framings() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let mut client = site.client().await;
    let body = pattern(MIB);
    let answer = client.exchange(post("/echo", &body)).await;
    assert!(answer.body == body, "with a length");
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for size in [1024, 70_000, MIB] {
        let sent = [head.as_bytes(), &chunked(&body, size)].concat();
        let answer = client.exchange(sent).await;
        assert!(answer.body == body, "in chunks of {size}");
        assert_eq!(answer.field("transfer-encoding"), Some("chunked"));
    }
    let answer = client.get(&format!("/bytes/{MIB}")).await;
    assert!(answer.body == body);
    assert_eq!(answer.field("content-length"), Some("1048576"));
    assert_eq!((blue.body_bytes(), blue.connections()), (4 * MIB, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_head_keeps_its_length_and_has_no_body() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            .await;
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nX-Mine: 1\r\n\r\n").await;
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        link.head().await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(head).await;
    assert_eq!(
        client.answer_to_head().await.field("content-length"),
        Some("5")
    );
    client.send(head).await;
    let answer = client.answer_to_head().await;
    assert_eq!(
        (answer.field("x-mine"), answer.field("content-length")),
        (Some("1"), None)
    );
    client.send(head).await;
    assert_eq!(client.answer_to_head().await.field("content-length"), None);
    assert_eq!(client.get("/").await.said(), (200, "ok".to_owned()));
    assert_eq!(endpoint.connections(), 1);
    assert_eq!(endpoint.received(0).matches("HEAD / HTTP/1.1").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_never_have_a_body_end_with_their_head() {
    let endpoint = Scripted::start(|mut link| async move {
        for head in [
            "204 No Content\r\n",
            "304 Not Modified\r\nETag: \"1\"\r\n",
            "304 Not Modified\r\nContent-Length: 7\r\n",
            "200 OK\r\nContent-Length: 0\r\n",
        ] {
            link.head().await;
            link.write(format!("HTTP/1.1 {head}\r\n")).await;
        }
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    assert_eq!(client.get("/").await.status, 204);
    let answer = client.get("/").await;
    assert_eq!((answer.status, answer.field("etag")), (304, Some("\"1\"")));
    assert_eq!(client.get("/").await.status, 304);
    let answer = client.get("/").await;
    assert_eq!(
        (answer.status, answer.field("content-length")),
        (200, Some("0"))
    );
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_in_both_directions() {
    let endpoint = Scripted::start(|mut link| async move {
        link.until("x-sum: 5\r\n\r\n").await;
        link.write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Total\r\n\r\n\
             3\r\nabc\r\n0\r\nX-Total: 3\r\n\r\n",
        )
        .await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send(
            "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\nTrailer: X-Sum\r\n\
             Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 5\r\n\r\n",
        )
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.text(), "abc");
    assert_eq!(answer.trailers, [("x-total".to_owned(), "3".to_owned())]);
    let received = endpoint.received(0);
    for field in [
        "te: trailers\r\n",
        "trailer: X-Sum\r\n",
        "\r\n5\r\nhello\r\n0\r\nx-sum: 5\r\n\r\n",
    ] {
        assert!(received.contains(field), "{field:?} in {received}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_that_the_client_does_not_welcome_are_left_out() {
    let endpoint = Scripted::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Total\r\n\r\n\
         3\r\nabc\r\n0\r\nX-Total: 3\r\n\r\n",
    )
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for _ in 0..2 {
        let answer = client.get("/").await;
        assert_eq!((answer.text().as_str(), answer.trailers), ("abc", vec![]));
    }
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_endpoint_cuts_short_never_looks_whole() {
    for (head, reset) in [
        ("Content-Length: 1000", false),
        ("Content-Length: 1000", true),
        ("Transfer-Encoding: chunked", false),
        ("Transfer-Encoding: chunked", true),
        ("Connection: close", true),
    ] {
        let endpoint = Scripted::start(move |mut link| async move {
            link.head().await;
            let body = if head.contains("chunked") {
                "3\r\nabc\r\n"
            } else {
                "abc"
            };
            link.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}"))
                .await;
            // What was sent is to arrive before a reset throws it away.
            link.until("more").await;
            if reset {
                link.reset();
            }
        })
        .await;
        let site = before(&endpoint).await;
        let mut client = site.client().await;
        client
            .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            .await;
        assert_eq!(client.answer_head().await.status, 200, "{head}");
        client.send("more").await;
        let rest = client.rest().await;
        let whole = rest.ends_with(b"0\r\n\r\n") || rest.len() >= 1000;
        assert!(!whole, "{head}: {:?}", String::from_utf8_lossy(&rest));
        site.counts(
            "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}",
            1.0,
        )
        .await;
        assert_eq!(endpoint.connections(), 1, "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_with_a_body_is_forwarded_with_its_body() {
    let endpoint = Scripted::start(|mut link| async move {
        link.until("0\r\n\r\n").await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        link.until("end").await;
        link.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.text(), "ok");
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\nthe end")
        .await;
    assert_eq!(client.answer().await.text(), "ok");
    let received = endpoint.received(0);
    assert!(
        received.contains("transfer-encoding: chunked\r\n"),
        "{received}"
    );
    assert!(
        received.contains("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        "{received}"
    );
    assert!(received.contains("content-length: 7\r\n"), "{received}");
    assert!(received.ends_with("\r\n\r\nthe end"), "{received}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_in_the_middle_of_its_body_leaves_no_half_request_behind() {
    let endpoint = Scripted::start(|mut link| async move {
        link.until("half").await;
        link.end().await;
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nhalf")
        .await;
    endpoint.connected(1).await;
    drop::<Raw>(client);
    endpoint.left_alone().await;
    let received = endpoint.received(0);
    assert!(!received.contains("0\r\n\r\n"), "{received}");
    assert_eq!(endpoint.connections(), 1, "it is not sent again");
    // Nor is it the endpoint's fault.
    let labels = "{service=\"shop\",colour=\"blue\"}";
    site.counts(&format!("cutover_requests_in_flight{labels}"), 0.0)
        .await;
    site.counts(&format!("cutover_upstream_failures_total{labels}"), 0.0)
        .await;
    assert_eq!(
        site.endpoint("shop", endpoint.addr()).await.ejected_for_ms,
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoints_wish_to_close_is_its_own_and_a_clients_is_its_own() {
    let closing =
        Scripted::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
            .await;
    let site = before(&closing).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.field("connection"), None);
    }
    assert_eq!(closing.connections(), 3);
    closing.left_alone().await;

    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    for _ in 0..3 {
        let mut client = site.client().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.field("connection"), Some("close"));
        client.closed().await;
    }
    assert_eq!((blue.requests(), blue.connections()), (3, 1));
}
