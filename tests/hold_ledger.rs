//! When a pool may be stopped, as core decides it: every reason why not, and until when.

#![allow(clippy::expect_used, reason = "what fails in a helper fails the test")]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::time::Duration;

use cutover::core::{
    event::{BarrierPassed, Event, Restored, RestoredService},
    ids::{
        ByColour,
        Colour::{self, Blue, Green},
        OpId, ServiceName, Tenure,
    },
    service::ServiceSpec,
    view::HindranceKind::{self, *},
};

use ledger::*;

const MINUTE: Duration = Duration::from_secs(60);

fn held_for(keep: Duration) -> ServiceSpec {
    let mut spec = service("shop");
    spec.switch.keep_standby_for = keep;
    spec
}

fn kinds(ledger: &Ledger, colour: Colour) -> Vec<HindranceKind> {
    let verdict = ledger.state.safe_to_stop("shop", colour, ledger.now());
    let verdict = verdict.expect("it is served");
    assert_eq!(verdict.safe, verdict.reasons.is_empty());
    verdict.reasons.iter().map(|it| it.kind).collect()
}

#[test]
fn each_step_of_a_switch_is_a_reason_not_to_stop_a_pool() {
    let mut ledger = Ledger::serving(&[held_for(MINUTE)]);
    assert_eq!(kinds(&ledger, Blue), [Live]);
    assert_eq!(kinds(&ledger, Green), []);
    ledger.switch("shop", Green);
    assert_eq!(kinds(&ledger, Blue), [Live, Switching]);
    assert_eq!(kinds(&ledger, Green), [Switching]);
    ledger.journaled(1);
    assert_eq!(kinds(&ledger, Blue), [Switching, Held]);
    assert_eq!(kinds(&ledger, Green), [Live, Switching]);
    ledger.barrier_passed(1, &[]);
    assert_eq!(kinds(&ledger, Blue), [Held]);
    assert!(ledger.service("shop").held);
    ledger.drained("shop", 1, counts(0, 0));
    ledger.passes(MINUTE);
    assert_eq!(kinds(&ledger, Blue), []);
    let told = ledger.on(Event::Woke);
    assert_eq!(told, ["publish 5: shop green/2 +|+"]);
    assert!(!ledger.service("shop").held);
}

#[test]
fn a_hold_has_an_end_that_is_woken_for_and_a_return_begins_one_of_the_other_pool() {
    let mut ledger = Ledger::serving(&[held_for(MINUTE)]);
    assert_eq!(ledger.state.next_wake(), None);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, counts(0, 0));
    let began = ledger.now().instant;
    assert_eq!(ledger.state.next_wake(), Some(began + MINUTE));
    ledger.passes(MINUTE / 2);
    ledger.switched("shop", Blue);
    assert_eq!(
        (kinds(&ledger, Blue), kinds(&ledger, Green)),
        (vec![Live], vec![Held])
    );
    let until = ledger.view("shop").standby_kept_until;
    assert_eq!(until, Some(ledger.now().wall.plus(MINUTE)));
}

#[test]
fn a_file_prolongs_and_ends_a_hold_and_a_service_without_one_has_none() {
    let mut ledger = Ledger::serving(&[held_for(Duration::ZERO)]);
    ledger.switched("shop", Green);
    assert_eq!(kinds(&ledger, Blue), []);
    ledger.passes(MINUTE);
    ledger.reload(&[held_for(2 * MINUTE)]);
    assert_eq!(kinds(&ledger, Blue), [Held]);
    ledger.reload(&[held_for(MINUTE)]);
    assert_eq!(kinds(&ledger, Blue), []);
    assert!(!ledger.service("shop").held);
}

#[test]
fn a_restart_finds_the_hold_in_the_receipt_even_if_the_process_ended_before_the_commit() {
    let mut before = Ledger::serving(&[held_for(MINUTE)]);
    before.switched("shop", Green);
    let mut receipt = before.view("shop").last_switch.expect("there was one");
    for committed_at in [receipt.committed_at, None] {
        receipt.committed_at = committed_at;
        let service = RestoredService {
            live: Green,
            tenure: Tenure(2),
            file_live: Blue,
            endpoints: ByColour::default(),
            drained: ByColour::default(),
            history: vec![receipt.clone()],
            shift: None,
        };
        let services = [(ServiceName::new("shop"), service)].into();
        let mut ledger = Ledger::restored(Restored { services });
        ledger.passes(MINUTE / 2);
        ledger.reload(&[held_for(MINUTE)]);
        assert_eq!(kinds(&ledger, Blue), [Held]);
        assert!(ledger.service("shop").held);
        ledger.passes(MINUTE / 2);
        assert_eq!(kinds(&ledger, Blue), []);
    }
}

#[test]
fn a_worker_that_missed_the_barrier_is_a_reason_until_all_have_answered_a_later_one() {
    let mut ledger = Ledger::serving(&[held_for(Duration::ZERO)]);
    ledger.switch("shop", Green);
    ledger.journaled(1);
    ledger.on(Event::BarrierPassed(BarrierPassed {
        op: OpId(1),
        took: Duration::from_secs(5),
        counts: Vec::new(),
        missing: 1,
    }));
    ledger.drained("shop", 1, counts(0, 0));
    assert_eq!(kinds(&ledger, Blue), [Unproven]);
    ledger.register("shop", Green, "10.0.0.9:80");
    ledger.journaled(2);
    ledger.barrier_passed(2, &[]);
    assert_eq!(kinds(&ledger, Blue), []);
}

#[test]
fn a_rollback_says_why_it_is_possible_or_not() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let rollback = |ledger: &Ledger| {
        let view = ledger.view("shop");
        (view.rollback_possible, view.rollback_why)
    };
    assert_eq!(
        rollback(&ledger),
        (false, "there is no earlier colour".to_owned())
    );
    ledger.switch("shop", Green);
    ledger.journaled(1);
    assert_eq!(
        rollback(&ledger),
        (false, "a switch to green by `ada` is under way".to_owned())
    );
    ledger.barrier_passed(1, &[]);
    assert_eq!(
        rollback(&ledger),
        (true, "pool `blue` has 1 of 1 endpoints ready".to_owned())
    );
    let id = ledger.id("shop", Blue, BLUE);
    (0..3).for_each(|_| drop(ledger.refused(id)));
    let (possible, why) = rollback(&ledger);
    assert!(
        !possible && why.contains("has 0 of 1 endpoints ready"),
        "{why}"
    );
}
