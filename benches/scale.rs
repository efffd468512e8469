//! What grows with the number of services and endpoints, and what must not: `cargo bench --bench scale`.
//!
//! Runs the binary with few and with many of both and prints a table: start, memory, the workers' CPU time for a small
//! kept-alive request, a switch, a reload of a one-line change, and what those who look are sent. Compare the columns with
//! each other: absolute figures depend on the machine.

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
    client::Raw,
    eventually,
    serve::{Home, Serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Instant,
};

fn main() {
    // Whoever runs all targets as tests wants to know that this one works, not what it measures.
    let is_bench = std::env::args().any(|it| it == "--bench");
    let size = match is_bench {
        true => Size {
            services: [1, 10_000],
            endpoints: [2, 1_000],
            requests: 100_000,
        },
        false => Size {
            services: [1, 20],
            endpoints: [2, 20],
            requests: 200,
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for services in size.services {
            with_services(services, size.requests).await;
        }
        for balance in ["least_in_flight", "round_robin", "p2c"] {
            for endpoints in size.endpoints {
                with_endpoints((balance, endpoints), size.requests).await;
            }
        }
    });
}

/// How much of everything.
struct Size {
    services: [usize; 2],
    endpoints: [usize; 2],
    requests: usize,
}

/// So many services of two pools of four endpoints.
async fn with_services(services: usize, requests: usize) {
    let endpoints = endpoints(8).await;
    let home = Home::new("", &many(services, "a", &endpoints));
    let began = Instant::now();
    let serve = home.serve().await;
    get(serve.addr, "s0.example.com", "/x").await;
    println!("\n{services} services x 2 pools x 4 endpoints");
    tell("start to first answer, ms", millis(began));
    ready(&serve, "s0", 4).await;
    let cpu = cpu_per_request(&serve, "s0.example.com", requests).await;
    tell("worker CPU, us/request", cpu);
    tell("switch, ms, median", switches(&serve).await);
    tell(
        "reload of one line, ms, median",
        reloads(&home, &serve, (services, &endpoints)).await,
    );
    for path in ["/metrics", "/v1/services"] {
        let began = Instant::now();
        let bytes = get(serve.admin.0, "localhost", path).await;
        tell(&format!("{path}, ms"), millis(began));
        tell(&format!("{path}, KiB"), bytes as f64 / 1024.0);
    }
    let before = cpu_of(&serve, "control");
    tokio::time::sleep(REST).await;
    let control = cpu_of(&serve, "control") - before;
    tell(
        "control plane at rest, ms of CPU a second",
        control.as_secs_f64() * 1e3 / REST.as_secs_f64(),
    );
    tell("memory, MiB", resident(&serve));
}

/// One service with pools of so many endpoints.
async fn with_endpoints((balance, count): (&str, usize), requests: usize) {
    let all = endpoints(2 * count).await;
    let (blue, green) = all.split_at(count);
    let service = format!(
        "[service.s0]\nroutes = [\"/\"]\nbalance = \"{balance}\"\nprobe.interval = \"10s\"\n\
         blue.endpoints = {}\ngreen.endpoints = {}\n",
        list(blue),
        list(green)
    );
    let home = Home::new("", &service);
    let serve = home.serve().await;
    ready(&serve, "s0", count).await;
    // Connections are opened first; what they cost is another matter.
    cpu_per_request(&serve, "s0", requests / 5).await;
    let cpu = cpu_per_request(&serve, "s0", requests).await;
    tell(
        &format!("{balance}, {count} endpoints, worker CPU, us/request"),
        cpu,
    );
}

/// Endpoints on addresses of their own that answer everything.
async fn endpoints(count: usize) -> Vec<SocketAddr> {
    let mut addrs = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addrs.push(listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
    }
    addrs
}

