//! What an endpoint says while nobody asks is an answer to nothing: some say 408 when a connection has idled for too
//! long, and some were made to say more than one answer.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::{
    scripted::{OK, Scripted},
    site::{ONE_WORKER, Site, shop},
};

const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// Speaks on its first connection when it is told to, and tells when it has.
async fn talkative(told: &Arc<Notify>, spoken: &Arc<Notify>) -> Scripted {
    let (told, spoken) = (Arc::clone(told), Arc::clone(spoken));
    Scripted::start(move |mut link| {
        let (told, spoken) = (Arc::clone(&told), Arc::clone(&spoken));
        async move {
            link.head().await;
            link.write(OK).await;
            told.notified().await;
            link.write(EVIL).await;
            spoken.notify_one();
            link.end().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    for method in ["GET", "POST"] {
        let (told, spoken) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let endpoint = talkative(&told, &spoken).await;
        // No sweep may find it first.
        let keys = "probe.interval = \"1h\"\nprobe.rise = 1";
        let site =
            Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], keys))).await;
        let mut client = site.client().await;
        for number in 0..20 {
            let request = format!("{method} /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
            client.send(request).await;
            assert_eq!(
                client.answer().await.said(),
                (200, "ok".to_owned()),
                "{number}"
            );
            told.notify_one();
            spoken.notified().await;
        }
        assert_eq!(endpoint.connections(), 20, "{method}");
    }
}
