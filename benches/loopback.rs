//! The whole proxy over loopback, against the binary: `cargo bench --bench loopback`.
//!
//! Prints requests per second, the workers' CPU time for one small kept-alive request, the barrier under that load,
//! and what a reload of a thousand services costs. Absolute figures depend on the machine; compare two builds in
//! one sitting, or proxies side by side.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark tells, and fails where it stands"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{fmt::Write as _, fs, net::SocketAddr, time::Duration};

use cutover::core::ids::Colour;
use support::{
    answering::Answering,
    eventually,
    serve::{Home, Serve},
    site::shop,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

fn main() {
    // Whoever runs all targets as tests wants to know that this one works, not what it measures.
    let is_bench = std::env::args().any(|it| it == "--bench");
    let lasts = Duration::from_millis(if is_bench { 5_000 } else { 200 });
    let services = if is_bench { 1_000 } else { 20 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        requests(lasts).await;
        reload(services).await;
    });
}

async fn requests(lasts: Duration) {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let home = Home::new("", &shop(&[blue.addr()], &[green.addr()], ""));
    let serve = home.serve().await;
    ready(&serve).await;
    let (began, cpu) = (Instant::now(), worker_cpu(&serve));
    let until = began + lasts;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(client(serve.addr, until));
    }
    let mut barriers = Vec::new();
    while Instant::now() < until {
        for colour in [Colour::Green, Colour::Blue] {
            let receipt = serve.admin.switch("shop", colour).await;
            barriers.extend(receipt.barrier_us);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let served: u64 = clients.join_all().await.into_iter().sum();
    let cpu = worker_cpu(&serve) - cpu;
    barriers.sort_unstable();
    println!(
        "requests/s            {:.0}",
        served as f64 / began.elapsed().as_secs_f64()
    );
    println!(
        "worker CPU, us/req    {:.2}",
        cpu.as_secs_f64() * 1e6 / served as f64
    );
    println!(
        "barrier, median us    {} of {} switches",
        barriers[barriers.len() / 2],
        barriers.len()
    );
    println!("barrier, worst us     {}", barriers[barriers.len() - 1]);
}

/// A client that keeps its connection; the number of answers.
async fn client(addr: SocketAddr, until: Instant) -> u64 {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut piece = vec![0; 4096];
    let mut served = 0;
    while Instant::now() < until {
        stream
            .write_all(b"GET /ping HTTP/1.1\r\nHost: shop\r\n\r\n")
            .await
            .unwrap();
        let length = stream.read(&mut piece).await.unwrap();
        assert!(
            piece[..length].starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&piece[..length])
        );
        served += 1;
    }
    served
}

async fn reload(services: usize) {
    let (blue, green) = (
        Answering::start("blue").await,
        Answering::start("green").await,
    );
    let home = Home::new("", &many(services, "a", blue.addr(), green.addr()));
    let serve = home.serve().await;
    let mut took = Vec::new();
    for round in 0..6 {
        let path = if round % 2 == 0 { "b" } else { "a" };
        home.write("", &many(services, path, blue.addr(), green.addr()));
        let began = Instant::now();
        let answer = serve.admin.post("/v1/reload", serde_json::json!({})).await;
        assert_eq!(answer.status, 200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    println!(
        "reload of {services} services, median of {}: {:.1} ms",
        took.len(),
        took[took.len() / 2].as_secs_f64() * 1e3
    );
}

/// So many services; the last one's route varies.
fn many(services: usize, path: &str, blue: SocketAddr, green: SocketAddr) -> String {
    (0..services).fold(String::new(), |mut text, number| {
        let prefix = if number + 1 == services { path } else { "x" };
        writeln!(
            text,
            "[service.s{number}]\nroutes = [\"s{number}.example.com/{prefix}\"]\nprobe.interval = \"60s\"\n\
             [service.s{number}.blue]\nendpoints = [\"{blue}\"]\n[service.s{number}.green]\nendpoints = [\"{green}\"]"
        )
        .unwrap();
        text
    })
}

async fn ready(serve: &Serve) {
    eventually("both colours are ready", async || {
        let view = serve.admin.service("shop").await;
        view.pools.iter().all(|(_, pool)| pool.ready == 1)
    })
    .await;
}

/// CPU time of the worker threads, by the kernel's account in nanoseconds.
fn worker_cpu(serve: &Serve) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", serve.pid())).unwrap();
    let of = |task: fs::DirEntry| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let spent = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos = spent.split(' ').next()?.parse().ok()?;
        name.starts_with("worker-")
            .then(|| Duration::from_nanos(nanos))
    };
    tasks.filter_map(|task| of(task.ok()?)).sum()
}

/// Kept-alive connections.
const CLIENTS: usize = 32;
