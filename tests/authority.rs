//! Promise: the live colour is the operators' to decide; the file asks for a switch only where its own `live` has changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what fails in a helper fails the test"
)]

mod support;

use cutover::core::{
    ids::{Colour, Tenure},
    switch::{ActorKind, Outcome, Receipt},
    view::ServiceView,
};
use support::{
    answering::Answering,
    call::Admin,
    eventually,
    serve::Home,
    site::{Site, service, shop},
    witness::adds_up,
};

/// One endpoint of each colour, and the file over them.
struct Pools([Answering; 2]);

impl Pools {
    async fn start() -> Self {
        Self([
            Answering::start("blue").await,
            Answering::start("green").await,
        ])
    }

    /// A file that calls `live` live; `keys` are whatever else it says.
    fn file(&self, live: &str, keys: &str) -> String {
        let keys = format!("live = \"{live}\"\n{keys}");
        shop(&[self.0[0].addr()], &[self.0[1].addr()], &keys)
    }
}

/// How a service stands: what is live, what the file says, and whether the two differ.
fn standing(view: &ServiceView) -> (Colour, Colour, bool) {
    (view.live, view.file_live, view.drift)
}

async fn both_ready(site: &Site) {
    for colour in Colour::ALL {
        site.ready("shop", colour, 1).await;
    }
}

async fn answers(site: &Site) -> String {
    let answer = site.client().await.get("/").await;
    answer.field("x-endpoint").unwrap().to_owned()
}

async fn committed_by_file(site: &Site, to: Colour) -> Receipt {
    eventually("a switch by the file", async || {
        let last = site.service("shop").await.last_switch;
        last.is_some_and(|it| it.to == to && it.outcome == Outcome::Drained)
    })
    .await;
    let receipt = site.history("shop").await.remove(0);
    assert_eq!(
        (receipt.actor.kind, receipt.actor.name.as_str()),
        (ActorKind::File, "file")
    );
    adds_up(&receipt);
    receipt
}

#[tokio::test]
async fn a_service_begins_with_the_colour_that_the_file_calls_live() {
    let pools = Pools::start().await;
    let site = Site::start(&pools.file("green", "")).await;
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Green, Colour::Green, false)
    );
    assert_eq!(answers(&site).await, "green");
    assert!(
        site.history("shop").await.is_empty(),
        "to begin is no switch"
    );
    // So does one that is added later.
    let addrs = [pools.0[0].addr(), pools.0[1].addr()];
    let late = service(
        "late",
        "late.test/",
        [&addrs[..1], &addrs[1..]],
        "live = \"green\"",
    );
    site.rewrite(&(pools.file("green", "") + &late)).await;
    assert_eq!(site.service("late").await.live, Colour::Green);
}

#[tokio::test]
async fn an_unrelated_edit_never_undoes_an_operators_switch() {
    let pools = Pools::start().await;
    let site = Site::start(&pools.file("blue", "")).await;
    both_ready(&site).await;
    site.switch("shop", Colour::Green).await;
    for seconds in 1..=3 {
        let edit = format!("timeouts.response = \"{seconds}s\"");
        let changes = site.rewrite(&pools.file("blue", &edit)).await;
        assert!(!changes.is_empty());
        assert_eq!(
            standing(&site.service("shop").await),
            (Colour::Green, Colour::Blue, true)
        );
        assert_eq!(answers(&site).await, "green");
    }
    assert_eq!(site.history("shop").await.len(), 1);
}

