//! HTTP/2 towards endpoints: shared connections, and what may be sent again on another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cutover::core::ids::Colour::{Blue, Green};

use crate::support::{
    answering::Answering,
    client::chunked,
    eventually,
    frames::{
        ACK, CANCEL, DATA, END_STREAM, Frame, GOAWAY, HEADERS, INTERNAL_ERROR, NO_ERROR, PING,
        PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, data, goaway, headers,
        reset, settings, window_update,
    },
    pattern,
    scripted::{Link, Scripted},
    site::{ONE_WORKER, Site, shop},
    soon,
    streams::{Pieces, Streams, get as ask, piece, read, request},
};

const H2: &str = "protocol = \"h2\"\n";

async fn site(endpoints: &[&Scripted], keys: &str) -> Site {
    let addrs: Vec<_> = endpoints.iter().map(|it| it.addr()).collect();
    Site::start(&(ONE_WORKER.to_owned() + &shop(&addrs, &[], &format!("{H2}{keys}")))).await
}

/// The other side of a trunk, frame by frame.
struct Peer {
    link: Link,
    /// Frames that came, but for those that steer the connection.
    seen: Vec<Frame>,
}

impl Peer {
    /// Takes the greetings, and says with what settings.
    async fn greet(mut link: Link, pairs: &[(u16, u32)]) -> Self {
        assert_eq!(link.take(24).await, crate::support::frames::PREFACE);
        link.write(settings(pairs).bytes()).await;
        Self {
            link,
            seen: Vec::new(),
        }
    }

