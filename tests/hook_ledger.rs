//! Hooks and approval, event by event.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::{sync::Arc, time::Duration};

use cutover::core::{
    event::Event,
    gate::{
        spec::{HookPoint::*, OnFailure::*},
        verdict::{GateKind, Verdict},
        word::Word,
    },
    ids::Colour::*,
    in_flight::Counts,
    operation::OWN_OPS,
    service::ServiceSpec,
    steer::Steer,
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);
const JOURNAL: &str = "journal 1: switched shop blue>green tenure 2 Committing";

fn with(name: &str, hooks: &[ledger_hook::Hook]) -> ServiceSpec {
    let mut spec = service(name);
    let made = hooks
        .iter()
        .map(|(at, name, on)| Arc::new(hook(*at, name, *on)));
    spec.switch.gates.hooks = made.collect();
    spec
}

/// Point, name and meaning of one.
mod ledger_hook {
    use cutover::core::gate::spec::{HookPoint, OnFailure};

    pub(super) type Hook = (HookPoint, &'static str, OnFailure);
}

fn approved(name: &str) -> ServiceSpec {
    let mut spec = service(name);
    spec.switch.gates.approval = Some(600 * SECOND);
    spec
}

/// A switch of `shop` to green that `ada` has asked for waits for approval.
fn waiting() -> Ledger {
    let mut ledger = Ledger::serving(&[approved("shop")]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["notice: shop>green waits for approval up to 600s"]
    );
    ledger
}

#[test]
fn hooks_come_before_checks_and_approval_after_them() {
    let mut spec = with("shop", &[(BeforeSwitch, "h", Refuse)]);
    spec.switch.gates.checks = vec![Arc::new(check("/a"))];
    spec.switch.gates.approval = Some(60 * SECOND);
    let mut ledger = Ledger::serving(&[spec]);
    assert_eq!(
        ledger.switch("shop", Green),
        [
            "notice: shop>green waits for hook up to 15s",
            "ask 1: before_switch h",
        ]
    );
    assert_eq!(
        ledger.gate_open(1, GateKind::Hook, 0),
        [
            "notice: hook `h` of service `shop` passed",
            "notice: shop>green waits for check up to 15s",
            "ask 1: GET /a of 10.0.0.1:81",
        ]
    );
    assert_eq!(
        ledger.gate_open(1, GateKind::Check, 0)[1],
        "notice: shop>green waits for approval up to 60s"
    );
    let effects = ledger.says("shop", Word::Approve, "bob");
    assert_eq!(
        effects,
        [
            "notice: approval of service `shop` passed: approved by `bob`",
            JOURNAL,
            "word 2: heard for shop",
        ]
    );
    ledger.journaled(1);
    let receipt = &ledger.state.history(None)[0];
    let kinds: Vec<_> = receipt.gates.iter().map(|it| it.gate).collect();
    assert_eq!(kinds, [GateKind::Hook, GateKind::Check, GateKind::Approval]);
    assert_eq!(receipt.gates[2].why.as_deref(), Some("approved by `bob`"));
}

#[test]
fn a_hook_that_fails_refuses_or_is_ignored_as_the_file_says() {
    let hooks = [(BeforeSwitch, "h", Refuse), (BeforeSwitch, "i", Ignore)];
    let mut ledger = Ledger::serving(&[with("shop", &hooks)]);
    ledger.switch("shop", Green);
    assert_eq!(
        ledger.gate_closed(1, GateKind::Hook, 1),
        ["notice: hook `i` of service `shop` ignored, `10.0.0.1:81`: status 500"]
    );
    let effects = ledger.gate_closed(1, GateKind::Hook, 0);
    let refusal = "hook `h` of service `shop` failed, `10.0.0.1:81`: status 500";
    assert_eq!(effects[3], format!("answer 1: refused: {refusal}"));
    ledger.switch("shop", Green);
    ledger.gate_closed(2, GateKind::Hook, 1);
    let effects = ledger.gate_open(2, GateKind::Hook, 0);
    assert!(effects[1].starts_with("journal 2: switched"), "{effects:?}");
}

#[test]
fn hooks_without_an_answer_fail_at_the_deadline_or_are_ignored() {
    for (meaning, expected) in [
        (
            Refuse,
            "answer 1: refused: hook `h` of service `shop` failed: no answer in time",
        ),
        (Ignore, JOURNAL),
    ] {
        let mut ledger = Ledger::serving(&[with("shop", &[(BeforeSwitch, "h", meaning)])]);
        ledger.switch("shop", Green);
        ledger.passes(15 * SECOND);
        let effects = ledger.on(Event::Woke);
        assert_eq!(effects.last().map(String::as_str), Some(expected));
    }
}

#[test]
fn each_hook_is_called_at_its_point_and_at_no_other() {
    let hooks = [
        (BeforeSwitch, "bs", Ignore),
        (AfterCommit, "ac", Ignore),
        (AfterDrain, "ad", Ignore),
        (BeforeRollback, "br", Ignore),
        (AfterRollback, "ar", Ignore),
    ];
    let mut ledger = Ledger::serving(&[with("shop", &hooks)]);
    assert_eq!(ledger.switch("shop", Green)[1], "ask 1: before_switch bs");
    ledger.gate_open(1, GateKind::Hook, 0);
    ledger.journaled(1);
    let committed = ledger.barrier_passed(1, &[]);
    assert_eq!(committed.last().unwrap(), "call own 1: after_commit ac");
    let drained = ledger.drained("shop", 1, Counts::default());
    assert!(
        drained.contains(&"call own 2: after_drain ad".to_owned()),
        "{drained:?}"
    );
    let rollback = ledger.rollback("shop");
    let asked = ledger.on(Event::Switch(rollback));
    assert_eq!(asked[1], "ask 2: before_rollback br");
    ledger.gate_open(2, GateKind::Hook, 0);
    ledger.journaled(2);
    let committed = ledger.barrier_passed(2, &[]);
    assert_eq!(committed.last().unwrap(), "call own 3: after_rollback ar");
    assert_eq!(ledger.called(3, true), ["notice: after_rollback ar passed"]);
    assert_eq!(ledger.called(3, false), [""; 0], "it has answered");
    assert_eq!(
        ledger.called(1, false),
        ["notice: after_commit ac status 500"]
    );
}

#[test]
fn a_hook_that_fails_after_the_commit_rolls_back_if_the_file_says_so() {
    let mut ledger = Ledger::serving(&[with("shop", &[(AfterCommit, "ac", Rollback)])]);
    ledger.switched("shop", Green);
    assert_eq!(
        ledger.called(1, false),
        [
            "notice: after_commit ac status 500",
            "journal 9223372036854775810: switched shop green>blue tenure 3 Committing rollback",
        ]
    );
}

#[test]
fn a_hook_does_not_roll_back_what_somebody_has_switched_since() {
    let mut ledger = Ledger::serving(&[with("shop", &[(AfterCommit, "ac", Rollback)])]);
    ledger.switched("shop", Green);
    ledger.switched("shop", Blue);
    let effects = ledger.called(1, false);
    assert_eq!(effects.len(), 2, "{effects:?}");
    assert!(effects[1].contains("is in tenure 3, not 2"), "{effects:?}");
    assert_eq!(ledger.view("shop").live, Blue);
}

#[test]
fn a_rollback_that_displeases_a_hook_is_not_rolled_back() {
    let mut ledger = Ledger::serving(&[with("shop", &[(AfterDrain, "ad", Rollback)])]);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, Counts::default());
    let rolled_back = ledger.called(1, false);
    assert!(rolled_back[1].ends_with("rollback"), "{rolled_back:?}");
    let op = OWN_OPS | 2;
    ledger.journaled(op);
    ledger.barrier_passed(op, &[]);
    ledger.drained("shop", 2, Counts::default());
    assert_eq!(
        ledger.called(3, false),
        ["notice: after_drain ad status 500"]
    );
}

