//! Endpoints that come and go at run time: through the journal and the barrier, within bounds, and never the
//! last one of a pool that takes traffic.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::num::NonZeroU16;

use cutover::core::{
    event::{Event, POOL_LIMIT, Register},
    ids::{Colour::*, EndpointAddr, OpId},
    operation::CHANGES_LIMIT,
    view::EndpointSource,
};

use ledger::*;

const NEW: &str = "10.0.0.9:80";

#[test]
fn a_registration_goes_by_journal_publish_barrier_and_answer() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(
        ledger.register("shop", Blue, NEW),
        ["journal 1: registered shop blue 10.0.0.9:80 weight 1"]
    );
    assert_eq!(
        ledger.journaled(1),
        [
            "notice: 10.0.0.9:80 registered true",
            "publish 4: shop blue/1 +-|+",
            "watch 10.0.0.1:80, 10.0.0.9:80, 10.0.0.1:81",
            "barrier 1: ",
        ]
    );
    assert_eq!(ledger.barrier_passed(1, &[]), ["answer 1: changed true"]);
    let endpoint = &ledger.view("shop").pools.blue.endpoints[1];
    assert_eq!(endpoint.source, EndpointSource::Runtime);
}

#[test]
fn another_weight_is_a_change_and_the_same_is_none() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.register("shop", Blue, NEW);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    assert_eq!(
        ledger.register("shop", Blue, NEW),
        ["answer 2: changed false"]
    );
    let op = ledger.op();
    let heavier = Register {
        op,
        service: service("shop").name,
        colour: Blue,
        addr: EndpointAddr::new(NEW),
        weight: NonZeroU16::new(5).unwrap(),
        actor: ada(),
    };
    ledger.on(Event::Register(heavier));
    let journaled = ledger.journaled(op.0);
    assert_eq!(journaled.len(), 3, "nothing new to watch: {journaled:?}");
    assert_eq!(ledger.endpoint("shop", Blue, NEW).weight, 5);
}

#[test]
fn a_deregistration_is_answered_when_no_request_can_be_routed_there() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.register("shop", Blue, NEW);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    assert_eq!(
        ledger.deregister("shop", Blue, NEW),
        ["journal 2: deregistered shop blue 10.0.0.9:80"]
    );
    assert_eq!(
        ledger.journaled(2),
        [
            "notice: 10.0.0.9:80 registered false",
            "publish 5: shop blue/1 +|+",
            "watch 10.0.0.1:80, 10.0.0.1:81",
            "barrier 2: ",
        ]
    );
    let receipt = "10.0.0.9:80 Deregistered Left 0 = 0 finished + 0 replayed + 0 cut";
    assert_eq!(
        ledger.barrier_passed(2, &[]),
        [
            format!("notice: left in 0ns: {receipt}"),
            format!("answer 2: {receipt}")
        ]
    );
}

#[test]
fn what_the_file_names_is_the_files() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let refused = ledger.deregister("shop", Blue, BLUE);
    assert!(refused[0].contains("is named by the file"), "{refused:?}");
    assert_eq!(
        ledger.register("shop", Blue, BLUE),
        ["answer 2: changed false"],
        "it is as wanted"
    );
}

#[test]
fn the_unknown_is_refused() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(
        ledger.register("shoe", Blue, NEW),
        ["answer 1: there is no service `shoe`"]
    );
    assert_eq!(
        ledger.deregister("shop", Blue, NEW),
        ["answer 2: pool `blue` of service `shop` has no endpoint `10.0.0.9:80`"]
    );
}

/// A service whose green pool has endpoints of run time only.
fn green_at_run_time(addrs: &[&str]) -> Ledger {
    let mut ledger = Ledger::serving(&[service_with("shop", &[BLUE], &[])]);
    for addr in addrs {
        ledger.register("shop", Green, addr);
        let op = ledger.op().0 - 1;
        ledger.journaled(op);
        ledger.barrier_passed(op, &[]);
    }
    ledger.all_healthy();
    ledger
}

#[test]
fn the_last_of_the_live_pool_stays() {
    let mut ledger = green_at_run_time(&[NEW]);
    ledger.switched("shop", Green);
    let refused = ledger.deregister("shop", Green, NEW);
    assert!(refused[0].contains("is the last of the live pool"));
}

#[test]
fn the_last_of_a_pool_that_is_being_switched_to_stays() {
    let mut ledger = green_at_run_time(&[NEW]);
    ledger.switch("shop", Green);
    let refused = ledger.deregister("shop", Green, NEW);
    assert!(refused[0].contains("is the last of the live pool"));
}

