//! Commands against a real admin server: what they print, and how they end.

mod addresses;
mod documented;
mod events;
mod machines;
mod plan;
pub(super) mod screens;
pub(super) mod sights;

use std::ffi::OsString;

use super::{Exit, Look, Output, run};
use crate::{
    admin::rig::{Rig, answering_switches, answers, gates, receipt, unchanged, view},
    control::{answering::Answers, handle::ReloadAnswer},
    core::{
        gate::verdict::GateKind,
        ids::Colour,
        switch::{Actor, Cut, Outcome, Refusal, SwitchAnswer, WaitFor, Wish},
        time::Timestamp,
        view::WaitingView,
    },
};

/// How a command ended, and what it printed.
#[derive(Debug)]
struct Ended {
    exit: Exit,
    results: String,
    progress: String,
}

/// Runs a command on a thread of its own, as a process would; colours are left out.
async fn command(line: &str, more: &[&str]) -> Ended {
    let words = line.split_whitespace().chain(more.iter().copied());
    let args: Vec<OsString> = ["cutover"]
        .into_iter()
        .chain(words)
        .map(Into::into)
        .collect();
    let ran = tokio::task::spawn_blocking(move || {
        let (mut results, mut progress) = (Vec::new(), Vec::new());
        let exit = {
            let mut results =
                anstream::StripStream::new(&mut results as &mut (dyn std::io::Write + Send));
            let mut progress =
                anstream::StripStream::new(&mut progress as &mut (dyn std::io::Write + Send));
            run(args, &mut Output::new(&mut results, &mut progress, LOOK))
        };
        Ended {
            exit,
            results: String::from_utf8(results).unwrap(),
            progress: String::from_utf8(progress).unwrap(),
        }
    });
    ran.await.unwrap()
}

/// No terminal, a minute and a half after the receipt of the rig.
const LOOK: Look = Look {
    width: None,
    live: None,
    coloured: false,
    now: Timestamp::from_millis(1_700_000_090_000),
};

async fn against(rig: &Rig, line: &str) -> Ended {
    let url = format!("http://{}", rig.addr());
    command(line, &["--admin", &url, "--actor", "bob"]).await
}

#[tokio::test]
async fn a_switch_prints_its_receipt() {
    let rig = Rig::new(answers()).await;
    let ended = against(
        &rig,
        "switch shop green --reason release --expect-live blue",
    )
    .await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    let expected = "\
shop  blue -> green   tenure 7   drained
  in flight at commit 12: finished 11, replayed 1, cut 0
  gates 3 ms   barrier 240 us   drain 1200 ms
  2023-11-14T22:13:20.000Z by alice
  \"new checkout\"
";
    assert_eq!(
        (ended.results.as_str(), ended.progress.as_str()),
        (expected, "")
    );
    let order = rig.asked.look(|orders| orders.switches.remove(0));
    assert_eq!(order.actor.name, "bob");
    assert_eq!(order.reason.as_deref(), Some("release"));
    assert_eq!(order.expect_live, Some(Colour::Blue));
    assert_eq!((order.force, order.wait), (false, WaitFor::Drained));
}

#[tokio::test]
async fn a_rollback_takes_no_colour() {
    let rig = Rig::new(answers()).await;
    let ended = against(&rig, "rollback shop --force --wait committed").await;
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    let order = rig.asked.look(|orders| orders.switches.remove(0));
    assert!(matches!(order.wish, Wish::Rollback(_)));
    assert_eq!((order.force, order.wait), (true, WaitFor::Committed));
}

#[tokio::test]
async fn a_switch_that_changes_nothing_is_done() {
    let rig = Rig::new(answering_switches(unchanged())).await;
    let ended = against(&rig, "switch shop green").await;
    assert_eq!(ended.exit, Exit::Done);
    let expected = "shop  green is live already   tenure 7   nothing changed\n";
    assert_eq!(ended.results, expected);
}

