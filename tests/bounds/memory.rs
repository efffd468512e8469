//! Memory stays within its bounds, whatever clients do, and whoever behaves well does not notice what others do.
//!
//! Measured at a real process, from outside. These tests take turns: each of them opens thousands of sockets.

use std::{fs, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{Mutex, MutexGuard},
};

use crate::{
    crowd::Crowd,
    support::{
        answering::Answering,
        client::{get, post},
        eventually,
        load::{Load, Mix},
        pattern,
        serve::{Home, Serve},
        site::service,
    },
};

static TURN: Mutex<()> = Mutex::const_new(());

/// A cutover with 64 MiB for buffers, an endpoint that behaves well, and one at `/big` that is what a test needs.
struct Stage {
    serve: Serve,
    load: Load,
    before: usize,
    _home: Home,
    _blue: Answering,
    _turn: MutexGuard<'static, ()>,
}

impl Stage {
    async fn set(big: SocketAddr, listener: &str) -> Self {
        let turn = TURN.lock().await;
        let blue = Answering::start("blue").await;
        let patient = "timeouts.idle = \"600s\"\ntimeouts.response = \"600s\"";
        let services = service("shop", "/", [&[blue.addr()], &[]], "")
            + &service("big", "/big", [&[big], &[]], patient);
        let listener = format!("header_read_timeout = \"600s\"\n{listener}\n");
        let home = Home::new("max_buffered = \"64MiB\"", &(listener + &services));
        let serve = home.serve().await;
        let load = Load::start(serve.addr, Mix::default());
        // What the load itself takes is not to be counted.
        eventually("the load runs", async || {
            load.witness().served(|_| true).blue > 200
        })
        .await;
        Self {
            before: resident(&serve, "VmRSS"),
            serve,
            load,
            _home: home,
            _blue: blue,
            _turn: turn,
        }
    }

    /// KiB of memory at the worst moment so far, above what it was before.
    fn grown(&self) -> usize {
        resident(&self.serve, "VmHWM").saturating_sub(self.before)
    }

    async fn metric(&self, series: &str) -> f64 {
        self.serve.admin.metric(series).await
    }

    async fn limited(&self, limit: &str) -> f64 {
        self.metric(&format!("cutover_limited_total{{limit=\"{limit}\"}}"))
            .await
    }

    /// The bound was met, and held.
    async fn is_bounded(&self) {
        eventually("the bound is met", async || {
            self.limited("max_buffered").await > 0.0
        })
        .await;
        eventually("what is held is within it", async || {
            self.metric("cutover_buffered_bytes").await <= 64.0 * 1024.0 * 1024.0
        })
        .await;
        let grown = self.grown();
        assert!(grown < MOST, "{grown} KiB");
    }

    /// The load ends, and has noticed nothing.
    async fn ends(self) {
        self.load.stop().await;
    }
}

fn resident(serve: &Serve, what: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An endpoint that answers each head with this, and whose kernel keeps little of it. It reads nothing else.
async fn endpoint(answer: Vec<u8>) -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(4096).unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_once(stream, Arc::clone(&answer)));
        }
    });
    addr
}

async fn answer_once(mut stream: TcpStream, answer: Arc<Vec<u8>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let _ = stream.write_all(&answer).await;
    let _ = stream.readable().await;
    std::future::pending::<()>().await;
}

fn answer_of(length: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &pattern(length)].concat()
}

