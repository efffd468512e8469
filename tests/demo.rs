//! The tour's own parts keep their word: the app answers as it says, and the load notices what is not right.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking, its helpers, too"
)]

use std::{net::SocketAddr, time::Duration};

use cutover::{
    core::ids::Colour,
    demo::{
        self,
        colour_app::ColourApp,
        load::{Failure, Load, LoadPlan, Target},
        websocket::{Frame, FrameKind, Speaker},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

#[tokio::test]
async fn each_colour_answers_its_version() {
    for (colour, line) in [
        (Colour::Blue, "version 1 (blue)\n"),
        (Colour::Green, "version 2 (green)\n"),
    ] {
        let app = app(colour).await;
        let answer = exchange(app.addr(), &get("/ping")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{line}")), "{answer}");
        assert!(
            answer.contains(&format!("x-colour: {colour}\r\n")),
            "{answer}"
        );
        assert!(answer.contains("x-request-id: test-1\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn health_fails_and_passes_when_told_to() {
    let app = app(Colour::Blue).await;
    for (order, status) in [("fail", "503"), ("pass", "200")] {
        let order = format!(
            "POST /healthz/{order} HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        exchange(app.addr(), &order).await;
        let answer = exchange(app.addr(), &get("/healthz")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn waits_and_streams_are_bounded() {
    let app = app(Colour::Blue).await;
    let answer = exchange(app.addr(), &get("/slow?ms=20")).await;
    assert!(answer.ends_with("waited 20 ms (blue)\n"), "{answer}");
    for target in ["/slow?ms=60001", "/slow", "/stream?seconds=61"] {
        let answer = exchange(app.addr(), &get(target)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{target}: {answer}");
    }
}

#[tokio::test]
async fn an_upload_is_answered_with_its_hash() {
    let app = app(Colour::Green).await;
    let answer = exchange(
        app.addr(),
        "POST /upload HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    )
    .await;
    // FIPS 180-2, appendix B.1.
    assert!(
        answer.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        "{answer}"
    );
    assert!(answer.contains("\"length\":3"), "{answer}");
}

#[tokio::test]
async fn echo_shows_the_head_as_it_arrived() {
    let app = app(Colour::Blue).await;
    let answer = exchange(app.addr(), &get("/echo?a=b")).await;
    assert!(answer.contains("\"target\":\"/echo?a=b\""), "{answer}");
    assert!(answer.contains("[\"x-request-id\",\"test-1\"]"), "{answer}");
}

#[tokio::test]
async fn a_websocket_session_is_echoed_and_closed() {
    let app = app(Colour::Blue).await;
    let mut session = open_session(app.addr()).await;
    let mask = Some([9, 8, 7, 6]);
    let sent = Frame::message(FrameKind::Text, "hello");
    sent.write(&mut session, mask).await.unwrap();
    assert_eq!(read(&mut session).await, sent);

    let ping = Frame::message(FrameKind::Ping, "there?");
    ping.write(&mut session, mask).await.unwrap();
    assert_eq!(
        read(&mut session).await,
        Frame::message(FrameKind::Pong, "there?")
    );

    Frame::close(1000).write(&mut session, mask).await.unwrap();
    assert_eq!(read(&mut session).await, Frame::close(1000));
    assert_eq!(session.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn stopping_finishes_what_is_in_flight() {
    let app = app(Colour::Blue).await;
    let addr = app.addr();
    let mut session = open_session(addr).await;
    let mut slow = TcpStream::connect(addr).await.unwrap();
    let request = get("/slow?ms=300");
    slow.write_all(request.as_bytes()).await.unwrap();
    // The app has begun the slow answer when it answers a later request.
    exchange(addr, &get("/ping")).await;

    app.stop().await;
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("waited 300 ms (blue)\n"), "{answer}");
    assert_eq!(read(&mut session).await, Frame::close(1001));
    assert!(TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn the_load_finds_nothing_wrong_with_a_sound_app() {
    let app = app(Colour::Green).await;
    let load = Load::start(&app.addr().into(), &short_plan());
    eventually(|| {
        let served = load.ledger().totals().by_kind;
        served.into_iter().all(|served| served > 1)
    })
    .await;
    let totals = load.stop().await;
    assert_eq!(totals.failures, []);
    assert_eq!((totals.failed, totals.in_flight), (0, 0));
    assert_eq!(totals.opened, totals.succeeded());
    assert_eq!(totals.served.blue, 0);
    assert!(totals.quantile(0.99) >= totals.quantile(0.5));
}

#[tokio::test]
async fn the_load_notices_a_crash() {
    let app = app(Colour::Blue).await;
    let load = Load::start(&app.addr().into(), &short_plan());
    // A session has been answered, so that the next one or the stream is in flight.
    eventually(|| load.ledger().totals().by_kind[3] > 0).await;
    drop(app);
    eventually(|| load.ledger().totals().failed > 5).await;
    let totals = load.stop().await;
    let connect = |failure: &Failure| matches!(failure, Failure::Connect(_));
    assert!(totals.failures.iter().any(|it| connect(&it.why)));
    let cut = |failure: &Failure| matches!(failure, Failure::Cut(_));
    assert!(totals.failures.iter().any(|it| cut(&it.why)));
}

#[tokio::test]
async fn the_load_notices_every_garbled_answer() {
    let right = "x-colour: blue\r\nx-request-id: demo-1\r\n";
    for (what, answer) in [
        (
            "another body",
            format!("HTTP/1.1 200 OK\r\n{right}Content-Length: 2\r\n\r\nno"),
        ),
        (
            "another request's answer",
            "HTTP/1.1 200 OK\r\nx-colour: blue\r\nx-request-id: demo-9\r\nContent-Length: 17\r\n\r\nversion 1 (blue)\n".to_owned(),
        ),
        (
            "a body that is cut short",
            format!("HTTP/1.1 200 OK\r\n{right}Content-Length: 99\r\n\r\nversion 1 (blue)\n"),
        ),
        (
            "another status",
            format!("HTTP/1.1 502 Bad Gateway\r\n{right}Content-Length: 4\r\n\r\noops"),
        ),
        ("no answer", String::new()),
    ] {
        let target = one_answer(answer).await;
        let plan = LoadPlan { gets: 1, ..LoadPlan::default() }.safe_only();
        let load = Load::start(&target, &plan);
        eventually(|| load.ledger().totals().failed > 0).await;
        assert_eq!(load.stop().await.succeeded(), 0, "{what} was taken for success");
    }
}

#[tokio::test]
async fn the_load_notices_the_old_colour_after_a_commit() {
    let app = app(Colour::Blue).await;
    let load = Load::start(&app.addr().into(), &short_plan().safe_only());
    load.ledger().switching();
    load.ledger().committed(Colour::Green);
    eventually(|| load.ledger().totals().failed > 0).await;
    let totals = load.stop().await;
    assert_eq!(totals.failures[0].why, Failure::OldColour(Colour::Blue));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unattended_tour_loses_nothing() {
    let mut lines = Vec::new();
    let tour = demo::unattended(Duration::from_secs(3), |line| lines.push(line.to_owned()));
    let outcome = tour.await.unwrap();
    assert!(outcome.is_clean(), "{outcome}\n{}", lines.join("\n"));
    assert!(outcome.receipts.len() >= 4, "{outcome}");
    assert!(outcome.receipts.iter().any(|receipt| receipt.rollback));
    let served = outcome.totals.served;
    assert!(served.blue > 0 && served.green > 0, "{outcome}");
}

fn short_plan() -> LoadPlan {
    LoadPlan {
        gets: 2,
        uploads: 1,
        streams: 1,
        websockets: 1,
        stream_seconds: 1,
        messages: 3,
        ..LoadPlan::default()
    }
}

async fn app(colour: Colour) -> ColourApp {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    ColourApp::start(colour, any).await.unwrap()
}

fn get(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: test\r\nX-Request-Id: test-1\r\nConnection: close\r\n\r\n"
    )
}

async fn exchange(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let whole = timeout(WAIT_LIMIT, stream.read_to_string(&mut answer)).await;
    whole.unwrap().unwrap();
    answer
}

async fn open_session(addr: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(WAIT_LIMIT, stream.read_u8()).await.unwrap();
        head.push(byte.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}

async fn read(session: &mut TcpStream) -> Frame {
    let frame = Frame::read(session, Speaker::Server);
    timeout(WAIT_LIMIT, frame).await.unwrap().unwrap()
}

/// A server that gives the first request this answer and closes; further ones are not accepted.
async fn one_answer(answer: String) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::from(listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    target
}

/// Looks again and again until it is so, for [`WAIT_LIMIT`] at most.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let look = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(WAIT_LIMIT, look).await.expect("it never became so");
}

const WAIT_LIMIT: Duration = Duration::from_secs(20);
