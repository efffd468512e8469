//! Promise: listeners come, go, move and change their limits while cutover runs, and nobody who connects is turned away.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cutover::core::ids::Colour;
use serde_json::json;
use support::{
    answering::Answering,
    call::Admin,
    client::{Raw, get},
    eventually,
    site::{Site, service, shop},
};
use tokio::task::JoinSet;

#[tokio::test]
async fn listeners_come_and_go_and_move_while_others_serve() {
    let blue = Answering::start("blue").await;
    let rest = shop(&[blue.addr()], &[blue.addr()], "");
    let listener = |name: &str, listen: &str| format!("[listener.{name}]\nlisten = \"{listen}\"\n");
    let any = "127.0.0.1:0";
    let site = Site::start(&(listener("web", any) + &rest)).await;
    let mut kept = site.client().await;
    assert_eq!(kept.get("/").await.status, 200);
    // One comes.
    site.rewrite(&(listener("web", any) + &listener("second", any) + &rest))
        .await;
    let second = site.addr_of("second").await;
    let mut on_second = Raw::connect(second).await;
    assert_eq!(on_second.get("/").await.status, 200);
    // It moves: the new address serves, the old one refuses, who was let in stays.
    let moved = free();
    site.rewrite(&(listener("web", any) + &listener("second", &moved) + &rest))
        .await;
    assert_eq!(site.addr_of("second").await.to_string(), moved);
    assert_eq!(
        Raw::connect(moved.parse().unwrap())
            .await
            .get("/")
            .await
            .status,
        200
    );
    assert_eq!(on_second.get("/").await.status, 200);
    is_closed(second).await;
    // It goes, with a request in flight.
    let mut streaming = Raw::connect(moved.parse().unwrap()).await;
    streaming.send(get("/stream/600")).await;
    let head = streaming.answer_head().await;
    site.rewrite(&(listener("web", any) + &rest)).await;
    is_closed(moved.parse().unwrap()).await;
    assert!(streaming.body_of(head).await.is_ok());
    // And back on the address that it had.
    site.rewrite(&(listener("web", any) + &listener("third", &moved) + &rest))
        .await;
    assert_eq!(
        Raw::connect(moved.parse().unwrap())
            .await
            .get("/")
            .await
            .status,
        200
    );
    assert_eq!(kept.get("/").await.status, 200);
}

#[tokio::test]
async fn a_listener_that_cannot_bind_fails_the_whole_reload() {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let rest = shop(&[blue.addr()], &[green.addr()], "");
    let site = Site::start(&rest).await;
    let mut client = site.client().await;
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let listeners = format!(
        "[listener.web]\nlisten = \"127.0.0.1:0\"\n[listener.new]\nlisten = \"127.0.0.1:0\"\n\
         [listener.taken]\nlisten = \"{taken}\"\n"
    );
    let api = service("api", "api.test/", [&[blue.addr()], &[green.addr()]], "");
    site.write(&(listeners.clone() + &rest.replace("routes", "live = \"green\"\nroutes") + &api));
    let refused = Admin(site.admin()).post("/v1/reload", json!({})).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let errors = refused.json()["errors"].to_string();
    assert!(
        errors.contains("`taken`") && errors.contains(&taken),
        "{errors}"
    );
    assert_eq!(site.app().handle().listeners().await.unwrap().len(), 1);
    assert_eq!(site.app().handle().services().await.unwrap().len(), 1);
    let view = site.service("shop").await;
    assert_eq!(
        (view.live, view.file_live, view.waiting.is_some()),
        (Colour::Blue, Colour::Blue, false)
    );
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("blue"));
    // When the address is free, the same file is applied.
    drop(holder);
    assert_eq!(
        Admin(site.admin())
            .post("/v1/reload", json!({}))
            .await
            .status,
        200
    );
    assert_eq!(site.app().handle().listeners().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_connects_while_a_listener_is_handed_on_is_answered() {
    let blue = Answering::start("blue").await;
    let rest = shop(&[blue.addr()], &[blue.addr()], "");
    let limited = |limit: usize| {
        format!("[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_connections = {limit}\n") + &rest
    };
    let site = Site::start(&limited(1000)).await;
    let (addr, stop) = (site.addr(), Arc::<AtomicBool>::default());
    let (mut visitors, visits) = (JoinSet::new(), Arc::<AtomicUsize>::default());
    for _ in 0..8 {
        let (stop, visits) = (Arc::clone(&stop), Arc::clone(&visits));
        visitors.spawn(async move {
            while !stop.load(SeqCst) {
                assert_eq!(Raw::connect(addr).await.get("/bytes/10").await.status, 200);
                visits.fetch_add(1, SeqCst);
            }
        });
    }
    let mut kept = site.client().await;
    for limit in 1001..1021 {
        let before = visits.load(SeqCst);
        site.rewrite(&limited(limit)).await;
        assert_eq!(
            site.addr_of("web").await,
            addr,
            "it keeps the port of the kernel's choice"
        );
        eventually("visits go on", async || visits.load(SeqCst) > before + 16).await;
        assert_eq!(
            kept.get("/").await.status,
            200,
            "whoever was let in before is served"
        );
    }
    stop.store(true, SeqCst);
    while let Some(ended) = visitors.join_next().await {
        ended.unwrap();
    }
}

fn free() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn is_closed(addr: std::net::SocketAddr) {
    eventually("the address is given up", async || {
        let connecting = tokio::net::TcpStream::connect(addr);
        let connected = tokio::time::timeout(Duration::from_secs(3), connecting).await;
        matches!(connected, Ok(Err(_)))
    })
    .await;
}
