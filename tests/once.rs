//! Promise: a call that is made again under its key is carried out once, whatever happened to the answer of the first.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::net::SocketAddr;

use cutover::{
    admin::wire::SwitchOneAnswer,
    core::{ids::Tenure, switch::Outcome},
};
use serde_json::json;
use support::{
    answering::Answering,
    call::Admin,
    client::{Answer, Raw, get},
    eventually,
    serve::{Home, Serve},
    site::shop,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

struct Site {
    home: Home,
    _pools: [Answering; 2],
}

impl Site {
    async fn new() -> Self {
        let pools = [
            Answering::start("blue").await,
            Answering::start("green").await,
        ];
        let services = shop(&[pools[0].addr()], &[pools[1].addr()], "");
        Self {
            home: Home::new("", &services),
            _pools: pools,
        }
    }

    async fn serve(&self) -> Serve {
        let serve = self.home.serve().await;
        eventually("both pools are ready", async || {
            let view = serve.admin.service("shop").await;
            view.pools.iter().all(|(_, pool)| pool.ready == 1)
        })
        .await;
        serve
    }
}

/// Sends a call about `shop` under a key.
async fn asks(admin: Admin, call: &str, key: &str, body: &serde_json::Value) -> Raw {
    let (body, host) = (body.to_string(), admin.0);
    let mut client = Raw::connect(host).await;
    let head = format!(
        "POST /v1/services/shop/{call} HTTP/1.1\r\nHost: {host}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(format!("{head}{body}")).await;
    client
}

fn parsed(answer: &Answer) -> SwitchOneAnswer {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_calls_at_once_under_one_key_are_one_switch_with_one_answer() {
    let site = Site::new().await;
    let serve = site.serve().await;
    let body = json!({ "to": "green", "reason": "release 7" });
    let mut one = asks(serve.admin, "switch", "\"k-1\"", &body).await;
    let mut two = asks(serve.admin, "switch", "k-1", &body).await;
    let (one, two) = (one.answer().await, two.answer().await);
    assert!(parsed(&one).changed);
    // What has drained meanwhile is all that may differ.
    let told = |answer: &Answer| {
        let receipt = parsed(answer).receipt.unwrap();
        (receipt.tenure, receipt.requested_at, receipt.once)
    };
    assert_eq!(told(&one), told(&two));
    assert_eq!(one.field("etag"), two.field("etag"));
    let history = serve.admin.history("shop").await;
    assert_eq!(history.len(), 1, "{history:?}");
    assert_eq!(history[0].once.as_ref().unwrap().key, "k-1");

    let refused = asks(serve.admin, "rollback", "k-1", &json!({}))
        .await
        .answer()
        .await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let kind = "urn:cutover:problem:idempotency-key-reused";
    assert_eq!(refused.json()["type"], kind);
    let wrong = asks(serve.admin, "rollback", "\"a b\"", &json!({}))
        .await
        .answer()
        .await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    assert_eq!(serve.admin.history("shop").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_commit_and_answer_leaves_a_key_that_is_known() {
    let site = Site::new().await;
    let serve = site.serve().await;
    // The drain, and with it the answer, waits for this.
    let mut streaming = Raw::connect(serve.addr).await;
    streaming.send(get("/stream/9000")).await;
    streaming.answer_head().await;
    let body = json!({ "to": "green", "wait": "drained" });
    let mut operator = asks(serve.admin, "switch", "k-2", &body).await;
    eventually("the switch is committed", async || {
        let history = serve.admin.history("shop").await;
        history
            .first()
            .is_some_and(|it| it.outcome == Outcome::Draining)
    })
    .await;
    serve.kill();
    assert!(operator.try_answer().await.is_err(), "it was answered");

    let serve = site.serve().await;
    let again = asks(serve.admin, "switch", "k-2", &body)
        .await
        .answer()
        .await;
    let again = parsed(&again);
    let receipt = again.receipt.unwrap();
    assert!(again.changed, "{receipt:?}");
    assert_eq!(receipt.tenure, Tenure(2));
    assert_eq!(receipt.outcome, Outcome::Interrupted);
    assert_eq!(serve.admin.history("shop").await.len(), 1);
}

/// Hands connections on to `admin`, but drops the first `cuts` calls that change something when their answer comes.
async fn relay(admin: SocketAddr, mut cuts: usize) -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut first = vec![0; 16 * 1024];
            let length = client.read(&mut first).await.unwrap();
            let cut = cuts > 0 && first.starts_with(b"POST");
            cuts -= usize::from(cut);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(admin).await.unwrap();
                server.write_all(&first[..length]).await.unwrap();
                if cut {
                    // The body may come in a piece of its own.
                    let mut answer = [0; 1];
                    let mut rest = vec![0; 16 * 1024];
                    loop {
                        tokio::select! {
                            more = client.read(&mut rest) => {
                                let more = more.unwrap();
                                server.write_all(&rest[..more]).await.unwrap();
                            }
                            answered = server.read(&mut answer) => {
                                assert_eq!(answered.unwrap(), 1);
                                return;
                            }
                        }
                    }
                }
                // Either side may end it.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    Admin(addr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_answer_is_lost_asks_again_and_switches_once() {
    let site = Site::new().await;
    let serve = site.serve().await;
    let through = relay(serve.admin.0, 2).await;
    let output = through.cli(&["switch", "shop", "green"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.matches("asking again, under the same key").count(),
        2,
        "{said}"
    );
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("blue") && told.contains("green"), "{told}");
    assert_eq!(serve.admin.history("shop").await.len(), 1);

    // A rollback that was carried out twice would lead nowhere.
    let through = relay(serve.admin.0, 1).await;
    let output = through.cli(&["rollback", "shop", "--key", "back-1"]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let history = serve.admin.history("shop").await;
    assert_eq!(history.len(), 2, "{history:?}");
    assert_eq!(history[1].once.as_ref().unwrap().key, "back-1");
    let view = serve.admin.service("shop").await;
    assert_eq!(view.live.as_str(), "blue");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_gets_no_answer_at_all_says_how_to_ask_again() {
    let site = Site::new().await;
    let serve = site.serve().await;
    let through = relay(serve.admin.0, usize::MAX).await;
    let args = ["switch", "shop", "green", "--key", "k-3", "--timeout", "2s"];
    let output = through.cli(&args).await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("`--key k-3` asks again"), "{said}");
    let output = serve.admin.cli(&args).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(serve.admin.history("shop").await.len(), 1);
}