#[tokio::test]
async fn the_drift_between_file_and_state_is_shown_everywhere() {
    let pools = Pools::start().await;
    let site = Site::start(&pools.file("blue", "")).await;
    both_ready(&site).await;
    let admin = Admin(site.admin());
    let status = async || {
        let output = admin.cli(&["status", "shop"]).await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let calm = status().await;
    site.counts("cutover_config_drift{service=\"shop\"}", 0.0)
        .await;
    site.switch("shop", Colour::Green).await;
    site.counts("cutover_config_drift{service=\"shop\"}", 1.0)
        .await;
    assert_eq!(admin.get("/v1/services/shop").await.json()["drift"], true);
    let drifting = status().await;
    assert!(
        drifting.contains("drift") && !calm.contains("drift: "),
        "{calm}\n{drifting}"
    );
    // The file may come after: it changes nothing any more, and the drift is over.
    site.rewrite(&pools.file("green", "")).await;
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Green, Colour::Green, false)
    );
    assert_eq!(
        (
            site.service("shop").await.tenure,
            site.history("shop").await.len()
        ),
        (Tenure(2), 1)
    );
    site.counts("cutover_config_drift{service=\"shop\"}", 0.0)
        .await;
}

#[tokio::test]
async fn a_changed_live_is_a_switch_like_any_other() {
    let pools = Pools::start().await;
    let site = Site::start_watching(&pools.file("blue", "")).await;
    both_ready(&site).await;
    site.write(&pools.file("green", "timeouts.response = \"9s\""));
    let receipt = committed_by_file(&site, Colour::Green).await;
    assert_eq!(
        (receipt.from, receipt.tenure, receipt.forced),
        (Colour::Blue, Tenure(2), false)
    );
    assert!(
        receipt.barrier_us.is_some() && receipt.reason.is_some(),
        "{receipt:?}"
    );
    assert_eq!(answers(&site).await, "green");
    // And can be rolled back, after which the file does not insist.
    site.rollback("shop").await;
    site.rewrite(&pools.file("green", "timeouts.response = \"8s\""))
        .await;
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Blue, Colour::Green, true)
    );
}

#[tokio::test]
async fn a_switch_by_the_file_waits_for_its_gates_and_is_refused_by_them() {
    let mut pools = Pools::start().await;
    let keys = "switch.gate_timeout = \"400ms\"";
    let site = Site::start(&pools.file("blue", keys)).await;
    both_ready(&site).await;
    pools.0[1].dies().await;
    site.ready("shop", Colour::Green, 0).await;
    let changes = site.rewrite(&pools.file("green", keys)).await;
    assert!(
        changes.iter().any(|it| it.contains("asked for a switch")),
        "{changes:?}"
    );
    let view = site.service("shop").await;
    assert_eq!(view.waiting.unwrap().actor.kind, ActorKind::File);
    let refused =
        "cutover_switches_total{service=\"shop\",outcome=\"refused\",actor_kind=\"file\"}";
    site.counts(refused, 1.0).await;
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Blue, Colour::Green, true)
    );
    // A refused wish is over: when green is well again, no unrelated edit brings it back.
    pools.0[1].comes_back().await;
    site.ready("shop", Colour::Green, 1).await;
    site.rewrite(&pools.file("green", "switch.gate_timeout = \"500ms\""))
        .await;
    let view = site.service("shop").await;
    assert_eq!(
        (standing(&view), view.waiting),
        ((Colour::Blue, Colour::Green, true), None)
    );
    assert!(site.history("shop").await.is_empty());
}

#[tokio::test]
async fn an_operators_switch_survives_a_restart_and_edits_made_meanwhile() {
    let pools = Pools::start().await;
    let site = Site::start(&pools.file("blue", "")).await;
    both_ready(&site).await;
    site.switch("shop", Colour::Green).await;
    let site = site.restart(&pools.file("blue", "")).await;
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Green, Colour::Blue, true)
    );
    assert_eq!(answers(&site).await, "green");
    let site = site
        .restart(&pools.file("blue", "timeouts.response = \"9s\""))
        .await;
    assert_eq!(answers(&site).await, "green");
    // The way back works after a restart, too.
    both_ready(&site).await;
    let receipt = site.rollback("shop").await;
    assert_eq!((receipt.to, receipt.tenure), (Colour::Blue, Tenure(3)));
    assert_eq!(site.history("shop").await.len(), 2);
}

