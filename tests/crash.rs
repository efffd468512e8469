//! Promise: whenever the process is killed, it comes back with the old colour live or the new one, and its history
//! tells which.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use std::{
    hash::{BuildHasher, RandomState},
    thread,
    time::Duration,
};

use cutover::core::{
    ids::{Colour, Tenure},
    switch::{Outcome, Receipt},
};
use serde_json::json;
use support::{
    answering::Answering,
    client::{Raw, get},
    eventually,
    serve::{Home, Serve},
    site::shop,
};

/// How the switch that a kill interrupts was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Call,
    Rollback,
    File,
}

struct Site {
    home: Home,
    pools: [Answering; 2],
    file_live: Colour,
}

/// A start that was looked at: it serves, and its history agrees with it.
struct Started {
    serve: Serve,
    history: Vec<Receipt>,
    live: Colour,
}

impl Site {
    async fn start(&self) -> Started {
        let serve = self.home.serve().await;
        let (mut view, mut history) = (serve.admin.service("shop").await, Vec::new());
        // A file that was changed just before the kill asks for its switch now.
        eventually(
            "the last switch is committed and the standby is ready",
            async || {
                view = serve.admin.service("shop").await;
                history = serve.admin.history("shop").await;
                let committing = |it: &Receipt| it.outcome == Outcome::Committing;
                view.waiting.is_none()
                    && view.pools.iter().all(|(_, pool)| pool.ready == 1)
                    && !history.last().is_some_and(committing)
            },
        )
        .await;
        let mut client = Raw::connect(serve.addr).await;
        let answer = client.get("/").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.field("x-endpoint"), Some(view.live.as_str()));
        agrees(&history, view.live, view.tenure);
        let live = view.live;
        Started {
            serve,
            history,
            live,
        }
    }

    /// Asks for a switch and kills cutover after a while. Whether the switch was answered before that.
    async fn kill_in_switch(&mut self, started: Started, way: Way, after: Duration) -> bool {
        let to = started.live.other();
        // Something to drain, which ends with the process.
        let mut streaming = Raw::connect(started.serve.addr).await;
        streaming.send(get("/stream/9000")).await;
        streaming.answer_head().await;
        let (path, body) = match way {
            Way::Call => ("/v1/services/shop/switch", json!({ "to": to })),
            Way::Rollback => ("/v1/services/shop/rollback", json!({})),
            Way::File => {
                self.file_live = to;
                self.home.write("", &services(&self.pools, to));
                ("/v1/reload", json!({}))
            }
        };
        let mut operator = started.serve.admin.asks(path, body).await;
        thread::sleep(after);
        let lines = started.serve.kill();
        let damaged = lines
            .iter()
            .any(|line| line["message"] == "journal damaged");
        assert!(!damaged, "{lines:#?}");
        match operator.try_answer().await {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{}", answer.text());
                way != Way::File
            }
            Err(_) => false,
        }
    }

    fn way(&self, round: usize, live: Colour) -> Way {
        match round % 3 {
            0 if self.file_live == live => Way::File,
            1 if round > 1 => Way::Rollback,
            _ => Way::Call,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_around_a_switch_leaves_the_old_colour_or_the_new_one() {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let mut site = Site {
        home: Home::new("", &services(&pools, Colour::Blue)),
        pools,
        file_live: Colour::Blue,
    };
    let (mut kept, mut changed, mut answered) = (0, 0, 0);
    let mut started = site.start().await;
    for round in 0..ROUNDS {
        let (way, after) = (site.way(round, started.live), instant(round));
        let (before, live) = (started.history.clone(), started.live);
        let was_answered = site.kill_in_switch(started, way, after).await;
        started = site.start().await;
        let what = format!("round {round}, {way:?}, killed after {after:?}");
        // Nothing that was written is lost, and at most the one switch came to it.
        let new = started.history.len() - before.len();
        assert!(new <= 1, "{what}: {:?}", started.history);
        for (was, is) in before.iter().zip(&started.history) {
            assert_eq!(
                (was.tenure, was.to, &was.actor),
                (is.tenure, is.to, &is.actor),
                "{what}"
            );
        }
        let expected = if new == 1 { live.other() } else { live };
        assert_eq!(started.live, expected, "{what}");
        assert!(new == 1 || !was_answered, "{what}: answered, but forgotten");
        kept += usize::from(new == 0);
        changed += new;
        answered += usize::from(was_answered);
    }
    println!("{kept} kept the old colour, {changed} took the new one, {answered} were answered");
    assert!(kept > 0 && changed > 0, "the kills hit one side only");
    let open = |it: &&Receipt| matches!(it.outcome, Outcome::Committing | Outcome::Draining);
    assert_eq!(started.history.iter().filter(open).count(), 0);
    assert!(
        started
            .history
            .iter()
            .any(|it| it.outcome == Outcome::Interrupted)
    );
}

/// A history without gaps whose last entry is what is live.
fn agrees(history: &[Receipt], live: Colour, tenure: Tenure) {
    let mut expected = (Colour::Blue, Tenure(1));
    for receipt in history {
        assert_eq!(
            (receipt.from, receipt.to),
            (expected.0, expected.0.other()),
            "{receipt:?}"
        );
        assert_eq!(receipt.tenure, expected.1.next(), "{receipt:?}");
        expected = (receipt.to, receipt.tenure);
    }
    assert_eq!(
        expected,
        (live, tenure),
        "history ends elsewhere: {:?}",
        history.last()
    );
}

fn services(pools: &[Answering; 2], live: Colour) -> String {
    shop(
        &[pools[0].addr()],
        &[pools[1].addr()],
        &format!("live = \"{live}\""),
    )
}

/// A time around that of a switch, which is a few milliseconds long; every fifth one is no time at all.
fn instant(round: usize) -> Duration {
    let random = RandomState::new().hash_one(round);
    match round % 5 {
        0 => Duration::ZERO,
        _ => Duration::from_micros(random % 8_000),
    }
}

const ROUNDS: usize = 56;
