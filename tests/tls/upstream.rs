//! Endpoints that are spoken to through TLS: who is believed, and what happens to the others.

use std::sync::atomic::Ordering::SeqCst;

use cutover::core::{health::Health, ids::Colour};

use super::{
    authority::{Authority, Wish},
    secure::{Front, asking, showing},
    support::{
        answering::Answering,
        client::{get, post},
        eventually, pattern,
        scripted::Scripted,
        site::{ONE_WORKER, Site, shop},
    },
};

#[tokio::test]
async fn an_endpoint_that_proves_its_name_is_spoken_to() {
    let authority = Authority::new("internal");
    let (app, front) = app(showing(&authority.for_hosts(&["127.0.0.1"]))).await;
    let site = start(&authority, &front, "upstream_tls.ca = \"ca.pem\"").await;
    let mut client = site.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!(app.requests(), 3);
    assert_eq!(app.connections(), 1, "connections are kept");
    let seen = front.seen();
    assert_eq!(
        seen.protocols.lock().unwrap()[0].as_deref(),
        Some(&b"http/1.1"[..])
    );
    let opened = r#"cutover_upstream_connects_total{service="shop",colour="blue"}"#;
    site.counts(opened, 1.0).await;
}

#[tokio::test]
async fn another_name_may_be_asked_for_and_must_be_proved() {
    let authority = Authority::new("internal");
    let (_app, front) = app(showing(&authority.for_hosts(&["api.internal"]))).await;
    let keys = "upstream_tls = { ca = \"ca.pem\", server_name = \"api.internal\" }";
    let site = start(&authority, &front, keys).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
    let names = front.seen().names.lock().unwrap().clone();
    assert!(
        names.contains(&Some("api.internal".to_owned())),
        "{names:?}"
    );
    let keys = "upstream_tls = { ca = \"ca.pem\", server_name = \"other.internal\" }";
    let site = start(&authority, &front, keys).await;
    refused(&site, &front, "certificate not trusted", "untrusted").await;
}

#[tokio::test]
async fn an_endpoint_that_proves_nothing_gets_no_request() {
    let authority = Authority::new("internal");
    let stranger = Authority::new("stranger");
    let host = ["127.0.0.1"];
    for identity in [
        stranger.for_hosts(&host),
        authority.for_hosts(&["10.1.2.3"]),
        authority.issues(&Wish::hosts(&host).valid(-30, -1)),
        authority.issues(&Wish::hosts(&host).valid(1, 30)),
    ] {
        let (app, front) = app(showing(&identity)).await;
        let site = start(&authority, &front, "upstream_tls.ca = \"ca.pem\"").await;
        refused(&site, &front, "certificate not trusted", "untrusted").await;
        assert_eq!(app.requests(), 0);
    }
}

#[tokio::test]
async fn an_endpoint_without_tls_gets_no_request() {
    let authority = Authority::new("internal");
    let app = Answering::start("blue").await;
    let config = shop(&[app.addr()], &[], "upstream_tls.ca = \"ca.pem\"");
    let site = site_of(&authority, &config).await;
    let answer = site.client().await.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("tls handshake failed"),
        "{}",
        answer.text()
    );
    let series = "cutover_upstream_connect_failures_total\
        {service=\"shop\",colour=\"blue\",reason=\"tls\"}";
    site.counts(series, 1.0).await;
    assert_eq!(app.requests(), 0);
    assert!(
        last_failure(&site, app.addr())
            .await
            .starts_with("tls handshake failed")
    );
}

#[tokio::test]
async fn anybody_is_believed_only_where_the_file_says_so_and_warns_of_it() {
    let authority = Authority::new("internal");
    let (_app, front) = app(showing(
        &Authority::new("stranger").for_hosts(&["elsewhere"]),
    ))
    .await;
    let site = start(&authority, &front, "upstream_tls.ca = \"ca.pem\"").await;
    assert_eq!(site.client().await.get("/").await.status, 502);
    let keys = "upstream_tls.verify = false";
    let changes = site.rewrite(&shop(&[front.addr()], &[], keys)).await;
    let warning = "service `shop` believes any certificate of its endpoints";
    assert!(changes.iter().any(|it| it.contains(warning)), "{changes:?}");
    assert!(
        changes
            .iter()
            .any(|it| it == "service `shop`: `upstream_tls` changed"),
        "{changes:?}"
    );
    site.ready("shop", Colour::Blue, 1).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
}

