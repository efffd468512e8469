//! Switch after switch on connections of HTTP/2 through TLS, on both sides, loses neither a request nor a call.

use std::time::Duration;

use cutover::core::ids::Colour;
use rustls::ServerConfig;
use tokio::time::sleep;

use super::{
    authority::Authority,
    secure::{Front, Way, showing, trusting},
    stage::{Plan, SHOP, web},
    support::{
        answering::Answering,
        call::Admin,
        eventually,
        operator::{Operator, Way as Ask},
        site::{Site, shop},
        stream_load::{Calls, StreamLoad},
        witness::Kind,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_under_load_in_http_2_through_tls_on_both_sides_drop_no_request_and_no_call() {
    let internal = Authority::new("internal");
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let fronts = [
        Front::start(agreeing(&internal), blue.addr()).await,
        Front::start(agreeing(&internal), green.addr()).await,
    ];
    let plan = Plan::with_shop();
    internal.write(&plan.folder().join("ca.pem"));
    let mut offering = trusting(&plan.authority);
    offering.alpn_protocols = vec![b"h2".to_vec()];
    let keys = "protocol = \"h2\"\nupstream_tls.ca = \"ca.pem\"\nprobe.path = \"/healthz\"\n\
        probe.interval = \"100ms\"\nprobe.rise = 1\nprobe.fall = 5";
    let config = web(&["shop"], "") + &shop(&[fronts[0].addr()], &[fronts[1].addr()], keys);
    let site = Site::start_in(plan.into_folder(), &config, true).await;
    for colour in Colour::ALL {
        site.ready("shop", colour, 1).await;
    }
    let way = Way::start(offering, SHOP, site.addr()).await;
    let mut load = StreamLoad::start(way.addr(), Calls::Made).await;
    let admin = Admin(site.admin());
    let mut operator = Operator::new(admin, load.witness());
    for _ in 0..SWITCHES {
        operator.switch(Ask::Call, |_| ()).await;
        load.is_well();
        sleep(BETWEEN).await;
    }
    let witness = load.stop().await;
    eventually("the end of the drains", async || {
        admin.service("shop").await.draining.is_empty()
    })
    .await;
    witness.proves_order(Colour::Blue);
    let receipts = admin.history("shop").await;
    assert_eq!(receipts.len(), SWITCHES);
    witness.proves_receipts(&receipts);
    let (requests, calls) = (
        witness.served(|_| true),
        witness.served(|kind| kind == Kind::Tunnel),
    );
    for colour in Colour::ALL {
        assert!(
            requests[colour] > 50 && calls[colour] > 0,
            "{requests:?}, of them {calls:?} calls"
        );
        let failures =
            format!(r#"cutover_upstream_failures_total{{service="shop",colour="{colour}"}}"#);
        site.counts(&failures, 0.0).await;
    }
    for front in &fronts {
        let protocols = front.seen().protocols.lock().unwrap();
        assert!(
            protocols.iter().all(|it| it.as_deref() == Some(b"h2")),
            "{protocols:?}"
        );
    }
}

/// An endpoint that agrees to HTTP/2.
fn agreeing(authority: &Authority) -> ServerConfig {
    let mut config = showing(&authority.for_hosts(&["127.0.0.1"]));
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

const SWITCHES: usize = 20;
const BETWEEN: Duration = Duration::from_millis(100);
