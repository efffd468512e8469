//! A request is sent again only where that cannot do harm; and where it can, the client is told.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::{
    answering::Answering,
    client::{get, post},
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const REPLAYS: &str = "cutover_replays_total{service=\"shop\",colour=\"blue\"}";
const FAILURES: &str = "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}";
/// Endpoints stay ready whatever happens, so that only replays can help.
const STUBBORN: &str = "probe.interval = \"1h\"\nprobe.rise = 1\npassive.eject = \"0s\"\n\
                        balance = \"round_robin\"";

async fn before(endpoint: &Scripted) -> Site {
    Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], STUBBORN))).await
}

/// Answers one request on each connection, and closes it; tells when it has.
async fn closing(closed: &Arc<Notify>) -> Scripted {
    let closed = Arc::clone(closed);
    Scripted::start(move |mut link| {
        let closed = Arc::clone(&closed);
        async move {
            let head = link.head().await;
            if head.starts_with("POST") {
                link.take(4).await;
            }
            link.write(OK).await;
            drop(link);
            closed.notify_one();
        }
    })
    .await
}

/// Answers the first request of each connection, and closes it when the second one is there.
async fn closing_at_the_second() -> Scripted {
    Scripted::start(|mut link| async move {
        link.head().await;
        link.write(OK).await;
        link.head().await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_the_endpoint_closed_while_unused_costs_nobody_a_request() {
    let closed = Arc::new(Notify::new());
    let endpoint = closing(&closed).await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for _ in 0..50 {
        assert_eq!(client.get("/").await.status, 200);
        closed.notified().await;
        // Not one byte of it is lost on the dead connection: the kernel knows that it is dead.
        client.send(post("/", b"body")).await;
        assert_eq!(client.answer().await.status, 200);
        closed.notified().await;
    }
    assert_eq!(endpoint.connections(), 100, "each request was seen once");
    site.counts(FAILURES, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_survives_a_connection_that_closes_just_then() {
    let endpoint = closing_at_the_second().await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for number in 0..10 {
        let answer = client.get(&format!("/{number}")).await;
        assert_eq!(answer.said(), (200, "ok".to_owned()));
    }
    // Every request but the first meets the connection of the one before.
    assert_eq!(endpoint.connections(), 10);
    site.counts(REPLAYS, 9.0).await;
    for number in 0..9 {
        let received = endpoint.received(number);
        assert!(
            received.contains(&format!("GET /{} ", number + 1)),
            "{received}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_safe_is_sent_once_and_its_loss_is_told() {
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for body in ["", "body"] {
            let endpoint = closing_at_the_second().await;
            let site = before(&endpoint).await;
            let mut client = site.client().await;
            assert_eq!(client.get("/").await.status, 200);
            let length = body.len();
            client
                .send(format!(
                    "{method} /once HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"
                ))
                .await;
            let answer = client.answer().await;
            assert_eq!(answer.status, 502, "{method} {body:?}");
            let text = answer.text();
            assert!(
                text.contains("connection closed before the response"),
                "{text}"
            );
            assert_eq!(endpoint.connections(), 1, "{method} {body:?}");
            let received = endpoint.received(0);
            assert_eq!(received.matches("/once").count(), 1, "{received}");
            site.counts(REPLAYS, 0.0).await;
            site.counts(FAILURES, 1.0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_with_a_body_is_not_sent_twice() {
    let endpoint = closing_at_the_second().await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    assert_eq!(client.get("/").await.status, 200);
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        .await;
    assert_eq!(client.answer().await.status, 502);
    assert_eq!(endpoint.connections(), 1);
    site.counts(REPLAYS, 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_endpoint_refuses_connections_another_takes_any_request() {
    let mut gone = Scripted::answering(OK).await;
    let blue = Answering::start("blue").await;
    let pool = [gone.addr(), blue.addr()];
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&pool, &[], STUBBORN))).await;
    site.ready("shop", cutover::core::ids::Colour::Blue, 2)
        .await;
    gone.closes_its_door().await;
    let mut client = site.client().await;
    for number in 0..10_usize {
        let body = "x".repeat(number * 1000);
        let answer = client.exchange(post("/", body.as_bytes())).await;
        assert_eq!(answer.json()["body_length"], body.len());
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(blue.requests(), 20);
    let refused = "cutover_upstream_connect_failures_total{service=\"shop\",colour=\"blue\",reason=\"refused\"}";
    let count = site.metric(refused).await;
    assert!(count >= 5.0, "{count}");
    site.counts(REPLAYS, count).await;
    site.counts(
        "cutover_requests_total{service=\"shop\",colour=\"blue\",class=\"2xx\"}",
        20.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_safe_request_lost_on_a_new_connection_goes_to_another_endpoint() {
    let broken = Scripted::start(|mut link| async move {
        link.head().await;
    })
    .await;
    let blue = Answering::start("blue").await;
    let pool = [broken.addr(), blue.addr()];
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&pool, &[], STUBBORN))).await;
    site.ready("shop", cutover::core::ids::Colour::Blue, 2)
        .await;
    let mut client = site.client().await;
    let (mut lost, mut served) = (0, 0);
    for _ in 0..10 {
        assert_eq!(client.get("/safe").await.status, 200);
        client.send(post("/unsafe", b"body")).await;
        match client.answer().await.status {
            200 => served += 1,
            502 => lost += 1,
            other => panic!("{other}"),
        }
    }
    let sent: usize = (0..broken.connections())
        .filter(|number| broken.received(*number).contains("POST /unsafe"))
        .count();
    assert_eq!(
        sent, lost,
        "each lost request was sent to the broken endpoint once"
    );
    assert_eq!((lost + served, blue.requests()), (10, 10 + served));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_always_breaks_off_is_not_asked_for_ever() {
    let broken = Scripted::start(|mut link| async move {
        link.head().await;
        link.write("HTTP/1.1 200 O").await;
    })
    .await;
    let site = before(&broken).await;
    let mut client = site.client().await;
    client.send(get("/")).await;
    assert_eq!(client.answer().await.status, 502);
    assert!(broken.connections() <= 3, "{}", broken.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_says_unasked_answers_nobody() {
    let said = Arc::new(Notify::new());
    let saying = Arc::clone(&said);
    let endpoint = Scripted::start(move |mut link| {
        let saying = Arc::clone(&saying);
        async move {
            link.head().await;
            link.write(OK).await;
            link.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\n\r\nstale")
                .await;
            saying.notify_one();
            link.end().await;
        }
    })
    .await;
    let site = before(&endpoint).await;
    let mut client = site.client().await;
    for method in ["GET", "POST"].repeat(10) {
        client
            .send(format!(
                "{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
            ))
            .await;
        assert_eq!(client.answer().await.said(), (200, "ok".to_owned()));
        said.notified().await;
    }
    assert_eq!(endpoint.connections(), 20);
}
