//! gRPC: calls of every kind, their deadlines and cancellations, and what cutover says when it has to.

use std::time::Duration;

use cutover::core::ids::Colour::{Blue, Green};
use tokio::time::Instant;

use crate::support::{
    answering::Answering,
    eventually,
    site::{ONE_WORKER, Site, nobody, shop},
    streams::{Pieces, Streams, empty, grpc, piece, read},
};

const H2: &str = "protocol = \"h2\"\n";

async fn site() -> (Answering, Site, Streams) {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let client = Streams::connect(site.addr()).await;
    (blue, site, client)
}

/// A message with its prefix.
fn message(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0], &length[..], text.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unary_call_ends_in_trailers() {
    let (_blue, _site, client) = site().await;
    let (pieces, body) = Pieces::new();
    let answer = client.send(grpc("/call", body));
    pieces.send(message("hello")).await;
    drop(pieces);
    let answer = read(answer.await.unwrap()).await.unwrap();
    assert_eq!(answer.body, message("hello"));
    assert_eq!(answer.trailer("grpc-status"), Some("0"));
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_a_bidirectional_call_pass_one_by_one() {
    let (_blue, _site, client) = site().await;
    let (pieces, body) = Pieces::new();
    let mut answer = client.send(grpc("/call", body)).await.unwrap();
    for number in 0..20 {
        let sent = message(&format!("message {number}"));
        pieces.send(sent.clone()).await;
        assert_eq!(piece(answer.body_mut()).await.unwrap().unwrap(), sent);
    }
    drop(pieces);
    let answer = read(answer).await.unwrap();
    assert_eq!(answer.trailer("grpc-status"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_at_once_has_trailers_only() {
    let (_blue, _site, client) = site().await;
    let answer = client.whole(grpc("/call/5", empty())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("grpc-status"), Some("5"));
    assert!(answer.body.is_empty() && answer.trailers.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cutover_has_to_say_is_said_in_grpc() {
    let silent = Answering::start("silent").await;
    let services = [
        shop(
            &[silent.addr()],
            &[],
            "protocol = \"h2\"\ntimeouts.response = \"300ms\"\n",
        )
        .replace("routes = [\"/\"]", "routes = [\"/slow\"]"),
        crate::support::site::service("gone", "/gone", [&[nobody()], &[]], H2),
        crate::support::site::service(
            "unready",
            "/unready",
            [&[nobody()], &[]],
            "protocol = \"h2\"\non_all_unhealthy = \"reject\"",
        ),
    ];
    let site = Site::start(&(ONE_WORKER.to_owned() + &services.concat())).await;
    let client = Streams::connect(site.addr()).await;
    for (path, status, words) in [
        ("/slow/60000", "4", "response timeout"),
        ("/gone", "14", "connect refused"),
        ("/unready", "14", "no ready endpoint"),
        ("/nowhere", "12", "no route"),
    ] {
        let answer = client.whole(grpc(path, empty())).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("grpc-status"), Some(status), "{path}");
        let message = answer.field("grpc-message").unwrap();
        assert!(message.contains(words), "{path}: {message}");
        assert_eq!(answer.field("content-type"), Some("application/grpc"));
        assert!(answer.body.is_empty());
    }
    // It is counted as what it is.
    let failed = "cutover_requests_total{service=\"gone\",colour=\"blue\",class=\"5xx\"}";
    site.counts(failed, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_passed_on_and_holds_here_too() {
    let (blue, site, client) = site().await;
    let mut asked = grpc("/slow/60000", empty());
    asked
        .headers_mut()
        .insert("grpc-timeout", "400m".parse().unwrap());
    let begun = Instant::now();
    let answer = client.whole(asked).await;
    assert_eq!(answer.field("grpc-status"), Some("4"));
    let took = begun.elapsed();
    // The sweep keeps it, whose clock may be a tick behind when a machine is busy.
    assert!(
        (Duration::from_millis(200)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    site.counts(
        "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}",
        0.0,
    )
    .await;
    // A generous one changes nothing, and one that nobody can read is the endpoint's business.
    for timeout in ["1H", "soon"] {
        let mut asked = grpc("/", empty());
        asked
            .headers_mut()
            .insert("grpc-timeout", timeout.parse().unwrap());
        let seen = client.whole(asked).await.json();
        assert!(
            seen["headers"]
                .to_string()
                .contains(&format!("\"{timeout}\"")),
            "{seen}"
        );
    }
    // Within a stream, the deadline ends it.
    let (pieces, body) = Pieces::new();
    let mut asked = grpc("/call", body);
    asked
        .headers_mut()
        .insert("grpc-timeout", "400m".parse().unwrap());
    let mut answer = client.send(asked).await.unwrap();
    pieces.send(message("a")).await;
    assert!(piece(answer.body_mut()).await.unwrap().is_ok());
    assert!(piece(answer.body_mut()).await.unwrap().is_err());
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cancelled_is_cancelled_at_the_endpoint() {
    let (blue, site, client) = site().await;
    let (pieces, body) = Pieces::new();
    let mut answer = client.send(grpc("/call", body)).await.unwrap();
    pieces.send(message("a")).await;
    piece(answer.body_mut()).await.unwrap().unwrap();
    assert_eq!(blue.in_flight(), 1);
    drop((answer, pieces));
    eventually("the endpoint is let go", async || blue.in_flight() == 0).await;
    eventually("no claim is left", async || {
        site.service("shop").await.pools[Blue].in_flight == 0
    })
    .await;
    assert!(client.is_open());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_end_on_the_pool_where_they_began() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], H2)).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let (pieces, body) = Pieces::new();
    let mut old = client.send(grpc("/call", body)).await.unwrap();
    pieces.send(message("before")).await;
    piece(old.body_mut()).await.unwrap().unwrap();
    site.switch("shop", Green).await;
    let new = client.whole(grpc("/call/3", empty())).await;
    assert_eq!(new.field("x-endpoint"), Some("green"));
    pieces.send(message("after")).await;
    assert_eq!(
        piece(old.body_mut()).await.unwrap().unwrap(),
        message("after")
    );
    drop(pieces);
    let old = read(old).await.unwrap();
    assert_eq!(old.field("x-endpoint"), Some("blue"));
    assert_eq!(old.trailer("grpc-status"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_head_is_told_when_its_pool_is_cut() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = format!("{H2}switch.drain_deadline = \"300ms\"");
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], &keys)).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let waiting = tokio::spawn(client.send(grpc("/slow/60000", empty())));
    eventually("one in flight", async || blue.in_flight() == 1).await;
    site.switch("shop", Green).await;
    let answer = read(waiting.await.unwrap().unwrap()).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.field("grpc-status")),
        (200, Some("14"))
    );
    assert!(
        answer
            .field("grpc-message")
            .unwrap()
            .contains("drain deadline")
    );
}
