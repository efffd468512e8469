//! Switch after switch, on connections that requests share, loses nothing: neither a request, nor a stream under way, nor
//! a call of gRPC, nor a connection.

use std::time::Duration;

use cutover::core::ids::Colour;
use tokio::time::sleep;

use crate::support::{
    answering::Answering,
    call::Admin,
    eventually,
    operator::{Operator, Way},
    site::{Site, shop},
    stream_load::{Calls, StreamLoad},
    witness::Kind,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_between_endpoints_of_http_2_drop_no_request_and_no_call() {
    drop_nothing("protocol = \"h2\"\n", Calls::Made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switches_between_endpoints_of_http_1_drop_nothing_of_clients_of_http_2() {
    drop_nothing("", Calls::NotMade).await;
}

async fn drop_nothing(protocol: &str, calls: Calls) {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = format!("{protocol}{PROBE}");
    let site = Site::start(&shop(&[blue.addr()], &[green.addr()], &keys)).await;
    for colour in Colour::ALL {
        site.ready("shop", colour, 1).await;
    }
    let mut load = StreamLoad::start(site.addr(), calls).await;
    let admin = Admin(site.admin());
    let mut operator = Operator::new(admin, load.witness());
    for turn in 0..SWITCHES {
        let way = [Way::Call, Way::Command][turn % 2];
        operator.switch(way, |_| ()).await;
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
    assert!(
        receipts.iter().any(|it| it.in_flight_at_commit > 3),
        "nothing was in flight: {receipts:?}"
    );
    let requests = witness.served(|_| true);
    let made = witness.served(|kind| kind == Kind::Tunnel);
    for colour in Colour::ALL {
        assert!(
            requests[colour] > 50,
            "too little load to prove anything: {requests:?}"
        );
        assert_eq!(made[colour] > 0, calls == Calls::Made, "{made:?}");
        let series = |name: &str, labels: &str| {
            format!("cutover_{name}{{service=\"shop\",colour=\"{colour}\"{labels}}}")
        };
        for (class, count) in [("2xx", requests[colour]), ("4xx", 0), ("5xx", 0)] {
            let class = format!(",class=\"{class}\"");
            site.counts(&series("requests_total", &class), count as f64)
                .await;
        }
        for none in ["requests_in_flight", "upstream_failures_total"] {
            site.counts(&series(none, ""), 0.0).await;
        }
    }
}

const PROBE: &str =
    "probe.path = \"/healthz\"\nprobe.interval = \"100ms\"\nprobe.rise = 1\nprobe.fall = 5\n";
const SWITCHES: usize = 24;
const BETWEEN: Duration = Duration::from_millis(90);