#[tokio::test]
async fn a_live_that_was_changed_while_cutover_was_down_is_a_switch_at_its_start() {
    let pools = Pools::start().await;
    let site = Site::start(&pools.file("blue", "")).await;
    both_ready(&site).await;
    let site = site.restart(&pools.file("green", "")).await;
    let receipt = committed_by_file(&site, Colour::Green).await;
    assert_eq!((receipt.from, receipt.tenure), (Colour::Blue, Tenure(2)));
    // Once: the next start finds nothing new.
    let site = site.restart(&pools.file("green", "")).await;
    both_ready(&site).await;
    assert_eq!(site.history("shop").await.len(), 1);
    assert_eq!(
        standing(&site.service("shop").await),
        (Colour::Green, Colour::Green, false)
    );
}

#[tokio::test]
async fn the_same_holds_for_the_real_binary_and_a_kill() {
    let pools = Pools::start().await;
    let home = Home::new("", &pools.file("blue", ""));
    let serve = home.serve().await;
    let ready = async |admin: Admin| {
        eventually("both are ready", async || {
            admin
                .service("shop")
                .await
                .pools
                .iter()
                .all(|(_, pool)| pool.ready == 1)
        })
        .await;
    };
    ready(serve.admin).await;
    serve.admin.switch("shop", Colour::Green).await;
    serve.kill();
    home.write("", &pools.file("blue", "timeouts.response = \"9s\""));
    let serve = home.serve().await;
    assert_eq!(
        standing(&serve.admin.service("shop").await),
        (Colour::Green, Colour::Blue, true)
    );
    serve.kill();
    // A change that asks for what is live already ends the drift and nothing else.
    home.write("", &pools.file("green", ""));
    let serve = home.serve().await;
    assert_eq!(
        standing(&serve.admin.service("shop").await),
        (Colour::Green, Colour::Green, false)
    );
    serve.kill();
    home.write("", &pools.file("blue", ""));
    let serve = home.serve().await;
    eventually("the switch by the file", async || {
        let last = serve.admin.service("shop").await.last_switch;
        last.is_some_and(|it| it.to == Colour::Blue && it.actor.kind == ActorKind::File)
    })
    .await;
    assert_eq!(serve.admin.history("shop").await.len(), 2);
}

#[tokio::test]
async fn a_wish_of_the_file_that_waits_for_its_gates_outlives_a_kill() {
    let mut pools = Pools::start().await;
    let home = Home::new("", &pools.file("blue", ""));
    let serve = home.serve().await;
    let ready = async |admin: Admin, blue: usize, green: usize| {
        eventually("both are as they should be", async || {
            let view = admin.service("shop").await;
            (view.pools.blue.ready, view.pools.green.ready) == (blue, green)
        })
        .await;
    };
    ready(serve.admin, 1, 1).await;
    pools.0[1].dies().await;
    ready(serve.admin, 1, 0).await;
    home.write("", &pools.file("green", ""));
    let waiting = async |admin: Admin| {
        eventually("the file's switch waits", async || {
            admin.service("shop").await.waiting.is_some()
        })
        .await;
    };
    waiting(serve.admin).await;
    serve.kill();
    let serve = home.serve().await;
    waiting(serve.admin).await;
    pools.0[1].comes_back().await;
    eventually("the switch by the file", async || {
        let last = serve.admin.service("shop").await.last_switch;
        last.is_some_and(|it| it.to == Colour::Green && it.actor.kind == ActorKind::File)
    })
    .await;
    // What is done is not asked for again: an operator goes back, and a restart leaves it so.
    serve.admin.rollback("shop").await;
    serve.kill();
    let serve = home.serve().await;
    ready(serve.admin, 1, 1).await;
    let view = serve.admin.service("shop").await;
    assert_eq!(
        (standing(&view), view.waiting),
        ((Colour::Blue, Colour::Green, true), None)
    );
    assert_eq!(serve.admin.history("shop").await.len(), 2);
}
