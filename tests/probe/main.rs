//! Promise: a probe says what it saw of an endpoint, in words, in time, whatever the endpoint does.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod http2;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use cutover::{
    control::{
        probe::{Finding, Prober},
        resolver::Resolver,
    },
    core::{
        event::{Watched, WatchedService},
        health::ProbeVerdict,
        ids::{EndpointAddr, EndpointId, ServiceName},
        service::{HttpProbe, PROBE_BODY_LIMIT, ProbeKind, ProbeSpec, UpstreamProtocol},
    },
};
use http::HeaderValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};

#[tokio::test]
async fn an_answer_within_the_expected_range_passes() {
    let upstream = Upstream::answers(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(upstream.verdict(http()).await, ProbeVerdict::Passed);
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_on_is_refused() {
    // Bound, so that nobody else can be given the port, and not listening.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    for kind in [ProbeKind::Tcp, http()] {
        assert_eq!(verdict(addr, kind).await, failed("connect refused"));
    }
}

#[tokio::test]
async fn a_tcp_probe_asks_no_more_than_a_connection() {
    let upstream = Upstream::answers(b"").await;
    assert_eq!(upstream.verdict(ProbeKind::Tcp).await, ProbeVerdict::Passed);
}

#[tokio::test]
async fn an_endpoint_that_hangs_fails_within_the_timeout() {
    let upstream = Upstream::hangs(b"").await;
    let verdict = upstream.verdict(http()).await;
    assert_eq!(verdict, failed("no answer within 300ms"));
}

#[tokio::test]
async fn a_body_that_hangs_fails_within_the_timeout() {
    let upstream = Upstream::hangs(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nver").await;
    let verdict = upstream.verdict(containing("version")).await;
    assert_eq!(verdict, failed("no answer within 300ms"));
}

#[tokio::test]
async fn another_status_is_named_with_what_was_expected() {
    let upstream =
        Upstream::answers(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let verdict = upstream.verdict(http()).await;
    assert_eq!(verdict, failed("status 503, expected 200-399"));
}

#[tokio::test]
async fn bytes_that_are_no_http_fail() {
    let upstream = Upstream::answers(b"220 smtp.example.com ESMTP\r\n\r\n").await;
    let verdict = upstream.verdict(http()).await;
    assert_eq!(verdict, failed("the answer is not HTTP"));
}

#[tokio::test]
async fn a_close_without_an_answer_fails() {
    let upstream = Upstream::answers(b"HTTP/1.1 200").await;
    let verdict = upstream.verdict(http()).await;
    assert_eq!(verdict, failed("connection closed without an answer"));
}

#[tokio::test]
async fn a_body_is_searched_across_its_pieces() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nvers\r\n5\r\nion 2\r\n0\r\n\r\n";
    let upstream = Upstream::answers(chunked).await;
    assert_eq!(
        upstream.verdict(containing("version 2")).await,
        ProbeVerdict::Passed
    );
    let lacks = upstream.verdict(containing("version 3")).await;
    assert_eq!(lacks, failed("body lacks `version 3`"));
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_the_limit() {
    let mut body = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    body.resize(body.len() + 2 * PROBE_BODY_LIMIT, b'x');
    body.extend_from_slice(b"needle");
    let upstream = Upstream::hangs(&body).await;
    let verdict = upstream.verdict(containing("needle")).await;
    assert_eq!(verdict, failed("body lacks `needle`"));
}

#[tokio::test]
async fn the_request_is_fresh_and_says_who_asks() {
    let mut upstream = Upstream::answers(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let mut probe = http_probe();
    probe.host = Some(HeaderValue::from_static("shop.example.com"));
    let kind = ProbeKind::Http(Box::new(probe));
    assert_eq!(upstream.verdict(kind).await, ProbeVerdict::Passed);
    let request = upstream.requests.recv().await.unwrap().to_ascii_lowercase();
    assert!(
        request.starts_with("get /healthz http/1.1\r\n"),
        "{request}"
    );
    for field in [
        "host: shop.example.com",
        "user-agent: cutover-probe/",
        "connection: close",
    ] {
        assert!(request.contains(field), "{request}");
    }
}

#[tokio::test]
async fn what_is_watched_on_is_left_alone_and_what_is_not_ends() {
    let upstream = Upstream::answers(b"").await;
    let (found, _found) = mpsc::channel(8);
    let (events, mut verdicts) = mpsc::channel(64);
    let (mut resolver, prober) = (
        Resolver::new(SECOND, found),
        Prober::new(Arc::default(), events),
    );
    let set = [1, 2].map(|id| watched(id, upstream.addr, ProbeKind::Tcp));
    resolver.watch(&shop(&set));
    prober.watch(&shop(&set), &resolver);
    let mut first = [next(&mut verdicts).await.0, next(&mut verdicts).await.0];
    first.sort_unstable();
    assert_eq!(first, [EndpointId(1), EndpointId(2)]);
    // The interval is far longer than this test: a second verdict can only be of a task that was begun anew.
    let mut changed = set[1].clone();
    Arc::make_mut(&mut changed.probe).rise = 9;
    let set = [set[0].clone(), changed];
    resolver.watch(&shop(&set));
    prober.watch(&shop(&set), &resolver);
    assert_eq!(next(&mut verdicts).await.0, EndpointId(2));
    prober.watch(&shop(&[]), &resolver);
    let more = timeout(Duration::from_millis(100), verdicts.recv()).await;
    assert!(more.is_err(), "{more:?}");
}

/// A real upstream that answers every connection in the same way.
struct Upstream {
    addr: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Upstream {
    /// Answers, and closes.
    async fn answers(bytes: &[u8]) -> Self {
        Self::start(bytes, false).await
    }

    /// Answers, and stays.
    async fn hangs(bytes: &[u8]) -> Self {
        Self::start(bytes, true).await
    }

    async fn start(answer: &[u8], stays: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tx, requests) = mpsc::channel(64);
        let answer = answer.to_vec();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, tx) = (answer.clone(), tx.clone());
                tokio::spawn(async move {
                    let mut head = vec![0; 4096];
                    let length = stream.read(&mut head).await.unwrap_or(0);
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let _ = tx.try_send(head);
                    let _ = stream.write_all(&answer).await;
                    if stays {
                        let _ = stream.read(&mut [0]).await;
                    }
                });
            }
        });
        Self { addr, requests }
    }

    async fn verdict(&self, kind: ProbeKind) -> ProbeVerdict {
        verdict(self.addr, kind).await
    }
}

