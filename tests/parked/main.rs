//! Promise: a connection between requests costs little, and nothing but that tells it from a busy one. Whatever may
//! happen to a connection happens here to one that is parked.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something unexpected happens"
)]

#[path = "../support/authority.rs"]
#[expect(dead_code, reason = "one authority and one certificate do")]
mod authority;
#[path = "../support/secure.rs"]
#[expect(dead_code, reason = "only clients have TLS here")]
mod secure;
#[path = "../support/mod.rs"]
mod support;

mod cost;
mod ends;
mod next;
mod tls;

use support::{
    answering::Answering,
    client::{Raw, get},
    site::{Site, shop},
};

/// A cutover between a blue and a green application.
struct Lot {
    site: Site,
    blue: Answering,
    green: Answering,
}

impl Lot {
    /// `listener` are keys of the listener.
    async fn start(listener: &str) -> Self {
        Self::with_workers(2, listener).await
    }

    async fn with_workers(workers: usize, listener: &str) -> Self {
        let (blue, green) = (
            Answering::start("blue").await,
            Answering::start("green").await,
        );
        let site = Site::start(&config(workers, listener, [&blue, &green])).await;
        Self { site, blue, green }
    }

    /// So many connections are parked, and no other.
    async fn holds(&self, count: u32) {
        let series = "cutover_connections_parked";
        self.site.counts(series, f64::from(count)).await;
    }

    /// So often a connection was parked since the start. Where one is not parked for long, this is what to ask.
    async fn has_parked(&self, times: u32) {
        let series = "cutover_parkings_total";
        self.site.counts(series, f64::from(times)).await;
    }

    /// A connection that has had one request and is parked; the first that is.
    async fn parked(&self) -> Raw {
        let mut client = self.site.client().await;
        assert_eq!(client.get("/").await.status, 200);
        self.has_parked(1).await;
        client
    }

    async fn open(&self, count: u32) {
        let series = "cutover_connections_open";
        self.site.counts(series, f64::from(count)).await;
    }

    async fn limited(&self, limit: &str, count: u32) {
        let series = format!("cutover_limited_total{{limit=\"{limit}\"}}");
        self.site.counts(&series, f64::from(count)).await;
    }
}

fn config(workers: usize, listener: &str, [blue, green]: [&Answering; 2]) -> String {
    let process = format!("[process]\nworkers = {workers}\nstate = \"{{dir}}/state\"\n");
    format!("{process}[listener.web]\nlisten = \"127.0.0.1:0\"\n{listener}\n")
        + &shop(&[blue.addr()], &[green.addr()], "")
}

/// Several requests in one piece.
fn requests(paths: &[&str]) -> Vec<u8> {
    paths
        .iter()
        .flat_map(|path| get(path).into_bytes())
        .collect()
}
