//! Promise: a file that changes is applied as a whole or not at all, and disturbs nothing that it does not speak of.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{fs, os::unix::fs::symlink, process::Command};

use cutover::core::{
    ids::{Colour, Tenure},
    switch::Outcome,
};
use serde_json::json;
use support::{
    answering::Answering,
    call::Admin,
    client::get,
    eventually,
    serve::{BINARY, Home, Serve},
    site::{Site, service, shop},
    witness::adds_up,
};

/// The weight that the file gives to the blue endpoint of `shop`, as an operator sees it.
async fn weight(admin: Admin) -> u32 {
    admin.service("shop").await.pools.blue.endpoints[0].weight
}

fn weighing(endpoint: &Answering, weight: u32) -> String {
    let addr = endpoint.addr();
    let blue = format!("blue.endpoints = [{{ addr = \"{addr}\", weight = {weight} }}]");
    shop(&[addr], &[addr], &blue)
}

async fn is_applied(admin: Admin, expected: u32) {
    eventually("the file is applied", async || {
        weight(admin).await == expected
    })
    .await;
}

#[tokio::test]
async fn the_running_binary_notices_every_way_of_writing_the_file() {
    let endpoint = Answering::start("blue").await;
    let home = Home::new("", &weighing(&endpoint, 1));
    let serve = home.serve().await;
    let (admin, file) = (serve.admin, home.config());
    assert_eq!(weight(admin).await, 1);
    // In place.
    home.write("", &weighing(&endpoint, 2));
    is_applied(admin, 2).await;
    // As every editor does, twice: the second time it is another inode.
    for number in [3, 4] {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.replace(
            &format!("weight = {}", number - 1),
            &format!("weight = {number}"),
        );
        let beside = home.folder().join("cutover.toml~");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, &file).unwrap();
        is_applied(admin, number).await;
    }
    // Removed and put back.
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("weight = 4", "weight = 5");
    fs::remove_file(&file).unwrap();
    fs::write(&file, text).unwrap();
    is_applied(admin, 5).await;
}

#[tokio::test]
async fn the_running_binary_notices_a_swap_of_a_config_map() {
    let endpoint = Answering::start("blue").await;
    let home = Home::new("", &weighing(&endpoint, 1));
    let mount = home.folder().join("mount");
    let publish = |name: &str| {
        fs::create_dir_all(mount.join(name)).unwrap();
        fs::copy(home.config(), mount.join(name).join("cutover.toml")).unwrap();
        // What the kubelet does: a new link beside, renamed over the old one.
        let beside = mount.join("..data_tmp");
        symlink(name, &beside).unwrap();
        fs::rename(beside, mount.join("..data")).unwrap();
    };
    publish("..2026_01");
    symlink("..data/cutover.toml", mount.join("cutover.toml")).unwrap();
    let serve = Serve::start(Command::new(BINARY), &mount.join("cutover.toml")).await;
    assert_eq!(weight(serve.admin).await, 1);
    for (name, number) in [("..2026_02", 2), ("..2026_03", 3)] {
        home.write("", &weighing(&endpoint, number));
        publish(name);
        is_applied(serve.admin, number).await;
    }
}

#[tokio::test]
async fn a_file_of_another_folder_is_found_without_a_word_from_it() {
    let endpoint = Answering::start("blue").await;
    let home = Home::new("", &weighing(&endpoint, 1));
    // A second name of the same file, as a bind mount of a single file is: its folder never sees an event.
    let elsewhere = home.folder().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::hard_link(home.config(), elsewhere.join("mounted.toml")).unwrap();
    let serve = Serve::start(Command::new(BINARY), &elsewhere.join("mounted.toml")).await;
    home.write("", &weighing(&endpoint, 2));
    is_applied(serve.admin, 2).await;
}

