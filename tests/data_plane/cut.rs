//! What still runs when its time is over is cut: counted, and told to its client where that is possible.

use std::time::Duration;

use cutover::core::ids::Colour::Green;

use crate::support::{
    answering::Answering,
    client::{Raw, get, post},
    eventually,
    scripted::Scripted,
    site::{ONE_WORKER, Site, shop},
};

const SHORT: &str = "switch.drain_deadline = \"300ms\"";
const ASK: &str =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A request that waits for its answer, one in the middle of its answer, one in the middle of its own body, and
/// a tunnel.
async fn everything(site: &Site, blue: &Answering) -> [Raw; 4] {
    let mut waiting = site.client().await;
    waiting.send(get("/slow/8000")).await;
    let mut reading = site.client().await;
    reading.send(get("/stream/8000")).await;
    assert_eq!(reading.answer_head().await.status, 200);
    let mut sending = site.client().await;
    sending
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        .await;
    let mut tunnel = site.client().await;
    tunnel.send(ASK).await;
    assert_eq!(tunnel.answer().await.status, 101);
    eventually("all are in flight", async || blue.in_flight() == 4).await;
    [waiting, reading, sending, tunnel]
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_drain_deadline_what_is_left_is_cut_and_accounted_for() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], SHORT)).await;
    site.ready("shop", Green, 1).await;
    let [mut waiting, mut reading, mut sending, mut tunnel] = everything(&site, &blue).await;
    let receipt = site.switch("shop", Green).await;
    assert_eq!(receipt.in_flight_at_commit, 4);
    for client in [&mut waiting, &mut sending] {
        let answer = client.answer().await;
        assert_eq!(answer.status, 503);
        assert!(
            answer.text().contains("drain deadline passed"),
            "{}",
            answer.text()
        );
    }
    let rest = reading.rest().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it must not look whole");
    tunnel.closed().await;
    eventually("it is over", async || {
        let receipt = &site.history("shop").await[0];
        receipt.cut.drain_deadline == 4 && receipt.left() == 0 && receipt.drained_at.is_some()
    })
    .await;
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    // The connection that was answered goes on, on the other side.
    assert_eq!(waiting.get("/").await.field("x-endpoint"), Some("green"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish_and_closes_what_is_idle() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let addr = site.addr();
    let mut idle = site.client().await;
    assert_eq!(idle.get("/").await.status, 200);
    let mut busy = site.client().await;
    busy.send(get("/stream/900")).await;
    assert_eq!(busy.answer_head().await.status, 200);
    let mut late = site.client().await;
    late.send(get("/slow/900")).await;
    eventually("both are in flight", async || blue.in_flight() == 2).await;
    let stopped = tokio::spawn(site.stop());
    idle.closed().await;
    let rest = busy.rest().await;
    assert!(rest.ends_with(b"0\r\n\r\n"), "it ends whole");
    let answer = late.answer().await;
    assert_eq!(
        (answer.status, answer.field("connection")),
        (200, Some("close"))
    );
    late.closed().await;
    stopped.await.unwrap();
    let refused = tokio::net::TcpStream::connect(addr).await;
    assert!(refused.is_err());
    assert_eq!(blue.requests(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_cuts_what_does_not_finish_in_time() {
    let blue = Answering::start("blue").await;
    let process = "[process]\nworkers = 1\nshutdown_deadline = \"300ms\"\n";
    let site = Site::start(&(process.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let [mut waiting, mut reading, mut sending, mut tunnel] = everything(&site, &blue).await;
    let stopped = tokio::spawn(site.stop());
    // Whether there is time to say why is not promised; that it ends is.
    for client in [&mut waiting, &mut sending] {
        if let Ok(answer) = client.try_answer().await {
            assert_eq!(answer.status, 503);
        }
        client.closed().await;
    }
    let rest = reading.rest().await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it must not look whole");
    tunnel.closed().await;
    tokio::time::timeout(Duration::from_secs(4), stopped)
        .await
        .expect("it does not wait for what was cut")
        .unwrap();
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_closes_unused_connections_to_the_old_pool_and_keeps_those_in_use() {
    let slow = Scripted::start(|mut link| async move {
        while let Some(head) = link.try_head().await {
            if head.starts_with("GET /slow") {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            link.write(crate::support::scripted::OK).await;
        }
    })
    .await;
    let green = Answering::start("green").await;
    let config = ONE_WORKER.to_owned() + &shop(&[slow.addr()], &[green.addr()], "");
    let site = Site::start(&config).await;
    site.ready("shop", Green, 1).await;
    let mut first = site.client().await;
    let mut second = site.client().await;
    first.send(get("/slow")).await;
    slow.connected(1).await;
    assert_eq!(second.get("/").await.status, 200);
    assert_eq!((slow.connections(), slow.open()), (2, 2));
    site.switch("shop", Green).await;
    eventually("the unused one is closed", async || slow.open() == 1).await;
    assert_eq!(first.answer().await.said(), (200, "ok".to_owned()));
    slow.left_alone().await;
    assert_eq!(first.get("/").await.field("x-endpoint"), Some("green"));
    second.send(post("/", b"body")).await;
    assert_eq!(second.answer().await.field("x-endpoint"), Some("green"));
    assert_eq!(slow.connections(), 2);
}
