//! `max_requests_per_connection`: the answer to the last request says that it was the last.

use crate::{
    limited,
    support::{
        answering::Answering,
        client::{get, post},
        pattern,
        site::{Site, shop},
    },
};

async fn before(blue: &Answering, max: usize) -> Site {
    let listener =
        format!("[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_requests_per_connection = {max}\n");
    Site::start(&(listener + &shop(&[blue.addr()], &[], ""))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_answer_says_so_and_the_connection_closes() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, 3).await;
    let mut client = site.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.field("connection"), None);
    }
    limited(&site, "max_requests_per_connection", 0.0).await;
    client.send(post("/echo", b"the last")).await;
    let last = client.answer().await;
    assert_eq!(last.said(), (200, "the last".to_owned()));
    assert_eq!(last.field("connection"), Some("close"));
    client.closed().await;
    limited(&site, "max_requests_per_connection", 1.0).await;
    assert_eq!(site.client().await.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_cutovers_own_count_as_well() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, 2).await;
    let mut client = site.client().await;
    for last in [None, Some("close")] {
        client
            .send("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.field("connection"), last);
    }
    client.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_beyond_it_are_neither_served_nor_in_the_way() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, 3).await;
    // More than the kernel's buffers, so that a reset would meet the answers on their way.
    let beyond = post("/beyond", &pattern(200_000));
    let all = [get("/1").repeat(3).into_bytes(), beyond.repeat(4)].concat();
    for _ in 0..10 {
        let mut client = site.client().await;
        client.try_send(&all).await;
        for last in [None, None, Some("close")] {
            let answer = client.answer().await;
            assert_eq!((answer.status, answer.field("connection")), (200, last));
        }
        client.closed().await;
    }
    assert!(
        blue.seen().iter().all(|seen| seen == "GET /1"),
        "{:?}",
        blue.seen()
    );
    assert_eq!(blue.requests(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bound_a_connection_lives_on() {
    let blue = Answering::start("blue").await;
    let site = before(&blue, 0).await;
    let mut client = site.client().await;
    for _ in 0..500 {
        assert_eq!(client.get("/").await.field("connection"), None);
    }
}