#[tokio::test]
async fn a_drain_that_had_to_cut_exits_with_6() {
    let mut cut = receipt();
    cut.finished = 9;
    cut.cut = Cut {
        drain_deadline: 2,
        shutdown: 0,
    };
    cut.outcome = Outcome::Cut;
    let done = SwitchAnswer::Done {
        receipts: vec![cut],
        unchanged: Vec::new(),
    };
    let rig = Rig::new(answering_switches(done)).await;
    let ended = against(&rig, "switch shop green").await;
    assert_eq!(ended.exit, Exit::Cut);
    let line =
        "  in flight at commit 12: finished 9, replayed 1, cut 2 (2 cut by the drain deadline)\n";
    assert!(ended.results.contains(line), "{}", ended.results);
}

#[tokio::test]
async fn a_refused_gate_is_told_endpoint_by_endpoint() {
    let rig = Rig::new(answering_switches(SwitchAnswer::Refused(gates()))).await;
    let ended = against(&rig, "switch shop green").await;
    assert_eq!((ended.exit, ended.results.as_str()), (Exit::Refused, ""));
    let expected = "\
error: the gates did not open, nothing was switched
  shop green: 0 of 1 endpoints ready
    10.0.0.1:80  connect refused
next:
  cutover status shop                # its endpoints, and what probes saw last
  cutover plan shop green            # asks the gates once more, switches nothing
  cutover switch shop green --force  # does not wait for gates; history keeps that
";
    assert_eq!(ended.progress, expected);
    let ended = against(&rig, "switch shop green --output json").await;
    assert_eq!(ended.exit, Exit::Refused);
    let problem: serde_json::Value = serde_json::from_str(&ended.results).unwrap();
    assert_eq!(problem["gates"][0]["gate"], "min_ready");
}

#[tokio::test]
async fn refusals_exit_with_3_and_unknown_services_with_2() {
    for (refusal, exit) in [
        (Refusal::NothingToRollBack(view().service), Exit::Refused),
        (Refusal::Journal("disk full".to_owned()), Exit::Refused),
        (Refusal::ShuttingDown, Exit::Refused),
        (Refusal::UnknownService("shop".to_owned()), Exit::Usage),
    ] {
        let said = format!("error: {refusal}\n");
        let rig = Rig::new(answering_switches(SwitchAnswer::Refused(refusal))).await;
        let ended = against(&rig, "rollback shop").await;
        assert_eq!(ended.exit, exit);
        assert!(ended.progress.starts_with(&said), "{ended:?}");
    }
}

#[tokio::test]
async fn giving_up_exits_with_4_and_tells_what_was_waited_for() {
    let mut waiting = view();
    let Refusal::Gates(gates) = gates() else {
        panic!("gates are refused by gates");
    };
    waiting.waiting = Some(WaitingView {
        to: Colour::Green,
        actor: Actor::file(),
        since: Timestamp::from_millis(0),
        gate: GateKind::MinReady,
        gate_since: Timestamp::from_millis(0),
        gate_until: Timestamp::from_millis(20_000),
        gates,
    });
    let services = vec![waiting];
    let rig = Rig::new(Answers {
        switch: None,
        services,
        ..answers()
    })
    .await;
    let ended = against(&rig, "switch shop green --timeout 900ms").await;
    assert_eq!((ended.exit, ended.results.as_str()), (Exit::GaveUp, ""));
    let expected = "\
shop  to green waits: pool `green` of service `shop` has 0 of 1 endpoints ready, `10.0.0.1:80`: connect refused ... until 1970-01-01T00:00:20.000Z at most
error: no answer within 900ms; what was asked for may still happen, look at `cutover status`
";
    assert_eq!(ended.progress, expected);
}

