//! Endpoints that requests stay away from, as core decides it: through the journal and the barrier, with a receipt, and
//! never the last one of a pool that takes traffic.

#![allow(clippy::expect_used, reason = "what fails in a helper fails the test")]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::time::Duration;

use cutover::core::{
    event::{BarrierPassed, DrainChange, Event, LeaveTerms, Restored, RestoredService},
    ids::{
        ByColour,
        Colour::{Blue, Green},
        EndpointAddr, OpId, ServiceName, Tenure,
    },
    in_flight::Ending,
    leave::LeaveOutcome,
    service::{BalanceKind, ServiceSpec},
    switch::WaitFor,
};

use ledger::*;

const OTHER: &str = "10.0.0.2:80";

fn two_blue() -> ServiceSpec {
    service_with("shop", &[BLUE, OTHER], &[GREEN])
}

#[test]
fn a_drain_goes_by_journal_publish_barrier_and_ends_with_a_receipt() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let endpoint = ledger.endpoint("shop", Blue, BLUE);
    (0..3).for_each(|_| endpoint.counter.begin(0));
    endpoint.counter.end(0, Ending::Finished);
    assert_eq!(
        ledger.drain("shop", Blue, BLUE),
        ["journal 1: drained shop blue 10.0.0.1:80 true"]
    );
    let published = ledger.journaled(1);
    assert_eq!(
        published,
        [
            "notice: 10.0.0.1:80 drained true",
            "publish 5: shop blue/1 +|+",
            "barrier 1: ",
        ]
    );
    assert_eq!(
        ledger.barrier_passed(1, &[]),
        [
            "answer 1: 10.0.0.1:80 Drained Leaving 2 = 0 finished + 0 replayed + 0 cut",
            "watch leaver 1",
        ]
    );
    let view = ledger.view("shop").pools.blue;
    assert_eq!((view.ready, view.endpoints.len()), (1, 2));
    assert!(view.endpoints[0].drained && !view.endpoints[0].ready);
    assert_eq!(
        view.endpoints[0].why.as_deref(),
        Some("drained by an operator")
    );
    endpoint.counter.end(0, Ending::Replayed);
    endpoint.counter.end(0, Ending::UpstreamFailed);
    let counts = endpoint.counter.counts();
    assert_eq!(
        ledger.on(Event::Left(OpId(1), counts)),
        ["notice: left in 0ns: 10.0.0.1:80 Drained Left 2 = 1 finished + 1 replayed + 0 cut"]
    );
    assert_eq!(ledger.view("shop").leaving[0].outcome, LeaveOutcome::Left);
    assert_eq!(
        ledger.drain("shop", Blue, BLUE),
        ["answer 2: changed false"]
    );
}

#[test]
fn what_waits_is_answered_at_the_end_and_what_outlives_its_deadline_is_cut() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let counter = ledger.endpoint("shop", Blue, BLUE).counter;
    counter.begin(1);
    let terms = LeaveTerms {
        force: false,
        wait: WaitFor::Drained,
        deadline: Some(Duration::from_secs(5)),
    };
    ledger.changes_drain(("shop", Blue, BLUE), DrainChange::Drain(terms));
    ledger.journaled(1);
    assert_eq!(ledger.barrier_passed(1, &[]), ["watch leaver 1"]);
    let wake = ledger.now().instant + Duration::from_secs(5);
    assert_eq!(ledger.state.next_wake(), Some(wake));
    ledger.passes(Duration::from_secs(5));
    assert_eq!(ledger.on(Event::Woke), ["cut endpoint"]);
    assert_eq!(ledger.on(Event::Woke), [""; 0], "once");
    counter.end(1, Ending::CutByDeadline);
    let counts = counter.counts();
    let receipt = "10.0.0.1:80 Drained Cut 1 = 0 finished + 0 replayed + 1 cut";
    assert_eq!(
        ledger.on(Event::Left(OpId(1), counts)),
        [
            format!("notice: left in 5s: {receipt}"),
            format!("answer 1: {receipt}")
        ]
    );
}

