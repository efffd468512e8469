//! What costs its sender nothing is bounded, and the rest of the traffic does not notice.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use cutover::core::ids::Colour::Blue;
use tokio::time::Instant;

use crate::{
    cases::{count, everything, recorder},
    support::{
        answering::Answering,
        client::Raw,
        eventually,
        frames::{
            ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame,
            FrameClient, HEADERS, PREFACE, PRIORITY, PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM,
            data, get, headers, hpack, ping, request, reset, settings, window_update,
        },
        scripted::{OK, Scripted},
        serve::Home,
        site::{ONE_WORKER, Site, shop},
        soon,
        streams::{Streams, get as ask},
    },
};

/// Somebody else on the same worker, who asks all the time and must be answered soon.
struct Bystander {
    stop: Arc<AtomicBool>,
    asking: tokio::task::JoinHandle<(usize, Duration)>,
}

impl Bystander {
    async fn start(site: &Site) -> Self {
        Self::at(site.addr()).await
    }

    async fn at(addr: SocketAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let client = Streams::connect(addr).await;
        let mut of_http_1 = Raw::connect(addr).await;
        let stopped = Arc::clone(&stop);
        let asking = tokio::spawn(async move {
            let (mut answered, mut worst) = (0, Duration::ZERO);
            while !stopped.load(SeqCst) {
                let begun = Instant::now();
                assert_eq!(client.get("/bystander").await.status, 200);
                assert_eq!(of_http_1.get("/bystander").await.status, 200);
                worst = worst.max(begun.elapsed());
                answered += 2;
            }
            (answered, worst)
        });
        Self { stop, asking }
    }

    /// Fails if it had to wait.
    async fn was_not_bothered(self) {
        self.stop.store(true, SeqCst);
        let (answered, worst) = soon("the bystander", self.asking).await.unwrap();
        assert!(answered >= 2, "nothing was answered");
        assert!(worst < Duration::from_secs(2), "{worst:?}");
    }
}

async fn site() -> (Scripted, Site) {
    let endpoint = recorder().await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    (endpoint, site)
}

/// Sends these frames over and over, without reading, until the other side has had enough.
async fn flood(site: &Site, frames: Vec<Frame>) -> Option<u32> {
    let mut client = FrameClient::greet(site.addr()).await;
    let once: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
    let many = once.repeat(64 * 1024 / once.len() + 1);
    client.flood(&many, FLOOD).await;
    client.ended().await
}

