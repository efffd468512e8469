//! Promise: who asks for the standby reaches it and nothing else, and nobody else does; a switch neither loses a preview
//! nor counts it.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cutover::core::{
    ids::Colour::{self, Blue, Green},
    view::HindranceKind,
};
use serde_json::json;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::support::{
    answering::Answering,
    call::Admin,
    client::{Answer, Raw},
    eventually,
    load::{Load, Mix},
    operator::{Operator, Way},
    site::{Site, nobody, shop},
};

async fn pools() -> [Answering; 2] {
    [
        Answering::start("blue").await,
        Answering::start("green").await,
    ]
}

async fn start(pools: &[Answering; 2], keys: &str) -> Site {
    let site = Site::start(&shop(&[pools[0].addr()], &[pools[1].addr()], keys)).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    site
}

async fn ask(client: &mut Raw, host: &str, fields: &str) -> Answer {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
    client.exchange(request).await
}

/// Who answered, and what the answer says of a preview.
fn shown(answer: &Answer) -> (Option<&str>, Option<&str>) {
    (
        answer.field("x-endpoint"),
        answer.field("x-cutover-preview"),
    )
}

#[tokio::test]
async fn each_way_to_ask_leads_to_the_standby_and_no_other_does() {
    let pools = pools().await;
    let listeners = "[listener.web]\nlisten = \"127.0.0.1:0\"\n[listener.inner]\nlisten = \"127.0.0.1:0\"\n\
                     [process]\naccess_log = \"{dir}/access.log\"\n";
    let keys = "preview = { header = \"X-Preview\", cookie = \"look\", host = \"next.test\", listener = \"inner\" }";
    let file = shop(&[pools[0].addr()], &[pools[1].addr()], keys);
    let site = Site::start(&format!("{listeners}{file}")).await;
    site.ready("shop", Blue, 1).await;
    site.ready("shop", Green, 1).await;
    let live = (Some("blue"), None);
    let standby = (Some("green"), Some("green"));
    let mut client = site.client().await;
    for (host, fields, expected) in [
        ("shop.test", "", live),
        ("shop.test", "X-Preview: yes\r\n", standby),
        ("shop.test", "Cookie: a=1; look=; b=2\r\n", standby),
        ("shop.test", "Cookie: looking=1\r\n", live),
        ("next.test", "", standby),
        ("NEXT.test.:80", "", standby),
        ("next.test.example", "", live),
    ] {
        let answer = ask(&mut client, host, fields).await;
        assert_eq!(shown(&answer), expected, "{host} {fields}");
    }
    let mut inner = Raw::connect(site.addr_of("inner").await).await;
    assert_eq!(shown(&ask(&mut inner, "shop.test", "").await), standby);

    let counted = |name: &str, colour| {
        format!("cutover_{name}{{service=\"shop\",colour=\"{colour}\",class=\"2xx\"}}")
    };
    site.counts(&counted("preview_requests_total", "green"), 5.0)
        .await;
    site.counts(&counted("requests_total", "blue"), 3.0).await;
    site.counts(&counted("requests_total", "green"), 0.0).await;
    let lines = site.access_log(8).await;
    let previews = lines.iter().filter(|line| line["preview"] == true);
    assert_eq!(previews.filter(|line| line["colour"] == "green").count(), 5);
    // After a switch it is the other one.
    site.switch("shop", Green).await;
    let answer = ask(&mut client, "shop.test", "X-Preview: yes\r\n").await;
    assert_eq!(shown(&answer), (Some("blue"), Some("blue")));
}

#[tokio::test]
async fn the_secret_lets_in_goes_no_further_and_is_told_nowhere() {
    let pools = pools().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("preview");
    let (first, second) = ("first-secret-0123456789", "second-secret-0123456789");
    fs::write(&file, format!("{first}\n")).unwrap();
    let keys = format!(
        "preview = {{ header = \"X-Preview\", cookie = \"look\", secret_file = {file:?} }}"
    );
    let site = start(&pools, &keys).await;
    let mut client = site.client().await;
    for (value, expected) in [
        (first, "green"),
        ("first-secret-012345678", "blue"),
        (second, "blue"),
    ] {
        for field in ["X-Preview: ", "Cookie: a=1; look="] {
            let answer = ask(&mut client, "shop.test", &format!("{field}{value}\r\n")).await;
            assert_eq!(answer.field("x-endpoint"), Some(expected), "{field}{value}");
            // The endpoint says what it was sent.
            let sent = answer.text().to_lowercase();
            assert!(
                !sent.contains("secret-0") && !sent.contains("x-preview"),
                "{sent}"
            );
        }
    }
    let admin = Admin(site.admin());
    let config = admin.get("/v1/config").await.text();
    assert!(
        config.contains("secret_file") && !config.contains("secret-0"),
        "{config}"
    );
    fs::write(&file, second).unwrap();
    assert_eq!(admin.post("/v1/reload", json!({})).await.status, 200);
    for (value, expected) in [(first, "blue"), (second, "green")] {
        let answer = ask(&mut client, "shop.test", &format!("X-Preview: {value}\r\n")).await;
        assert_eq!(answer.field("x-endpoint"), Some(expected));
    }
    // A secret that anybody could guess is none, and leaves everything as it was.
    fs::write(&file, "short").unwrap();
    let refused = admin.post("/v1/reload", json!({})).await;
    assert_eq!(refused.status, 422);
    assert!(!refused.text().contains("short"), "{}", refused.text());
    let answer = ask(
        &mut client,
        "shop.test",
        &format!("X-Preview: {second}\r\n"),
    )
    .await;
    assert_eq!(answer.field("x-endpoint"), Some("green"));
}