#[tokio::test]
async fn status_shows_all_or_one() {
    let rig = Rig::new(answers()).await;
    let expected = "\
SERVICE  LIVE   TENURE  BLUE READY  GREEN READY  IN FLIGHT  DRIFT       LAST SWITCH
shop     green  7       0 of 1      1 of 1       6          file: blue  1m ago by alice, drained
";
    assert_eq!(against(&rig, "status").await.results, expected);
    let expected = "\
shop  green is live   tenure 7
  routes       shop.example.com/
  drift        the file says blue
  rollback     not possible, pool `blue` of service `shop` has 0 of 1 endpoints ready
  POOL         ENDPOINT     HEALTH     READY  WEIGHT  IN FLIGHT  NAMED BY  WHY NOT
  blue, standby  10.0.0.1:80  unhealthy  no     1       3          file      connect refused
  green, live    10.0.0.1:80  healthy    yes    1       3          file
";
    let one = against(&rig, "status shop").await;
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        squeezed(&one.results).starts_with(&squeezed(expected)),
        "{}",
        one.results
    );
    assert!(
        one.results.ends_with("\"new checkout\"\n"),
        "{}",
        one.results
    );
    let json = against(&rig, "status shop --output json").await;
    let read: crate::core::view::ServiceView = serde_json::from_str(&json.results).unwrap();
    assert_eq!(read, view());
    let unknown = against(&rig, "status a/b").await;
    assert_eq!(unknown.exit, Exit::Usage);
    let expected = "\
error: there is no service `a/b`
next:
  cutover status  # the services that there are
";
    assert_eq!(unknown.progress, expected);
}

#[tokio::test]
async fn history_endpoints_and_reload_answer_in_lines() {
    let rig = Rig::new(answers()).await;
    let history = against(&rig, "history shop --limit 1").await;
    assert!(
        history.results.contains("blue -> green"),
        "{}",
        history.results
    );
    let added = against(&rig, "endpoint add shop green [::1]:80 --weight 2").await;
    assert_eq!(added.results, "shop  green  [::1]:80  added\n");
    let removed = against(&rig, "endpoint remove shop green [::1]:80").await;
    assert_eq!(removed.results, "shop  green  [::1]:80  removed\n");
    for (said, done) in [
        ("drain --wait --deadline 5s --force", "drained"),
        ("undrain", "undrained"),
    ] {
        let (verb, flags) = said.split_once(' ').unwrap_or((said, ""));
        let line = format!("endpoint {verb} shop green [::1]:80 {flags}");
        let told = against(&rig, line.trim()).await.results;
        assert_eq!(told, format!("shop  green  [::1]:80  {done}\n"));
    }
    let asked = rig.asked.look(|orders| orders.endpoints[0].addr.clone());
    assert_eq!(asked.as_str(), "[::1]:80");
    let reload = against(&rig, "reload").await;
    assert_eq!(reload.results, "applied\n  service `api` was added\n");
}

#[tokio::test]
async fn a_refused_reload_is_invalid_configuration() {
    let reload = ReloadAnswer::Refused(vec!["cutover.toml:1:1: nonsense".to_owned()]);
    let rig = Rig::new(Answers {
        reload,
        ..answers()
    })
    .await;
    let ended = against(&rig, "reload").await;
    assert_eq!(ended.exit, Exit::Usage);
    let expected = "\
error: the file was not applied, everything is as it was
cutover.toml:1:1: nonsense
next:
  cutover check --config FILE  # says the same, and changes nothing
";
    assert_eq!(ended.progress, expected);
}

#[tokio::test]
async fn text_of_others_is_no_order_to_the_terminal() {
    let mut odd = receipt();
    odd.reason = Some("\u{1b}[2J\u{7}".to_owned());
    odd.actor.name = "\u{1b}]0;x".to_owned();
    let text = super::receipt::receipt(&odd);
    // Two colours and an outcome, each with its end.
    assert_eq!(text.matches('\u{1b}').count(), 6, "{text:?}");
    assert!(!text.contains('\u{7}'));
}
