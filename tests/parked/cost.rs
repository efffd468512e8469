//! What a parked connection costs, measured at a real process from outside.

use std::fs;

use crate::support::{
    answering::Answering,
    client::Raw,
    eventually,
    serve::{Home, Serve},
    site::shop,
};

fn resident(serve: &Serve) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", serve.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse().unwrap()
}

/// Opens connections with one request each, and waits until all of them are parked.
async fn park(serve: &Serve, into: &mut Vec<Raw>, count: usize) {
    for _ in 0..count {
        let mut client = Raw::connect(serve.addr).await;
        assert_eq!(client.get("/").await.status, 200);
        into.push(client);
    }
    let all = into.len() as f64;
    eventually("all are parked", async || {
        (serve.admin.metric("cutover_connections_parked").await - all).abs() < f64::EPSILON
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_between_requests_cost_less_than_their_buffers_would() {
    let blue = Answering::start("blue").await;
    let home = Home::new("", &shop(&[blue.addr()], &[], ""));
    let serve = home.serve().await;
    let mut clients = Vec::new();
    // What the first ones need is used again.
    park(&serve, &mut clients, 100).await;
    let before = resident(&serve);
    park(&serve, &mut clients, 400).await;
    let each = resident(&serve).saturating_sub(before) / 400;
    assert!(each <= 8, "{each} KiB each");
}
