//! How a switch goes, event by event: gates, journal, publish, barrier, answer.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::{sync::Arc, time::Duration};

use cutover::core::{
    event::{BarrierPassed, Event},
    ids::{Colour::*, OpId, Tenure},
    service::MinReady,
    switch::WaitFor,
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_switch_goes_by_journal_publish_barrier_answer_and_drain() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["journal 1: switched shop blue>green tenure 2 Committing"]
    );
    assert_eq!(ledger.service("shop").live, Blue, "not before the journal");
    assert_eq!(
        ledger.journaled(1),
        ["publish 4: shop green/2 +|+", "barrier 1: shop blue/1"]
    );
    ledger.passes(SECOND);
    assert_eq!(
        ledger.barrier_passed(1, &[("shop", 1, counts(9, 6))]),
        [
            "notice: switched by 4: shop blue>green tenure 2 Draining 3 = 0 finished + 0 replayed + 0 cut",
            "answer 1: shop blue>green tenure 2 Draining 3 = 0 finished + 0 replayed + 0 cut|",
            "drain shop blue/1",
        ]
    );
    let receipt = &ledger.state.history(Some("shop"))[0];
    assert_eq!(receipt.committed_at, Some(ledger.now().wall));
    assert_eq!((receipt.barrier_us, receipt.gate_ms), (Some(250), 0));
}

#[test]
fn a_switch_waits_for_its_gates_and_goes_on_when_they_open() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["notice: shop>green waits up to 30s"]
    );
    let waiting = ledger.view("shop").waiting.unwrap();
    assert_eq!(waiting.gates[0].endpoints[0].why, "not probed yet");
    ledger.passes(2 * SECOND);
    let green = ledger.id("shop", Green, GREEN);
    assert_eq!(
        ledger.passed(green),
        [
            "notice: 10.0.0.1:81 Healthy: probe passed",
            "publish 2: shop blue/1 -|+",
            "journal 1: switched shop blue>green tenure 2 Committing",
        ]
    );
    assert_eq!(ledger.view("shop").waiting, None);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    assert_eq!(ledger.state.history(None)[0].gate_ms, 2_000);
}

#[test]
fn gates_that_stay_closed_refuse_with_every_reason() {
    let shop = service_with("shop", &[BLUE], &[GREEN, "10.0.0.2:81"]);
    let mut api = service("api");
    api.switch.gate_timeout = 40 * SECOND;
    let mut ledger = Ledger::new();
    ledger.reload(&[shop, api]);
    let green = ledger.id("shop", Green, GREEN);
    ledger.refused(green);
    let request = ledger.request(&[("api", Green), ("shop", Green)]);
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [
            "notice: api>green waits up to 40s",
            "notice: shop>green waits up to 40s"
        ]
    );
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 40 * SECOND);
    ledger.passes(39 * SECOND);
    assert_eq!(ledger.on(Event::Woke), [""; 0]);
    ledger.passes(SECOND);
    let refusal = "pool `green` of service `api` has 0 of 1 endpoints ready, `10.0.0.1:81`: not probed yet; \
                   pool `green` of service `shop` has 0 of 1 endpoints ready, `10.0.0.1:81`: connect refused, \
                   `10.0.0.2:81`: not probed yet";
    assert_eq!(
        ledger.on(Event::Woke),
        [
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}")
        ]
    );
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(ledger.view("shop").live, Blue);
}

#[test]
fn force_skips_the_gates_and_is_kept_in_the_receipt() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    assert_eq!(
        ledger.on(Event::Switch(request)),
        ["journal 1: switched shop blue>green tenure 2 Committing forced"]
    );
}

#[test]
fn not_even_force_sends_traffic_to_an_empty_pool() {
    let mut ledger = Ledger::serving(&[service_with("shop", &[BLUE], &[])]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    let refusal = "pool `green` of service `shop` has no endpoints; add one first";
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}")
        ]
    );
}

