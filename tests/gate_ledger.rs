//! The way of a switch through its gates, event by event: each stage with each thing that can happen in it.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::{sync::Arc, time::Duration};

use cutover::core::{
    event::Event,
    gate::verdict::{GateKind::*, Verdict},
    ids::{Colour::*, OpId},
    service::ServiceSpec,
    shift::Pace,
    switch::{SwitchRequest, Wish},
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);
const JOURNAL: &str = "journal 1: switched shop blue>green tenure 2 Committing";

/// A service with these checks.
fn checked(name: &str, paths: &[&str]) -> ServiceSpec {
    let mut spec = service(name);
    let checks = paths.iter().map(|path| Arc::new(check(path)));
    spec.switch.gates.checks = checks.collect();
    spec
}

/// A switch of `shop` to green that waits for the answer to its one check.
fn asking() -> Ledger {
    let mut ledger = Ledger::serving(&[checked("shop", &["/a"])]);
    assert_eq!(
        ledger.switch("shop", Green),
        [
            "notice: shop>green waits for check up to 15s",
            "ask 1: GET /a of 10.0.0.1:81",
        ]
    );
    ledger
}

#[test]
fn checks_are_asked_when_enough_is_ready_and_the_journal_comes_when_all_are_open() {
    let mut ledger = Ledger::new();
    ledger.reload(&[checked("shop", &["/a", "/b"])]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["notice: shop>green waits up to 30s"]
    );
    let green = ledger.id("shop", Green, GREEN);
    assert_eq!(
        ledger.passed(green),
        [
            "notice: 10.0.0.1:81 Healthy: probe passed",
            "publish 2: shop blue/1 -|+",
            "notice: shop>green waits for check up to 25s",
            "ask 1: GET /a of 10.0.0.1:81; GET /b of 10.0.0.1:81",
        ]
    );
    let waiting = ledger.view("shop").waiting.unwrap();
    assert_eq!(waiting.gate, Check);
    let until = waiting.gate_until.millis() - waiting.gate_since.millis();
    assert_eq!(until, 25_000);
    let verdicts: Vec<_> = waiting.gates.iter().map(|it| it.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Passed, Verdict::Waiting, Verdict::Waiting]
    );
    ledger.passes(SECOND);
    assert_eq!(
        ledger.gate_open(1, Check, 1),
        ["notice: check `GET /b` of service `shop` passed on green"]
    );
    assert_eq!(
        ledger.gate_open(1, Check, 0),
        [
            "notice: check `GET /a` of service `shop` passed on green",
            JOURNAL
        ]
    );
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let receipt = &ledger.state.history(None)[0];
    let names: Vec<_> = receipt.gates.iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("GET /a"), Some("GET /b")]);
    assert_eq!(receipt.gate_ms, 1_000);
}

#[test]
fn every_check_that_fails_is_named_when_the_last_has_answered() {
    let mut ledger = Ledger::serving(&[checked("shop", &["/a", "/b", "/c"])]);
    ledger.switch("shop", Green);
    let failed = |name| {
        format!(
            "check `GET /{name}` of service `shop` failed on green: , `10.0.0.1:81`: status 500"
        )
    };
    let failed = |name| failed(name).replace(": ,", ",");
    assert_eq!(
        ledger.gate_closed(1, Check, 0),
        [format!("notice: {}", failed("a"))]
    );
    ledger.gate_open(1, Check, 1);
    let refusal = format!("{}; {}", failed("a"), failed("c"));
    assert_eq!(
        ledger.gate_closed(1, Check, 2),
        [
            format!("notice: {}", failed("c")),
            "unask 1".to_owned(),
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}"),
        ]
    );
    assert_eq!(ledger.view("shop").waiting, None);
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(ledger.view("shop").live, Blue);
}

#[test]
fn a_check_without_an_answer_refuses_at_the_deadline_and_not_before() {
    let mut ledger = asking();
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 15 * SECOND);
    ledger.passes(14 * SECOND);
    assert_eq!(ledger.on(Event::Woke), [""; 0]);
    ledger.passes(SECOND);
    let refusal = "check `GET /a` of service `shop` failed on green: no answer in time";
    assert_eq!(
        ledger.on(Event::Woke),
        [
            "unask 1".to_owned(),
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}"),
        ]
    );
}

