//! `upgrades`: a connection becomes what the listener lets it become, and nothing else.

use crate::support::{
    answering::Answering,
    scripted::Scripted,
    site::{Site, shop},
};

fn config(endpoint: std::net::SocketAddr, upgrades: &str) -> String {
    format!("[listener.web]\nlisten = \"127.0.0.1:0\"\nupgrades = [{upgrades}]\n")
        + &shop(&[endpoint], &[], "")
}

fn ask(protocol: &str) -> String {
    format!("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n")
}

/// An endpoint that agrees to an upgrade, with this field, and else answers 200.
async fn agreeing(field: &'static str) -> Scripted {
    Scripted::start(move |mut link| async move {
        let head = link.head().await;
        if !head.contains("upgrade: ") {
            link.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .await;
            return;
        }
        let agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n";
        link.write(format!("{agreed}{field}\r\nhello")).await;
        link.end().await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_protocol_passes_and_another_does_not() {
    let endpoint = agreeing("Upgrade: tunnel/2\r\n").await;
    let site = Site::start(&config(endpoint.addr(), "\"Tunnel/2\"")).await;
    let mut client = site.client().await;
    client.send(ask("TUNNEL/2")).await;
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.field("upgrade")),
        (101, Some("TUNNEL/2"))
    );
    assert_eq!(client.take(5).await, b"hello");
    for protocol in ["websocket", "tunnel", "tunnel/3", "h2c"] {
        let mut client = site.client().await;
        client.send(ask(protocol)).await;
        assert_eq!(client.answer().await.status, 200, "{protocol}");
    }
    assert!(endpoint.received(0).contains("upgrade: TUNNEL/2\r\n"));
    for connection in 1..5 {
        assert!(!endpoint.received(connection).contains("pgrade"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_passes_none() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&config(blue.addr(), "")).await;
    let mut client = site.client().await;
    client.send(ask("websocket")).await;
    assert_ne!(client.answer().await.status, 101);
    assert_eq!(client.get("/").await.status, 200);
    site.rewrite(&config(blue.addr(), "\"websocket\"")).await;
    let mut client = site.client().await;
    client.send(ask("websocket")).await;
    assert_eq!(client.answer().await.status, 101);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_changes_to_something_else_is_a_502() {
    for (field, status, named) in [
        ("Upgrade: h2c\r\n", 502, None),
        ("Upgrade: websocket\r\n", 502, None),
        ("Upgrade: a\r\n", 101, Some("a")),
        ("", 502, None),
    ] {
        let endpoint = agreeing(field).await;
        let site = Site::start(&config(endpoint.addr(), "\"websocket\", \"a\"")).await;
        let mut client = site.client().await;
        client.send(ask("a")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, status, "{field:?}");
        if status == 101 {
            assert_eq!(answer.field("upgrade"), named);
        }
    }
}