#[test]
fn a_hook_that_never_answers_fails_by_that() {
    let mut ledger = Ledger::serving(&[with("shop", &[(AfterCommit, "ac", Rollback)])]);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, Counts::default());
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 15 * SECOND);
    ledger.passes(15 * SECOND);
    let effects = ledger.on(Event::Woke);
    assert_eq!(
        effects[..2],
        ["unask own 1", "notice: after_commit ac no answer in time"]
    );
    assert!(effects[2].contains("rollback"), "{effects:?}");
    assert_eq!(ledger.state.next_wake(), None);
}

#[test]
fn what_was_due_when_the_process_ended_is_not_called_again() {
    let hooks = [(AfterCommit, "ac", Rollback), (AfterDrain, "ad", Rollback)];
    let spec = with("shop", &hooks);
    let mut ledger = Ledger::serving(std::slice::from_ref(&spec));
    ledger.switched("shop", Green);
    let mut receipt = ledger.state.history(Some("shop"))[0].clone();
    receipt.outcome = cutover::core::switch::Outcome::Interrupted;
    let restored = cutover::core::event::RestoredService {
        live: Green,
        tenure: receipt.tenure,
        file_live: Blue,
        endpoints: Default::default(),
        history: vec![receipt],
        drained: Default::default(),
        shift: None,
    };
    let restored = cutover::core::event::Restored {
        services: [(spec.name.clone(), restored)].into(),
    };
    let mut after = Ledger::restored(restored);
    let effects = after.reload(&[spec]);
    assert!(
        effects.iter().all(|it| !it.starts_with("call")),
        "{effects:?}"
    );
    assert_eq!(after.view("shop").live, Green);
}

