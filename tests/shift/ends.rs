//! A gradual switch stays, goes on, is completed and taken back under load, and nothing fails.

use cutover::core::{
    ids::Colour::{Blue, Green},
    steer::Steer,
    switch::{Outcome, Refusal, SwitchAnswer, WaitFor},
};

use super::stage::{LONG, Stage, shifting};
use crate::support::{
    call::Admin,
    eventually,
    load::{Load, Mix},
    site::{done, order},
    witness::adds_up,
};

/// Waits until green has answered so many requests more.
async fn green_answers(stage: &Stage, more: usize) {
    let before = stage.green.requests();
    eventually("green answers", async || {
        stage.green.requests() >= before + more
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_resume_and_complete_under_load_fail_nothing() {
    let stage = Stage::set("").await;
    let mut load = Load::start(stage.site.addr(), Mix::default());
    stage.shift("20%").await;
    green_answers(&stage, 20).await;
    let paused = shifting(stage.steer(Steer::Pause, WaitFor::Committed).await);
    assert!(paused.paused && paused.left_ms.is_some_and(|left| left <= 3_600_000));
    green_answers(&stage, 10).await;
    let resumed = shifting(stage.steer(Steer::Resume, WaitFor::Committed).await);
    assert!(!resumed.paused);
    let receipt = done(stage.steer(Steer::Complete, WaitFor::Committed).await);
    assert_eq!((receipt.from, receipt.to), (Blue, Green));
    let served = stage.blue.requests();
    let blue = stage.site.service("shop").await.pools.blue.in_flight;
    green_answers(&stage, 30).await;
    assert!(
        stage.blue.requests() <= served + blue as usize,
        "nothing new after the commit"
    );
    load.is_well();
    load.stop().await;
    eventually("the drain", async || {
        stage.site.history("shop").await[0].outcome == Outcome::Drained
    })
    .await;
    adds_up(&stage.site.history("shop").await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_under_load_accounts_for_what_had_reached_the_new_colour() {
    let stage = Stage::set("").await;
    let mut load = Load::start(stage.site.addr(), Mix::default());
    let handle = stage.site.app().handle().clone();
    let waiting = tokio::spawn(async move {
        let mut order = order("shop", Green);
        order.pace = cutover::core::shift::Pace::Steps(vec!["40%".parse().unwrap()], Some(LONG));
        handle.switch(order).await.unwrap()
    });
    green_answers(&stage, 40).await;
    let receipt = done(stage.steer(Steer::Abort, WaitFor::Committed).await);
    assert_eq!(receipt.outcome, Outcome::Aborted);
    assert!(receipt.shift.as_ref().unwrap().requests >= 40);
    let refused = waiting.await.unwrap();
    assert!(
        matches!(refused, SwitchAnswer::Refused(Refusal::Aborted { .. })),
        "{refused:?}"
    );
    assert_eq!(
        stage.green_of(4, 50).await,
        0,
        "nobody reaches green any more"
    );
    load.is_well();
    load.stop().await;
    eventually("the drain", async || {
        stage.site.history("shop").await[0].drained_at.is_some()
    })
    .await;
    let receipt = stage.site.history("shop").await.remove(0);
    assert_eq!(
        (receipt.outcome, receipt.cut.total()),
        (Outcome::Aborted, 0)
    );
    assert_eq!(
        receipt.in_flight_at_commit,
        receipt.finished + receipt.replayed
    );
    let view = stage.site.service("shop").await;
    assert_eq!(
        (view.live, view.tenure.0, view.pools.green.in_flight),
        (Blue, 1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_steer_by_commands_and_exit_codes() {
    let stage = Stage::set("switch.steps = [\"10%\", \"50%\"]\nswitch.every = \"1h\"").await;
    let admin = Admin(stage.site.admin());
    let run = async |args: &[&str], code: i32, says: &str| {
        let output = admin.cli(args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        let (out, err) = (&output.stdout, &output.stderr);
        let said = String::from_utf8_lossy(&[&out[..], &err[..]].concat()).into_owned();
        assert!(said.contains(says), "{args:?}: {said}");
    };
    run(&["pause", "shop"], 3, "no gradual switch under way").await;
    let begun = ["switch", "shop", "green", "--wait", "begun"];
    run(&begun, 0, "10% goes to green, step 1 of 2, 1h left").await;
    run(&begun, 3, "is being shifted to green, at 10% now").await;
    run(&["status", "shop"], 0, "10% goes to green").await;
    run(&["pause", "shop"], 0, "paused").await;
    run(&["resume", "shop"], 0, "left; 0 requests so far").await;
    run(&["abort", "shop", "--reason", "no"], 0, "aborted by").await;
    run(&["history", "shop"], 0, "aborted").await;
    let odd = ["switch", "shop", "green", "--steps", "10%,5%"];
    run(&odd, 2, "steps must rise").await;
    let every = [
        "switch", "shop", "green", "--steps", "30%", "--every", "1h", "--wait", "begun",
    ];
    run(&every, 0, "30% goes to green, step 1 of 1").await;
    run(
        &["complete", "shop"],
        0,
        "blue -> green   tenure 3   drained",
    )
    .await;
    run(&["switch", "shop", "blue", "--at-once"], 0, "drained").await;
    run(&begun, 0, "10% goes to green").await;
    run(&["rollback", "shop"], 0, "aborted").await;
}
