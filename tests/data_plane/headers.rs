//! What a request and a response say about the hop between them.

use crate::support::{
    answering::Answering,
    site::{Site, shop},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_the_live_endpoint_and_its_answer_the_client() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&shop(&[blue.addr()], &[], "")).await;
    let answer = site.client().await.get("/a?b=c").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["target"], "/a?b=c");
    assert_eq!((blue.requests(), blue.connections()), (1, 1));
    site.stop().await;
}