#[test]
fn answers_that_come_late_twice_or_for_nothing_change_nothing() {
    let mut ledger = asking();
    assert_eq!(ledger.gate_open(9, Check, 0), [""; 0]);
    assert_eq!(ledger.gate_open(1, Check, 7), [""; 0]);
    assert_eq!(ledger.gate_open(1, MinReady, 0), [""; 0]);
    assert_eq!(ledger.gate_open(1, Check, 0).len(), 2);
    assert_eq!(ledger.gate_closed(1, Check, 0), [""; 0]);
    ledger.journaled(1);
    assert_eq!(ledger.gate_closed(1, Check, 0), [""; 0]);
}

#[test]
fn endpoints_that_go_meanwhile_are_waited_for_once_more() {
    let mut ledger = asking();
    let green = ledger.id("shop", Green, GREEN);
    for _ in 0..3 {
        ledger.refused(green);
    }
    ledger.passes(SECOND);
    assert_eq!(
        ledger.gate_open(1, Check, 0),
        [
            "notice: check `GET /a` of service `shop` passed on green",
            "notice: shop>green waits up to 30s",
        ]
    );
    assert_eq!(ledger.view("shop").waiting.unwrap().gate, MinReady);
    ledger.passed(green);
    let back = ledger.passed(green);
    assert_eq!(back.last().map(String::as_str), Some(JOURNAL), "{back:?}");
}

#[test]
fn endpoints_that_stay_away_refuse_it() {
    let mut ledger = asking();
    let green = ledger.id("shop", Green, GREEN);
    for _ in 0..3 {
        ledger.refused(green);
    }
    ledger.gate_open(1, Check, 0);
    ledger.passes(30 * SECOND);
    let refusal =
        "pool `green` of service `shop` has 0 of 1 endpoints ready, `10.0.0.1:81`: connect refused";
    assert_eq!(
        ledger.on(Event::Woke),
        [
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}")
        ]
    );
}

#[test]
fn force_asks_nobody() {
    let mut ledger = Ledger::serving(&[checked("shop", &["/a"])]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [format!("{JOURNAL} forced")]
    );
}

#[test]
fn a_file_that_takes_the_service_or_its_pool_away_refuses_at_once() {
    for (file, refusal) in [
        (vec![service("api")], "there is no service `shop`"),
        (
            vec![service_with("shop", &[BLUE], &[])],
            "pool `green` of service `shop` has no endpoints; add one first",
        ),
    ] {
        let mut ledger = asking();
        let effects = ledger.reload(&file);
        let refused = format!("answer 1: refused: {refusal}");
        assert!(effects.contains(&"unask 1".to_owned()), "{effects:?}");
        assert!(effects.contains(&refused), "{effects:?}");
    }
}

#[test]
fn a_file_with_other_checks_counts_for_the_next_switch() {
    let mut ledger = asking();
    ledger.reload(&[checked("shop", &["/b", "/c"])]);
    let effects = ledger.gate_open(1, Check, 0);
    assert_eq!(effects.last().map(String::as_str), Some(JOURNAL));
}

#[test]
fn a_second_switch_is_busy_and_a_shutdown_refuses() {
    let mut ledger = asking();
    let second = ledger.switch("shop", Green);
    assert!(second[1].starts_with("answer 2: refused: service `shop` is being switched"));
    let rollback = ledger.rollback("shop");
    let third = ledger.on(Event::Switch(rollback));
    assert!(third[1].starts_with("answer 3: refused: service `shop` is being switched"));
    assert_eq!(
        ledger.on(Event::ShuttingDown),
        [
            "unask 1",
            "notice: refused to ada: cutover is shutting down",
            "answer 1: refused: cutover is shutting down",
        ]
    );
}

#[test]
fn several_services_ask_together_and_one_failure_refuses_all() {
    let specs = [
        checked("api", &["/a"]),
        service("cart"),
        checked("shop", &["/s"]),
    ];
    let mut ledger = Ledger::serving(&specs);
    let request = ledger.request(&[("api", Green), ("cart", Green), ("shop", Green)]);
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [
            "notice: api>green waits for check up to 25s",
            "notice: shop>green waits for check up to 25s",
            "ask 1: GET /a of 10.0.0.1:81; GET /s of 10.0.0.1:81",
        ]
    );
    assert_eq!(ledger.view("cart").waiting.unwrap().gates.len(), 1);
    ledger.gate_open(1, Check, 0);
    let effects = ledger.gate_closed(1, Check, 1);
    let answer = "answer 1: refused: check `GET /s` of service `shop` failed on green, `10.0.0.1:81`: status 500";
    assert_eq!(effects.last().map(String::as_str), Some(answer));
    for name in ["api", "cart", "shop"] {
        assert_eq!(ledger.view(name).waiting, None);
        assert_eq!(ledger.view(name).live, Blue);
    }
}