#[test]
fn an_undrain_closes_the_receipt_and_lets_requests_come_back() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let counter = ledger.endpoint("shop", Blue, BLUE).counter;
    counter.begin(0);
    ledger.drain("shop", Blue, BLUE);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    assert_eq!(
        ledger.undrain("shop", Blue, BLUE),
        ["journal 2: drained shop blue 10.0.0.1:80 false"]
    );
    assert_eq!(
        ledger.journaled(2),
        [
            "forget leaver 1",
            "notice: left in 0ns: 10.0.0.1:80 Drained Returned 1 = 0 finished + 0 replayed + 0 cut",
            "notice: 10.0.0.1:80 drained false",
            "publish 6: shop blue/1 ++|+",
            "barrier 2: ",
        ]
    );
    assert_eq!(ledger.barrier_passed(2, &[]), ["answer 2: changed true"]);
    assert_eq!(ledger.on(Event::Left(OpId(1), counter.counts())), [""; 0]);
}

#[test]
fn the_last_endpoint_of_the_live_pool_stays_and_the_last_ready_one_needs_force() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let id = ledger.id("shop", Blue, OTHER);
    (0..3).for_each(|_| drop(ledger.refused(id)));
    let refused = ledger.drain("shop", Blue, BLUE);
    assert!(
        refused[0].contains("is the last ready one of the live pool"),
        "{refused:?}"
    );
    let force = LeaveTerms {
        force: true,
        ..LeaveTerms::default()
    };
    let forced = ledger.changes_drain(("shop", Blue, BLUE), DrainChange::Drain(force));
    assert_eq!(forced, ["journal 2: drained shop blue 10.0.0.1:80 true"]);
    // Also while the journal has not written it yet.
    let refused = ledger.changes_drain(("shop", Blue, OTHER), DrainChange::Drain(force));
    assert!(
        refused[0].contains("is the last of the live pool"),
        "{refused:?}"
    );
    // The other pool may be drained whole, and is then no pool to switch to, whatever is said.
    let drained = ledger.drain("shop", Green, GREEN);
    assert_eq!(drained, ["journal 4: drained shop green 10.0.0.1:81 true"]);
    ledger.journaled(4);
    let mut request = ledger.request(&[("shop", Green)]);
    request.force = true;
    let refused = ledger.on(Event::Switch(request));
    assert!(refused[1].contains("has no endpoints"), "{refused:?}");
}

#[test]
fn a_file_that_took_the_others_away_meanwhile_wins() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    ledger.drain("shop", Blue, BLUE);
    ledger.reload(&[service("shop")]);
    let told = ledger.journaled(1);
    assert_eq!(told[0], "record: drained shop blue 10.0.0.1:80 false");
    assert!(told[1].contains("is the last of the live pool"), "{told:?}");
    assert!(ledger.endpoint("shop", Blue, BLUE).ready);
}

#[test]
fn a_mark_survives_a_restart_and_ends_with_its_endpoint() {
    let drained = |addrs: &[&str]| ByColour {
        blue: addrs.iter().map(|it| EndpointAddr::new(it)).collect(),
        green: [].into(),
    };
    let service = RestoredService {
        live: Blue,
        tenure: Tenure(1),
        file_live: Blue,
        endpoints: ByColour::default(),
        drained: drained(&[BLUE, "10.0.0.7:80"]),
        history: Vec::new(),
        shift: None,
    };
    let services = [(ServiceName::new("shop"), service)].into();
    let mut ledger = Ledger::restored(Restored { services });
    let told = ledger.reload(&[two_blue()]);
    let forgotten = "record: drained shop blue 10.0.0.7:80 false".to_owned();
    assert!(told.contains(&forgotten), "{told:?}");
    ledger.all_healthy();
    let view = ledger.view("shop").pools.blue;
    assert_eq!((view.ready, view.endpoints[0].drained), (1, true));
    assert_eq!(
        view.endpoints[0].health,
        cutover::core::health::Health::Unknown
    );
    // Out of the file and back: it is another endpoint.
    let told = ledger.reload(&[service_with("shop", &[OTHER], &[GREEN])]);
    let forgotten = "record: drained shop blue 10.0.0.1:80 false".to_owned();
    assert!(told.contains(&forgotten), "{told:?}");
    ledger.reload(&[two_blue()]);
    assert!(!ledger.view("shop").pools.blue.endpoints[0].drained);
}

