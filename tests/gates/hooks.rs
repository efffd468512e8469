//! Hooks: those that pass, fail, hang, redirect, answer rubbish, or say that they are not done.

use std::{fs, time::Duration};

use cutover::core::{
    gate::verdict::{GateKind, GateVerdict, Verdict},
    ids::Colour,
    switch::{ActorKind, Outcome, Refusal, SwitchAnswer},
};
use serde_json::Value;

use crate::support::{
    answering::Answering,
    eventually,
    load::{Load, Mix},
    scripted::{Link, Scripted},
    site::{Site, order, shop},
};

/// One hook, as lines of a file.
fn hook(at: &str, url: &str, keys: &str) -> String {
    format!("\n[[service.shop.switch.hook]]\nat = \"{at}\"\nurl = \"{url}\"\n{keys}\n")
}

fn url(server: &Scripted) -> String {
    format!("http://{}/hook", server.addr())
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Reads a whole call.
async fn called(link: &mut Link) {
    let head = link.head().await.to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let length = length.split("\r\n").next().unwrap().parse().unwrap();
    link.take(length).await;
}

/// A server that gives each call the next of these answers, and the last one for ever.
async fn answering(answers: &'static [&'static str]) -> Scripted {
    Scripted::start(move |mut link| async move {
        called(&mut link).await;
        let answer = answers.get(link.number).or(answers.last()).unwrap();
        link.write(answer).await;
    })
    .await
}

async fn site(hooks: &str) -> (Site, [Answering; 2]) {
    let pools = [
        Answering::start("blue").await,
        Answering::start("green").await,
    ];
    let site = Site::start(&config(&pools, hooks)).await;
    site.ready("shop", Colour::Green, 1).await;
    site.ready("shop", Colour::Blue, 1).await;
    (site, pools)
}

fn config(pools: &[Answering; 2], hooks: &str) -> String {
    shop(&[pools[0].addr()], &[pools[1].addr()], "") + hooks
}

/// The gates that refused a switch to green.
async fn refused(site: &Site) -> Vec<GateVerdict> {
    match site.try_switch(order("shop", Colour::Green)).await {
        SwitchAnswer::Refused(Refusal::Gates(gates)) => gates,
        other @ (SwitchAnswer::Refused(_)
        | SwitchAnswer::Done { .. }
        | SwitchAnswer::Shifting(_)) => panic!("{other:?}"),
    }
}

/// What a call said, as it came.
fn told(server: &Scripted, call: usize) -> (String, Value) {
    let text = server.received(call);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn a_hook_is_told_of_the_switch_and_lets_it_pass() {
    let server = answering(&[OK]).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "the-secret\n").unwrap();
    let keys = format!("token_file = \"{}\"", token.display());
    let (site, _pools) = site(&hook("before_switch", &url(&server), &keys)).await;
    let receipt = site.switch("shop", Colour::Green).await;
    assert_eq!(receipt.gates[0].gate, GateKind::Hook);
    assert_eq!(
        receipt.gates[0].name.as_deref(),
        Some(url(&server).as_str())
    );
    let (head, body) = told(&server, 0);
    assert!(head.starts_with("POST /hook HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer the-secret"), "{head}");
    assert!(head.contains("idempotency-key: shop-2-"), "{head}");
    for (field, expected) in [
        ("at", "before_switch"),
        ("service", "shop"),
        ("from", "blue"),
        ("to", "green"),
        ("reason", "a test"),
    ] {
        assert_eq!(body[field], expected, "{body}");
    }
    assert_eq!(
        (&body["tenure"], &body["actor"]["name"]),
        (&2.into(), &"ann".into())
    );
    assert!(body.get("receipt").is_none());
    // Nothing of it is told to anybody else.
    let shown = site
        .app()
        .handle()
        .config()
        .await
        .unwrap()
        .redacted()
        .to_string();
    assert!(!shown.contains("the-secret"));
}

