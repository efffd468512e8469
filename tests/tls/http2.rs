//! HTTP/2 through TLS, on either side: agreed on in the handshake, and otherwise as in the clear.

use cutover::core::{health::Health, ids::Colour};
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    authority::Authority,
    secure::{Front, Way, showing, trusting},
    stage::{Plan, SHOP, Stage, web},
    support::{
        eventually,
        frames::{ACK, Frame, GOAWAY, NO_ERROR, PING, PREFACE, settings},
        pattern,
        site::{Site, shop},
        soon,
        streams::{Pieces, Streams, get, read, request},
    },
    upstream::{app, last_failure, site_of},
};

#[tokio::test]
async fn a_client_that_knows_it_is_spoken_to_in_it() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    for (offered, agreed) in [
        (&["h2", "http/1.1"][..], "h2"),
        (&["http/1.1", "h2"], "h2"),
        (&["h2"], "h2"),
        (&["http/1.1"], "http/1.1"),
    ] {
        let stream = stage.handshake(offering(&stage, offered)).await.unwrap();
        assert_eq!(
            stream.get_ref().1.alpn_protocol(),
            Some(agreed.as_bytes()),
            "{offered:?}"
        );
    }
    let refusing = web(&["shop"], "").replace("listen =", "http2 = false\nlisten =");
    let changes = stage.site.rewrite(&stage.config(&refusing)).await;
    assert!(!changes.is_empty());
    assert!(stage.handshake(offering(&stage, &["h2"])).await.is_err());
    let stream = stage.handshake(offering(&stage, &["h2", "http/1.1"])).await;
    let stream = stream.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn streams_go_both_ways_whole_and_say_that_they_came_by_https() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let (client, _way) = client(&stage).await;
    let seen = client.get("/").await.json();
    let fields = seen["headers"].to_string();
    assert!(
        fields.contains(r#"["x-forwarded-proto","https"]"#),
        "{fields}"
    );
    for size in [0, 1, 16 * 1024 + 1, 3_000_001] {
        let body = pattern(size);
        assert!(
            client.post("/echo", body.clone()).await.body == body,
            "{size} bytes"
        );
        let answer = client.get(&format!("/bytes/{size}")).await;
        assert!(answer.body == body, "{size} bytes asked for");
    }
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/echo").body(body).unwrap());
    pieces.send("body").await;
    pieces.end_with("x-sum", "7").await;
    let answer = read(answer.await.unwrap()).await.unwrap();
    assert_eq!(answer.text(), "body");
    stage
        .site
        .counts("cutover_http2_connections_total", 1.0)
        .await;
    assert!(stage.blue.connections() <= 2);
}

#[tokio::test]
async fn a_switch_moves_the_streams_that_come_after_it() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    stage.site.ready("shop", Colour::Green, 1).await;
    let (client, _way) = client(&stage).await;
    let before = client.send(get("/slow/500"));
    eventually("a request in flight", async || stage.blue.in_flight() == 1).await;
    stage.site.switch("shop", Colour::Green).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("green"));
    let before = read(soon("the head", before).await.unwrap()).await.unwrap();
    assert_eq!(before.field("x-endpoint"), Some("blue"));
    assert!(client.is_open());
}