#[tokio::test]
async fn a_hang_up_and_a_call_have_the_file_read_at_once() {
    let endpoint = Answering::start("blue").await;
    let home = Home::new("", &weighing(&endpoint, 1));
    let serve = home.serve().await;
    home.write("", &weighing(&endpoint, 2));
    serve.signal("HUP");
    is_applied(serve.admin, 2).await;
    home.write("", &weighing(&endpoint, 3));
    let answer = serve.admin.post("/v1/reload", json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        weight(serve.admin).await,
        3,
        "the answer comes when it is applied"
    );
    let output = serve.admin.cli(&["reload"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serve.signal("HUP");
    eventually("the hang-up is obeyed", async || {
        serve.said("reloaded").len() > 3
    })
    .await;
    assert_eq!(weight(serve.admin).await, 3);
}

#[tokio::test]
async fn services_that_the_file_does_not_touch_keep_everything() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let other = Answering::start("other").await;
    let of_shop = service("shop", "shop.test/", [&[blue.addr()], &[green.addr()]], "");
    let site = Site::start_watching(&of_shop).await;
    site.ready("shop", Colour::Green, 1).await;
    site.switch("shop", Colour::Green).await;
    let mut kept = site.client().await;
    assert_eq!(kept.get("/").await.field("x-endpoint"), Some("green"));
    let (mut tunnel, mut streaming) = (site.client().await, site.client().await);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket";
    tunnel
        .send(format!(
            "GET /ws HTTP/1.1\r\nHost: shop.test\r\n{upgrade}\r\n\r\n"
        ))
        .await;
    assert_eq!(tunnel.answer_head().await.status, 101);
    streaming.send(get("/stream/1500")).await;
    let head = streaming.answer_head().await;
    assert_eq!(kept.get("/").await.status, 200);
    let (connections, before) = (green.connections(), site.service("shop").await);
    for turn in 1..=8 {
        let pools: [&[_]; 2] = [&[other.addr()], &[blue.addr()]];
        let keys = format!("timeouts.idle = \"{turn}s\"");
        let name = format!("other{}", turn % 3);
        site.rewrite(&(of_shop.clone() + &service(&name, "other.test/", pools, &keys)))
            .await;
        assert_eq!(kept.get("/").await.field("x-endpoint"), Some("green"));
        tunnel.send("still there\n").await;
        assert_eq!(tunnel.take(12).await, b"still there\n");
        let mut asking = site.client().await;
        asking
            .send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n")
            .await;
        assert_eq!(asking.answer().await.field("x-endpoint"), Some("other"));
    }
    let after = site.service("shop").await;
    assert_eq!((after.tenure, after.live), (before.tenure, Colour::Green));
    assert_eq!(
        after.pools.green.endpoints[0].health,
        before.pools.green.endpoints[0].health
    );
    assert_eq!(after.pools.green.in_flight, 2, "the tunnel and the stream");
    assert_eq!(
        green.connections(),
        connections,
        "upstream connections live on, too"
    );
    let whole = streaming
        .body_of(head)
        .await
        .expect("the stream ends by itself");
    assert_eq!(whole.text().lines().count(), 30);
    assert_eq!(site.history("shop").await.len(), 1);
}

#[tokio::test]
async fn a_file_with_mistakes_changes_nothing_and_every_mistake_is_told() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let good = shop(&[blue.addr()], &[green.addr()], "");
    let site = Site::start_watching(&good).await;
    let mut client = site.client().await;
    let bad = good
        .replace("live", "lve")
        .replace("blue.endpoints", "blue.endpoint")
        + "[nonsense]\n";
    site.write(&bad);
    let series = "cutover_reloads_total{result=\"failed\"}";
    site.counts(series, 1.0).await;
    site.counts("cutover_last_reload_success", 0.0).await;
    let refused = Admin(site.admin()).post("/v1/reload", json!({})).await;
    let errors = refused.json()["errors"].as_array().unwrap().clone();
    let told = |text: &str| errors.iter().any(|it| it.as_str().unwrap().contains(text));
    assert!(
        told("cutover.toml:") && told("did you mean `endpoints`") && told("nonsense"),
        "{errors:?}"
    );
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
    assert_eq!(site.service("shop").await.tenure, Tenure(1));
    site.write(&good);
    site.counts("cutover_last_reload_success", 1.0).await;
}

#[tokio::test]
async fn a_service_that_is_removed_lets_its_requests_finish_and_its_drains_settle() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let pools: [&[_]; 2] = [&[blue.addr()], &[green.addr()]];
    let other = service("other", "other.test/", pools, "");
    let both = other.clone() + &service("shop", "shop.test/", pools, "");
    let site = Site::start(&both).await;
    site.ready("shop", Colour::Green, 1).await;
    let (mut old, mut new) = (site.client().await, site.client().await);
    old.send(get("/stream/1000")).await;
    let old_head = old.answer_head().await;
    site.switch("shop", Colour::Green).await;
    new.send(get("/stream/1000")).await;
    let new_head = new.answer_head().await;
    site.rewrite(&other).await;
    assert_eq!(site.client().await.get("/").await.status, 404);
    for (mut client, head) in [(old, old_head), (new, new_head)] {
        let whole = client.body_of(head).await.expect("it ends by itself");
        assert_eq!(whole.text().lines().count(), 20);
        assert_eq!(client.get("/").await.status, 404);
    }
    eventually("the receipt is settled", async || {
        site.history("shop").await[0].outcome == Outcome::Drained
    })
    .await;
    adds_up(&site.history("shop").await[0]);
    // Its state waits for it.
    site.rewrite(&both).await;
    let view = site.service("shop").await;
    assert_eq!((view.live, view.tenure), (Colour::Green, Tenure(2)));
    assert_eq!(
        site.client().await.get("/").await.field("x-endpoint"),
        Some("green")
    );
}