#[tokio::test]
async fn what_is_not_a_pass_refuses_by_name() {
    let rubbish = "220 smtp.test ESMTP\r\n\r\n";
    let redirect =
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
    let later = "HTTP/1.1 202 Accepted\r\nRetry-After: tomorrow\r\nContent-Length: 0\r\n\r\n";
    let no = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    for (answers, expected) in [
        (&[no][..], "status 403"),
        (&[redirect][..], "redirected by status 307"),
        (&[rubbish][..], "the answer is not HTTP"),
        (&[""][..], "connection closed without an answer"),
        (
            &[later][..],
            "in progress, with a `Retry-After` that is no number of seconds",
        ),
    ] {
        let answer = answers[0];
        let server = Scripted::start(move |mut link| async move {
            called(&mut link).await;
            link.write(answer).await;
        })
        .await;
        let (site, _pools) = site(&hook("before_switch", &url(&server), "")).await;
        let gates = refused(&site).await;
        assert_eq!(gates[0].gate, GateKind::Hook);
        assert_eq!(gates[0].why.as_deref(), Some(expected));
        assert_eq!(server.connections(), 1, "{expected}");
        let view = site.service("shop").await;
        assert_eq!((view.live, view.waiting), (Colour::Blue, None));
    }
}

#[tokio::test]
async fn a_hook_that_hangs_fails_at_its_timeout_or_is_ignored() {
    let server = Scripted::start(|mut link| async move {
        called(&mut link).await;
        std::future::pending::<()>().await;
    })
    .await;
    let keys = "timeout = \"150ms\"";
    let (site, pools) = site(&hook("before_switch", &url(&server), keys)).await;
    let gates = refused(&site).await;
    assert_eq!(gates[0].why.as_deref(), Some("no answer within 150ms"));
    let keys = "timeout = \"150ms\"\non_failure = \"ignore\"";
    let ignored = hook("before_switch", &url(&server), keys);
    site.rewrite(&config(&pools, &ignored)).await;
    let receipt = site.switch("shop", Colour::Green).await;
    assert_eq!(receipt.gates[0].verdict, Verdict::Ignored);
    assert_eq!(
        receipt.gates[0].why.as_deref(),
        Some("no answer within 150ms")
    );
}