#[test]
fn a_pool_whose_last_endpoint_is_being_removed_cannot_be_switched_to() {
    let mut ledger = green_at_run_time(&[NEW]);
    assert_eq!(ledger.deregister("shop", Green, NEW).len(), 1);
    let refused = ledger.switch("shop", Green);
    assert!(refused[1].contains("has no endpoints"), "{refused:?}");
}

#[test]
fn two_removals_at_once_do_not_empty_the_live_pool() {
    let mut ledger = green_at_run_time(&[NEW, "10.0.0.8:80"]);
    ledger.switched("shop", Green);
    assert!(ledger.deregister("shop", Green, NEW)[0].starts_with("journal"));
    let refused = ledger.deregister("shop", Green, "10.0.0.8:80");
    assert!(refused[0].contains("is the last of the live pool"));
}

#[test]
fn a_journal_that_fails_leaves_the_pool_as_it_was() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.register("shop", Blue, NEW);
    let failed = Event::JournalFailed(OpId(1), "read-only file system".to_owned());
    assert_eq!(
        ledger.on(failed),
        ["answer 1: the journal could not be written, nothing was changed: read-only file system"]
    );
    assert_eq!(ledger.service("shop").pools.blue.endpoints.len(), 1);
}

#[test]
fn a_file_that_takes_an_endpoint_over_takes_it_out_of_the_journal() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.register("shop", Blue, NEW);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let id = ledger.id("shop", Blue, NEW);
    let mut edited = service("shop");
    edited.timeouts.connect *= 2;
    ledger.reload(&[edited]);
    assert_eq!(id, ledger.id("shop", Blue, NEW), "an unrelated edit");
    let applied = ledger.reload(&[service_with("shop", &[BLUE, NEW], &[GREEN])]);
    assert_eq!(applied[0], "record: deregistered shop blue 10.0.0.9:80");
    assert_eq!(id, ledger.id("shop", Blue, NEW), "it is still the same one");
    let source = ledger.view("shop").pools.blue.endpoints[1].source;
    assert_eq!(source, EndpointSource::File);
}

#[test]
fn a_file_applied_between_intent_and_journal_wins() {
    let mut ledger = Ledger::serving(&[service("shop"), service("api")]);
    ledger.register("shop", Blue, NEW);
    ledger.register("api", Blue, NEW);
    ledger.reload(&[service_with("shop", &[BLUE, NEW], &[GREEN])]);
    let named = ledger.journaled(1);
    assert_eq!(named[0], "record: deregistered shop blue 10.0.0.9:80");
    assert!(named[1].contains("is named by the file"), "{named:?}");
    let unserved = ledger.journaled(2);
    assert_eq!(unserved[0], "record: deregistered api blue 10.0.0.9:80");
    assert_eq!(unserved[1], "answer 2: there is no service `api`");
}

#[test]
fn a_file_that_leaves_one_endpoint_saves_it_from_a_removal_under_way() {
    let mut ledger = Ledger::serving(&[service_with("shop", &[BLUE], &[GREEN])]);
    ledger.register("shop", Green, NEW);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    ledger.switched("shop", Green);
    ledger.deregister("shop", Green, NEW);
    ledger.reload(&[service_with("shop", &[BLUE], &[])]);
    let journaled = ledger.journaled(3);
    assert_eq!(
        journaled[0],
        "record: registered shop green 10.0.0.9:80 weight 1"
    );
    assert!(journaled[1].contains("is the last of the live pool"));
}

#[test]
fn a_pool_has_a_most() {
    let addrs: Vec<_> = (1..=POOL_LIMIT)
        .map(|it| format!("10.1.0.1:{it}"))
        .collect();
    let addrs: Vec<_> = addrs.iter().map(String::as_str).collect();
    let mut ledger = Ledger::new();
    ledger.reload(&[service_with("shop", &addrs[1..], &[GREEN])]);
    assert!(ledger.register("shop", Blue, NEW)[0].starts_with("journal"));
    let refused = ledger.register("shop", Blue, "10.0.0.8:80");
    assert!(refused[0].contains("has 1024 endpoints"), "{refused:?}");
}

#[test]
fn changes_that_wait_for_a_disk_that_hangs_are_bounded() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    for port in 1..=CHANGES_LIMIT {
        let addr = format!("10.2.0.1:{port}");
        assert!(ledger.register("shop", Blue, &addr)[0].starts_with("journal"));
    }
    let refused = ledger.register("shop", Blue, NEW);
    assert!(refused[0].contains("256 changes wait"), "{refused:?}");
}
