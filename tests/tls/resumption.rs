//! Sessions that are resumed: by any worker, and across a change of certificates.

use std::{collections::HashSet, sync::Arc};

use rustls::{ClientConfig, HandshakeKind, version::TLS12};

use super::{
    secure::{connect, speaking, trusting, try_connect},
    stage::{Plan, SHOP, Stage, web},
    support::{client::Raw, eventually},
};

#[tokio::test]
async fn any_worker_resumes_a_session() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let config = Arc::new(trusting(&stage.authority));
    let mut workers = HashSet::new();
    workers.insert(worker(&mut connect(stage.site.addr(), SHOP, config.clone()).await).await);
    eventually("both workers have resumed a session", async || {
        let stream = try_connect(stage.site.addr(), SHOP, config.clone()).await;
        let stream = stream.unwrap();
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(HandshakeKind::Resumed));
        let mut client = Raw::over(stream);
        workers.insert(worker(&mut client).await);
        workers.len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_session_of_tls_1_2_is_resumed_too() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let config = Arc::new(speaking(&stage.authority, &TLS12));
    assert_eq!(shake(&stage, &config).await, HandshakeKind::Full);
    assert_eq!(shake(&stage, &config).await, HandshakeKind::Resumed);
    let resumed = r#"cutover_tls_handshakes_total{version="1.2",kind="resumed"}"#;
    stage.site.counts(resumed, 1.0).await;
}

#[tokio::test]
async fn a_renewed_certificate_does_not_end_sessions() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let config = Arc::new(trusting(&stage.authority));
    assert_eq!(shake(&stage, &config).await, HandshakeKind::Full);
    stage
        .authority
        .for_hosts(&[SHOP])
        .write(stage.site.folder(), "shop");
    stage.site.reload().await;
    assert_eq!(shake(&stage, &config).await, HandshakeKind::Resumed);
    // Nor does a listener that is opened anew with other limits.
    let changed = web(&["shop"], "").replace("listen =", "max_connections = 99\nlisten =");
    stage.site.rewrite(&stage.config(&changed)).await;
    let addr = stage.site.addr_of("web").await;
    let stream = try_connect(addr, SHOP, config.clone()).await.unwrap();
    let kind = stream.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Resumed));
}

#[tokio::test]
async fn a_session_of_one_listener_is_nothing_to_another() {
    let plan = Plan::with_shop();
    let listeners = web(&["shop"], "") + &super::stage::listener("other", &["shop"], "");
    let stage = plan.start(&listeners).await;
    let config = Arc::new(trusting(&stage.authority));
    assert_eq!(shake(&stage, &config).await, HandshakeKind::Full);
    let other = stage.site.addr_of("other").await;
    let stream = try_connect(other, SHOP, config.clone()).await.unwrap();
    let kind = stream.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Full));
}

/// Connects, is answered once, and says what handshake it took.
async fn shake(stage: &Stage, config: &Arc<ClientConfig>) -> HandshakeKind {
    let stream = try_connect(stage.site.addr(), SHOP, config.clone()).await;
    let stream = stream.unwrap();
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    // Tickets come with the answer.
    assert_eq!(Raw::over(stream).get("/").await.status, 200);
    kind
}

/// Which worker answers, by the first half of the ids it makes.
async fn worker<S>(client: &mut Raw<S>) -> String
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let answer = client.get("/").await;
    answer.field("x-request-id").unwrap()[..16].to_owned()
}
