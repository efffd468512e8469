//! Endpoints that expect it are introduced to the client at the start of each connection, which then serves nobody else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use cutover::core::{
    ids::Colour,
    proxy_header::{Introduction, ProxyVersion, Reading, read, write},
};

use crate::support::{
    client::Raw,
    scripted::{Link, Scripted},
    site::{ONE_WORKER, Site, shop},
};

/// Answers every request with the number of its connection and the line that it began with.
async fn repeats(mut link: Link) {
    let header = link.until("\r\n").await;
    let body = format!("{} {}", link.number, header.trim_end());
    while link.try_head().await.is_some() {
        let length = body.len();
        link.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
    }
}

async fn site(endpoint: &Scripted, listener: &str, service: &str) -> Site {
    let config = format!(
        "{ONE_WORKER}[listener.web]\nlisten = \"127.0.0.1:0\"\n{listener}\n{}",
        // Probes would be connections, too.
        shop(
            &[endpoint.addr()],
            &[],
            &format!("probe.interval = \"1h\"\n{service}")
        )
    );
    Site::start(&config).await
}

/// The number of the connection that served a request, and the words of its header.
async fn served(client: &mut Raw, fields: &str) -> (String, Vec<String>) {
    client
        .send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let (number, header) = text.split_once(' ').unwrap();
    (
        number.to_owned(),
        header.split(' ').map(str::to_owned).collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_begins_with_its_client_and_serves_nobody_else() {
    let endpoint = Scripted::start(repeats).await;
    let site = site(&endpoint, "", "send_proxy_protocol = \"v1\"").await;
    let (mut ann, mut bob) = (site.client().await, site.client().await);
    let ports = |client: &Raw| {
        let ends = (
            client.stream().local_addr().unwrap(),
            client.stream().peer_addr().unwrap(),
        );
        [ends.0.port().to_string(), ends.1.port().to_string()]
    };
    let (of_ann, words) = served(&mut ann, "").await;
    assert_eq!(words[..4], ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"]);
    assert_eq!(words[4..], ports(&ann));
    // hers is unused now, and stays hers.
    let (of_bob, words) = served(&mut bob, "").await;
    assert_eq!(words[4..], ports(&bob));
    assert_ne!(of_ann, of_bob);
    for _ in 0..3 {
        assert_eq!(served(&mut ann, "").await.0, of_ann);
        assert_eq!(served(&mut bob, "").await.0, of_bob);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_unused_connection_makes_room() {
    let endpoint = Scripted::start(repeats).await;
    let keys = "send_proxy_protocol = \"v1\"\nconnections.max_idle = 1";
    let site = site(&endpoint, "", keys).await;
    let (mut ann, mut bob) = (site.client().await, site.client().await);
    let (of_ann, _) = served(&mut ann, "").await;
    let (of_bob, _) = served(&mut bob, "").await;
    assert_eq!(served(&mut bob, "").await.0, of_bob);
    assert_ne!(served(&mut ann, "").await.0, of_ann);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_kept_where_none_may_be() {
    let endpoint = Scripted::start(repeats).await;
    let keys = "send_proxy_protocol = \"v1\"\nconnections.max_idle = 0";
    let site = site(&endpoint, "", keys).await;
    let mut client = site.client().await;
    let (first, _) = served(&mut client, "").await;
    assert_ne!(served(&mut client, "").await.0, first);
    endpoint.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_binary_header_says_the_same() {
    let endpoint = Scripted::start(async |mut link: Link| {
        let fixed = link.take(16).await;
        let header = [&fixed[..], &link.take(usize::from(fixed[15])).await].concat();
        let length = header.len();
        let Reading::Header(28, Some(introduction)) = read(&header) else {
            assert_eq!(read(&header), Reading::Header(length, None), "a probe");
            return;
        };
        let body = format!("{} {}", link.number, introduction.source);
        while link.try_head().await.is_some() {
            let length = body.len();
            link.write(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        }
    })
    .await;
    let site = site(&endpoint, "", "send_proxy_protocol = \"v2\"").await;
    let mut client = site.client().await;
    let own = client.stream().local_addr().unwrap().to_string();
    let (number, words) = served(&mut client, "").await;
    assert_eq!(words, [own]);
    assert_eq!(served(&mut client, "").await.0, number);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_introduced_is_introduced_further() {
    let endpoint = Scripted::start(repeats).await;
    let listener = "proxy_protocol = [\"127.0.0.1\"]";
    let site = site(&endpoint, listener, "send_proxy_protocol = \"v1\"").await;
    let introduction = Introduction {
        source: "203.0.113.9:4711".parse().unwrap(),
        destination: "192.0.2.1:443".parse().unwrap(),
    };
    let mut client = site.client().await;
    client
        .send(write(ProxyVersion::V2, Some(introduction)))
        .await;
    let (_, words) = served(&mut client, "").await;
    assert_eq!(
        words,
        ["PROXY", "TCP4", "203.0.113.9", "192.0.2.1", "4711", "443"]
    );
    // The same client by another of its ports is another one.
    let mut client = site.client().await;
    let source = "203.0.113.9:4712".parse().unwrap();
    let introduction = Introduction {
        source,
        ..introduction
    };
    client
        .send(write(ProxyVersion::V1, Some(introduction)))
        .await;
    assert_eq!(served(&mut client, "").await.1[4], "4712");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_one_trusted_peer_are_introduced_one_by_one() {
    let endpoint = Scripted::start(repeats).await;
    let listener = "trusted_proxies = [\"127.0.0.0/8\"]";
    let site = site(&endpoint, listener, "send_proxy_protocol = \"v1\"").await;
    let mut peer = site.client().await;
    let (of_ann, words) = served(&mut peer, "X-Forwarded-For: 203.0.113.1\r\n").await;
    assert_eq!((words[2].as_str(), words[4].as_str()), ("203.0.113.1", "0"));
    let (of_bob, words) = served(&mut peer, "X-Forwarded-For: 203.0.113.2\r\n").await;
    assert_eq!(words[2], "203.0.113.2");
    assert_ne!(of_ann, of_bob);
    let (again, _) = served(&mut peer, "X-Forwarded-For: 203.0.113.1\r\n").await;
    assert_eq!(again, of_ann);
    // An IPv6 client of an IPv4 connection needs one family for both ends.
    let (_, words) = served(&mut peer, "X-Forwarded-For: 2001:db8::9\r\n").await;
    assert_eq!(words[1..4], ["TCP6", "2001:db8::9", "::ffff:127.0.0.1"]);
    let (_, words) = served(&mut peer, "").await;
    assert_eq!(words[2], "127.0.0.1");
    assert_ne!(words[4], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_is_introduced_again() {
    let introduced = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&introduced);
    let endpoint = Scripted::start(move |mut link: Link| {
        let counted = Arc::clone(&counted);
        async move {
            let header = link.until("\r\n").await;
            if header.contains("UNKNOWN") {
                return;
            }
            // The first connection closes when it is used again.
            let rounds = if counted.fetch_add(1, SeqCst) == 0 {
                1
            } else {
                2
            };
            for _ in 0..rounds {
                link.head().await;
                let length = header.len();
                link.write(format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{header}"
                ))
                .await;
            }
            link.try_head().await;
        }
    })
    .await;
    let site = site(&endpoint, "", "send_proxy_protocol = \"v1\"").await;
    let mut client = site.client().await;
    let first = client.get("/").await.text();
    assert_eq!(client.get("/").await.text(), first);
    assert_eq!(introduced.load(SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_introduced_as_well() {
    let endpoint = Scripted::start(async |mut link: Link| {
        let header = link.until("\r\n").await;
        if link.try_head().await.is_none() {
            return;
        }
        link.write(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        )
        .await;
        link.write(header).await;
        link.end().await;
    })
    .await;
    let site = site(&endpoint, "", "send_proxy_protocol = \"v1\"").await;
    let mut client = site.client().await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.status, 101);
    assert_eq!(client.take(11).await, b"PROXY TCP4 ");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_introduce_nobody() {
    for (version, nobody) in [
        ("v1", write(ProxyVersion::V1, None)),
        ("v2", write(ProxyVersion::V2, None)),
    ] {
        for probe in [
            "probe = { interval = \"50ms\" }",
            "probe = { path = \"/\", interval = \"50ms\" }",
        ] {
            let length = nobody.len();
            let endpoint = Scripted::start(move |mut link: Link| async move {
                link.take(length).await;
                if link.try_head().await.is_some() {
                    link.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .await;
                }
            })
            .await;
            let keys = format!(
                "send_proxy_protocol = \"{version}\"\n{probe}\nblue.endpoints = [\"{}\"]",
                endpoint.addr()
            );
            let site = Site::start(
                &shop(&[], &[], &keys)
                    .replace("probe = { interval = \"50ms\", rise = 1, fall = 1 }\n", ""),
            )
            .await;
            site.ready("shop", Colour::Blue, 1).await;
            endpoint.connected(1).await;
            let received = endpoint.bytes(0);
            assert!(
                received.starts_with(&nobody),
                "{version} {probe}: {received:?}"
            );
        }
    }
}
