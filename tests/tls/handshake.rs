//! What may come of a handshake, and that it cannot be held up.

use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    secure::{connect, speaking, trusting},
    stage::{Plan, SHOP, web},
    support::{
        client::{Raw, get},
        pattern, soon,
    },
};

#[tokio::test]
async fn by_default_both_versions_are_spoken() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    for (version, label) in [(&TLS12, "1.2"), (&TLS13, "1.3")] {
        let config = speaking(&stage.authority, version);
        let mut client = connect(stage.site.addr(), SHOP, config).await;
        assert_eq!(client.get("/").await.status, 200);
        let full = format!(r#"cutover_tls_handshakes_total{{version="{label}",kind="full"}}"#);
        stage.site.counts(&full, 1.0).await;
    }
}

#[tokio::test]
async fn an_older_version_than_the_oldest_that_is_spoken_is_refused() {
    let stage = Plan::with_shop()
        .start(&web(&["shop"], "min_version = \"1.3\""))
        .await;
    let error = stage.handshake(speaking(&stage.authority, &TLS12)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("ProtocolVersion"), "{error}");
    assert!(
        stage
            .handshake(speaking(&stage.authority, &TLS13))
            .await
            .is_ok()
    );
    let refused = r#"cutover_tls_handshake_failures_total{reason="incompatible"}"#;
    stage.site.counts(refused, 1.0).await;
}

#[tokio::test]
async fn a_protocol_that_both_know_is_agreed_on_and_one_that_is_not_known_is_refused() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let offering = |protocols: &[&str]| {
        let mut config = trusting(&stage.authority);
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    };
    for (protocols, agreed) in [
        (&["http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["spdy/3", "http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = stage.handshake(offering(protocols)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        assert_eq!(Raw::over(stream).get("/").await.status, 200);
    }
    assert!(stage.handshake(offering(&["spdy/3"])).await.is_err());
}

#[tokio::test]
async fn a_client_that_does_not_believe_the_certificate_is_counted() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let stranger = super::authority::Authority::new("stranger");
    assert!(stage.handshake(trusting(&stranger)).await.is_err());
    let refused = r#"cutover_tls_handshake_failures_total{reason="rejected"}"#;
    stage.site.counts(refused, 1.0).await;
}

#[tokio::test]
async fn whoever_drips_his_handshake_or_says_nothing_is_let_go() {
    let plan = Plan::with_shop();
    let listener =
        web(&["shop"], "").replace("listen =", "header_read_timeout = \"400ms\"\nlisten =");
    let stage = plan.start(&listener).await;
    let mut silent = Raw::connect(stage.site.addr()).await;
    let mut half = Raw::connect(stage.site.addr()).await;
    half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await;
    let mut dripping = TcpStream::connect(stage.site.addr()).await.unwrap();
    let drip = tokio::spawn(async move {
        // A record that says it is 16 KiB long.
        for byte in [0x16, 0x03, 0x01, 0x40, 0x00].into_iter().chain([0; 1000]) {
            if dripping.write_all(&[byte]).await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    });
    silent.closed().await;
    half.closed().await;
    assert!(soon("the end of the dripping", drip).await.unwrap());
    let late = r#"cutover_tls_handshake_failures_total{reason="timeout"}"#;
    stage.site.counts(late, 3.0).await;
    stage.site.counts("cutover_connections_open", 0.0).await;
    assert_eq!(stage.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn what_is_no_tls_ends_the_connection_and_nothing_else() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let mut steady = stage.client().await;
    let noise = pattern(4096);
    let hostile: [&[u8]; 5] = [
        &noise,
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x80\x2e\x01\x00\x02",
        &[0x16, 0x03, 0x01, 0x40, 0x00, 0x02, 0xff, 0xff, 0xff],
    ];
    for bytes in hostile {
        let mut client = Raw::connect(stage.site.addr()).await;
        client.try_send(bytes).await;
        let _ = client.half_close().await;
        client.rest().await;
        assert_eq!(steady.get("/").await.status, 200);
    }
    stage.site.counts("cutover_connections_open", 1.0).await;
    // A client that goes away in its handshake.
    drop(Raw::connect(stage.site.addr()).await);
    stage.site.counts("cutover_connections_open", 1.0).await;
}

#[tokio::test]
async fn http_in_the_clear_is_told_that_it_is_at_the_wrong_port() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let mut client = Raw::connect(stage.site.addr()).await;
    client.send(get("/")).await;
    let answer = client.answer().await;
    let text = "400 Bad Request: this port speaks TLS only\n";
    assert_eq!(answer.said(), (400, text.to_owned()));
    client.closed().await;
    drop(client);
    let seen = r#"cutover_tls_handshake_failures_total{reason="cleartext"}"#;
    stage.site.counts(seen, 1.0).await;
    assert_eq!(stage.blue.requests(), 0);
}