#[tokio::test]
async fn a_standby_that_is_not_ready_is_told_and_the_live_pool_does_not_stand_in() {
    let blue = Answering::start("blue").await;
    let keys = "preview = { header = \"X-Preview\" }";
    for green in [&[nobody()][..], &[]] {
        let site = Site::start(&shop(&[blue.addr()], green, keys)).await;
        site.ready("shop", Blue, 1).await;
        let mut client = site.client().await;
        let answer = ask(&mut client, "shop.test", "X-Preview: 1\r\n").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.field("x-cutover-preview"), Some("green"));
        let text = answer.text();
        assert!(
            text.contains("no ready endpoint in the standby pool to preview"),
            "{text}"
        );
        assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
    }
}

#[tokio::test]
async fn a_preview_outlives_the_switch_and_confuses_no_receipt() {
    let pools = pools().await;
    let site = start(&pools, "preview = { header = \"X-Preview\" }").await;
    let mut tunnel = site.client().await;
    tunnel
        .send("GET /ws HTTP/1.1\r\nHost: shop.test\r\nX-Preview: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let head = tunnel.answer_head().await;
    assert_eq!(
        (head.status, head.field("x-endpoint")),
        (101, Some("green"))
    );
    let view = site.service("shop").await.pools.green;
    assert_eq!((view.in_flight, view.previews), (0, 1));
    // The pool that it is on becomes live, and the standby again.
    for to in [Green, Blue] {
        let receipt = site.switch("shop", to).await;
        assert_eq!(receipt.in_flight_at_commit, 0);
        tunnel.send("still here").await;
        assert_eq!(tunnel.take(10).await, b"still here");
    }
    eventually("the drains have ended", async || {
        site.service("shop").await.draining.is_empty()
    })
    .await;
    let verdict = async || {
        let handle = site.app().handle();
        let name = cutover::core::ids::ServiceName::new("shop");
        handle.safe_to_stop(name, Green).await.unwrap().unwrap()
    };
    let reasons = verdict().await.reasons;
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(reasons[0].kind, HindranceKind::Preview);
    tunnel.half_close().await;
    tunnel.closed().await;
    eventually("nobody looks any more", async || verdict().await.safe).await;
}

/// One answer to a preview.
struct Sight {
    began: Instant,
    answered: Instant,
    colour: Colour,
}

async fn looks(
    addr: std::net::SocketAddr,
    stop: CancellationToken,
    count: Arc<AtomicUsize>,
) -> Vec<Sight> {
    let (mut client, mut seen) = (Raw::connect(addr).await, Vec::new());
    while !stop.is_cancelled() {
        let began = Instant::now();
        let answer = ask(&mut client, "shop.test", "X-Preview: 1\r\n").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let colour: Colour = answer.field("x-endpoint").unwrap().parse().unwrap();
        assert_eq!(answer.field("x-cutover-preview"), Some(colour.as_str()));
        seen.push(Sight {
            began,
            answered: Instant::now(),
            colour,
        });
        count.fetch_add(1, SeqCst);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_and_switches_each_sort_of_request_keeps_to_its_pool() {
    let pools = pools().await;
    let site = start(&pools, "preview = { header = \"X-Preview\" }").await;
    let mix = Mix {
        streams: 1,
        tunnels: 1,
        ..Mix::default()
    };
    let load = Load::start(site.addr(), mix);
    let stop = CancellationToken::new();
    let (mut lookers, count) = (JoinSet::new(), Arc::<AtomicUsize>::default());
    for _ in 0..3 {
        lookers.spawn(looks(site.addr(), stop.clone(), Arc::clone(&count)));
    }
    let mut operator = Operator::new(Admin(site.admin()), load.witness());
    // Of each stretch: when it had surely begun, when it had perhaps ended, and the standby in it.
    let (mut stretches, mut since) = (Vec::new(), Instant::now());
    for _ in 0..12 {
        // Three of these had perhaps begun before.
        let seen = count.load(SeqCst);
        eventually("previews", async || count.load(SeqCst) >= seen + 8).await;
        stretches.push((since, Instant::now(), operator.live.other()));
        operator.switch(Way::Call, |_| {}).await;
        since = Instant::now();
    }
    stop.cancel();
    let mut proved = 0;
    while let Some(seen) = lookers.join_next().await {
        for sight in seen.unwrap() {
            let mut within = stretches.iter();
            let within =
                within.find(|(begins, ends, _)| *begins <= sight.began && sight.answered <= *ends);
            if let Some((_, _, standby)) = within {
                assert_eq!(sight.colour, *standby, "a preview met the live pool");
                proved += 1;
            }
        }
    }
    assert!(proved >= 12 * 5, "too little to prove anything: {proved}");
    let admin = operator.admin;
    let witness = load.stop().await;
    eventually("the end of the drains", async || {
        admin.service("shop").await.draining.is_empty()
    })
    .await;
    // No request of the load met the standby, and receipts tell of the load alone.
    witness.proves_order(Blue);
    witness.proves_receipts(&admin.history("shop").await);
}