#[test]
fn a_second_switch_is_refused_naming_the_first_until_the_barrier_has_passed() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    let busy = "answer {}: refused: service `shop` is being switched to green by `ada` since \
                1970-01-01T00:00:00.000Z; wait for it";
    ledger.switch("shop", Green);
    let second = ledger.switch("shop", Blue);
    assert_eq!(second[1], busy.replace("{}", "2"), "waiting for its gates");
    ledger.all_healthy();
    let third = ledger.rollback("shop");
    let third = ledger.on(Event::Switch(third));
    assert_eq!(third[1], busy.replace("{}", "3"), "waiting for the journal");
    ledger.journaled(1);
    let fourth = ledger.switch("shop", Blue);
    assert_eq!(fourth[1], busy.replace("{}", "4"), "waiting for barrier");
    ledger.barrier_passed(1, &[("shop", 1, counts(1, 0))]);
    assert_eq!(
        ledger.switch("shop", Blue),
        ["journal 5: switched shop green>blue tenure 3 Committing"],
        "a drain holds up nothing"
    );
}

#[test]
fn stale_belief_is_refused() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.expect_live = Some(Green);
    let refused = ledger.on(Event::Switch(request));
    assert!(
        refused[1].contains("has blue live, not green"),
        "{refused:?}"
    );
    let mut request = ledger.request(&[("shop", Green)]);
    request.expect_tenure = Some(Tenure(7));
    let refused = ledger.on(Event::Switch(request));
    assert!(refused[1].contains("is in tenure 1, not 7"), "{refused:?}");
    let refused = ledger.switch("shoe", Green);
    assert_eq!(refused[1], "answer 3: refused: there is no service `shoe`");
}

#[test]
fn the_colour_that_is_live_already_changes_nothing() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(
        ledger.switch("shop", Blue),
        ["answer 1: |shop stays blue/1"]
    );
}

#[test]
fn a_group_is_switched_in_one_publish_and_only_where_it_differs() {
    let mut ledger = Ledger::serving(&[service("api"), service("cart"), service("shop")]);
    ledger.switched("cart", Green);
    let wanted = [("api", Green), ("cart", Green), ("shop", Green)];
    let request = ledger.request(&wanted);
    assert_eq!(
        ledger.on(Event::Switch(request)),
        [
            "journal 2: switched api blue>green tenure 2 Committing, shop blue>green tenure 2 Committing"
        ]
    );
    let cart = ledger.service("cart");
    assert_eq!(
        ledger.journaled(2),
        [
            "publish 9: api green/2 +|+, cart green/2 +|+, shop green/2 +|+",
            "barrier 2: api blue/1, shop blue/1"
        ]
    );
    assert!(Arc::ptr_eq(&cart, &ledger.service("cart")));
    let committed = ledger.barrier_passed(2, &[]);
    assert_eq!(
        committed[2],
        "answer 2: api blue>green tenure 2 Draining, shop blue>green tenure 2 Draining|cart stays green/2"
    );
}

#[test]
fn one_closed_gate_holds_the_whole_group() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("api"), service("shop")]);
    let api = ledger.id("api", Green, GREEN);
    ledger.passed(api);
    let request = ledger.request(&[("api", Green), ("shop", Green)]);
    assert_eq!(ledger.on(Event::Switch(request)).len(), 2);
    let shop = ledger.id("shop", Green, GREEN);
    let opened = ledger.passed(shop);
    assert!(opened[2].starts_with("journal 1: switched api"));
}

#[test]
fn a_journal_that_fails_refuses_and_changes_nothing() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switch("shop", Green);
    let before = Arc::clone(ledger.state.snapshot());
    let full = "no space left on device".to_owned();
    let refusal = "the journal could not be written, nothing was switched: no space left on device";
    assert_eq!(
        ledger.on(Event::JournalFailed(OpId(1), full)),
        [
            format!("notice: refused to ada: {refusal}"),
            format!("answer 1: refused: {refusal}")
        ]
    );
    assert!(Arc::ptr_eq(&before, ledger.state.snapshot()));
    assert!(ledger.state.history(None).is_empty());
    assert_eq!(
        ledger.switch("shop", Green).len(),
        1,
        "the service is free again"
    );
}

#[test]
fn a_worker_that_missed_the_barrier_is_told_and_the_switch_stands() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    let passed = ledger.on(Event::BarrierPassed(BarrierPassed {
        op: OpId(1),
        took: SECOND,
        counts: Vec::new(),
        missing: 1,
    }));
    assert_eq!(
        passed,
        [
            "notice: switched by 4: shop blue>green tenure 2 Draining",
            "notice: 1 workers missed the barrier",
            "answer 1: shop blue>green tenure 2 Draining|",
            "drain shop blue/1",
        ]
    );
    assert_eq!(ledger.state.history(Some("shop"))[0].unproven_workers, 1);
}

