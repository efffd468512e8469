//! How a connection begins, and that it is one connection with many requests.

use crate::{
    cases::{count, recorder},
    support::{
        client::Raw,
        frames::{
            END_STREAM, FrameClient, GOAWAY, NO_ERROR, PREFACE, PROTOCOL_ERROR, get, goaway,
            headers, ping, settings,
        },
        site::{ONE_WORKER, Site, shop},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_preface_is_understood_in_pieces_and_with_all_that_follows_it() {
    let endpoint = recorder().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let hello = [PREFACE, &settings(&[]).bytes()].concat();
    let ask = headers(1, END_STREAM, &get("/split")).bytes();
    let all = [hello, ask].concat();
    for size in [1, 2, 17, 24, 25, all.len()] {
        let mut client = FrameClient::connect(site.addr()).await;
        for piece in all.chunks(size) {
            client.send_bytes(piece).await;
        }
        assert_eq!(
            client.answer(1).await,
            (200, b"ok".to_vec()),
            "pieces of {size}"
        );
    }
    assert_eq!(count(&endpoint, "/split"), 6);
    site.counts("cutover_http2_connections_total", 6.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preface_that_stops_anywhere_keeps_nobody_waiting() {
    let endpoint = recorder().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let mut waiting = Vec::new();
    for length in 1..PREFACE.len() {
        let mut client = FrameClient::connect(site.addr()).await;
        client.send_bytes(&PREFACE[..length]).await;
        waiting.push(client);
        let answer = site.client().await.get("/other").await;
        assert_eq!(answer.status, 200, "after {length} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_frame_is_a_greeting_or_the_connection_ends() {
    // RFC 9113 section 3.4.
    let endpoint = recorder().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    for first in [ping(), headers(1, END_STREAM, &get("/first"))] {
        let mut client = FrameClient::connect(site.addr()).await;
        client.send_bytes(PREFACE).await;
        client.send(&first).await;
        assert_eq!(client.ended().await, Some(PROTOCOL_ERROR));
    }
    assert_eq!(count(&endpoint, "/first"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_in_order_gets_its_answers_first() {
    // RFC 9113 section 6.8.
    let endpoint = recorder().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let mut client = FrameClient::greet(site.addr()).await;
    let asked = [1, 3].map(|stream| headers(stream, END_STREAM, &get("/last")));
    client.send_all(&asked).await;
    client.send(&goaway(0, NO_ERROR)).await;
    assert_eq!(client.ended().await, Some(NO_ERROR));
    let ended = |stream| {
        let mut frames = client.seen.iter();
        frames.any(|frame| frame.stream == stream && frame.ends_stream())
    };
    assert!(ended(1) && ended(3), "{:?}", client.seen);
    assert_eq!(count(&endpoint, "/last"), 2);
    assert_eq!(
        client
            .seen
            .iter()
            .filter(|frame| frame.kind == GOAWAY)
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_may_speak_http_1_alone() {
    let endpoint = recorder().await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nhttp2 = false\n";
    let site = Site::start(&(listener.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let mut client = Raw::connect(site.addr()).await;
    client.send(PREFACE).await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 505);
    client.closed().await;
    assert_eq!(site.client().await.get("/").await.status, 200);
}