#[tokio::test]
async fn an_endpoint_that_asks_is_shown_a_certificate() {
    let authority = Authority::new("internal");
    let proxies = Authority::new("proxies");
    let identity = authority.for_hosts(&["127.0.0.1"]);
    let (app, front) = app(asking(&identity, &proxies)).await;
    let folder = folder(&authority);
    let own = proxies.issues(&Wish::person("cutover"));
    own.write(folder.path(), "own");
    let file = |tls: &str| {
        let keys = format!("upstream_tls = {{ ca = \"ca.pem\"{tls} }}{HTTP_PROBE}");
        ONE_WORKER.to_owned() + &shop(&[front.addr()], &[], &keys)
    };
    let config = file(", cert = \"own.pem\", key = \"own.key\"");
    let site = Site::start_in(folder, &config, false).await;
    site.ready("shop", Colour::Blue, 1).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
    // Without it there is no answer, and the probe says why.
    site.rewrite(&file("")).await;
    eventually("the endpoint is unhealthy", async || {
        last_failure(&site, front.addr())
            .await
            .contains("CertificateRequired")
    })
    .await;
    let before = app.requests();
    assert_eq!(site.client().await.get("/").await.status, 502);
    assert_eq!(app.requests(), before);
}

#[tokio::test]
async fn one_pool_may_have_tls_and_the_other_not() {
    let authority = Authority::new("internal");
    let (_green, front) = app(showing(&authority.for_hosts(&["127.0.0.1"]))).await;
    let blue = Answering::start("blue").await;
    let keys = "green.upstream_tls = { ca = \"ca.pem\" }";
    let keys = format!("{keys}\ngreen.endpoints = [\"{}\"]", front.addr());
    let site = site_of(&authority, &shop(&[blue.addr()], &[], &keys)).await;
    let mut client = site.client().await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
    site.ready("shop", Colour::Green, 1).await;
    site.switch("shop", Colour::Green).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("app"));
    assert!(front.seen().handshakes.load(SeqCst) > 0);
    site.switch("shop", Colour::Blue).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
}

#[tokio::test]
async fn a_request_that_could_not_be_sent_again_meets_tickets_and_not_a_closed_connection() {
    let authority = Authority::new("internal");
    let (app, front) = app(showing(&authority.for_hosts(&["127.0.0.1"]))).await;
    let site = start(&authority, &front, "upstream_tls.ca = \"ca.pem\"").await;
    let mut client = site.client().await;
    let body = pattern(1000);
    // The first answer comes with the endpoint's tickets; each further POST finds a kept connection in doubt.
    for _ in 0..5 {
        client.send(post("/echo", &body)).await;
        assert_eq!(client.answer().await.body, body);
    }
    assert_eq!(app.connections(), 1);
    // An endpoint that closes in order sends `close_notify` first, which is a byte like any other to the kernel.
    front.hangs_up().await;
    client.send(post("/echo", &body)).await;
    let answer = client.answer().await;
    assert!(answer.body == body, "{:?}", answer.said());
    assert_eq!(app.connections(), 2);
}

