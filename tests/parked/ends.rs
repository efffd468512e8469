//! Parked connections end as any other, and until then they count.

use tokio::{net::TcpStream, time::timeout};

use crate::{
    Lot, config,
    support::{
        client::{Raw, get},
        soon,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_noticed() {
    let lot = Lot::start("").await;
    drop(lot.parked().await);
    lot.open(0).await;
    lot.holds(0).await;
    let mut half = lot.site.client().await;
    assert_eq!(half.get("/").await.status, 200);
    lot.has_parked(2).await;
    half.half_close().await;
    half.closed().await;
    lot.open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn being_parked_prolongs_no_rest() {
    let lot = Lot::start("keep_alive = \"4s\"").await;
    let mut client = lot.parked().await;
    assert_eq!(client.get("/").await.status, 200);
    lot.has_parked(2).await;
    client.closed().await;
    lot.limited("keep_alive", 1).await;
    lot.open(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_said_nothing_is_closed_in_its_time() {
    let lot = Lot::start("header_read_timeout = \"1500ms\"").await;
    let mut client = lot.site.client().await;
    lot.has_parked(1).await;
    client.closed().await;
    lot.limited("header_read_timeout", 1).await;
    lot.limited("keep_alive", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_kept_while_parked() {
    let lot = Lot::start("max_connections = 1\nmax_connections_per_client = 2").await;
    let client = lot.parked().await;
    let mut second = lot.site.client().await;
    second.send(get("/")).await;
    let served = timeout(std::time::Duration::from_millis(300), second.answer()).await;
    assert!(served.is_err(), "one more than the limit was served");
    drop(client);
    assert_eq!(second.answer().await.status, 200);
    lot.limited("max_connections", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_its_connections_while_they_are_parked() {
    let lot = Lot::start("max_connections_per_client = 1").await;
    let client = lot.parked().await;
    // Reset at once, or a moment later.
    if let Ok(second) = TcpStream::connect(lot.site.addr()).await {
        let mut second = Raw::over(second);
        second.try_send(get("/")).await;
        assert!(second.try_answer().await.is_err());
    }
    lot.limited("max_connections_per_client", 1).await;
    drop(client);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_moves_leaves_its_parked_connections() {
    let lot = Lot::start("").await;
    let mut client = lot.parked().await;
    let pools = [&lot.blue, &lot.green];
    let moved = config(2, "", pools).replace("127.0.0.1:0", "127.0.0.2:0");
    lot.site.rewrite(&moved).await;
    lot.holds(1).await;
    assert_eq!(client.get("/").await.status, 200);
    let mut new = Raw::connect(lot.site.addr_of("web").await).await;
    assert_eq!(new.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_them_in_order_and_answers_what_is_on_its_way() {
    let lot = Lot::start("").await;
    let mut idle = lot.parked().await;
    let mut asks = lot.site.client().await;
    assert_eq!(asks.get("/").await.status, 200);
    lot.holds(2).await;
    let Lot { site, .. } = lot;
    asks.send("GET / HTT").await;
    site.counts("cutover_connections_parked", 1.0).await;
    let stopping = tokio::spawn(site.stop());
    asks.send("P/1.1\r\nHost: shop.test\r\n\r\n").await;
    let answer = asks.answer().await;
    assert_eq!(answer.status, 200);
    asks.closed().await;
    idle.closed().await;
    soon("the stop", stopping).await.unwrap();
}
