//! Promise: the health service of gRPC is asked as any client would ask it, and what it says is what counts.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use cutover::core::{
    health::ProbeVerdict,
    service::{GrpcProbe, HttpProbe, ProbeKind, UpstreamProtocol},
};
use h2::{Reason, server::SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{Upstream, failed, http_probe, verdict, verdict_of, watched};

#[tokio::test]
async fn a_service_that_serves_passes() {
    let mut endpoint = Endpoint::start(Says::Health(&[8, 1])).await;
    let verdict = verdict(endpoint.addr, grpc("shop.v1.Checkout")).await;
    assert_eq!(verdict, ProbeVerdict::Passed);
    let (head, body) = endpoint.asked.recv().await.unwrap();
    assert_eq!(head.method(), http::Method::POST);
    let uri = format!("http://{}/grpc.health.v1.Health/Check", endpoint.addr);
    assert_eq!(head.uri().to_string(), uri);
    assert_eq!(head.headers()["content-type"], "application/grpc");
    assert_eq!(head.headers()["te"], "trailers");
    assert_eq!(body, b"\0\0\0\0\x12\x0a\x10shop.v1.Checkout");
}

#[tokio::test]
async fn the_host_and_fields_of_the_file_are_sent() {
    let mut endpoint = Endpoint::start(Says::Health(&[8, 1])).await;
    let probe = GrpcProbe {
        service: String::new(),
        host: Some(HeaderValue::from_static("shop.example.com")),
        headers: vec![(
            http::header::AUTHORIZATION,
            HeaderValue::from_static("Bearer of-the-probe"),
        )],
    };
    let kind = ProbeKind::Grpc(Box::new(probe));
    assert_eq!(verdict(endpoint.addr, kind).await, ProbeVerdict::Passed);
    let (head, body) = endpoint.asked.recv().await.unwrap();
    assert_eq!(head.uri().authority().unwrap(), "shop.example.com");
    assert_eq!(head.headers()["authorization"], "Bearer of-the-probe");
    assert_eq!(body, b"\0\0\0\0\0");
}

#[tokio::test]
async fn what_does_not_serve_fails_in_its_own_words() {
    for (says, why) in [
        (Says::Health(&[8, 2]), "health NOT_SERVING"),
        (Says::Health(&[8, 3]), "health SERVICE_UNKNOWN"),
        (Says::Health(&[]), "health UNKNOWN"),
        (Says::Health(&[8]), "the answer is not gRPC"),
        (Says::Status(5), "grpc-status 5 (NOT_FOUND)"),
        (Says::Status(12), "grpc-status 12 (UNIMPLEMENTED)"),
        (Says::Page(404), "status 404, expected 200-200"),
        (Says::Page(200), "the answer is not gRPC"),
        (Says::Reset, "refused with REFUSED_STREAM"),
        (Says::Nothing, "no answer within 300ms"),
    ] {
        let endpoint = Endpoint::start(says).await;
        assert_eq!(verdict(endpoint.addr, grpc("")).await, failed(why));
    }
}

#[tokio::test]
async fn an_endpoint_of_another_protocol_fails() {
    // Who closes with something unread resets, and the reset may overtake what was said.
    for (said, why) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "the answer is not HTTP/2",
        ),
        (b"", "connection closed without an answer"),
    ] {
        let upstream = Upstream::answers(said).await;
        let verdict = upstream.verdict(grpc("")).await;
        let either = [failed(why), failed("connection reset")];
        assert!(either.contains(&verdict), "{verdict:?}");
    }
}

#[tokio::test]
async fn an_http_probe_speaks_what_its_service_speaks() {
    let mut endpoint = Endpoint::start(Says::Page(200)).await;
    let ask = async |addr: SocketAddr, probe: HttpProbe| {
        let mut watched = watched(1, addr, ProbeKind::Http(Box::new(probe)));
        Arc::make_mut(&mut watched.probe).protocol = UpstreamProtocol::Http2;
        verdict_of(watched).await
    };
    assert_eq!(ask(endpoint.addr, http_probe()).await, ProbeVerdict::Passed);
    let (head, _) = endpoint.asked.recv().await.unwrap();
    let uri = format!("http://{}/healthz", endpoint.addr);
    assert_eq!(head.uri().to_string(), uri);
    let agent = head.headers()["user-agent"].as_bytes();
    assert!(agent.starts_with(b"cutover-probe/"));
    let containing = |text: &str| HttpProbe {
        body_contains: Some(text.to_owned()),
        ..http_probe()
    };
    let passed = ask(endpoint.addr, containing("all is well")).await;
    assert_eq!(passed, ProbeVerdict::Passed);
    let lacks = ask(endpoint.addr, containing("version 3")).await;
    assert_eq!(lacks, failed("body lacks `version 3`"));
    let endpoint = Endpoint::start(Says::Page(503)).await;
    let refused = ask(endpoint.addr, http_probe()).await;
    assert_eq!(refused, failed("status 503, expected 200-399"));
}

/// What an endpoint answers.
#[derive(Clone, Copy)]
enum Says {
    /// One message of the health service, and that all went well.
    Health(&'static [u8]),
    /// An error of gRPC alone.
    Status(u16),
    /// Something else.
    Page(u16),
    Reset,
    Nothing,
}

/// A real endpoint that speaks HTTP/2.
struct Endpoint {
    addr: SocketAddr,
    asked: mpsc::Receiver<(Request<()>, Vec<u8>)>,
}

impl Endpoint {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (tx, asked) = mpsc::channel(64);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, says, tx.clone()));
            }
        });
        Self { addr, asked }
    }
}

async fn serve(stream: TcpStream, says: Says, tx: mpsc::Sender<(Request<()>, Vec<u8>)>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, respond))) = connection.accept().await {
        let tx = tx.clone();
        tokio::spawn(async move {
            let (head, mut incoming) = request.into_parts();
            let mut body = Vec::new();
            while let Some(Ok(data)) = incoming.data().await {
                body.extend_from_slice(&data);
            }
            let _ = tx.try_send((Request::from_parts(head, ()), body));
            answer(respond, says).await;
        });
    }
}

async fn answer(mut respond: SendResponse<Bytes>, says: Says) {
    let head = |status: u16| Response::builder().status(status);
    let grpc = || head(200).header("content-type", "application/grpc");
    match says {
        Says::Health(message) => {
            let response = grpc().body(()).unwrap();
            let mut sending = respond.send_response(response, false).unwrap();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let framed = [&[0], &length[..], message].concat();
            sending.send_data(framed.into(), false).unwrap();
            let trailers = HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-status"),
                HeaderValue::from(0),
            )]);
            sending.send_trailers(trailers).unwrap();
        }
        Says::Status(code) => {
            let response = grpc().header("grpc-status", code).body(()).unwrap();
            respond.send_response(response, true).unwrap();
        }
        Says::Page(status) => {
            let response = head(status).body(()).unwrap();
            let mut sending = respond.send_response(response, false).unwrap();
            let _ = sending.send_data(Bytes::from_static(b"all is "), false);
            let _ = sending.send_data(Bytes::from_static(b"well"), true);
        }
        Says::Reset => respond.send_reset(Reason::REFUSED_STREAM),
        Says::Nothing => std::future::pending().await,
    }
}

fn grpc(service: &str) -> ProbeKind {
    ProbeKind::Grpc(Box::new(GrpcProbe {
        service: service.to_owned(),
        host: None,
        headers: Vec::new(),
    }))
}