async fn verdict(addr: SocketAddr, kind: ProbeKind) -> ProbeVerdict {
    verdict_of(watched(1, addr, kind)).await
}

async fn verdict_of(watched: Watched) -> ProbeVerdict {
    let (found, _found) = mpsc::channel(8);
    let (events, mut verdicts) = mpsc::channel(8);
    let (mut resolver, prober) = (
        Resolver::new(SECOND, found),
        Prober::new(Arc::default(), events),
    );
    let set = shop(&[watched]);
    resolver.watch(&set);
    prober.watch(&set, &resolver);
    next(&mut verdicts).await.1
}

fn shop(endpoints: &[Watched]) -> [WatchedService; 1] {
    [WatchedService {
        service: ServiceName::new("shop"),
        endpoints: endpoints.to_vec(),
    }]
}

async fn next(verdicts: &mut mpsc::Receiver<Finding>) -> (EndpointId, ProbeVerdict) {
    match timeout(10 * SECOND, verdicts.recv()).await.unwrap() {
        Some(Finding::Verdict(id, verdict)) => (id, verdict),
        other => panic!("{other:?}"),
    }
}

fn watched(id: u64, addr: SocketAddr, kind: ProbeKind) -> Watched {
    let probe = ProbeSpec {
        kind,
        protocol: UpstreamProtocol::Http1,
        // The second probe is anywhere in it.
        interval: 86_400 * SECOND,
        timeout: Duration::from_millis(300),
        rise: 1,
        fall: 1,
        jitter_percent: 10,
        introduces: None,
    };
    Watched {
        id: EndpointId(id),
        addr: EndpointAddr::new(&addr.to_string()),
        probe: Arc::new(probe),
        tls: None,
    }
}

fn http_probe() -> HttpProbe {
    HttpProbe {
        path: "/healthz".to_owned(),
        expect: 200..=399,
        body_contains: None,
        host: None,
        headers: Vec::new(),
    }
}

fn http() -> ProbeKind {
    ProbeKind::Http(Box::new(http_probe()))
}

fn containing(text: &str) -> ProbeKind {
    let mut probe = http_probe();
    probe.body_contains = Some(text.to_owned());
    ProbeKind::Http(Box::new(probe))
}

fn failed(why: &str) -> ProbeVerdict {
    ProbeVerdict::Failed(why.to_owned())
}

const SECOND: Duration = Duration::from_secs(1);
