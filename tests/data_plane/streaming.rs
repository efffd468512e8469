//! Bodies pass as they come, and who cannot keep up holds up the other end, not cutover's memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use crate::support::{
    client::Raw,
    eventually, held_at_most, large,
    scripted::{OK, Scripted},
    site::{Site, shop},
    soon,
};

const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_client_while_the_endpoint_still_writes_it() {
    let go_on = Arc::new(Notify::new());
    let told = Arc::clone(&go_on);
    let endpoint = Scripted::start(move |mut link| {
        let told = Arc::clone(&told);
        async move {
            link.head().await;
            link.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                .await;
            told.notified().await;
            link.write("done").await;
            link.end().await;
        }
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = site.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.answer_head().await;
    assert_eq!(client.take(4).await, b"half");
    go_on.notify_one();
    assert_eq!(client.take(4).await, b"done");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_the_endpoint_while_the_client_still_writes_it() {
    let half_came = Arc::new(Notify::new());
    let tell = Arc::clone(&half_came);
    let endpoint = Scripted::start(move |mut link| {
        let tell = Arc::clone(&tell);
        async move {
            while link.try_head().await.is_some() {
                link.until("half").await;
                tell.notify_one();
                link.until("done").await;
                link.until("\r\n").await;
                link.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                    .await;
            }
        }
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    for framing in [
        "Content-Length: 10\r\n\r\nhalf|done\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n|6\r\ndone\r\n\r\n0\r\n\r\n",
    ] {
        let mut client = site.client().await;
        let (first, second) = framing.split_once('|').unwrap();
        client
            .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{first}"))
            .await;
        soon("the first half", half_came.notified()).await;
        client.send(second).await;
        assert_eq!(client.answer().await.text(), "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_holds_up_the_endpoint() {
    let (written, body) = (Arc::new(AtomicUsize::new(0)), Arc::new(large()));
    let (count, sent) = (Arc::clone(&written), Arc::clone(&body));
    let endpoint = Scripted::start(move |mut link| {
        let (count, sent) = (Arc::clone(&count), Arc::clone(&sent));
        async move {
            link.head().await;
            let length = sent.len();
            link.write(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;
            link.write_counting(&sent, &count).await;
            link.end().await;
        }
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = Raw::connect_narrow(site.addr()).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.answer_head().await;
    let held = settled(&written).await;
    assert!(held < held_at_most(), "{held} bytes taken for nobody");
    for expected in body.chunks(MIB) {
        assert!(client.take(expected.len()).await == expected);
    }
    eventually("the endpoint has written all", async || {
        written.load(SeqCst) == body.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_holds_up_the_client() {
    let (go_on, body) = (Arc::new(Notify::new()), Arc::new(large()));
    let (told, expected) = (Arc::clone(&go_on), Arc::clone(&body));
    let endpoint = Scripted::start(move |mut link| {
        let (told, expected) = (Arc::clone(&told), Arc::clone(&expected));
        async move {
            link.head().await;
            told.notified().await;
            for expected in expected.chunks(MIB) {
                assert!(link.take(expected.len()).await == expected);
            }
            link.write(OK).await;
            link.end().await;
        }
    })
    .await;
    let site = Site::start(&shop(&[endpoint.addr()], &[], "")).await;
    let mut client = site.client().await;
    let length = body.len();
    client
        .send(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        ))
        .await;
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        for piece in body.chunks(64 * 1024) {
            client.send(piece).await;
            count.fetch_add(piece.len(), SeqCst);
        }
        client
    });
    let held = settled(&sent).await;
    assert!(held < held_at_most(), "{held} bytes taken for nobody");
    go_on.notify_one();
    let mut client = soon("the upload", sending).await.unwrap();
    assert_eq!(client.answer().await.text(), "ok");
}

/// The count, once it has not moved for a while.
async fn settled(count: &AtomicUsize) -> usize {
    eventually("it begins", async || count.load(SeqCst) > 0).await;
    let mut before = usize::MAX;
    for _ in 0..100 {
        sleep(Duration::from_millis(150)).await;
        let now = count.load(SeqCst);
        if now == before {
            return now;
        }
        before = now;
    }
    panic!("it never stands still");
}
