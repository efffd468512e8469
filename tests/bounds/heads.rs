//! Sizes of request heads: at the bound a request is served, above it refused, and the bound is counted by name.

use crate::{
    limited,
    support::{
        answering::Answering,
        site::{Site, shop},
    },
};

async fn before(blue: &Answering) -> Site {
    let listener = "[listener.web]\nlisten = \"127.0.0.1:0\"\nmax_header_count = 10\n\
                    max_header_size = \"20KiB\"\n";
    Site::start(&(listener.to_owned() + &shop(&[blue.addr()], &[], ""))).await
}

/// The status that this head is answered with.
async fn status(site: &Site, head: String) -> u16 {
    let mut client = site.client().await;
    client.send(head).await;
    let answer = client.answer().await;
    if answer.status != 200 {
        client.closed().await;
    }
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_counted() {
    let blue = Answering::start("blue").await;
    let site = before(&blue).await;
    for (fields, expected, count) in [(9, 200, 0.0), (10, 431, 1.0), (500, 431, 2.0)] {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: y\r\n".repeat(fields)
        );
        assert_eq!(
            status(&site, head).await,
            expected,
            "{fields} besides the host"
        );
        limited(&site, "max_header_count", count).await;
    }
    limited(&site, "max_header_size", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_counted() {
    let blue = Answering::start("blue").await;
    let site = before(&blue).await;
    let most = 20 * 1024;
    for (length, expected, count) in [
        (most - 1, 200, 0.0),
        (most, 200, 0.0),
        (most + 1, 431, 1.0),
        (10 * most, 431, 2.0),
    ] {
        let begin = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        let filler = "y".repeat(length - begin.len() - 4);
        assert_eq!(
            status(&site, format!("{begin}{filler}\r\n\r\n")).await,
            expected,
            "{length}"
        );
        limited(&site, "max_header_size", count).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_has_a_bound_of_its_own() {
    let blue = Answering::start("blue").await;
    let site = before(&blue).await;
    let most = 16 * 1024;
    for (length, expected, count) in [(most, 200, 0.0), (most + 1, 414, 1.0)] {
        let head = format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "p".repeat(length - 1)
        );
        assert_eq!(status(&site, head).await, expected, "{length}");
        limited(&site, "max_target_size", count).await;
    }
}