#[test]
fn who_has_asked_cannot_approve_whatever_they_call_themselves() {
    let mut ledger = waiting();
    let refused = "`ada` has asked for the switch; somebody else must approve it";
    for who in ["ada", "ada (bob)", "ada (on call)"] {
        let effects = ledger.says("shop", Word::Approve, who);
        assert_eq!(effects.len(), 1);
        assert!(effects[0].ends_with(refused), "{effects:?}");
    }
    assert_eq!(ledger.says("shop", Word::Approve, "bob (ada)")[1], JOURNAL);
}

#[test]
fn a_rejection_refuses_with_who_and_why() {
    let mut ledger = waiting();
    assert_eq!(
        ledger.says("shop", Word::Reject, "bob"),
        [
            "notice: approval of service `shop` failed: rejected by `bob`",
            "unask 1",
            "notice: refused to ada: approval of service `shop` failed: rejected by `bob`",
            "answer 1: refused: approval of service `shop` failed: rejected by `bob`",
            "word 2: heard for shop",
        ]
    );
    assert_eq!(ledger.view("shop").waiting, None);
    let nothing = "no switch of service `shop` waits for its gates";
    assert_eq!(
        ledger.says("shop", Word::Approve, "bob"),
        [format!("word 3: {nothing}")]
    );
    assert_eq!(
        ledger.says("nobody", Word::Approve, "bob"),
        ["word 4: there is no service `nobody`"]
    );
}

#[test]
fn nobody_approves_in_time_and_it_is_refused() {
    let mut ledger = waiting();
    let gates = ledger.view("shop").waiting.unwrap().gates;
    assert_eq!(gates[1].verdict, Verdict::Waiting);
    ledger.passes(599 * SECOND);
    assert_eq!(ledger.on(Event::Woke), [""; 0]);
    ledger.passes(SECOND);
    assert_eq!(
        ledger.on(Event::Woke)[2],
        "answer 1: refused: approval of service `shop` failed: no answer in time"
    );
}

