//! Bounds of a listener: those beyond them wait and are served later.

use std::time::Duration;

use crate::support::{
    answering::Answering,
    client::get,
    eventually,
    site::{ONE_WORKER, Site, shop},
};

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_until_there_is_room() {
    let blue = Answering::start("blue").await;
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_connections = 2\n";
    let config = [ONE_WORKER, listener, &shop(&[blue.addr()], &[], "")].concat();
    let site = Site::start(&config).await;
    let mut first = site.client().await;
    let mut second = site.client().await;
    assert_eq!(first.get("/1").await.status, 200);
    assert_eq!(second.get("/2").await.status, 200);
    // The kernel takes the connection and the request; cutover does not, as long as it is full.
    let mut third = site.client().await;
    third.send(get("/3")).await;
    third.hears_nothing_for(Duration::from_millis(200)).await;
    assert_eq!(blue.seen(), ["GET /1", "GET /2"]);
    assert_eq!(first.get("/still").await.status, 200);
    drop(first);
    assert_eq!(third.answer().await.json()["target"], "/3");
    site.counts("cutover_connections_open", 2.0).await;
    site.counts("cutover_connections_accepted_total", 3.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_limits_hold_for_new_connections_and_lose_none() {
    let blue = Answering::start("blue").await;
    let config = |count: usize| {
        format!("[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_header_count = {count}\n")
            + &shop(&[blue.addr()], &[], "")
    };
    let site = Site::start(&config(50)).await;
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(30));
    let mut old = site.client().await;
    old.send(&many).await;
    assert_eq!(old.answer().await.status, 200);
    for count in [20, 50, 20] {
        let changes = site.rewrite(&config(count)).await;
        assert!(!changes.is_empty());
        for _ in 0..20 {
            let mut client = site.client().await;
            client.send(&many).await;
            // The socket is the same: until every worker has let go, either limit may hold.
            assert!([200, 431].contains(&client.answer().await.status));
        }
        eventually("the new limit holds", async || {
            let mut client = site.client().await;
            client.send(&many).await;
            client.answer().await.status == if count == 20 { 431 } else { 200 }
        })
        .await;
    }
    old.send(&many).await;
    assert_eq!(
        old.answer().await.status,
        200,
        "an old connection lives on as it was"
    );
}
