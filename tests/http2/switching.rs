//! A connection never pins its client to a colour: streams are routed, drained and cut one by one.

use std::time::Duration;

use cutover::core::{
    ids::Colour::{Blue, Green},
    switch::Outcome,
};

use crate::support::{
    answering::Answering,
    eventually,
    frames::{END_STREAM, FrameClient, GOAWAY, NO_ERROR, RST_STREAM, get, headers, window_update},
    serve::Home,
    site::{Site, order, shop},
    streams::{Streams, get as ask, piece, read},
};

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_connection_go_where_the_snapshot_of_their_moment_says() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], "")).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let before = tokio::spawn(client.send(ask("/slow/700")));
    let mut streaming = client.send(ask("/stream/700")).await.unwrap();
    eventually("two requests in flight", async || blue.in_flight() == 2).await;
    let receipt = site.switch("shop", Green).await;
    assert_eq!(receipt.in_flight_at_commit, 2);
    let after = client.get("/").await;
    assert_eq!(after.field("x-endpoint"), Some("green"));
    assert_eq!(
        before.await.unwrap().unwrap().headers()["x-endpoint"],
        "blue"
    );
    assert_eq!(streaming.headers()["x-endpoint"], "blue");
    let mut lines = 0;
    while let Some(piece) = piece(streaming.body_mut()).await {
        piece.unwrap();
        lines += 1;
    }
    assert_eq!(lines, 14);
    eventually("the drain is over", async || {
        site.history("shop").await[0].outcome == Outcome::Drained
    })
    .await;
    let receipt = &site.history("shop").await[0];
    assert_eq!((receipt.finished, receipt.cut.drain_deadline), (2, 0));
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_deadline_resets_exactly_the_streams_of_the_old_pool() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = "switch.drain_deadline = \"400ms\"";
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], keys)).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let waiting = tokio::spawn(client.send(ask("/slow/60000")));
    let mut streaming = client.send(ask("/stream/60000")).await.unwrap().into_body();
    piece(&mut streaming).await.unwrap().unwrap();
    site.switch("shop", Green).await;
    let mut beyond = client.send(ask("/stream/1500")).await.unwrap();
    assert_eq!(beyond.headers()["x-endpoint"], "green");
    // One has no head yet, and is told; the other is broken off visibly.
    let refused = read(waiting.await.unwrap().unwrap()).await.unwrap();
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("drain deadline passed"),
        "{}",
        refused.text()
    );
    let cut = loop {
        match piece(&mut streaming)
            .await
            .expect("it does not end in order")
        {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(format!("{cut:?}").contains("INTERNAL_ERROR"), "{cut:?}");
    let mut lines = 0;
    while let Some(piece) = piece(beyond.body_mut()).await {
        piece.unwrap();
        lines += 1;
    }
    assert_eq!(lines, 30);
    let receipt = &site.history("shop").await[0];
    assert_eq!(
        (receipt.in_flight_at_commit, receipt.cut.drain_deadline),
        (2, 2)
    );
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_client_takes_nothing_is_cut_at_the_deadline_like_any_other() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = "switch.drain_deadline = \"300ms\"";
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], keys)).await;
    site.ready("shop", Green, 1).await;
    let mut client = FrameClient::greet(site.addr()).await;
    // It never gives the stream another byte of room.
    client
        .send(&headers(1, END_STREAM, &get("/bytes/9000000")))
        .await;
    client.head(1).await;
    site.try_switch(order("shop", Green)).await;
    let reset = client
        .wait(|frame| frame.kind == RST_STREAM && frame.stream == 1)
        .await;
    assert!([2, 8].contains(&reset.code()), "{reset:?}");
    client.send(&window_update(0, 65_535)).await;
    assert_eq!(client.get(3, "/").await.0, 200);
    let receipt = &site.history("shop").await[0];
    assert_eq!(receipt.cut.drain_deadline, 1);
    eventually("no claim is left", async || {
        site.service("shop").await.pools[Blue].in_flight == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_says_goodbye_and_lets_the_last_streams_finish() {
    let blue = Answering::start("blue").await;
    let home = Home::new("", &shop(&[blue.addr()], &[], ""));
    let mut serve = home.serve().await;
    eventually("blue is ready", async || {
        serve.admin.service("shop").await.pools.blue.ready == 1
    })
    .await;
    let (mut busy, mut idle) = (
        FrameClient::greet(serve.addr).await,
        FrameClient::greet(serve.addr).await,
    );
    let real = Streams::connect(serve.addr).await;
    assert_eq!(idle.get(1, "/").await.0, 200);
    let last = tokio::spawn(real.send(ask("/slow/1000")));
    busy.send(&headers(1, END_STREAM, &get("/slow/1000"))).await;
    eventually("two requests in flight", async || blue.in_flight() == 2).await;
    serve.signal("TERM");
    // First without a number, so that what is on its way is still taken; then, once that has been heard, with one.
    let first = busy.wait(|frame| frame.kind == GOAWAY).await;
    assert_eq!((first.last_stream(), first.code()), (0x7fff_ffff, NO_ERROR));
    let ping = busy.seen.iter().rfind(|frame| frame.kind == 6);
    let mut pong = match ping {
        Some(ping) => ping.clone(),
        None => busy.wait(|frame| frame.kind == 6).await,
    };
    busy.send(&headers(3, END_STREAM, &get("/on-its-way")))
        .await;
    pong.flags = 1;
    busy.send(&pong).await;
    let second = busy.wait(|frame| frame.kind == GOAWAY).await;
    assert_eq!((second.last_stream(), second.code()), (3, NO_ERROR));
    assert_eq!(busy.ended().await, Some(NO_ERROR));
    let ended = |stream| {
        let mut seen = busy.seen.iter();
        seen.any(|frame| frame.stream == stream && frame.ends_stream())
    };
    assert!(ended(1) && ended(3), "{:?}", busy.seen);
    assert_eq!(last.await.unwrap().unwrap().status(), 200);
    real.ended().await.unwrap();
    assert_eq!(idle.ended().await, Some(NO_ERROR));
    assert!(serve.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlasts_the_shutdown_deadline_is_cut() {
    let blue = Answering::start("blue").await;
    let home = Home::new(
        "shutdown_deadline = \"300ms\"",
        &shop(&[blue.addr()], &[], ""),
    );
    let mut serve = home.serve().await;
    eventually("blue is ready", async || {
        serve.admin.service("shop").await.pools.blue.ready == 1
    })
    .await;
    let client = Streams::connect(serve.addr).await;
    let mut streaming = client.send(ask("/stream/60000")).await.unwrap().into_body();
    piece(&mut streaming).await.unwrap().unwrap();
    serve.signal("TERM");
    let broken = loop {
        match piece(&mut streaming)
            .await
            .expect("it does not end in order")
        {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(broken.is_body_write_aborted() || std::error::Error::source(&broken).is_some());
    assert!(serve.ended().await.success());
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_told_to_go_after_its_time() {
    let blue = Answering::start("blue").await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nkeep_alive = \"400ms\"\n\
                    header_read_timeout = \"300ms\"\n";
    let site = Site::start(&(listener.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut used = FrameClient::greet(site.addr()).await;
    let mut never_used = FrameClient::greet(site.addr()).await;
    let mut half_asked = FrameClient::greet(site.addr()).await;
    let half = headers(1, END_STREAM, &get("/")).bytes();
    half_asked.send_bytes(&half[..half.len() - 3]).await;
    assert_eq!(
        used.get(1, "/slow/600").await.0,
        200,
        "a stream keeps it open"
    );
    for client in [&mut used, &mut never_used] {
        let first = client.wait(|frame| frame.kind == GOAWAY).await;
        assert_eq!(first.code(), NO_ERROR);
        assert_eq!(client.ended().await, Some(NO_ERROR));
    }
    assert_eq!(
        half_asked.ended().await,
        None,
        "its head did not come in time"
    );
    site.counts("cutover_limited_total{limit=\"keep_alive\"}", 1.0)
        .await;
    site.counts("cutover_limited_total{limit=\"header_read_timeout\"}", 2.0)
        .await;
    assert_eq!(blue.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_told_to_go_after_its_last_request() {
    let blue = Answering::start("blue").await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_requests_per_connection = 3\n";
    let site = Site::start(&(listener.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let client = Streams::connect(site.addr()).await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
    }
    eventually("the connection takes no more", async || !client.is_open()).await;
    client.ended().await.unwrap();
    site.counts(
        "cutover_limited_total{limit=\"max_requests_per_connection\"}",
        1.0,
    )
    .await;
    tokio::time::timeout(Duration::from_secs(5), async {
        assert_eq!(
            Streams::connect(site.addr()).await.get("/").await.status,
            200
        );
    })
    .await
    .unwrap();
}
