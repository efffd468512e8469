//! Bounds of a listener: those beyond them wait and are served later.

use std::time::Duration;

use crate::support::{
    answering::Answering,
    client::get,
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
