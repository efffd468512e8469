//! What goes through TLS is what goes without it, and nothing that was cut passes for whole.

use std::time::Duration;

use cutover::core::ids::Colour;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    authority::Authority,
    secure::{Front, Way, connect, showing, speaking, trusting},
    stage::{Plan, SHOP, web},
    support::{
        answering::Answering,
        call::Admin,
        client::{chunked, post},
        eventually, large,
        load::{Load, Mix},
        operator::{Operator, Way as Ask},
        pattern,
        scripted::Scripted,
        site::{Site, shop},
        soon,
        witness::Kind,
    },
};

#[tokio::test]
async fn bodies_of_any_size_go_both_ways_on_a_kept_connection() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    for version in [&TLS12, &TLS13] {
        let config = speaking(&stage.authority, version);
        let mut client = connect(stage.site.addr(), SHOP, config).await;
        for size in [0, 1, 16 * 1024, 16 * 1024 + 1, 3_000_001] {
            let body = pattern(size);
            let echoed = client.exchange(post("/echo", &body)).await;
            assert!(echoed.body == body, "{size} bytes");
            let head = format!(
                "POST /echo HTTP/1.1\r\nHost: {SHOP}\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            let request = [head.into_bytes(), chunked(&body, 70_000)].concat();
            assert!(
                client.exchange(request).await.body == body,
                "{size} bytes in chunks"
            );
            let answer = client.get(&format!("/bytes/{size}")).await;
            assert!(answer.body == body, "{size} bytes asked for");
        }
    }
    stage
        .site
        .counts("cutover_connections_accepted_total", 2.0)
        .await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_its_endpoint_and_loses_nothing() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let size = large().len();
    let mut client = stage.client().await;
    client
        .send(format!("GET /bytes/{size} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .await;
    let head = client.answer_head().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let in_flight = r#"cutover_requests_in_flight{service="shop",colour="blue"}"#;
    assert_eq!(stage.site.metric(in_flight).await, 1.0);
    let answer = client.body_of(head).await.unwrap();
    assert!(answer.body == pattern(size));
}

#[tokio::test]
async fn a_websocket_passes_and_ends_in_order() {
    let stage = Plan::with_shop().start(&web(&["shop"], "")).await;
    let mut stream = stage.handshake(trusting(&stage.authority)).await.unwrap();
    let ask = format!(
        "GET /ws HTTP/1.1\r\nHost: {SHOP}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon("an answer", stream.read_u8()).await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    let sent = pattern(2_000_000);
    let (mut read, mut write) = tokio::io::split(stream);
    let sending = tokio::spawn({
        let sent = sent.clone();
        async move {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
            write
        }
    });
    let mut echoed = Vec::new();
    // An end without `close_notify` would be an error here.
    soon("the echo", read.read_to_end(&mut echoed))
        .await
        .unwrap();
    assert!(echoed == sent);
    sending.await.unwrap();
    let tunnels = r#"cutover_tunnels_total{service="shop",colour="blue"}"#;
    stage.site.counts(tunnels, 1.0).await;
}

#[tokio::test]
async fn an_upload_that_is_cut_reaches_its_endpoint_as_one() {
    let endpoint = Scripted::start(|mut link| async move {
        link.head().await;
        link.end().await;
    })
    .await;
    let plan = Plan::with_shop();
    let authority = &plan.authority;
    let roots = trusting(authority);
    let config = web(&["shop"], "") + &shop(&[endpoint.addr()], &[], "");
    let site = Site::start_in(plan.into_folder(), &config, false).await;
    for in_order in [true, false] {
        let mut client = connect(site.addr(), SHOP, roots.clone()).await;
        let head = format!("POST / HTTP/1.1\r\nHost: {SHOP}\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head + "5\r\nhello\r\n").await;
        eventually("half of the upload", async || {
            endpoint.connections() > 0
                && endpoint
                    .received(endpoint.connections() - 1)
                    .contains("hello")
        })
        .await;
        let used = endpoint.connections() - 1;
        if in_order {
            client.half_close().await;
        }
        drop(client);
        endpoint.left_alone().await;
        let received = endpoint.received(used);
        assert!(!received.contains("\r\n0\r\n"), "{received:?} looks whole");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_and_renewals_under_load_through_tls_on_both_sides_drop_nothing() {
    let internal = Authority::new("internal");
    let identity = internal.for_hosts(&["127.0.0.1"]);
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let fronts = [
        Front::start(showing(&identity), blue.addr()).await,
        Front::start(showing(&identity), green.addr()).await,
    ];
    let plan = Plan::with_shop();
    internal.write(&plan.folder().join("ca.pem"));
    let roots = trusting(&plan.authority);
    let keys = "upstream_tls.ca = \"ca.pem\"\nprobe.path = \"/healthz\"\n\
        probe.interval = \"100ms\"\nprobe.rise = 1\nprobe.fall = 1";
    let config = web(&["shop"], "") + &shop(&[fronts[0].addr()], &[fronts[1].addr()], keys);
    let renewals = [
        plan.authority.for_hosts(&[SHOP]),
        Authority::new("stranger").for_hosts(&["elsewhere"]),
        plan.authority.for_hosts(&[SHOP]),
    ];
    let site = Site::start_in(plan.into_folder(), &config, true).await;
    for colour in Colour::ALL {
        site.ready("shop", colour, 1).await;
    }
    let way = Way::start(roots, SHOP, site.addr()).await;
    let mut load = Load::start(way.addr(), Mix::default());
    let mut operator = Operator::new(Admin(site.admin()), load.witness());
    for turn in 0..24 {
        operator.switch(Ask::Call, |_| ()).await;
        match turn {
            4 => renewals[0].write(site.folder(), "shop"),
            // A certificate of somebody else, whose key is not there.
            8 => std::fs::write(site.folder().join("shop.pem"), renewals[1].pem()).unwrap(),
            14 => renewals[2].write(site.folder(), "shop"),
            _ => {}
        }
        load.is_well();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let reloads = |result| format!(r#"cutover_tls_certificate_reloads_total{{result="{result}"}}"#);
    assert!(site.metric(&reloads("applied")).await >= 2.0);
    assert!(site.metric(&reloads("failed")).await >= 1.0);
    let witness = load.stop().await;
    witness.proves_order(Colour::Blue);
    let served = witness.served(|kind| kind != Kind::Tunnel);
    assert!(served.blue > 50 && served.green > 50, "{served:?}");
    for colour in Colour::ALL {
        let failures =
            format!(r#"cutover_upstream_failures_total{{service="shop",colour="{colour}"}}"#);
        site.counts(&failures, 0.0).await;
    }
}
