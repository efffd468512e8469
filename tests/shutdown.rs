//! Promise: a stop is announced, turns nobody away who had been let in, waits for what is in flight, and ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cutover::core::{ids::Colour, switch::Outcome};
use support::{
    answering::Answering,
    client::{Raw, get},
    eventually,
    serve::{Home, Serve},
    site::shop,
    witness::adds_up,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

async fn site(process: &str) -> (Home, Serve, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let home = Home::new(process, &shop(&[pools[0].addr()], &[pools[1].addr()], ""));
    let serve = home.serve().await;
    eventually("both colours are ready", async || {
        let view = serve.admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
    (home, serve, pools)
}

#[tokio::test]
async fn readiness_fails_first_and_traffic_flows_until_the_delay_is_over() {
    for signal in ["TERM", "INT"] {
        let (_home, mut serve, _pools) = site("shutdown_delay = \"700ms\"").await;
        assert_eq!(serve.admin.get("/readyz").await.status, 200);
        let mut kept = Raw::connect(serve.addr).await;
        let mut streaming = Raw::connect(serve.addr).await;
        streaming.send(get("/stream/1500")).await;
        let head = streaming.answer_head().await;
        let begun = Instant::now();
        serve.signal(signal);
        eventually("readiness fails", async || {
            serve.admin.get("/readyz").await.status == 503
        })
        .await;
        assert!(
            begun.elapsed() < Duration::from_millis(600),
            "{:?}",
            begun.elapsed()
        );
        let verbose = serve.admin.get("/readyz?verbose").await.text();
        assert!(verbose.contains("running"), "{verbose}");
        assert_eq!(serve.admin.get("/livez").await.status, 200);
        assert_eq!(kept.get("/").await.status, 200);
        assert_eq!(Raw::connect(serve.addr).await.get("/").await.status, 200);
        // Then the idle connection is closed in order, and what is in flight comes to its end.
        kept.closed().await;
        assert!(
            begun.elapsed() >= Duration::from_millis(700),
            "{:?}",
            begun.elapsed()
        );
        let answer = streaming
            .body_of(head)
            .await
            .expect("the stream ends by itself");
        assert_eq!(answer.text().lines().count(), 30);
        assert!(serve.ended().await.success());
        assert!(TcpStream::connect(serve.addr).await.is_err());
    }
}

/// What became of the connections that were opened around the stop.
#[derive(Default)]
struct Ends {
    answered: AtomicUsize,
    refused: AtomicUsize,
    /// Let in, and then not answered.
    lost: std::sync::Mutex<Vec<String>>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_let_in_is_answered() {
    for _ in 0..3 {
        let (_home, mut serve, _pools) = site("").await;
        let ends = Arc::<Ends>::default();
        let mut clients = JoinSet::new();
        for number in 0..16 {
            // Some take a moment before they ask.
            let pause = Duration::from_millis(number % 4 * 5);
            clients.spawn(visit_until_refused(serve.addr, pause, Arc::clone(&ends)));
        }
        eventually("visits", async || ends.answered.load(SeqCst) > 200).await;
        let mut silent = Vec::new();
        for _ in 0..16 {
            silent.push(TcpStream::connect(serve.addr).await.unwrap());
        }
        serve.signal("TERM");
        for stream in &mut silent {
            // An end, not a reset.
            let ended = timeout(Duration::from_secs(5), stream.read(&mut [0])).await;
            assert_eq!(ended.unwrap().unwrap(), 0);
        }
        assert!(serve.ended().await.success());
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        let lost = ends.lost.lock().unwrap();
        assert!(
            lost.is_empty(),
            "{} were let in and lost: {:?}",
            lost.len(),
            lost.first()
        );
        assert_eq!(ends.refused.load(SeqCst), 16);
    }
}

/// Connects, asks once and closes, again and again, until it is refused.
async fn visit_until_refused(addr: SocketAddr, pause: Duration, ends: Arc<Ends>) {
    loop {
        let stream = match timeout(Duration::from_secs(5), TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                ends.refused.fetch_add(1, SeqCst);
                return;
            }
            other => panic!("{other:?}"),
        };
        sleep(pause).await;
        match visit(stream).await {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => {
                ends.answered.fetch_add(1, SeqCst);
            }
            other => ends.lost.lock().unwrap().push(format!("{other:?}")),
        }
    }
}

async fn visit(mut stream: TcpStream) -> io::Result<String> {
    stream
        .write_all(b"GET /bytes/10 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn what_outlives_the_deadline_is_cut_and_the_receipt_says_so() {
    let (home, mut serve, _pools) = site("shutdown_deadline = \"400ms\"").await;
    let mut streaming = Raw::connect(serve.addr).await;
    streaming.send(get("/stream/9000")).await;
    let head = streaming.answer_head().await;
    let mut slow = Raw::connect(serve.addr).await;
    slow.send(get("/slow/9000")).await;
    eventually("two requests in flight", async || {
        serve.admin.service("shop").await.pools.blue.in_flight == 2
    })
    .await;
    let receipt = serve.admin.switch("shop", Colour::Green).await;
    assert_eq!(receipt.in_flight_at_commit, 2);
    let begun = Instant::now();
    serve.signal("TERM");
    assert!(streaming.body_of(head).await.is_err());
    let refused = slow.answer().await;
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("shutting down"),
        "{}",
        refused.text()
    );
    assert!(serve.ended().await.success());
    let took = begun.elapsed();
    assert!(
        Duration::from_millis(400) <= took && took < Duration::from_secs(4),
        "{took:?}"
    );
    let serve = home.serve().await;
    let history = serve.admin.history("shop").await;
    adds_up(&history[0]);
    assert_eq!(
        (history[0].cut.shutdown, history[0].outcome),
        (2, Outcome::Cut)
    );
    assert_eq!(serve.admin.service("shop").await.live, Colour::Green);
}

#[tokio::test]
async fn a_drain_that_ends_during_the_stop_reaches_the_journal() {
    let (home, mut serve, _pools) = site("").await;
    let mut streaming = Raw::connect(serve.addr).await;
    streaming.send(get("/stream/600")).await;
    let head = streaming.answer_head().await;
    serve.admin.switch("shop", Colour::Green).await;
    serve.signal("TERM");
    assert!(streaming.body_of(head).await.is_ok());
    assert!(serve.ended().await.success());
    let history = home.serve().await.admin.history("shop").await;
    adds_up(&history[0]);
    assert_eq!(
        (history[0].finished, history[0].outcome),
        (1, Outcome::Drained)
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for second in ["TERM", "INT"] {
        let (_home, mut serve, _pools) =
            site("shutdown_delay = \"60s\"\nshutdown_deadline = \"60s\"").await;
        let mut streaming = Raw::connect(serve.addr).await;
        streaming.send(get("/stream/9000")).await;
        let head = streaming.answer_head().await;
        serve.signal("TERM");
        eventually("the stop has begun", async || {
            !serve.said("stopping").is_empty()
        })
        .await;
        sleep(Duration::from_millis(100)).await;
        assert!(serve.is_running(), "the first signal waits");
        let begun = Instant::now();
        serve.signal(second);
        assert!(streaming.body_of(head).await.is_err());
        assert!(serve.ended().await.success());
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_switch_that_waits_for_its_gates_is_refused_by_the_stop() {
    let (_home, mut serve, mut pools) = site("shutdown_delay = \"300ms\"").await;
    pools[1].dies().await;
    eventually("green is not ready", async || {
        serve.admin.service("shop").await.pools.green.ready == 0
    })
    .await;
    let body = serde_json::json!({ "to": "green" });
    let mut operator = serve.admin.asks("/v1/services/shop/switch", body).await;
    eventually("the switch waits", async || {
        serve.admin.service("shop").await.waiting.is_some()
    })
    .await;
    serve.signal("TERM");
    let refused = operator.answer().await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(serve.ended().await.success());
}