#[test]
fn a_rollback_is_a_switch_to_the_colour_before() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let request = ledger.rollback("shop");
    let refused = ledger.on(Event::Switch(request));
    assert!(
        refused[1].contains("has never been switched"),
        "{refused:?}"
    );
    ledger.switched("shop", Green);
    let request = ledger.rollback("shop");
    assert_eq!(
        ledger.on(Event::Switch(request)),
        ["journal 3: switched shop green>blue tenure 3 Committing rollback"]
    );
}

#[test]
fn shutting_down_refuses_what_waits_and_what_comes() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("api"), service("shop")]);
    ledger.switch("shop", Green);
    let refused = "refused: cutover is shutting down";
    assert_eq!(
        ledger.on(Event::ShuttingDown),
        [
            "notice: refused to ada: cutover is shutting down".to_owned(),
            format!("answer 1: {refused}")
        ]
    );
    assert_eq!(
        ledger.switch("api", Green)[1],
        format!("answer 2: {refused}")
    );
    assert_eq!(ledger.state.next_wake(), None);
}

#[test]
fn a_reload_while_a_switch_waits_changes_what_it_waits_for() {
    let mut shop = service_with("shop", &[BLUE], &[GREEN, "10.0.0.2:81"]);
    shop.switch.min_ready = MinReady::Percent(100);
    let mut ledger = Ledger::new();
    ledger.reload(&[shop.clone()]);
    let green = ledger.id("shop", Green, GREEN);
    ledger.passed(green);
    ledger.switch("shop", Green);
    shop.switch.min_ready = MinReady::Count(1);
    let applied = ledger.reload(&[shop]);
    assert_eq!(
        applied.last().unwrap(),
        "journal 1: switched shop blue>green tenure 2 Committing"
    );
}

#[test]
fn a_reload_that_removes_the_service_refuses_the_switch_that_waits() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop"), service("api")]);
    let request = ledger.request(&[("api", Green), ("shop", Green)]);
    ledger.on(Event::Switch(request));
    let applied = ledger.reload(&[service("api")]);
    let answer = applied.last().unwrap();
    assert_eq!(answer, "answer 1: refused: there is no service `shop`");
    ledger.all_healthy();
    assert_eq!(ledger.switch("api", Green).len(), 1, "api is free again");
}

#[test]
fn an_answer_that_waits_for_the_drain_comes_with_the_settled_receipts() {
    let mut ledger = Ledger::serving(&[service("api"), service("shop")]);
    let mut request = ledger.request(&[("api", Green), ("shop", Green)]);
    request.wait = WaitFor::Drained;
    ledger.on(Event::Switch(request));
    ledger.journaled(1);
    let committed = ledger.barrier_passed(1, &[("shop", 1, counts(1, 0))]);
    assert!(committed.iter().all(|line| !line.starts_with("answer")));
    assert_eq!(ledger.drained("shop", 1, counts(1, 1)).len(), 2);
    assert_eq!(
        ledger.drained("api", 1, counts(0, 0)).last().unwrap(),
        "answer 1: api blue>green tenure 2 Drained, \
         shop blue>green tenure 2 Drained 1 = 1 finished + 0 replayed + 0 cut|"
    );
}

#[test]
fn a_switch_among_a_thousand_services_builds_one() {
    let specs: Vec<_> = (0..1_000).map(|it| service(&format!("s{it}"))).collect();
    let mut ledger = Ledger::new();
    ledger.reload(&specs);
    let before = Arc::clone(ledger.state.snapshot());
    let mut request = ledger.request(&[("s500", Green)]);
    request.force = true;
    ledger.on(Event::Switch(request));
    ledger.journaled(1);
    let after = ledger.state.snapshot();
    let pairs = before.services.iter().zip(after.services.iter());
    let built = pairs.filter(|(old, new)| !Arc::ptr_eq(old, new)).count();
    assert_eq!(built, 1);
    assert!(Arc::ptr_eq(&before.routes[0].1, &after.routes[0].1));
}
