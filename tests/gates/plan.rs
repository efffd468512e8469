//! Plans: what a switch would do, while nothing changes.

use std::{collections::BTreeMap, fs, path::Path};

use cutover::core::{
    gate::{
        plan::Plan,
        verdict::{GateKind, Verdict},
    },
    ids::{Colour, Tenure},
};

use crate::{
    checks::check,
    support::{
        answering::Answering,
        call::Admin,
        client::{Raw, get},
        eventually,
        site::{Site, nobody, shop},
    },
};

/// Every file of the journal with its content.
fn journal(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(site.folder().join("state")).unwrap();
    let read = |path: &Path| fs::read(path).unwrap();
    files
        .map(|file| file.unwrap().path())
        .map(|path| (path.display().to_string(), read(&path)))
        .collect()
}

async fn plan(site: &Site, to: &str) -> Plan {
    let path = format!("/v1/services/shop/plan?to={to}");
    let answer = Admin(site.admin()).get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}

#[tokio::test]
async fn a_plan_makes_the_checks_counts_what_would_drain_and_changes_nothing() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let checks = check("path = \"/smoke\"") + &check("path = \"/status/500\"");
    let site = Site::start(&(shop(&[blue.addr()], &[green.addr()], "") + &checks)).await;
    site.ready("shop", Colour::Green, 1).await;
    site.ready("shop", Colour::Blue, 1).await;
    let mut slow = site.client().await;
    slow.send(get("/stream/60000")).await;
    let mut socket = site.client().await;
    let upgrade = "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.send(upgrade).await;
    eventually("both are in flight", async || {
        let pool = &site.service("shop").await.pools.blue;
        (pool.in_flight, pool.tunnels) == (2, 1)
    })
    .await;
    let (before, generation) = (
        journal(&site),
        site.metric("cutover_config_generation").await,
    );
    let plan = plan(&site, "green").await;
    assert!(!plan.possible && plan.refusal.is_none());
    let shop = &plan.services[0];
    let verdicts: Vec<_> = shop.gates.iter().map(|it| (it.gate, it.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            (GateKind::MinReady, Verdict::Passed),
            (GateKind::Check, Verdict::Passed),
            (GateKind::Check, Verdict::Failed),
        ]
    );
    assert_eq!(
        shop.gates[2].endpoints[0].why,
        "status 500, expected 200-299"
    );
    assert_eq!((shop.to_drain.in_flight, shop.to_drain.tunnels), (2, 1));
    assert_eq!(shop.to_drain.deadline_ms, 30_000);
    assert!(shop.drift && shop.rollback.possible);
    assert_eq!(green.seen(), ["GET /smoke", "GET /status/500"]);
    assert_eq!(journal(&site), before);
    assert_eq!(site.metric("cutover_config_generation").await, generation);
    let view = site.service("shop").await;
    assert_eq!((view.live, view.tenure), (Colour::Blue, Tenure(1)));
    assert!(view.waiting.is_none() && site.history("shop").await.is_empty());
    let counted = site.metrics().await;
    assert!(!counted.contains("cutover_gates_total{"), "nobody switched");
}

#[tokio::test]
async fn the_command_exits_as_the_switch_would_and_so_does_a_dry_run() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let keys = check("path = \"/smoke\"");
    let site = Site::start(&(shop(&[blue.addr()], &[green.addr()], "") + &keys)).await;
    site.ready("shop", Colour::Green, 1).await;
    let admin = Admin(site.admin());
    for args in [
        &["plan", "shop", "green"][..],
        &["switch", "shop", "green", "--dry-run"],
    ] {
        let output = admin.cli(args).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(told.contains("  passed    check `GET /smoke`\n"), "{told}");
        assert!(told.ends_with("nothing has been changed\n"), "{told}");
    }
    green.unwell(true);
    site.rewrite(&shop(&[blue.addr()], &[nobody()], "")).await;
    let output = admin.cli(&["plan", "shop", "green"]).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let same = admin.cli(&["plan", "shop", "blue"]).await;
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert_eq!(
        admin.cli(&["plan", "nobody", "blue"]).await.status.code(),
        Some(2)
    );
    assert_eq!(site.service("shop").await.tenure, Tenure(1));
}

#[tokio::test]
async fn a_plan_tells_whether_a_rollback_would_be_possible_afterwards() {
    let green = Answering::start("green").await;
    let site = Site::start(&shop(&[nobody()], &[green.addr()], "")).await;
    site.ready("shop", Colour::Green, 1).await;
    eventually("blue has been probed", async || {
        let view = site.service("shop").await;
        view.pools.blue.endpoints[0].why.as_deref() == Some("connect refused")
    })
    .await;
    let plan = plan(&site, "green").await;
    assert!(plan.possible);
    let why = plan.services[0].rollback.why.as_deref().unwrap();
    assert!(why.contains("0 of 1 endpoints ready"), "{why}");
}

#[tokio::test]
async fn a_plan_that_nobody_waits_for_asks_no_further() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let checks = check("path = \"/slow/300\"") + &check("path = \"/second\"");
    let site = Site::start(&(shop(&[blue.addr()], &[green.addr()], "") + &checks)).await;
    site.ready("shop", Colour::Green, 1).await;
    let mut client = Raw::connect(site.admin()).await;
    client
        .send("GET /v1/services/shop/plan?to=green HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    eventually("the first check is under way", async || {
        green.requests() == 1
    })
    .await;
    drop(client);
    eventually("the first check is given up", async || {
        green.in_flight() == 0
    })
    .await;
    site.switch("shop", Colour::Green).await;
    assert_eq!(
        green.seen(),
        ["GET /slow/300", "GET /slow/300", "GET /second"]
    );
}

#[tokio::test]
async fn a_wrong_question_is_answered_as_one() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let admin = Admin(site.admin());
    for (query, status) in [("", 400), ("?to=red", 400), ("?to=blue&x=1", 400)] {
        let answer = admin.get(&format!("/v1/services/shop/plan{query}")).await;
        assert_eq!(answer.status, status, "{query}");
    }
    assert_eq!(admin.get("/v1/services/no/plan?to=blue").await.status, 404);
    let empty = plan(&site, "green").await;
    let refusal = empty.refusal.unwrap();
    assert!(
        !empty.possible && refusal.contains("has no endpoints"),
        "{refusal}"
    );
}