const MIB: usize = 1024;
/// The bound, once more for what allocations have besides and for what comes between two sweeps, and 64 KiB for each
/// connection.
const MOST: usize = 2 * 64 * MIB + CROWD * 64;
const CROWD: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn of_slow_readers_those_who_wait_longest_go() {
    let big = endpoint(answer_of(1024 * 1024)).await;
    let stage = Stage::set(big, "").await;
    let crowd = Crowd::of(CROWD, stage.serve.addr, get("/big").into_bytes()).await;
    stage.is_bounded().await;
    let shed = stage.limited("max_buffered").await;
    let open = stage.metric("cutover_connections_open").await;
    assert!(shed > 1000.0, "{shed} were let go");
    assert!(open > 50.0, "{open} are left");
    // Those who were not let go are served in full as soon as they read.
    let served = crowd.whole(1024 * 1024).await;
    assert!(served > 0, "{served} were served");
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_slow_readers_cost_what_is_said_of_one() {
    let big = endpoint(answer_of(8 * 1024 * 1024)).await;
    let stage = Stage::set(big, "").await;
    let crowd = Crowd::of(100, stage.serve.addr, get("/big").into_bytes()).await;
    eventually("all of them are served", async || {
        stage
            .metric("cutover_requests_in_flight{service=\"big\",colour=\"blue\"}")
            .await
            >= 100.0
    })
    .await;
    let grown = stage.grown();
    assert!(grown < 100 * 640, "{grown} KiB");
    assert_eq!(stage.limited("max_buffered").await, 0.0);
    crowd.leave();
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_no_endpoint_reads_stay_with_their_clients() {
    let big = endpoint(Vec::new()).await;
    let stage = Stage::set(big, "").await;
    // Fewer, because the kernel keeps most of it.
    let crowd = Crowd::of(400, stage.serve.addr, post("/big", &pattern(512 * 1024))).await;
    let grown = stage.grown();
    assert!(grown < 400 * 256, "{grown} KiB");
    crowd.leave();
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_heads_that_do_not_end_the_oldest_go() {
    let big = endpoint(Vec::new()).await;
    let stage = Stage::set(big, "").await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(60_000));
    let crowd = Crowd::of(CROWD, stage.serve.addr, head.into_bytes()).await;
    stage.is_bounded().await;
    // On a busy machine some heads are still coming.
    eventually("the oldest have gone", async || {
        stage.metric("cutover_connections_open").await < 1200.0
    })
    .await;
    let open = stage.metric("cutover_connections_open").await;
    assert!(open >= 500.0, "{open} are left");
    crowd.leave();
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_to_a_flood_of_pipelined_requests_do_not_pile_up() {
    let big = endpoint(Vec::new()).await;
    let stage = Stage::set(big, "").await;
    let crowd = Crowd::of(200, stage.serve.addr, get("/").repeat(20_000).into_bytes()).await;
    let grown = stage.grown();
    assert!(grown < 200 * 128, "{grown} KiB");
    crowd.leave();
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let big = endpoint(Vec::new()).await;
    let stage = Stage::set(big, "").await;
    let mut after: Vec<usize> = Vec::new();
    // An allocator keeps some of what it was given back, the more the busier it once was; but not ever more. What each of
    // 1500 connections left behind would show in every round.
    for round in 0..10 {
        let half = format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(1000));
        let crowd = Crowd::of(1500, stage.serve.addr, half.into_bytes()).await;
        crowd.leave();
        eventually("they have gone", async || {
            stage.metric("cutover_connections_open").await < 50.0
        })
        .await;
        after.push(resident(&stage.serve, "VmRSS"));
        if round > 1 && after[round] < after[round - 1] + MIB / 2 {
            return stage.ends().await;
        }
    }
    panic!("it grows: {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_that_the_machine_cannot_keep_is_told() {
    let blue = Answering::start("blue").await;
    let services = service("shop", "/", [&[blue.addr()], &[]], "");
    let serve = Home::new("max_buffered = \"1024GiB\"", &services)
        .serve()
        .await;
    let told = &serve.said("memory too little")[0];
    assert!(told["needed"].as_u64() > told["memory"].as_u64(), "{told}");
    drop(serve);
    let serve = Home::new("max_buffered = \"1MiB\"", &services)
        .serve()
        .await;
    assert_eq!(serve.said("memory too little").len(), 0);
}