#[test]
fn a_rollback_is_checked_on_the_pool_that_it_leads_to() {
    let mut ledger = Ledger::serving(&[checked("shop", &["/a"])]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    ledger.on(Event::Switch(request));
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let request = ledger.rollback("shop");
    let effects = ledger.on(Event::Switch(request));
    assert_eq!(effects[1], "ask 2: GET /a of 10.0.0.1:80");
}

#[test]
fn a_plan_tells_what_would_happen_and_changes_nothing() {
    let mut ledger = Ledger::serving(&[checked("shop", &["/a"]), service("api")]);
    let request = ledger.request(&[("shop", Green), ("api", Blue)]);
    let before = Arc::clone(ledger.state.snapshot());
    let draft = ledger.state.plan(&request, ledger.now());
    assert_eq!(draft.checks.len(), 1);
    assert_eq!(draft.checks[0].2.targets[0].addr.as_str(), GREEN);
    let plan = draft.clone().finished(vec![Ok(())]);
    assert!(plan.possible);
    assert_eq!(plan.unchanged[0].service.as_str(), "api");
    let shop = &plan.services[0];
    assert_eq!((shop.from, shop.to, shop.tenure.0), (Blue, Green, 2));
    assert!(shop.drift && shop.rollback.possible);
    let verdicts: Vec<_> = shop.gates.iter().map(|it| (it.gate, it.verdict)).collect();
    assert_eq!(
        verdicts,
        [(MinReady, Verdict::Passed), (Check, Verdict::Passed)]
    );
    let closed = draft.finished(vec![Err(Default::default())]);
    assert!(!closed.possible);
    assert!(Arc::ptr_eq(&before, ledger.state.snapshot()));
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(ledger.switch("shop", Green).len(), 2, "it is not busy");
}

#[test]
fn a_plan_tells_how_gradually_it_would_go() {
    let mut shop = service("shop");
    let shares = ["10%", "50%"].map(|it| it.parse().unwrap());
    shop.switch.shift.steps = shares.into();
    shop.switch.shift.ramp = Duration::from_secs(60);
    let mut ledger = Ledger::serving(&[shop, service("api")]);
    let shift = |ledger: &Ledger, request: &SwitchRequest| {
        let plan = ledger.state.plan(request, ledger.now()).plan;
        plan.services[0].shift.clone()
    };
    let mut request = ledger.request(&[("shop", Green)]);
    let by_file = shift(&ledger, &request).unwrap();
    assert_eq!(by_file.steps, shares);
    assert_eq!((by_file.every_ms, by_file.ramp_ms), (120_000, 60_000));
    request.pace = Pace::AtOnce;
    assert_eq!(shift(&ledger, &request), None);
    request.pace = Pace::Steps(vec![shares[1]], Some(Duration::from_secs(5)));
    let asked = shift(&ledger, &request).unwrap();
    assert_eq!((asked.steps, asked.every_ms), (vec![shares[1]], 5_000));
    request.wish = ledger.request(&[("shop", Green), ("api", Green)]).wish;
    assert_eq!(shift(&ledger, &request), None, "several go at once");
}

#[test]
fn a_plan_of_what_would_be_refused_at_once_says_why() {
    let mut ledger = asking();
    let mut request = ledger.request(&[("shop", Green)]);
    request.op = OpId(77);
    let busy = ledger
        .state
        .plan(&request, ledger.now())
        .finished(Vec::new());
    assert!(!busy.possible && busy.services.is_empty());
    let refusal = busy.refusal.unwrap();
    assert!(refusal.contains("is being switched"), "{refusal}");
    request.wish = Wish::Rollback(cutover::core::ids::ServiceName::new("shop"));
    assert!(
        ledger
            .state
            .plan(&request, ledger.now())
            .plan
            .refusal
            .is_some()
    );
}