async fn answer(mut stream: TcpStream) {
    let mut piece = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut piece).await {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// So many services; the last one's route varies.
fn many(services: usize, path: &str, endpoints: &[SocketAddr]) -> String {
    let (blue, green) = endpoints.split_at(endpoints.len() / 2);
    let (blue, green) = (list(blue), list(green));
    (0..services).fold(String::new(), |mut text, number| {
        let prefix = if number + 1 == services { path } else { "x" };
        let further = if number == 0 {
            ", \"s0.example.com/x\""
        } else {
            ""
        };
        writeln!(
            text,
            "[service.s{number}]\nroutes = [\"s{number}.example.com/y{prefix}\"{further}]\n\
             probe.interval = \"10s\"\nblue.endpoints = {blue}\ngreen.endpoints = {green}"
        )
        .unwrap();
        text
    })
}

fn list(endpoints: &[SocketAddr]) -> String {
    let quoted: Vec<_> = endpoints.iter().map(|it| format!("\"{it}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

async fn ready(serve: &Serve, service: &str, count: usize) {
    eventually("both colours are ready", async || {
        let view = serve.admin.service(service).await;
        view.pools.iter().all(|(_, pool)| pool.ready == count)
    })
    .await;
}

async fn cpu_per_request(serve: &Serve, host: &str, requests: usize) -> f64 {
    let before = cpu_of(serve, "worker");
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (addr, host) = (serve.addr, host.to_owned());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            let mut piece = vec![0; 4096];
            let request = format!("GET /x HTTP/1.1\r\nHost: {host}\r\n\r\n");
            for _ in 0..requests / CLIENTS {
                stream.write_all(request.as_bytes()).await.unwrap();
                let length = stream.read(&mut piece).await.unwrap();
                assert!(piece[..length].starts_with(b"HTTP/1.1 200"));
            }
        });
    }
    clients.join_all().await;
    let spent = cpu_of(serve, "worker") - before;
    spent.as_secs_f64() * 1e6 / (requests / CLIENTS * CLIENTS) as f64
}

async fn switches(serve: &Serve) -> f64 {
    let mut took = Vec::new();
    for colour in [Colour::Green, Colour::Blue]
        .into_iter()
        .cycle()
        .take(ROUNDS)
    {
        let began = Instant::now();
        serve.admin.switch("s0", colour).await;
        took.push(millis(began));
    }
    median(took)
}

async fn reloads(home: &Home, serve: &Serve, (services, endpoints): (usize, &[SocketAddr])) -> f64 {
    let mut took = Vec::new();
    for path in ["b", "a"].into_iter().cycle().take(ROUNDS) {
        home.write("", &many(services, path, endpoints));
        let began = Instant::now();
        let answer = serve.admin.post("/v1/reload", serde_json::json!({})).await;
        assert_eq!(answer.status, 200);
        took.push(millis(began));
    }
    median(took)
}

/// Bytes of the answer.
async fn get(addr: SocketAddr, host: &str, path: &str) -> usize {
    let mut client = Raw::connect(addr).await;
    client
        .send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
        .await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 200, "{path}");
    answer.body.len()
}

/// CPU time of the threads whose names begin like this, by the kernel's account in nanoseconds.
fn cpu_of(serve: &Serve, name: &str) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{}/task", serve.pid())).unwrap();
    let of = |task: fs::DirEntry| {
        let comm = fs::read_to_string(task.path().join("comm")).ok()?;
        let spent = fs::read_to_string(task.path().join("schedstat")).ok()?;
        let nanos = spent.split(' ').next()?.parse().ok()?;
        comm.starts_with(name).then(|| Duration::from_nanos(nanos))
    };
    tasks.filter_map(|task| of(task.ok()?)).sum()
}

/// Memory that the process has, in MiB.
fn resident(serve: &Serve) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<f64>().unwrap() / 1024.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn tell(what: &str, value: f64) {
    println!("{what:<60} {value:>10.2}");
}

/// Kept-alive connections.
const CLIENTS: usize = 32;
/// Of switches and reloads.
const ROUNDS: usize = 5;
/// For how long the control plane is looked at while nothing happens.
const REST: Duration = Duration::from_secs(2);