#[tokio::test]
async fn sessions_with_endpoints_are_resumed() {
    let authority = Authority::new("internal");
    let (_app, front) = app(showing(&authority.for_hosts(&["127.0.0.1"]))).await;
    let keys = "upstream_tls.ca = \"ca.pem\"\nconnections.max_idle = 0";
    let site = start(&authority, &front, keys).await;
    let mut client = site.client().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
    }
    eventually("a session is resumed", async || {
        client.get("/").await;
        front.seen().resumed.load(SeqCst) > 0
    })
    .await;
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_ends_with_close_notify_or_is_broken_off() {
    let authority = Authority::new("internal");
    let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf a sentence";
    let script = Scripted::start(move |mut link| async move {
        link.head().await;
        link.write(answer).await;
    })
    .await;
    let identity = authority.for_hosts(&["127.0.0.1"]);
    let whole = Front::start(showing(&identity), script.addr()).await;
    let site = start(&authority, &whole, "upstream_tls.ca = \"ca.pem\"").await;
    let answer = site.client().await.get("/").await;
    assert_eq!(answer.said(), (200, "half a sentence".to_owned()));
    let cut = Front::start_cutting(showing(&identity), script.addr()).await;
    let site = start(&authority, &cut, "upstream_tls.ca = \"ca.pem\"").await;
    let mut client = site.client().await;
    client.send(get("/")).await;
    let cut_short = client.try_answer().await;
    assert!(cut_short.is_err(), "{cut_short:?} passes for the whole");
}

#[tokio::test]
async fn an_endpoint_that_stalls_in_its_handshake_costs_the_connect_timeout() {
    let authority = Authority::new("internal");
    let stalling = Scripted::start(|mut link| async move { link.end().await }).await;
    // One probe, no more: those of a short interval follow each other, and one is open at any time.
    let keys = "upstream_tls.ca = \"ca.pem\"\ntimeouts.connect = \"300ms\"\n\
        probe.interval = \"1h\"\nprobe.timeout = \"100ms\"";
    let config = shop(&[stalling.addr()], &[], keys);
    let site = site_of(&authority, &config).await;
    let answer = site.client().await.get("/").await;
    assert_eq!(answer.status, 504);
    assert!(
        answer.text().contains("connect timeout"),
        "{}",
        answer.text()
    );
    stalling.left_alone().await;
}

#[tokio::test]
async fn a_renewed_authority_is_believed_by_new_connections() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (_app, front) = app(showing(&new.for_hosts(&["127.0.0.1"]))).await;
    let folder = folder(&old);
    let config =
        ONE_WORKER.to_owned() + &shop(&[front.addr()], &[], "upstream_tls.ca = \"ca.pem\"");
    let site = Site::start_in(folder, &config, true).await;
    assert_eq!(site.client().await.get("/").await.status, 502);
    new.write(&site.folder().join("ca.pem"));
    site.ready("shop", Colour::Blue, 1).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
}

/// A request is answered with this cause, none reaches the endpoint, and its probe says why.
async fn refused(site: &Site, front: &Front, cause: &str, reason: &str) {
    let answer = site.client().await.get("/").await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains(cause), "{}", answer.text());
    let series = format!(
        "cutover_upstream_connect_failures_total{{service=\"shop\",colour=\"blue\",reason=\"{reason}\"}}"
    );
    site.counts(&series, 1.0).await;
    let why = last_failure(site, front.addr()).await;
    assert!(why.starts_with(cause), "{why}");
}

/// What the probes of an endpoint saw last.
pub(super) async fn last_failure(site: &Site, addr: std::net::SocketAddr) -> String {
    let mut why = None;
    eventually("a failed probe", async || {
        let endpoint = site.endpoint("shop", addr).await;
        why = endpoint
            .why
            .filter(|_| endpoint.health == Health::Unhealthy);
        why.is_some()
    })
    .await;
    why.unwrap()
}

/// An application, and TLS in front of it.
pub(super) async fn app(config: rustls::ServerConfig) -> (Answering, Front) {
    let app = Answering::start("app").await;
    let front = Front::start(config, app.addr()).await;
    (app, front)
}

/// A cutover in front of that, which believes `authority` by `ca.pem`.
async fn start(authority: &Authority, front: &Front, keys: &str) -> Site {
    site_of(authority, &shop(&[front.addr()], &[], keys)).await
}

pub(super) async fn site_of(authority: &Authority, config: &str) -> Site {
    Site::start_in(folder(authority), &(ONE_WORKER.to_owned() + config), false).await
}

pub(super) fn folder(authority: &Authority) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    authority.write(&folder.path().join("ca.pem"));
    folder
}

const HTTP_PROBE: &str =
    "\nprobe.path = \"/healthz\"\nprobe.interval = \"50ms\"\nprobe.rise = 1\nprobe.fall = 1\n";
