//! The admin API as `curl` would use it, and the command line as a shell would.

use std::{
    net::SocketAddr,
    process::{Command, Output},
};

use cutover::{
    admin::wire::{HistoryAnswer, SwitchOneAnswer},
    core::{ids::Colour, switch::Receipt, view::ServiceView},
};
use serde_json::{Value, json};

use super::{
    client::{Answer, Raw},
    site::value_of,
};

/// The admin side of a running cutover.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admin(pub(crate) SocketAddr);

impl Admin {
    /// Makes `to` live and waits until that is committed.
    pub(crate) async fn switch(self, service: &str, to: Colour) -> Receipt {
        let path = format!("/v1/services/{service}/switch");
        receipt(
            &self
                .post(&path, json!({ "to": to, "wait": "committed" }))
                .await,
        )
    }

    /// The value of one series in `/metrics`.
    pub(crate) async fn metric(self, series: &str) -> f64 {
        value_of(&self.get("/metrics").await.text(), series)
    }

    pub(crate) async fn rollback(self, service: &str) -> Receipt {
        let path = format!("/v1/services/{service}/rollback");
        receipt(&self.post(&path, json!({ "wait": "committed" })).await)
    }

    pub(crate) async fn service(self, service: &str) -> ServiceView {
        let answer = self.get(&format!("/v1/services/{service}")).await;
        serde_json::from_value(answer.json()).unwrap()
    }

    /// Past switches, oldest first.
    pub(crate) async fn history(self, service: &str) -> Vec<Receipt> {
        let answer = self.get(&format!("/v1/services/{service}/history")).await;
        let answer: HistoryAnswer = serde_json::from_value(answer.json()).unwrap();
        answer.receipts.into_iter().rev().collect()
    }

    pub(crate) async fn get(self, path: &str) -> Answer {
        let mut client = Raw::connect(self.0).await;
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.0))
            .await;
        client.answer().await
    }

    pub(crate) async fn post(self, path: &str, body: Value) -> Answer {
        self.asks(path, body).await.answer().await
    }

    /// Sends a `POST` without waiting for its answer.
    pub(crate) async fn asks(self, path: &str, body: Value) -> Raw {
        let (body, host) = (body.to_string(), self.0);
        let length = body.len();
        let mut client = Raw::connect(host).await;
        client
            .send(format!(
                "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        client
    }

    /// Runs the command line with these arguments.
    pub(crate) async fn cli(self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command
            .env_clear()
            .args(args)
            .args(["--admin", &format!("http://{}", self.0)]);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap()
    }
}

fn receipt(answer: &Answer) -> Receipt {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: SwitchOneAnswer = serde_json::from_value(answer.json()).unwrap();
    answer.receipt.expect("it changed something")
}
