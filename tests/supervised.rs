//! Promise: an init system that starts cutover knows when traffic flows, when a reload is over, that the controller still
//! answers, and when the end has begun.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{os::unix::net::UnixDatagram, process::Command, time::Duration};

use cutover::core::ids::Colour;
use support::{
    answering::Answering,
    eventually,
    serve::{BINARY, Home, Serve},
    site::shop,
};
use tokio::task::block_in_place;

/// The init system's end of the socket, and everything that was said to it.
struct Init {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Init {
    fn listen(home: &Home) -> Self {
        let socket = UnixDatagram::bind(home.folder().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            heard: Vec::new(),
        }
    }

    /// The next datagram of which `is_it` is true; those before it are kept, too.
    fn hears(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let mut buffer = [0; 4096];
        // A process that only goes on to say that it lives must not keep the test.
        for _ in 0..1000 {
            let received = block_in_place(|| self.socket.recv(&mut buffer));
            let length =
                received.unwrap_or_else(|error| panic!("{what}: {error}: {:?}", self.heard));
            let said = String::from_utf8(buffer[..length].to_vec()).unwrap();
            self.heard.push(said.clone());
            if is_it(&said) {
                return said;
            }
        }
        panic!("{what} was not heard: {:?}", self.heard);
    }

    fn hears_line(&mut self, line: &str) {
        self.hears(line, |said| said.lines().any(|it| it == line));
    }

    fn has_heard(&self, line: &str) -> bool {
        self.heard
            .iter()
            .any(|said| said.lines().any(|it| it == line))
    }
}

async fn supervised(home: &Home, watchdog: Option<Duration>) -> Serve {
    let mut command = Command::new(BINARY);
    command.env("NOTIFY_SOCKET", home.folder().join("notify"));
    if let Some(watchdog) = watchdog {
        command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
    }
    Serve::start(command, &home.config()).await
}

async fn home() -> (Home, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let services = shop(&[pools[0].addr()], &[pools[1].addr()], "");
    (Home::new("shutdown_delay = \"300ms\"", &services), pools)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_hears_of_each_step_in_order() {
    let (home, _pools) = home().await;
    let mut init = Init::listen(&home);
    let mut serve = supervised(&home, Some(Duration::from_millis(200))).await;
    init.hears_line("READY=1");
    assert_eq!(init.heard.len(), 1, "ready is said first: {:?}", init.heard);
    init.hears_line("WATCHDOG=1");
    init.hears_line("STATUS=ready: shop blue 1/1");

    eventually("green is ready", async || {
        serve.admin.service("shop").await.pools.green.ready == 1
    })
    .await;
    serve.admin.switch("shop", Colour::Green).await;
    init.hears_line("STATUS=ready: shop green 1/1");

    serve.signal("HUP");
    let reloading = init.hears("RELOADING=1", |said| said.contains("RELOADING=1"));
    let since = reloading
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(since.unwrap().parse::<u64>().unwrap() > 0, "{reloading}");
    init.hears_line("READY=1");
    assert!(!init.has_heard("STOPPING=1"));

    serve.signal("TERM");
    init.hears_line("STOPPING=1");
    // It is still alive while it waits for what is in flight.
    init.hears_line("WATCHDOG=1");
    assert!(serve.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_is_over_when_the_file_is_applied() {
    let (home, pools) = home().await;
    let mut init = Init::listen(&home);
    let serve = supervised(&home, None).await;
    init.hears_line("READY=1");
    let both = shop(&[pools[0].addr(), pools[1].addr()], &[pools[1].addr()], "");
    home.write("shutdown_delay = \"300ms\"", &both);
    serve.signal("HUP");
    init.hears("RELOADING=1", |said| said.contains("RELOADING=1"));
    init.hears_line("READY=1");
    assert_eq!(
        serve.admin.service("shop").await.pools.blue.endpoints.len(),
        2
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_watchdog_nobody_is_told_that_it_lives() {
    let (home, _pools) = home().await;
    let mut init = Init::listen(&home);
    let mut serve = supervised(&home, None).await;
    init.hears("a status", |said| said.contains("STATUS="));
    serve.signal("TERM");
    init.hears_line("STOPPING=1");
    assert!(serve.ended().await.success());
    assert!(!init.has_heard("WATCHDOG=1"), "{:?}", init.heard);
}

/// For each word.
const PATIENCE: Duration = Duration::from_secs(30);
