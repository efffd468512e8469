//! What a caller may not do to the admin side: send too much, too slowly, or too often at once.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{ROLLBACK, SWITCH, TO_GREEN};
use crate::{
    admin::rig::{Rig, answers},
    control::answering::Answers,
};

/// What is answered to raw bytes, until the server closes.
async fn answered(rig: &Rig, bytes: &str) -> String {
    let mut stream = TcpStream::connect(rig.addr()).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as an end.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_must_be_json_and_small() {
    let rig = Rig::new(answers()).await;
    let huge = format!(r#"{{"to":"green","reason":"{}"}}"#, "x".repeat(64 * 1024));
    let form = [("content-type", "text/plain")];
    for (headers, body, status, kind) in [
        (&[][..], huge.as_str(), 413, "too-large"),
        (&form[..], TO_GREEN, 415, "media-type"),
        (&form[..], "", 415, "media-type"),
    ] {
        let answer = rig.call(Method::POST, SWITCH, headers, body).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.json()["type"], format!("urn:cutover:problem:{kind}"));
    }
    let typed = [("content-type", "Application/JSON; charset=utf-8")];
    let answer = rig.call(Method::POST, SWITCH, &typed, TO_GREEN).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn an_untyped_body_is_refused_and_a_chunked_one_bounded() {
    let rig = Rig::new(answers()).await;
    let head = |more: &str| {
        format!("POST {SWITCH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n")
    };
    let untyped = head("content-length: 14\r\n") + TO_GREEN;
    assert!(answered(&rig, &untyped).await.starts_with("HTTP/1.1 415 "));
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000)).repeat(3);
    let chunked = head("content-type: application/json\r\ntransfer-encoding: chunked\r\n") + &chunk;
    assert!(answered(&rig, &chunked).await.starts_with("HTTP/1.1 413 "));
}

#[tokio::test]
async fn a_head_is_bounded() {
    let rig = Rig::new(answers()).await;
    let field = format!("x-filler: {}\r\n", "x".repeat(1000));
    let head = format!(
        "GET /v1/services HTTP/1.1\r\nhost: localhost\r\n{}\r\n",
        field.repeat(20)
    );
    assert!(answered(&rig, &head).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test(start_paused = true)]
async fn slow_heads_slow_bodies_and_idle_connections_are_ended() {
    let rig = Rig::new(answers()).await;
    let began = tokio::time::Instant::now();
    assert_eq!(answered(&rig, "").await, "");
    answered(&rig, "GET /v1/services HTTP/1.1\r\nhost:").await;
    let kept = answered(&rig, "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(kept.ends_with("live\n"), "{kept}");
    let slow = format!(
        "POST {ROLLBACK} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: 9\r\nconnection: close\r\n\r\n{{"
    );
    let answer = answered(&rig, &slow).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[tokio::test]
async fn waits_beyond_the_bound_are_shed_and_everybody_may_still_look() {
    let rig = Rig::new(Answers {
        switch: None,
        ..answers()
    })
    .await;
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(rig.addr()).await.unwrap();
        let head =
            format!("POST {ROLLBACK} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push(stream);
    }
    let arrived = async {
        while rig.asked.look(|orders| orders.switches.len()) < 64 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived)
        .await
        .unwrap();
    let shed = rig.call(Method::POST, ROLLBACK, &[], "").await;
    assert_eq!(shed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(shed.json()["type"], "urn:cutover:problem:overloaded");
    assert_eq!(shed.header("retry-after"), "1");
    for path in ["/v1/services", "/livez", "/readyz"] {
        assert_eq!(rig.get(path).await.status, StatusCode::OK);
    }
    drop(waiting);
    // The first that is not shed is asked of the controller.
    let again = async {
        while rig.asked.look(|orders| orders.switches.len()) == 64 {
            let call = rig.call(Method::POST, ROLLBACK, &[], "");
            let _ = tokio::time::timeout(Duration::from_millis(100), call).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again)
        .await
        .unwrap();
}