    /// The next frame that is about a stream; `None` at the end.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            let head = self.link.try_take(9).await?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let payload = self.link.try_take(length).await?;
            let (frame, _) = Frame::parse(&[head, payload].concat()).unwrap();
            match frame.kind {
                SETTINGS if frame.flags & ACK == 0 => {
                    self.send(&Frame::new(SETTINGS, ACK, 0, [])).await;
                }
                PING if frame.flags & ACK == 0 => {
                    self.send(&Frame::new(PING, ACK, 0, frame.payload)).await;
                }
                SETTINGS | PING | WINDOW_UPDATE => {}
                _ => {
                    self.seen.push(frame.clone());
                    return Some(frame);
                }
            }
        }
    }

    /// Nothing comes for a while that is about a stream.
    async fn says_nothing(&mut self) {
        let said = tokio::time::timeout(Duration::from_millis(200), self.next()).await;
        assert!(said.is_err(), "unasked: {said:?}");
    }

    /// The next request's head.
    async fn asked(&mut self) -> Option<u32> {
        loop {
            let frame = self.next().await?;
            if frame.kind == HEADERS {
                return Some(frame.stream);
            }
        }
    }

    async fn send(&mut self, frame: &Frame) {
        self.link.write(frame.bytes()).await;
    }

    async fn answer(&mut self, stream: u32) {
        let fields = [(":status", "200"), ("content-length", "2")];
        self.send(&headers(stream, 0, &fields)).await;
        self.send(&data(stream, END_STREAM, *b"ok")).await;
    }

    /// Answers whatever comes.
    async fn serve(mut self) {
        while let Some(stream) = self.asked().await {
            self.answer(stream).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_both_protocols_share_one_connection() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let client = Streams::connect(site.addr()).await;
    let mut of_http_1 = site.client().await;
    let seen = client.get("/a?b").await.json();
    assert_eq!(seen["version"], "HTTP/2.0");
    assert_eq!(seen["target"], "http://shop.test/a?b");
    let fields = seen["headers"].to_string();
    for name in [
        "\"connection\"",
        "\"transfer-encoding\"",
        "\"host\"",
        "\"upgrade\"",
    ] {
        assert!(!fields.contains(name), "{fields}");
    }
    assert!(fields.contains("x-forwarded-for"), "{fields}");
    let seen = of_http_1.get("/c").await.json();
    assert_eq!(seen["version"], "HTTP/2.0");
    let sent = pattern(1_000_000);
    assert!(client.post("/echo", sent.clone()).await.body == sent);
    let head = "POST /echo HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = of_http_1
        .exchange([head.as_bytes(), &chunked(&sent, 10_000)].concat())
        .await;
    assert!(answer.body == sent);
    of_http_1
        .send("HEAD /bytes/100 HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        .await;
    let answer = of_http_1.answer_to_head().await;
    assert_eq!(answer.field("content-length"), Some("100"));
    for status in [204, 304] {
        assert_eq!(
            of_http_1.get(&format!("/status/{status}")).await.status,
            status
        );
    }
    of_http_1
        .send("GET /old HTTP/1.0\r\nHost: shop.test\r\n\r\n")
        .await;
    assert_eq!(of_http_1.answer().await.status, 200);
    assert_eq!(blue.connections(), 1);
    site.counts(
        "cutover_upstream_connects_total{service=\"shop\",colour=\"blue\"}",
        1.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_both_ways() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let client = Streams::connect(site.addr()).await;
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/echo").body(body).unwrap());
    pieces.send("body").await;
    pieces.end_with("x-sum", "7").await;
    let answer = read(answer.await.unwrap()).await.unwrap();
    assert_eq!(
        (answer.text().as_str(), answer.trailer("x-sum")),
        ("body", Some("7"))
    );
    // To a client of HTTP/1 that welcomes them.
    let mut raw = site.client().await;
    raw.send(
        "POST /call HTTP/1.1\r\nHost: shop.test\r\nTE: trailers\r\nConnection: TE\r\n\
         Content-Length: 2\r\n\r\nhi",
    )
    .await;
    let answer = raw.answer().await;
    assert_eq!(answer.text(), "hi");
    assert_eq!(
        answer.trailers,
        [("grpc-status".to_owned(), "0".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_fit_on_one_connection_open_another() {
    let most = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&most);
    let endpoint = Scripted::start(move |link| {
        let most = Arc::clone(&counting);
        async move {
            let mut peer = Peer::greet(link, &[(3, 2)]).await;
            let mut open = Vec::new();
            while let Some(stream) = peer.asked().await {
                open.push(stream);
                most.fetch_max(open.len(), SeqCst);
                if open.len() == 2 {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    for stream in open.drain(..) {
                        peer.answer(stream).await;
                    }
                }
            }
        }
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(tokio::spawn(client.send(ask("/"))));
    }
    for answer in answers {
        assert_eq!(
            soon("an answer", answer).await.unwrap().unwrap().status(),
            200
        );
    }
    assert!(endpoint.connections() >= 2, "{}", endpoint.connections());
    assert!(
        most.load(SeqCst) <= 2,
        "{} at once on one connection",
        most.load(SeqCst)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_that_come_together_open_one_connection() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let client = Streams::connect(site.addr()).await;
    let answers: Vec<_> = (0..100)
        .map(|_| tokio::spawn(client.send(ask("/slow/300"))))
        .collect();
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(blue.connections(), 1);
    let answers: Vec<_> = (0..150)
        .map(|_| tokio::spawn(client.send(ask("/slow/300"))))
        .collect();
    for answer in answers {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(blue.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_refuses_is_sent_again_whatever_its_method() {
    for method in ["GET", "POST", "DELETE"] {
        let endpoint = Scripted::start(|link| async move {
            let first = link.number == 0;
            let mut peer = Peer::greet(link, &[]).await;
            if first {
                let stream = peer.asked().await.unwrap();
                peer.send(&reset(stream, REFUSED_STREAM)).await;
            }
            peer.serve().await;
        })
        .await;
        let site = site(&[&endpoint], "").await;
        let client = Streams::connect(site.addr()).await;
        let asked = request(method, "/")
            .body(crate::support::streams::empty())
            .unwrap();
        assert_eq!(client.whole(asked).await.text(), "ok", "{method}");
        site.counts(
            "cutover_replays_total{service=\"shop\",colour=\"blue\"}",
            1.0,
        )
        .await;
        site.counts(
            "cutover_upstream_failures_total{service=\"shop\",colour=\"blue\"}",
            0.0,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_endpoint_goes_away_without_looking_at_is_sent_again_and_the_rest_is_answered() {
    let endpoint = Scripted::start(|link| async move {
        let first = link.number == 0;
        let mut peer = Peer::greet(link, &[]).await;
        if !first {
            peer.serve().await;
            return;
        }
        let looked_at = peer.asked().await.unwrap();
        let not_looked_at = peer.asked().await.unwrap();
        assert!(not_looked_at > looked_at);
        peer.send(&goaway(looked_at, NO_ERROR)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        peer.answer(looked_at).await;
        peer.link.end().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    let post = |path| {
        request("POST", path)
            .body(crate::support::streams::empty())
            .unwrap()
    };
    let first = tokio::spawn(client.send(post("/first")));
    eventually("the first is in flight", async || {
        site.service("shop").await.pools[Blue].in_flight == 1
    })
    .await;
    let second = client.whole(post("/second")).await;
    assert_eq!(second.text(), "ok");
    assert_eq!(
        read(first.await.unwrap().unwrap()).await.unwrap().text(),
        "ok"
    );
    assert_eq!(endpoint.connections(), 2);
    site.counts(
        "cutover_replays_total{service=\"shop\",colour=\"blue\"}",
        1.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_touched_is_not_sent_again() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        while let Some(stream) = peer.asked().await {
            while peer.next().await.is_some_and(|frame| frame.kind != DATA) {}
            peer.send(&reset(stream, REFUSED_STREAM)).await;
        }
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    let answer = client.post("/", "body").await;
    assert_eq!(answer.status, 502);
    assert!(answer.text().contains("stream reset"), "{}", answer.text());
    site.counts(
        "cutover_replays_total{service=\"shop\",colour=\"blue\"}",
        0.0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_that_says_nothing_of_the_kind_is_the_answer() {
    for code in [INTERNAL_ERROR, CANCEL, PROTOCOL_ERROR] {
        let endpoint = Scripted::start(move |link| async move {
            let mut peer = Peer::greet(link, &[]).await;
            while let Some(stream) = peer.asked().await {
                peer.send(&reset(stream, code)).await;
            }
        })
        .await;
        let site = site(&[&endpoint], "").await;
        let client = Streams::connect(site.addr()).await;
        assert_eq!(client.get("/").await.status, 502);
        assert_eq!(endpoint.connections(), 1);
        site.counts(
            "cutover_replays_total{service=\"shop\",colour=\"blue\"}",
            0.0,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_takes_unsafe_requests_with_it_and_no_others() {
    let endpoint = Scripted::start(|link| async move {
        let first = link.number == 0;
        let mut peer = Peer::greet(link, &[]).await;
        if first {
            let stream = peer.asked().await.unwrap();
            peer.answer(stream).await;
            peer.asked().await.unwrap();
            peer.asked().await.unwrap();
            return;
        }
        peer.serve().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    assert_eq!(client.get("/").await.text(), "ok");
    let safe = tokio::spawn(client.send(ask("/safe")));
    eventually("one in flight", async || {
        site.service("shop").await.pools[Blue].in_flight == 1
    })
    .await;
    let asked = request("POST", "/unsafe")
        .body(crate::support::streams::empty())
        .unwrap();
    let lost = client.whole(asked).await;
    assert_eq!(lost.status, 502);
    assert!(lost.text().contains("connection closed"), "{}", lost.text());
    assert_eq!(
        read(safe.await.unwrap().unwrap()).await.unwrap().text(),
        "ok"
    );
    assert_eq!(endpoint.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_speak_it_is_answered_for() {
    let endpoint = Scripted::start(|mut link| async move {
        link.take(24).await;
        link.write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .await;
        link.end().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    assert_eq!(client.get("/").await.status, 502);
    endpoint.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_does_not_keep_the_others_of_a_trunk_waiting() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let stalled = Streams::connect_narrow(site.addr(), 16_384).await;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(
            soon("a head", stalled.send(ask("/bytes/3000000")))
                .await
                .unwrap(),
        );
    }
    let mut unread = site.client().await;
    unread
        .send(crate::support::client::get("/bytes/30000000"))
        .await;
    unread.answer_head().await;
    let other = Streams::connect(site.addr()).await;
    for _ in 0..3 {
        assert_eq!(other.get("/bytes/3000000").await.body.len(), 3_000_000);
    }
    assert_eq!(blue.connections(), 1);
    assert_eq!(held.len(), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_can_still_send() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&taken);
    let endpoint = Scripted::start(move |link| {
        let taken = Arc::clone(&counting);
        async move {
            let mut peer = Peer::greet(link, &[]).await;
            let stream = peer.asked().await.unwrap();
            peer.send(&headers(stream, 0, &[(":status", "200")])).await;
            for _ in 0..20 {
                peer.send(&data(stream, 0, vec![1; 10_000])).await;
            }
            while let Some(frame) = peer.next().await {
                let length = frame.payload.len();
                if frame.kind == DATA && length > 0 {
                    taken.fetch_add(length, SeqCst);
                    let amount = u32::try_from(length).unwrap();
                    peer.send(&window_update(0, amount)).await;
                    peer.send(&window_update(stream, amount)).await;
                }
            }
        }
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect_narrow(site.addr(), 16_384).await;
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/both").body(body).unwrap());
    let answer = soon("a head", answer).await.unwrap();
    for _ in 0..40 {
        pieces.send(vec![2; 10_000]).await;
    }
    eventually("all of it has come", async || taken.load(SeqCst) == 400_000).await;
    drop(answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_the_endpoint() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        let stream = peer.asked().await.unwrap();
        let mut came = 0;
        while came < 65_535 {
            came += peer.next().await.unwrap().payload.len();
        }
        peer.says_nothing().await;
        peer.send(&window_update(0, 1_000_000)).await;
        peer.send(&window_update(stream, 1_000_000)).await;
        while came < 300_000 {
            came += peer.next().await.unwrap().payload.len();
        }
        peer.answer(stream).await;
        peer.link.end().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let mut client = site.client().await;
    let answer = client
        .exchange(crate::support::client::post("/", &pattern(300_000)))
        .await;
    assert_eq!(answer.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expectation_is_the_endpoints_to_meet() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        let stream = peer.asked().await.unwrap();
        peer.says_nothing().await;
        peer.send(&headers(stream, 0, &[(":status", "100")])).await;
        let body = peer.next().await.unwrap();
        assert_eq!((body.kind, body.payload.as_slice()), (DATA, &b"body"[..]));
        peer.answer(stream).await;
        peer.link.end().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let mut client = site.client().await;
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(client.answer_head().await.status, 100);
    client.send("body").await;
    assert_eq!(client.answer().await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_ends_the_upload_without_an_error() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        while let Some(stream) = peer.asked().await {
            peer.answer(stream).await;
            peer.send(&reset(stream, NO_ERROR)).await;
        }
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    let (pieces, body) = Pieces::new();
    let answer = client.send(request("POST", "/early").body(body).unwrap());
    assert_eq!(read(answer.await.unwrap()).await.unwrap().text(), "ok");
    eventually("the upload is given up", async || {
        !pieces.try_send("more").await
    })
    .await;
    assert_eq!(client.get("/next").await.text(), "ok");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_dropped_is_reset_and_the_trunk_goes_on() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        let stream = peer.asked().await.unwrap();
        // The next request may overtake it.
        loop {
            let frame = peer.next().await.unwrap();
            if frame.kind == HEADERS {
                peer.answer(frame.stream).await;
            } else {
                assert_eq!((frame.kind, frame.stream), (RST_STREAM, stream));
                assert_eq!(frame.code(), CANCEL);
                break;
            }
        }
        peer.serve().await;
    })
    .await;
    let site = site(&[&endpoint], "").await;
    let client = Streams::connect(site.addr()).await;
    let waiting = tokio::spawn(client.send(ask("/")));
    eventually("one in flight", async || {
        site.service("shop").await.pools[Blue].in_flight == 1
    })
    .await;
    endpoint.connected(1).await;
    waiting.abort();
    assert_eq!(client.get("/next").await.text(), "ok");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn trunks_are_retired_with_their_tenure_after_their_last_request() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        let stream = peer.asked().await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        peer.answer(stream).await;
        let farewell = peer.next().await.unwrap();
        assert_eq!((farewell.kind, farewell.code()), (GOAWAY, NO_ERROR));
        peer.link.end().await;
    })
    .await;
    let green = Answering::start("green").await;
    let services = shop(&[endpoint.addr()], &[green.addr()], H2);
    let site = Site::start(&(ONE_WORKER.to_owned() + &services)).await;
    site.ready("shop", Green, 1).await;
    let client = Streams::connect(site.addr()).await;
    let last = tokio::spawn(client.send(ask("/")));
    endpoint.connected(1).await;
    eventually("one in flight", async || {
        site.service("shop").await.pools[Blue].in_flight == 1
    })
    .await;
    site.switch("shop", Green).await;
    assert_eq!(client.get("/").await.field("x-endpoint"), Some("green"));
    assert_eq!(
        read(last.await.unwrap().unwrap()).await.unwrap().text(),
        "ok"
    );
    endpoint.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_that_nobody_uses_is_closed() {
    let endpoint = Scripted::start(|link| async move {
        Peer::greet(link, &[]).await.serve().await;
    })
    .await;
    let site = site(&[&endpoint], "connections.idle_timeout = \"500ms\"").await;
    let client = Streams::connect(site.addr()).await;
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(endpoint.open(), 1);
    endpoint.left_alone().await;
    assert_eq!(client.get("/").await.text(), "ok");
    assert_eq!(endpoint.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_has_a_connection_of_its_own() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], H2))).await;
    let mut client = site.client().await;
    client
        .send(
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await;
    assert_eq!(client.answer().await.status, 101);
    client.send("echo").await;
    assert_eq!(client.take(4).await, b"echo");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_is_given_up_on_its_stream_alone() {
    let endpoint = Scripted::start(|link| async move {
        let mut peer = Peer::greet(link, &[]).await;
        let silent = peer.asked().await.unwrap();
        let gone = peer.next().await.unwrap();
        assert_eq!((gone.kind, gone.stream), (RST_STREAM, silent));
        let half = peer.asked().await.unwrap();
        peer.send(&headers(half, 0, &[(":status", "200")])).await;
        peer.send(&data(half, 0, *b"half")).await;
        let gone = peer.next().await.unwrap();
        assert_eq!((gone.kind, gone.stream), (RST_STREAM, half));
        peer.serve().await;
    })
    .await;
    let keys = "timeouts.response = \"300ms\"\ntimeouts.idle = \"300ms\"\n";
    let site = site(&[&endpoint], keys).await;
    let client = Streams::connect(site.addr()).await;
    assert_eq!(client.get("/silent").await.status, 504);
    let mut body = client.send(ask("/half")).await.unwrap().into_body();
    assert_eq!(piece(&mut body).await.unwrap().unwrap(), "half");
    assert!(piece(&mut body).await.unwrap().is_err());
    assert_eq!(client.get("/next").await.text(), "ok");
    assert_eq!(endpoint.connections(), 1);
}