#[tokio::test]
async fn a_stop_says_goodbye_and_ends_the_connection_in_order() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let config = offering(&stage, &["h2"]);
    let mut stream = stage.handshake(config).await.unwrap();
    let greeting = [PREFACE, &settings(&[]).bytes()].concat();
    stream.write_all(&greeting).await.unwrap();
    let site = stage.site;
    site.counts("cutover_http2_connections_total", 1.0).await;
    let stopping = tokio::spawn(site.stop());
    let (mut farewells, mut rest) = (Vec::new(), Vec::new());
    // An end without `close_notify` would be an error here.
    while soon("the end", stream.read_buf(&mut rest)).await.unwrap() > 0 {
        while let Some((frame, length)) = Frame::parse(&rest) {
            rest.drain(..length);
            if frame.kind == GOAWAY {
                farewells.push(frame.code());
            } else if frame.kind == PING && frame.flags & ACK == 0 {
                let answer = Frame::new(PING, ACK, 0, frame.payload);
                stream.write_all(&answer.bytes()).await.unwrap();
            }
        }
    }
    assert_eq!(
        farewells, [NO_ERROR; 2],
        "one for what is to come, one for what came"
    );
    soon("the stop", stopping).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_is_spoken_to_in_it_when_that_is_agreed_on() {
    let authority = Authority::new("internal");
    for protocol in ["h2", "auto"] {
        let (blue, front) = app(agreeing(&authority, &["h2", "http/1.1"])).await;
        let site = start(&authority, &front, protocol).await;
        let client = Streams::connect(site.addr()).await;
        let seen = client.get("/a?b").await.json();
        assert_eq!(seen["version"], "HTTP/2.0");
        assert_eq!(seen["target"], "https://shop.test/a?b");
        let body = pattern(1_000_000);
        assert!(client.post("/echo", body.clone()).await.body == body);
        assert_eq!(site.client().await.get("/").await.status, 200);
        assert_eq!(blue.connections(), 1);
        assert_eq!(agreed(&front), [Some("h2".to_owned())]);
        // An upgrade has a connection of its own, which has to be of HTTP/1.
        let mut upgrading = site.client().await;
        upgrading
            .send(
                "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            )
            .await;
        assert_eq!(upgrading.answer().await.status, 101);
        assert_eq!(agreed(&front)[1].as_deref(), Some("http/1.1"));
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_is_spoken_to_in_http_1_if_it_may() {
    let authority = Authority::new("internal");
    let (blue, front) = app(agreeing(&authority, &["http/1.1"])).await;
    let site = start(&authority, &front, "auto").await;
    let client = Streams::connect(site.addr()).await;
    let answers: Vec<_> = (0..20)
        .map(|_| tokio::spawn(client.send(get("/slow/50"))))
        .collect();
    for answer in answers {
        let answer = soon("an answer", answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
    }
    let opened = blue.connections();
    for _ in 0..20 {
        let seen = client.get("/").await.json();
        assert_eq!(seen["version"], "HTTP/1.1");
    }
    assert_eq!(blue.connections(), opened, "connections are kept");
    assert!(
        agreed(&front)
            .iter()
            .all(|it| it.as_deref() == Some("http/1.1"))
    );
    let failed = r#"cutover_upstream_failures_total{service="shop",colour="blue"}"#;
    site.counts(failed, 0.0).await;
}

#[tokio::test]
async fn an_endpoint_that_cannot_and_must_gets_no_request() {
    let authority = Authority::new("internal");
    for offered in [&["http/1.1"][..], &[]] {
        let (blue, front) = app(agreeing(&authority, offered)).await;
        let site = start(&authority, &front, "h2").await;
        let answer = site.client().await.get("/").await;
        assert_eq!(answer.status, 502);
        assert!(
            answer.text().contains("tls handshake failed"),
            "{}",
            answer.text()
        );
        assert_eq!(blue.requests(), 0);
        let why = last_failure(&site, front.addr()).await;
        let expected = match offered {
            [] => "no HTTP/2 was agreed on in the TLS handshake",
            [..] => "tls handshake failed",
        };
        assert!(why.starts_with(expected), "{why}");
    }
}

#[tokio::test]
async fn probes_speak_it_through_tls_too() {
    let authority = Authority::new("internal");
    for (protocol, kind) in [
        ("h2", "grpc"),
        ("auto", "grpc"),
        ("h2", "http"),
        ("auto", "http"),
    ] {
        let (blue, front) = app(agreeing(&authority, &["h2", "http/1.1"])).await;
        let path = match kind {
            "http" => "probe.path = \"/healthz\"\n",
            _ => "",
        };
        let keys = format!(
            "protocol = \"{protocol}\"\nupstream_tls.ca = \"ca.pem\"\nprobe.kind = \"{kind}\"\n\
             {path}probe.interval = \"50ms\"\nprobe.timeout = \"50ms\"\nprobe.fall = 1"
        );
        let site = site_of(&authority, &shop(&[front.addr()], &[], &keys)).await;
        let health = async |health: Health| {
            eventually("its health", async || {
                site.endpoint("shop", front.addr()).await.health == health
            })
            .await;
        };
        health(Health::Healthy).await;
        assert!(agreed(&front).iter().all(|it| it.as_deref() == Some("h2")));
        blue.unwell(true);
        health(Health::Unhealthy).await;
        let why = last_failure(&site, front.addr()).await;
        let expected = match kind {
            "http" => "status 503, expected 200-399",
            _ => "health NOT_SERVING",
        };
        assert_eq!(why, expected);
    }
}

/// A client that offers these by ALPN.
fn offering(stage: &Stage, protocols: &[&str]) -> ClientConfig {
    let mut config = trusting(&stage.authority);
    config.alpn_protocols = names(protocols);
    config
}

/// An endpoint that agrees to these.
fn agreeing(authority: &Authority, protocols: &[&str]) -> ServerConfig {
    let mut config = showing(&authority.for_hosts(&["127.0.0.1"]));
    config.alpn_protocols = names(protocols);
    config
}

fn names(protocols: &[&str]) -> Vec<Vec<u8>> {
    protocols.iter().map(|it| it.as_bytes().to_vec()).collect()
}

/// What was agreed on with it, connection by connection; but not twice in a row.
fn agreed(front: &Front) -> Vec<Option<String>> {
    let protocols = front.seen().protocols.lock().unwrap();
    let text = |it: &Option<Vec<u8>>| it.as_ref().map(|it| String::from_utf8(it.clone()).unwrap());
    let mut agreed: Vec<_> = protocols.iter().map(text).collect();
    agreed.dedup();
    agreed
}

async fn client(stage: &Stage) -> (Streams, Way) {
    let config = offering(stage, &["h2"]);
    let way = Way::start(config, SHOP, stage.site.addr()).await;
    (Streams::connect(way.addr()).await, way)
}

async fn start(authority: &Authority, front: &Front, protocol: &str) -> Site {
    let keys = format!("protocol = \"{protocol}\"\nupstream_tls.ca = \"ca.pem\"");
    site_of(authority, &shop(&[front.addr()], &[], &keys)).await
}
