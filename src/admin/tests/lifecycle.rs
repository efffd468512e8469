//! Starting, stopping, and which door leads where.

use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use super::{ROLLBACK, send};
use crate::{
    admin::{
        AdminError,
        rig::{Rig, answers, loopback, setup, token_file},
        serve,
    },
    config::AdminAddr,
    control::handle::ControlHandle,
};

#[tokio::test]
async fn a_reachable_address_needs_tokens() {
    let everywhere = AdminAddr::Tcp("0.0.0.0:0".parse().unwrap());
    let refused = serve(setup(ControlHandle::gone(), everywhere.clone(), None)).await;
    assert!(matches!(refused, Err(AdminError::OpenToAll(_))));
    let file = token_file();
    let path = Some(file.path().to_owned());
    assert!(
        serve(setup(ControlHandle::gone(), everywhere, path))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_bad_token_file_and_a_taken_port_are_told() {
    let file = token_file();
    std::fs::write(file.path(), "").unwrap();
    let path = Some(file.path().to_owned());
    let refused = serve(setup(ControlHandle::gone(), loopback(), path)).await;
    assert!(matches!(refused, Err(AdminError::Tokens(_))));
    let rig = Rig::new(answers()).await;
    let taken = AdminAddr::Tcp(rig.addr());
    let refused = serve(setup(ControlHandle::gone(), taken, None)).await;
    assert!(matches!(refused, Err(AdminError::Bind { .. })));
}

#[tokio::test]
async fn the_metrics_address_has_metrics_and_probes_only() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let metrics = rig.server.metrics.unwrap();
    let status = async |method: Method, path: &str| {
        // Prometheus calls by whatever name it was given.
        let req = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "cutover.internal");
        send(metrics, req.body(Full::default()).unwrap())
            .await
            .status
    };
    for path in ["/metrics", "/livez", "/readyz", "/healthz"] {
        assert_eq!(status(Method::GET, path).await, StatusCode::OK, "{path}");
        let posted = status(Method::POST, path).await;
        assert_eq!(posted, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    for path in ["/v1/services", "/v1/config", "/", ROLLBACK] {
        assert_eq!(
            status(Method::GET, path).await,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_unix_socket_answers_its_user_as_local() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let rig = Rig::listening(answers(), AdminAddr::Unix(path.clone()), None).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let req = Request::post(ROLLBACK).header("host", "cutover");
    let req = req.body(Full::<axum::body::Bytes>::default()).unwrap();
    let answer = sender.send_request(req).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.into_body().collect().await.unwrap();
    let actor = rig
        .asked
        .look(|orders| orders.switches[0].actor.name.clone());
    assert_eq!(actor, "local");
    rig.server.stop().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stop_lets_the_call_in_flight_end_and_takes_no_other() {
    let rig = Rig::new(answers()).await;
    let addr = rig.addr();
    // Accepted and idle: must not hold up the stop.
    let _idle = TcpStream::connect(addr).await.unwrap();
    let mut calling = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST {ROLLBACK} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    );
    calling.write_all(head.as_bytes()).await.unwrap();
    // The interim answer proves that the call is in flight.
    let mut interim = [0; 25];
    calling.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let stopped = tokio::spawn(rig.server.stop());
    let refuses = async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refuses)
        .await
        .unwrap();
    calling.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    calling.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stopped.await.unwrap();
}