const FLOOD: usize = 32 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_carry_nothing_end_their_connection() {
    let (_endpoint, site) = site().await;
    let bystander = Bystander::start(&site).await;
    let unknown = Frame::new(0xee, 0, 0, []);
    let priority = Frame::new(PRIORITY, 0, 1, [0, 0, 0, 3, 1]);
    let floods = [
        vec![ping()],
        vec![Frame::new(6, ACK, 0, [0; 8])],
        vec![settings(&[(4, 70_000), (4, 65_535)])],
        vec![priority],
        vec![unknown],
        vec![window_update(0, 1)],
    ];
    let number = floods.len();
    for frames in floods {
        let what = format!("{frames:?}");
        assert_eq!(
            flood(&site, frames).await,
            Some(ENHANCE_YOUR_CALM),
            "{what}"
        );
    }
    bystander.was_not_bothered().await;
    site.counts(
        "cutover_limited_total{limit=\"http2_control_frames\"}",
        number as f64,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_transfers_much_may_say_much() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut client = FrameClient::greet(site.addr()).await;
    // Two updates of windows for each frame of 40 MB, and a ping for each answer.
    for stream in 0..8 {
        let (status, body) = client.get(1 + 2 * stream, "/bytes/5000000").await;
        assert_eq!((status, body.len()), (200, 5_000_000));
        client.is_alive().await;
    }
    let updates = client.seen.iter().filter(|frame| frame.kind == DATA);
    assert!(updates.count() > 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_end_their_connection() {
    let (endpoint, site) = site().await;
    let bystander = Bystander::start(&site).await;
    // All in one: nobody has looked at them yet.
    let mut client = FrameClient::greet(site.addr()).await;
    let mut burst = Vec::new();
    for stream in 0..200 {
        let id = 1 + 2 * stream;
        burst.extend([headers(id, END_STREAM, &get("/rapid")), reset(id, 8)]);
    }
    client.send_all(&burst).await;
    assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM));
    // One after the other, each of them looked at before it is taken back.
    let mut client = FrameClient::greet(site.addr()).await;
    for turn in 0..2000 {
        let id = 1 + 2 * turn;
        client
            .send(&headers(id, 0, &request("POST", "/paced")))
            .await;
        if turn % 10 == 0 && !client.try_alive().await {
            break;
        }
        client.send(&reset(id, 8)).await;
    }
    assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM));
    bystander.was_not_bothered().await;
    site.counts("cutover_limited_total{limit=\"http2_calm\"}", 1.0)
        .await;
    site.counts("cutover_limited_total{limit=\"http2_resets\"}", 1.0)
        .await;
    eventually("no claim is left", async || {
        site.service("shop").await.pools[Blue].in_flight == 0
    })
    .await;
    assert!(
        count(&endpoint, "/rapid") <= 20,
        "{}",
        count(&endpoint, "/rapid")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_ends_its_connection() {
    let (endpoint, site) = site().await;
    let bystander = Bystander::start(&site).await;
    for piece in [vec![], b"\x10\x01x\x01y".repeat(20)] {
        let mut client = FrameClient::greet(site.addr()).await;
        client
            .send(&Frame::new(HEADERS, 0, 1, hpack(&get("/endless"))))
            .await;
        let once = Frame::new(CONTINUATION, 0, 1, piece).bytes();
        client.flood(&once.repeat(50), FLOOD).await;
        assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM));
    }
    bystander.was_not_bothered().await;
    assert_eq!(count(&endpoint, "/endless"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_unpacks_into_a_bomb_ends_its_connection() {
    let (endpoint, site) = site().await;
    let mut client = FrameClient::greet(site.addr()).await;
    // One long field put into the table, and then named thousands of times, a byte each.
    let mut block = hpack(&get("/bomb"));
    block.extend([0x40, 0x01, b'x', 0x7f, 0xf1, 0x0e]);
    block.extend([b'y'; 2032]);
    block.extend([0xbe; 12_000]);
    client
        .send(&Frame::new(HEADERS, END_STREAM | END_HEADERS, 1, block))
        .await;
    assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM));
    assert_eq!(count(&endpoint, "/bomb"), 0);
    site.counts("cutover_limited_total{limit=\"http2_calm\"}", 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_is_none_ends_its_connection() {
    let (_endpoint, site) = site().await;
    let bystander = Bystander::start(&site).await;
    for empty in [data(1, 0, []), Frame::new(DATA, 8, 1, [3, 0, 0, 0])] {
        let mut client = FrameClient::greet(site.addr()).await;
        client
            .send(&headers(1, 0, &request("POST", "/nothing")))
            .await;
        client.flood(&empty.bytes().repeat(200), FLOOD).await;
        assert_eq!(client.ended().await, Some(ENHANCE_YOUR_CALM), "{empty:?}");
    }
    bystander.was_not_bothered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_break_the_protocol_one_after_the_other_end_their_connection() {
    let (endpoint, site) = site().await;
    let bystander = Bystander::start(&site).await;
    let mut client = FrameClient::greet(site.addr()).await;
    let mut bad = get("/bad");
    bad.push(("connection", "close"));
    let mut turn = 0;
    let calmed = loop {
        client.send(&headers(1 + 2 * turn, END_STREAM, &bad)).await;
        turn += 1;
        if turn % 100 == 0 && !client.try_alive().await {
            break client.ended().await;
        }
        assert!(turn < 5000);
    };
    assert_eq!(calmed, Some(ENHANCE_YOUR_CALM));
    bystander.was_not_bothered().await;
    assert_eq!(count(&endpoint, "/bad"), 0);
    eventually("they are counted", async || {
        site.metric("cutover_http2_refused_streams_total").await >= 1024.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_than_may_be_at_once_are_refused_and_may_come_again() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let mut client = FrameClient::greet(site.addr()).await;
    let asked: Vec<_> = (0..201)
        .map(|number| headers(1 + 2 * number, END_STREAM, &get("/slow/800")))
        .collect();
    client.send_all(&asked).await;
    let refused = client.wait(|frame| frame.kind == RST_STREAM).await;
    assert_eq!((refused.stream, refused.code()), (401, REFUSED_STREAM));
    for number in 0..200 {
        let stream = 1 + 2 * number;
        let known = client
            .seen
            .iter()
            .any(|it| it.stream == stream && it.ends_stream());
        if !known {
            client
                .wait(|it| it.stream == stream && it.ends_stream())
                .await;
        }
    }
    assert_eq!(client.get(403, "/").await.0, 200);
    assert_eq!(blue.requests(), 201);
    site.counts("cutover_http2_refused_streams_total", 0.0)
        .await;
    drop(client);
    site.counts("cutover_http2_refused_streams_total", 1.0)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_holds_no_more_than_its_bound_and_nobody_up() {
    let written = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&written);
    let endpoint = Scripted::start(move |mut link| {
        let written = Arc::clone(&counting);
        async move {
            if link.head().await.starts_with("GET /bystander") {
                link.write(OK).await;
                while link.try_head().await.is_some() {
                    link.write(OK).await;
                }
                return;
            }
            link.write("HTTP/1.1 200 OK\r\n\r\n").await;
            link.write_counting(&[7; 64 * MIB], &written).await;
        }
    })
    .await;
    // A process of its own, so that its memory can be told from this one's.
    let home = Home::new("", &shop(&[endpoint.addr()], &[], ""));
    let serve = home.serve().await;
    let bystander = Bystander::at(serve.addr).await;
    let mut client = FrameClient::connect_narrow(serve.addr).await;
    client.send_bytes(PREFACE).await;
    // Windows without end: what stops the endpoints is that nobody reads the socket.
    client.send(&settings(&[(4, 0x7fff_ffff)])).await;
    client.send(&window_update(0, 0x7fff_0000)).await;
    let before = memory(serve.pid());
    let asked: Vec<_> = (0..STREAMS)
        .map(|number| headers(1 + 2 * number, END_STREAM, &get("/endless")))
        .collect();
    client.send_all(&asked).await;
    let mut last = 0;
    eventually("the endpoints cannot write any more", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = written.load(SeqCst);
        std::mem::replace(&mut last, now) == now && now > 0
    })
    .await;
    let grown = memory(serve.pid()).saturating_sub(before);
    // Of a response, cutover holds 64 KiB and a piece; the rest is with the kernel.
    let bound = STREAMS as usize * 400 * 1024 + 16 * MIB;
    assert!(grown < bound, "{grown} bytes more, beyond {bound}");
    assert!(last < STREAMS as usize * 64 * MIB);
    bystander.was_not_bothered().await;
    drop(client);
    eventually("no claim is left", async || {
        serve.admin.service("shop").await.pools.blue.in_flight == 0
    })
    .await;
}

const STREAMS: u32 = 60;
const MIB: usize = 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_not_taken_does_not_keep_the_others_of_its_connection_waiting() {
    let blue = Answering::start("blue").await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[blue.addr()], &[], ""))).await;
    let client = Streams::connect_narrow(site.addr(), 65_535).await;
    let stalled: Vec<_> = (0..50)
        .map(|_| client.send(ask("/bytes/3000000")))
        .collect();
    let mut held = Vec::new();
    for answer in stalled {
        held.push(soon("a head", answer).await.unwrap());
    }
    for _ in 0..3 {
        let answer = client.get("/bytes/3000000").await;
        assert_eq!(answer.body.len(), 3_000_000);
    }
    let answer = client.post("/echo", vec![7; 1_000_000]).await;
    assert_eq!(answer.body.len(), 1_000_000);
    assert_eq!(held.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_nobody_reads_do_not_keep_others_waiting() {
    let stuck = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&stuck);
    let endpoint = Scripted::start(move |mut link| {
        let stuck = Arc::clone(&counting);
        async move {
            let head = link.head().await;
            if head.starts_with("POST /stuck") {
                stuck.fetch_add(1, SeqCst);
                std::future::pending::<()>().await;
            }
            link.write(OK).await;
            link.end().await;
        }
    })
    .await;
    let site = Site::start(&(ONE_WORKER.to_owned() + &shop(&[endpoint.addr()], &[], ""))).await;
    let client = Streams::connect(site.addr()).await;
    let mut uploads = Vec::new();
    for _ in 0..10 {
        let (pieces, body) = crate::support::streams::Pieces::new();
        let asked = crate::support::streams::request("POST", "/stuck")
            .body(body)
            .unwrap();
        uploads.push((
            tokio::spawn(client.send(asked)),
            tokio::spawn(async move { while pieces.try_send(vec![0; 16 * 1024]).await {} }),
        ));
    }
    eventually("ten uploads", async || stuck.load(SeqCst) == 10).await;
    for upload in &mut uploads {
        soon("the upload is stuck", &mut upload.1).await.unwrap();
    }
    let begun = Instant::now();
    assert_eq!(client.post("/free", vec![1; 100_000]).await.text(), "ok");
    assert!(begun.elapsed() < Duration::from_secs(2));
    for (request, _) in uploads {
        request.abort();
    }
    let all = everything(&endpoint);
    assert_eq!(all.matches("POST /free").count(), 1);
}

/// Resident memory of a process.
fn memory(pid: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_counted() {
    let (_endpoint, site) = site().await;
    let mut client = FrameClient::greet(site.addr()).await;
    client.send(&headers(2, END_STREAM, &get("/"))).await;
    assert_eq!(client.ended().await, Some(PROTOCOL_ERROR));
    site.counts("cutover_http2_protocol_errors_total", 1.0)
        .await;
    let mut client = FrameClient::greet(site.addr()).await;
    client.send(&Frame::new(6, 0, 0, [0; 7])).await;
    client.ended().await;
    site.counts("cutover_http2_protocol_errors_total", 2.0)
        .await;
}
