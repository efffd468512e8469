//! What comes next on a parked connection is served as on any other.

use cutover::core::{
    ids::Colour,
    proxy_header::{Introduction, ProxyVersion, write},
};

use crate::{
    Lot, requests,
    support::{
        client::{Raw, chunked, get, post},
        frames::{PREFACE, SETTINGS, settings},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_connection_answers_again_and_again() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    for times in 2..5 {
        assert_eq!(client.get("/").await.status, 200);
        lot.has_parked(times).await;
        lot.holds(1).await;
    }
    assert_eq!(lot.blue.requests(), 4);
    lot.open(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_pieces_is_put_together() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    let whole = post("/", b"body");
    for cut in [1, 2, 20, whole.len() - 5, whole.len() - 1] {
        client.send(&whole[..cut]).await;
        // It is there by then.
        lot.holds(0).await;
        client.send(&whole[cut..]).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, 200, "cut at {cut}");
        lot.holds(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_has_begun_is_waited_for_unparked_and_no_longer_than_any() {
    let lot = Lot::start("header_read_timeout = \"2s\"").await;
    let mut client = lot.parked().await;
    client.send("GET / HT").await;
    assert_eq!(client.answer().await.status, 408);
    client.closed().await;
    lot.limited("header_read_timeout", 1).await;
    lot.holds(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_do_not_end_keep_no_other_from_rest() {
    let lot = Lot::with_workers(1, "header_read_timeout = \"60s\"").await;
    let mut begun = Vec::new();
    // More than are parked at once.
    for _ in 0..300 {
        let mut client = lot.site.client().await;
        client.send("GET / HTTP/1.1\r\nHo").await;
        begun.push(client);
    }
    let _resting = lot.parked().await;
    lot.holds(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    let body = chunked(b"abc", 2);
    let head = "POST /two HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let all = [
        requests(&["/one"]),
        [head.as_bytes(), &body].concat(),
        requests(&["/three", "/four"]),
    ];
    client.send(all.concat()).await;
    for path in ["/one", "/two", "/three", "/four"] {
        let answer = client.answer().await;
        assert_eq!(answer.json()["target"], path);
    }
    lot.holds(1).await;
    assert_eq!(lot.blue.requests(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_head_is_refused() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 400);
    client.closed().await;
    lot.open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_lines_keep_nobody_from_being_answered() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    client.send("\r\n").await;
    lot.holds(0).await;
    assert_eq!(client.get("/").await.status, 200);
    lot.holds(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_while_parked_is_where_the_next_request_goes() {
    let lot = Lot::start("").await;
    lot.site.ready("shop", Colour::Green, 1).await;
    let mut client = lot.parked().await;
    lot.site.switch("shop", Colour::Green).await;
    lot.holds(1).await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!((lot.blue.requests(), lot.green.requests()), (1, 1));
    lot.holds(1).await;
    lot.site.rollback("shop").await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!((lot.blue.requests(), lot.green.requests()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_has_said_nothing_yet_may_speak_http_2_still() {
    let lot = Lot::start("").await;
    let mut client = lot.site.client().await;
    lot.holds(1).await;
    client
        .send([PREFACE, &settings(&[]).bytes()].concat())
        .await;
    let greeting = client.take(9).await;
    assert_eq!(greeting[3], SETTINGS);
    lot.holds(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introduction_holds_for_what_comes_after() {
    let lot = Lot::start("proxy_protocol = [\"127.0.0.0/8\"]").await;
    let mut client = Raw::connect(lot.site.addr()).await;
    let introduction = Introduction {
        source: "203.0.113.9:4711".parse().unwrap(),
        destination: "192.0.2.1:443".parse().unwrap(),
    };
    let header = write(ProxyVersion::V2, Some(introduction));
    client
        .send([&header[..], get("/").as_bytes()].concat())
        .await;
    for _ in 0..2 {
        let answer = client.answer().await;
        assert!(answer.text().contains("203.0.113.9"), "{}", answer.text());
        lot.holds(1).await;
        client.send(get("/")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_on() {
    let lot = Lot::start("max_requests_per_connection = 3").await;
    let mut client = lot.parked().await;
    assert_eq!(client.get("/").await.field("connection"), None);
    lot.holds(1).await;
    assert_eq!(client.get("/").await.field("connection"), Some("close"));
    client.closed().await;
    lot.limited("max_requests_per_connection", 1).await;
}
