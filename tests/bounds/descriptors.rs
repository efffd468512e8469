//! Descriptors: a process that has few of them takes in fewer clients, and serves those that it has taken in.

use std::{fs, process::Command, time::Duration};

use cutover::core::health::Health;
use tokio::{sync::mpsc, time::timeout};

use crate::support::{
    answering::Answering,
    client::{Raw, get},
    eventually,
    serve::{BINARY, Home, Serve},
    site::shop,
    soon,
};

/// `cutover serve` in a shell's limits on open files.
async fn serve(home: &Home, soft: usize, hard: usize) -> Serve {
    let mut shell = Command::new("sh");
    let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
    shell.args(["-c", &limits, BINARY]);
    Serve::start(shell, &home.config()).await
}

fn open_files(serve: &Serve) -> usize {
    let folder = format!("/proc/{}/fd", serve.pid());
    fs::read_dir(folder).unwrap().count()
}

/// Sets the limit of a running process.
fn limit_to(serve: &Serve, files: usize) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(serve.pid()).unwrap());
    let limit = rustix::process::Rlimit {
        current: Some(files as u64),
        maximum: Some(4096),
    };
    rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_soft_limit_is_raised_to_the_hard_one() {
    let blue = Answering::start("blue").await;
    let home = Home::new("", &shop(&[blue.addr()], &[], ""));
    let serve = serve(&home, 64, 4096).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", serve.pid())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["4096", "4096"]);
    let told = &serve.said("open files too few")[0];
    assert_eq!(
        (&told["max_connections"], &told["seats"]),
        (&16_384.into(), &1528.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_clients_than_there_are_descriptors_for_wait_and_those_inside_are_served() {
    let blue = Answering::start("blue").await;
    let home = Home::new("", &shop(&[blue.addr()], &[], ""));
    let serve = serve(&home, 160, 160).await;
    // Two for each, after 40 for the process and 8 for each worker.
    let seats = 52;
    let (served, mut arrivals) = mpsc::channel(300);
    for _ in 0..200 {
        let (served, addr) = (served.clone(), serve.addr);
        tokio::spawn(async move {
            let mut client = Raw::connect(addr).await;
            assert_eq!(client.get("/").await.status, 200);
            served.send(client).await.unwrap();
        });
    }
    let mut inside = Vec::new();
    for _ in 0..seats {
        inside.push(soon("an answer", arrivals.recv()).await.unwrap());
    }
    let beyond = timeout(Duration::from_millis(300), arrivals.recv()).await;
    assert!(beyond.is_err(), "one more than the descriptors suffice for");
    for _ in 0..3 {
        for client in &mut inside {
            assert_eq!(client.get("/again").await.status, 200);
        }
    }
    assert!(open_files(&serve) < 160);
    for _ in seats..200 {
        inside.remove(0);
        inside.push(soon("the next one's turn", arrivals.recv()).await.unwrap());
    }
    assert_eq!(blue.requests(), 200 + 3 * seats);
    let met = serve
        .admin
        .metric("cutover_limited_total{limit=\"open_files\"}")
        .await;
    assert!(met >= 1.0, "{met}");
    for never in ["accept_failures_total", "upstream_failures_total"] {
        assert_eq!(serve.admin.metric(&format!("cutover_{never}")).await, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_descriptors_run_out_all_the_same_nobody_is_lost_and_no_endpoint_blamed() {
    let blue = Answering::start("blue").await;
    let home = Home::new("", &shop(&[blue.addr()], &[], ""));
    let serve = serve(&home, 4096, 4096).await;
    eventually("the endpoint is judged", async || {
        serve.admin.service("shop").await.pools.blue.ready == 1
    })
    .await;
    let mut inside = Vec::new();
    for _ in 0..10 {
        let mut client = Raw::connect(serve.addr).await;
        assert_eq!(client.get("/").await.status, 200);
        inside.push(client);
    }
    limit_to(&serve, open_files(&serve) / 2);
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut client = Raw::connect(serve.addr).await;
        client.send(get("/waiting")).await;
        waiting.push(client);
    }
    // More at once than there are kept connections, and for longer than it takes probes to judge.
    for client in &mut inside {
        client.send(get("/slow/500")).await;
    }
    let mut refused = 0;
    for client in &mut inside {
        let answer = client.answer().await;
        if answer.status == 503 {
            assert!(
                answer
                    .text()
                    .contains("out of descriptors or ports (proxy)")
            );
            refused += 1;
        } else {
            assert_eq!(answer.status, 200);
        }
    }
    assert!((1..10).contains(&refused), "{refused} were refused");
    assert!(blue.seen().iter().all(|seen| seen != "GET /waiting"));
    limit_to(&serve, 4096);
    for client in &mut waiting {
        assert_eq!(client.answer().await.status, 200);
    }
    for client in &mut inside {
        assert_eq!(client.get("/after").await.status, 200);
    }
    assert!(serve.admin.metric("cutover_accept_failures_total").await > 0.0);
    let failures = "cutover_upstream_connect_failures_total{service=\"shop\",colour=\"blue\",reason=\"exhausted\"}";
    assert!(serve.admin.metric(failures).await >= f64::from(refused));
    let view = serve.admin.service("shop").await;
    let endpoint = &view.pools.blue.endpoints[0];
    assert_eq!(
        (endpoint.health, endpoint.ejected_for_ms),
        (Health::Healthy, None)
    );
    assert_eq!(serve.said("health changed").len(), 1, "once, at the start");
    assert_eq!(serve.said("endpoint ejected").len(), 0);
}
