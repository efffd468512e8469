//! Balancers introduce their clients by the PROXY protocol: those that must do so do it, whole and in time, and nobody
//! else can.

use std::time::Duration;

use cutover::core::proxy_header::{Introduction, ProxyVersion, write};
use tokio::time::Instant;

use crate::{
    asked::{Asked, seen},
    support::client::{Raw, get},
};

/// Whoever connects here must introduce somebody.
const INTRODUCED: &str = "proxy_protocol = [\"127.0.0.0/8\"]";
/// The header for a client.
fn header(version: ProxyVersion, source: &str) -> Vec<u8> {
    let destination = if source.starts_with('[') {
        "[2001:db8::1]:443"
    } else {
        "192.0.2.1:443"
    };
    let introduction = Introduction {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    };
    write(version, Some(introduction))
}

const BOTH: [ProxyVersion; 2] = [ProxyVersion::V1, ProxyVersion::V2];

async fn unintroduced(asked: &Asked, count: u32) {
    let series = "cutover_unintroduced_connections_total";
    asked.site.counts(series, f64::from(count)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_introduced_client_is_the_client() {
    let asked = Asked::start(INTRODUCED, "forwarded = \"on\"").await;
    let sources = [
        ("203.0.113.9:4711", "203.0.113.9", "203.0.113.9"),
        ("[2001:db8::9]:4711", "2001:db8::9", "\"[2001:db8::9]\""),
    ];
    for version in BOTH {
        for (source, ip, node) in sources {
            let mut client = asked.site.client().await;
            client
                .send([header(version, source), get("/").into_bytes()].concat())
                .await;
            let answer = client.answer().await;
            assert_eq!(seen(&answer, "x-forwarded-for"), [ip]);
            let forwarded = format!("for={node};host=shop.test;proto=http");
            assert_eq!(seen(&answer, "forwarded"), [forwarded]);
        }
    }
    let log = asked.site.access_log(4).await;
    let clients: Vec<_> = log
        .iter()
        .map(|line| line["client"].as_str().unwrap())
        .collect();
    assert_eq!(
        clients,
        ["203.0.113.9", "2001:db8::9", "203.0.113.9", "2001:db8::9"]
    );
    unintroduced(&asked, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_may_be_cut_at_every_byte_and_nothing_behind_it_is_lost() {
    let asked = Asked::start(INTRODUCED, "").await;
    let mut asked_for = 0;
    for version in BOTH {
        let header = header(version, "203.0.113.9:4711");
        let whole = [&header[..], get("/").as_bytes()].concat();
        for cut in 1..=header.len() + 3 {
            let mut client = asked.site.client().await;
            client.send(&whole[..cut]).await;
            // So that the two are not read as one.
            client.hears_nothing_for(Duration::from_millis(3)).await;
            client.send(&whole[cut..]).await;
            assert_eq!(
                client.answer().await.status,
                200,
                "{version:?} cut at {cut}"
            );
            asked_for += 1;
        }
        let mut client = asked.site.client().await;
        for byte in &whole {
            client.send([*byte]).await;
        }
        let answer = client.answer().await;
        assert_eq!(seen(&answer, "x-forwarded-for"), ["203.0.113.9"]);
        asked_for += 1;
    }
    assert_eq!(asked.endpoint.requests(), asked_for);
    unintroduced(&asked, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_introduction_holds_for_all_requests_of_a_connection() {
    let asked = Asked::start(INTRODUCED, "").await;
    let mut client = asked.site.client().await;
    // Two at once, then one more.
    let two = [
        header(ProxyVersion::V2, "203.0.113.9:1"),
        get("/").into_bytes(),
        get("/").into_bytes(),
    ];
    client.send(two.concat()).await;
    for _ in 0..2 {
        assert_eq!(
            seen(&client.answer().await, "x-forwarded-for"),
            ["203.0.113.9"]
        );
    }
    assert_eq!(
        seen(&client.get("/").await, "x-forwarded-for"),
        ["203.0.113.9"]
    );
    // A second introduction is a malformed request.
    client
        .send(header(ProxyVersion::V1, "198.51.100.1:1"))
        .await;
    assert_eq!(client.answer().await.status, 400);
    client.closed().await;
    let log = asked.site.access_log(4).await;
    assert!(
        log.iter().all(|line| line["client"] == "203.0.113.9"),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_may_follow_an_introduction() {
    let asked = Asked::start(INTRODUCED, "").await;
    let mut client = asked.site.client().await;
    client
        .send(header(ProxyVersion::V1, "203.0.113.9:4711"))
        .await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 101);
    client.send("whatever").await;
    assert_eq!(client.take(8).await, b"whatever");
    client.half_close().await;
    client.closed().await;
    let log = asked.site.access_log(1).await;
    assert_eq!(
        (&log[0]["client"], &log[0]["status"]),
        (&"203.0.113.9".into(), &101.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_may_speak_for_itself() {
    let asked = Asked::start(INTRODUCED, "").await;
    for version in BOTH {
        let mut client = asked.site.client().await;
        client
            .send([write(version, None), get("/").into_bytes()].concat())
            .await;
        assert_eq!(
            seen(&client.answer().await, "x-forwarded-for"),
            ["127.0.0.1"]
        );
    }
    // One that connects and leaves, to see whether anybody is there, is no failure.
    let mut client = asked.site.client().await;
    client.half_close().await;
    client.closed().await;
    unintroduced(&asked, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_introduce_somebody_and_does_not_is_closed_without_an_answer() {
    let asked = Asked::start(INTRODUCED, "").await;
    let oversized = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"[..], &[1; 1000]].concat();
    let attempts = [
        get("/").into_bytes(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\nGET / HTTP/1.1\r\n\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\nGET / HTTP/1.1\r\n\r\n".to_vec(),
        [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0c".to_vec(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\x01\x02\x03\x04".to_vec(),
        oversized,
    ];
    for (bytes, count) in attempts.iter().zip(1..) {
        let mut client = asked.site.client().await;
        client.send(bytes).await;
        client.closed().await;
        unintroduced(&asked, count).await;
    }
    assert_eq!(asked.endpoint.requests(), 0);
    let accepted = asked
        .site
        .metric("cutover_connections_accepted_total")
        .await;
    assert!((accepted - 8.0).abs() < f64::EPSILON, "{accepted}");
    asked.site.counts("cutover_connections_open", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introduction_that_does_not_end_is_waited_for_as_long_as_a_request_head() {
    let keys = format!("{INTRODUCED}\nheader_read_timeout = \"300ms\"");
    let asked = Asked::start(&keys, "").await;
    for (bytes, count) in [
        (&b"PROXY TCP4 203.0.113.9"[..], 1),
        (b"\r\n\r\n\0\r\nQUIT\n\x21", 2),
        (b"", 3),
    ] {
        let begun = Instant::now();
        let mut client = asked.site.client().await;
        client.send(bytes).await;
        client.closed().await;
        assert!(
            begun.elapsed() >= Duration::from_millis(200),
            "{:?}",
            begun.elapsed()
        );
        unintroduced(&asked, count).await;
    }
    // One that comes in drops is not waited for any longer.
    let mut client = asked.site.client().await;
    let header = header(ProxyVersion::V1, "203.0.113.9:4711");
    let begun = Instant::now();
    for byte in header.iter().cycle() {
        if !client.try_send([*byte]).await || begun.elapsed() > Duration::from_secs(5) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    unintroduced(&asked, 4).await;
    // Whole headers leave the request its own time.
    let mut client = asked.site.client().await;
    client.send(&header).await;
    client.hears_nothing_for(Duration::from_millis(100)).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_introduction_from_anybody_else_is_a_malformed_request() {
    for keys in [
        "",
        "proxy_protocol = [\"10.0.0.0/8\"]",
        "proxy_protocol = []",
    ] {
        let asked = Asked::start(keys, "").await;
        for version in BOTH {
            let mut client = asked.site.client().await;
            client
                .send([header(version, "203.0.113.9:4711"), get("/").into_bytes()].concat())
                .await;
            assert_eq!(client.answer().await.status, 400, "{keys} {version:?}");
            client.closed().await;
        }
        assert_eq!(asked.endpoint.requests(), 0);
        let mut client = asked.site.client().await;
        assert_eq!(
            seen(&client.get("/").await, "x-forwarded-for"),
            ["127.0.0.1"]
        );
        unintroduced(&asked, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_a_peer_is_trusted_goes_by_whom_it_is_introduced_as() {
    let keys = format!("{INTRODUCED}\ntrusted_proxies = [\"10.0.0.0/8\"]");
    let asked = Asked::start(&keys, "").await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";
    for (source, list) in [
        ("203.0.113.9:1", "203.0.113.9"),
        ("10.0.0.7:1", "198.51.100.1, 10.0.0.7"),
    ] {
        let mut client = asked.site.client().await;
        client
            .send([&header(ProxyVersion::V2, source)[..], request.as_bytes()].concat())
            .await;
        assert_eq!(seen(&client.answer().await, "x-forwarded-for"), [list]);
    }
    let log = asked.site.access_log(2).await;
    assert_eq!(
        (&log[0]["client"], &log[1]["client"]),
        (&"203.0.113.9".into(), &"198.51.100.1".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_counted_for_the_client_that_is_introduced() {
    let keys = format!("{INTRODUCED}\nmax_connections_per_client = 1");
    let asked = Asked::start(&keys, "").await;
    let introduced = async |source: &str| -> Raw {
        let mut client = asked.site.client().await;
        client.send(header(ProxyVersion::V1, source)).await;
        client
    };
    let mut first = introduced("203.0.113.1:1").await;
    let mut second = introduced("203.0.113.2:1").await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = introduced("203.0.113.2:2").await;
    third.closed().await;
    let met = "cutover_limited_total{limit=\"max_connections_per_client\"}";
    asked.site.counts(met, 1.0).await;
    drop(second);
    // Its place is free as soon as its connection has ended.
    asked.site.counts("cutover_connections_open", 1.0).await;
    let mut fourth = introduced("203.0.113.2:3").await;
    assert_eq!(fourth.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_an_introduction() {
    let asked = Asked::start(&format!("{INTRODUCED}\nheader_read_timeout = \"60s\""), "").await;
    let mut client = asked.site.client().await;
    client.send("PROXY TCP4 203.").await;
    asked.site.counts("cutover_connections_open", 1.0).await;
    let begun = Instant::now();
    asked.site.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    client.closed().await;
}