#[test]
fn a_word_that_comes_too_early_is_not_heard() {
    let mut spec = approved("shop");
    spec.switch.gates.checks = vec![Arc::new(check("/a"))];
    let mut ledger = Ledger::serving(&[spec]);
    ledger.switch("shop", Green);
    assert_eq!(
        ledger.says("shop", Word::Approve, "bob"),
        [
            "word 2: the switch of service `shop` waits for check still, not for approval; say it again later"
        ]
    );
}

#[test]
fn a_rollback_needs_no_approval_and_neither_does_force() {
    let mut ledger = Ledger::serving(&[approved("shop")]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [format!("{JOURNAL} forced")]
    );
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let rollback = ledger.rollback("shop");
    let effects = ledger.on(Event::Switch(rollback));
    assert!(effects[0].starts_with("journal 2"), "{effects:?}");
}

#[test]
fn one_word_is_about_every_service_of_a_switch() {
    let mut ledger = Ledger::serving(&[approved("api"), service("cart"), approved("shop")]);
    let request = ledger.request(&[("api", Green), ("cart", Green), ("shop", Green)]);
    ledger.on(Event::Switch(request));
    let effects = ledger.says("cart", Word::Approve, "bob");
    assert_eq!(effects.last().unwrap(), "word 2: heard for api, cart, shop");
    assert!(
        effects[2].starts_with("journal 1: switched api"),
        "{effects:?}"
    );
}

#[test]
fn an_abort_ends_the_whole_switch_and_whoever_asked_hears_by_whom() {
    let mut ledger = Ledger::serving(&[approved("api"), service("shop")]);
    let request = ledger.request(&[("api", Green), ("shop", Green)]);
    ledger.on(Event::Switch(request));
    let effects = ledger.steer("shop", Steer::Abort);
    let refusal =
        "the switch of service `shop` to green was aborted by `bob`; blue is live, as before";
    assert_eq!(
        effects,
        [
            "unask 1".to_owned(),
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}"),
            "answer 2: |api stays blue/1, shop stays blue/1".to_owned(),
        ]
    );
    assert_eq!(ledger.view("api").waiting, None);
    assert_eq!(ledger.state.next_wake(), None);
    let nothing = ledger.steer("shop", Steer::Abort);
    assert!(nothing[1].starts_with("answer 3: refused"), "{nothing:?}");
}

#[test]
fn the_pool_is_warmed_up_last_and_a_cold_endpoint_refuses() {
    let mut spec = approved("shop");
    spec.switch.gates.warm_up = true;
    let mut ledger = Ledger::serving(&[spec]);
    ledger.switch("shop", Green);
    let approved = ledger.says("shop", Word::Approve, "bob");
    assert_eq!(
        approved[1..3],
        [
            "notice: shop>green waits for warm_up up to 7s",
            "ask 1: warm up 10.0.0.1:81"
        ]
    );
    let effects = ledger.gate_closed(1, GateKind::WarmUp, 0);
    let refusal = "warm-up of pool `green` of service `shop` failed, `10.0.0.1:81`: status 500";
    assert_eq!(
        effects.last().unwrap(),
        &format!("answer 1: refused: {refusal}")
    );
    ledger.switch("shop", Green);
    ledger.says("shop", Word::Approve, "bob");
    let effects = ledger.gate_open(3, GateKind::WarmUp, 0);
    assert!(effects[1].starts_with("journal 3: switched"), "{effects:?}");
}

#[test]
fn a_wish_of_the_file_waits_for_approval_too() {
    let mut ledger = Ledger::serving(&[approved("shop")]);
    let mut spec = approved("shop");
    spec.live = Green;
    ledger.reload(&[spec]);
    assert_eq!(
        ledger.view("shop").waiting.unwrap().gate,
        GateKind::Approval
    );
    let effects = ledger.says("shop", Word::Approve, "ada");
    assert!(
        effects[1].contains("switched shop blue>green"),
        "{effects:?}"
    );
}
