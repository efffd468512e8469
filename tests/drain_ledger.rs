//! How old tenures drain: side by side, each with its own deadline, count and receipt.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::time::Duration;

use cutover::core::{
    drain::{DRAINS_LIMIT, DRAINS_MAX},
    event::{BarrierPassed, Event, HISTORY_LIMIT},
    ids::{Colour::*, OpId, Tenure},
    in_flight::{Claim, Counts, Ending, WorkerTenure},
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_drain_settles_its_receipt() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[("shop", 1, counts(9, 6))]);
    ledger.passes(3 * SECOND);
    let end = Counts {
        replayed: 1,
        client_gone: 1,
        ..counts(9, 8)
    };
    let settled = "shop blue>green tenure 2 Drained 3 = 2 finished + 1 replayed + 0 cut";
    assert_eq!(
        ledger.drained("shop", 1, end),
        [
            format!("record: settled {settled}"),
            format!("notice: drained in 3s: {settled}")
        ]
    );
    let receipt = &ledger.state.history(Some("shop"))[0];
    assert_eq!(receipt.drained_at, Some(ledger.now().wall));
    assert_eq!(receipt.broken.client, 1);
    assert_eq!(ledger.state.next_wake(), None);
}

#[test]
fn what_is_left_at_the_deadline_is_cut_once_and_counted() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let tenure = WorkerTenure::new(ledger.service("shop").tenure.clone(), 1);
    let (stays, leaves) = (Claim::new(&tenure), Claim::new(&tenure));
    ledger.switch("shop", Green);
    ledger.journaled(1);
    let counter = tenure.counter();
    ledger.barrier_passed(1, &[("shop", 1, counter.counts())]);
    leaves.ends(Ending::Finished);
    drop(leaves);
    ledger.passes(10 * SECOND);
    assert_eq!(
        ledger.on(Event::Woke),
        [
            "notice: drain deadline of shop blue passed, 1 left",
            "cut shop blue/1"
        ]
    );
    assert_eq!(ledger.on(Event::Woke), [""; 0]);
    stays.ends(Ending::CutByDeadline);
    drop(stays);
    let drained = ledger.drained("shop", 1, counter.counts());
    assert_eq!(
        drained[0],
        "record: settled shop blue>green tenure 2 Cut 2 = 1 finished + 0 replayed + 1 cut"
    );
}

#[test]
fn a_rollback_into_a_drain_leaves_both_tenures_their_own_counts() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let first = WorkerTenure::new(ledger.service("shop").tenure.clone(), 0);
    let claim = Claim::new(&first);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[("shop", 1, first.counter().counts())]);
    let request = ledger.rollback("shop");
    ledger.on(Event::Switch(request));
    assert_eq!(
        ledger.journaled(2),
        ["publish 5: shop blue/3 +|+", "barrier 2: shop green/2"]
    );
    let third = ledger.service("shop").tenure.clone();
    assert_eq!(third.counts().in_flight(), 0, "blue's third tenure is new");
    ledger.barrier_passed(2, &[("shop", 2, counts(0, 0))]);
    assert_eq!(ledger.view("shop").draining.len(), 2);
    assert_eq!(ledger.view("shop").pools.blue.in_flight, 1);
    drop(claim);
    let drained = ledger.drained("shop", 1, first.counter().counts());
    assert!(drained[0].contains("tenure 2 Drained 1 = 1 finished"));
    assert_eq!(ledger.view("shop").draining.len(), 1);
}

#[test]
fn a_view_counts_what_drains_while_it_drains() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let tenure = WorkerTenure::new(ledger.service("shop").tenure.clone(), 0);
    let (one, two) = (Claim::new(&tenure), Claim::new(&tenure));
    ledger.switch("shop", Green);
    ledger.journaled(1);
    assert_eq!(
        ledger.view("shop").pools.blue.in_flight,
        2,
        "before barrier"
    );
    ledger.barrier_passed(1, &[("shop", 1, tenure.counter().counts())]);
    drop(one);
    let view = ledger.view("shop");
    assert_eq!(view.draining[0].left(), 1);
    assert_eq!(view.last_switch.unwrap().finished, 1);
    drop(two);
}

#[test]
fn a_drain_outlives_its_service() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[("shop", 1, counts(1, 0))]);
    ledger.reload(&[]);
    assert_eq!(ledger.drained("shop", 1, counts(1, 1)).len(), 2);
    let receipt = &ledger.state.history(Some("shop"))[0];
    assert_eq!(lines::receipt(receipt).matches("Drained").count(), 1);
}

#[test]
fn a_worker_that_did_not_answer_does_not_inflate_the_receipt() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let tenure = WorkerTenure::new(ledger.service("shop").tenure.clone(), 1);
    for _ in 0..5 {
        drop(Claim::new(&tenure));
    }
    let claim = Claim::new(&tenure);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    ledger.on(Event::BarrierPassed(BarrierPassed {
        op: OpId(1),
        took: SECOND,
        counts: vec![(service("shop").name, Tenure(1), Counts::default())],
        missing: 1,
    }));
    drop(claim);
    let drained = ledger.drained("shop", 1, tenure.counter().counts());
    assert!(drained[0].contains("1 = 1 finished"), "{drained:?}");
}

#[test]
fn too_many_drains_side_by_side_cut_the_oldest_and_then_refuse() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut to = Green;
    let mut cuts = Vec::new();
    for op in 1..=DRAINS_MAX as u64 {
        let one = counts(1, 0);
        ledger.switch("shop", to);
        ledger.journaled(op);
        let committed = ledger.barrier_passed(op, &[("shop", op, one)]);
        cuts.extend(committed.into_iter().filter(|it| it.starts_with("cut")));
        to = to.other();
    }
    assert_eq!(cuts.len(), DRAINS_MAX - DRAINS_LIMIT);
    assert_eq!(cuts[..2], ["cut shop blue/1", "cut shop green/2"]);
    let refused = ledger.switch("shop", to);
    assert!(refused[1].contains("is being switched"), "{refused:?}");
    ledger.drained("shop", 1, counts(1, 1));
    assert_eq!(ledger.switch("shop", to).len(), 1);
}

#[test]
fn history_is_bounded_and_newest_first() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut to = Green;
    for tenure in 1..=HISTORY_LIMIT as u64 + 3 {
        ledger.passes(SECOND);
        ledger.switched("shop", to);
        ledger.drained("shop", tenure, Counts::default());
        to = to.other();
    }
    let history = ledger.state.history(Some("shop"));
    assert_eq!(history.len(), HISTORY_LIMIT);
    let newest = HISTORY_LIMIT as u64 + 4;
    assert_eq!(history[0].tenure, Tenure(newest));
    assert_eq!(history[1].tenure, Tenure(newest - 1));
    assert_eq!(history, ledger.state.history(None));
}

#[test]
fn late_and_unknown_events_change_nothing() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, counts(0, 0));
    assert_eq!(ledger.drained("shop", 1, counts(0, 0)), [""; 0]);
    assert_eq!(ledger.drained("shoe", 1, counts(0, 0)), [""; 0]);
    assert_eq!(ledger.journaled(1), [""; 0]);
    assert_eq!(ledger.barrier_passed(1, &[]), [""; 0]);
    let late = Event::JournalFailed(OpId(1), String::new());
    assert_eq!(ledger.on(late), [""; 0]);
}
