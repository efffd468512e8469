//! How connections end when cutover does.

use std::io::ErrorKind;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::{
    secure::trusting,
    stage::{Plan, Stage, web},
    support::{
        client::{Raw, get},
        eventually, soon,
    },
};

#[tokio::test]
async fn a_stop_ends_connections_in_order() {
    let stage = started("5s").await;
    let mut idle = stage.handshake(trusting(&stage.authority)).await.unwrap();
    let mut busy = stage.handshake(trusting(&stage.authority)).await.unwrap();
    busy.write_all(get("/slow/700").as_bytes()).await.unwrap();
    eventually("a request in flight", async || stage.blue.in_flight() == 1).await;
    let mut shaking = Raw::connect(stage.site.addr()).await;
    shaking.send([0x16, 0x03, 0x01]).await;
    let stopping = tokio::spawn(stage.site.stop());
    assert_eq!(rest(&mut idle).await.unwrap(), "");
    let answer = rest(&mut busy).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    shaking.closed().await;
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn what_outlives_the_deadline_does_not_look_whole() {
    let stage = started("300ms").await;
    let mut stream = stage.handshake(trusting(&stage.authority)).await.unwrap();
    stream
        .write_all(get("/stream/9000").as_bytes())
        .await
        .unwrap();
    eventually("a request in flight", async || stage.blue.in_flight() == 1).await;
    let stopping = tokio::spawn(stage.site.stop());
    let error = rest(&mut stream).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed_in_order() {
    let listener = web(&["shop"], "").replace("listen =", "keep_alive = \"200ms\"\nlisten =");
    let stage = Plan::with_shop().start(&listener).await;
    let mut stream = stage.handshake(trusting(&stage.authority)).await.unwrap();
    stream.write_all(get("/").as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

/// Reads to the end; an end that anybody on the way could have made is an error.
async fn rest(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    soon("the end of the connection", stream.read_to_end(&mut bytes)).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn started(deadline: &str) -> Stage {
    let process = format!("[process]\nworkers = 2\nshutdown_deadline = \"{deadline}\"\n");
    Plan::with_shop()
        .start(&(process + &web(&["shop"], "")))
        .await
}