#[test]
fn a_file_that_leaves_only_drained_endpoints_is_told() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    ledger.drain("shop", Blue, BLUE);
    ledger.journaled(1);
    let told = ledger.reload(&[service("shop")]);
    let warning = "the live pool `blue` has none but drained endpoints";
    assert!(told.iter().any(|it| it.contains(warning)), "{told:?}");
}

/// Weights of the blue endpoints as they are published.
fn weights(ledger: &Ledger) -> Vec<u32> {
    let service = ledger.service("shop");
    service
        .pools
        .blue
        .endpoints
        .iter()
        .map(|it| it.weight)
        .collect()
}

#[test]
fn a_newcomer_climbs_in_bounded_steps_and_a_fresh_pool_does_not() {
    let slow = |blue: &[&str]| {
        let mut spec = service_with("shop", blue, &[GREEN]);
        spec.slow_start = Duration::from_secs(90);
        spec.balance = BalanceKind::RoundRobin;
        spec
    };
    let mut ledger = Ledger::serving(&[slow(&[BLUE, OTHER])]);
    assert_eq!(weights(&ledger), [1, 1], "all are new");
    ledger.reload(&[slow(&[BLUE, OTHER, "10.0.0.3:80"])]);
    assert_eq!(weights(&ledger), [1, 1, 1], "not ready yet");
    let id = ledger.id("shop", Blue, "10.0.0.3:80");
    ledger.passed(id);
    assert_eq!(weights(&ledger), [10, 10, 1]);
    for step in 2..=9 {
        ledger.passes(Duration::from_secs(10));
        let told = ledger.on(Event::Woke);
        assert_eq!(told.len(), 1, "one publish: {told:?}");
        assert_eq!(weights(&ledger), [10, 10, step]);
        let percent = ledger.view("shop").pools.blue.endpoints[2].slow_start_percent;
        assert_eq!(percent, Some(step * 10));
    }
    ledger.passes(Duration::from_secs(10));
    ledger.on(Event::Woke);
    assert_eq!(weights(&ledger), [1, 1, 1]);
    assert_eq!(ledger.state.next_wake(), None);
    // What comes back after a drain begins anew; what was unwell for a while does not.
    ledger.drain("shop", Blue, BLUE);
    ledger.journaled(1);
    ledger.undrain("shop", Blue, BLUE);
    ledger.journaled(2);
    assert_eq!(weights(&ledger), [1, 10, 10]);
    (0..3).for_each(|_| drop(ledger.refused(id)));
    (0..2).for_each(|_| drop(ledger.passed(id)));
    assert_eq!(weights(&ledger), [1, 10, 10]);
}

#[test]
fn a_leave_whose_barrier_was_missed_does_not_say_that_nobody_can_reach_it() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    ledger.drain("shop", Blue, BLUE);
    ledger.journaled(1);
    ledger.on(Event::BarrierPassed(BarrierPassed {
        op: OpId(1),
        took: Duration::from_secs(5),
        counts: Vec::new(),
        missing: 1,
    }));
    let receipt = ledger.view("shop").leaving.remove(0);
    assert_eq!(receipt.unproven_workers, 1);
    let told = serde_json::to_value(&receipt).expect("it is written");
    assert_eq!(told["unproven_workers"], 1);
}