#[tokio::test]
async fn nobody_at_the_address_and_no_token_are_failures() {
    let dead = crate::support::site::nobody();
    let (site, pools) = site(&hook("before_switch", &format!("http://{dead}/"), "")).await;
    let gates = refused(&site).await;
    assert_eq!(gates[0].why.as_deref(), Some("connect refused"));
    let server = answering(&[OK]).await;
    let keys = "token_file = \"/nowhere/token\"";
    site.rewrite(&config(&pools, &hook("before_switch", &url(&server), keys)))
        .await;
    let why = refused(&site).await[0].why.clone().unwrap();
    assert_eq!(why, "the token file cannot be used: entity not found");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn in_progress_is_asked_again_until_it_is_done() {
    let wait = "HTTP/1.1 202 Accepted\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
    let server = answering(&[
        "HTTP/1.1 202 Accepted\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 202 Accepted\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
        OK,
    ])
    .await;
    let (site, pools) = site(&hook("before_switch", &url(&server), "")).await;
    site.switch("shop", Colour::Green).await;
    assert_eq!(server.connections(), 3);
    let keys: Vec<_> = (0..3)
        .map(|call| {
            let (head, _) = told(&server, call);
            let lines = head.lines().map(str::to_owned);
            { lines }
                .find(|line| line.starts_with("idempotency-key"))
                .unwrap()
        })
        .collect();
    assert!(keys.iter().all(|it| *it == keys[0]), "{keys:?}");
    let never = Scripted::start(move |mut link| async move {
        called(&mut link).await;
        link.write(wait).await;
    })
    .await;
    let keys = "timeout = \"350ms\"";
    site.rewrite(&config(&pools, &hook("before_switch", &url(&never), keys)))
        .await;
    let SwitchAnswer::Refused(refusal) = site.try_switch(order("shop", Colour::Blue)).await else {
        panic!("it is in progress for ever");
    };
    let told = refusal.to_string();
    assert!(told.ends_with("still in progress after 350ms"), "{told}");
    assert!(never.connections() >= 2);
}

#[tokio::test]
async fn after_the_commit_and_after_the_drain_the_receipt_is_told() {
    let server = answering(&[OK]).await;
    let hooks =
        ["after_commit", "after_drain", "after_rollback"].map(|at| hook(at, &url(&server), ""));
    let (site, _pools) = site(&hooks.concat()).await;
    site.switch("shop", Colour::Green).await;
    server.connected(2).await;
    eventually("both were told", async || {
        server.received(0).ends_with("}}") && server.received(1).ends_with("}}")
    })
    .await;
    let mut points: Vec<_> = (0..2)
        .map(|call| {
            let (_, body) = told(&server, call);
            assert_eq!(body["receipt"]["tenure"], 2);
            (
                body["at"].as_str().unwrap().to_owned(),
                body["receipt"]["outcome"].clone(),
            )
        })
        .collect();
    points.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(points[0], ("after_commit".to_owned(), "draining".into()));
    assert_eq!(points[1], ("after_drain".to_owned(), "drained".into()));
    site.rollback("shop").await;
    server.connected(4).await;
    let labels = "service=\"shop\",at=\"after_rollback\",outcome=\"passed\"";
    site.counts(&format!("cutover_hooks_total{{{labels}}}"), 1.0)
        .await;
}

#[tokio::test]
async fn a_failure_after_the_commit_rolls_back_if_the_file_says_so() {
    let server = answering(&["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"]).await;
    let keys = "on_failure = \"rollback\"";
    let (site, _pools) = site(&hook("after_commit", &url(&server), keys)).await;
    site.switch("shop", Colour::Green).await;
    eventually("it is rolled back", async || {
        let view = site.service("shop").await;
        view.live == Colour::Blue && view.draining.is_empty()
    })
    .await;
    let last = &site.history("shop").await[0];
    assert!(
        last.rollback && last.outcome == Outcome::Drained,
        "{last:?}"
    );
    assert_eq!(
        (last.actor.kind, &last.actor.name),
        (ActorKind::Hook, &url(&server))
    );
    assert_eq!(
        last.reason.as_deref(),
        Some("hook at after_commit failed: status 500")
    );
}

#[tokio::test]
async fn a_rollback_is_not_held_up_by_a_hook_that_hangs() {
    let server = Scripted::start(|mut link| async move {
        called(&mut link).await;
        std::future::pending::<()>().await;
    })
    .await;
    let keys = "timeout = \"100ms\"";
    let (site, _pools) = site(&hook("before_rollback", &url(&server), keys)).await;
    site.switch("shop", Colour::Green).await;
    assert_eq!(server.connections(), 0, "it is no rollback");
    let receipt = site.rollback("shop").await;
    assert_eq!(receipt.gates[0].verdict, Verdict::Ignored);
}

#[tokio::test]
async fn a_plan_calls_no_hook() {
    let server = answering(&[OK]).await;
    let (site, _pools) = site(&hook("before_switch", &url(&server), "")).await;
    let plan = site.app().handle().plan(order("shop", Colour::Green)).await;
    let gates = &plan.unwrap().services[0].gates;
    assert_eq!(
        (gates[1].gate, gates[1].verdict),
        (GateKind::Hook, Verdict::Unasked)
    );
    site.switch("shop", Colour::Green).await;
    assert_eq!(server.connections(), 1, "by the switch alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_notices_hooks_that_pass_fail_and_hang() {
    let passes = answering(&[OK]).await;
    let fails = answering(&["HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"]).await;
    let hangs = Scripted::start(|mut link| async move {
        called(&mut link).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (site, pools) = site("").await;
    let mut load = Load::start(site.addr(), Mix::default());
    let keys = "timeout = \"100ms\"";
    for round in 0..3 {
        for server in [&fails, &hangs] {
            let bad = hook("before_switch", &url(server), keys);
            site.rewrite(&config(&pools, &bad)).await;
            let to = site.service("shop").await.live.other();
            let answer = site.try_switch(order("shop", to)).await;
            assert!(matches!(answer, SwitchAnswer::Refused(_)), "{answer:?}");
        }
        let good = ["before_switch", "after_commit", "after_drain"];
        let good = good.map(|at| hook(at, &url(&passes), keys));
        let hung = hook("after_commit", &url(&hangs), keys);
        site.rewrite(&config(&pools, &(good.concat() + &hung)))
            .await;
        let to = site.service("shop").await.live.other();
        assert_eq!(site.switch("shop", to).await.tenure.0, round + 2);
        load.is_well();
    }
    load.stop().await;
    tokio::time::timeout(Duration::from_secs(5), site.stop())
        .await
        .expect("a hook that hangs does not hold up the end");
}
