//! A call that is made again under its key does nothing new, whatever has become of the first.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::time::Duration;

use cutover::core::{
    event::{Event, Restored, RestoredService},
    ids::{ByColour, Colour::*, ServiceName, Tenure},
    once::{AGAIN_LIMIT, Once},
    switch::{SwitchRequest, WaitFor},
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);

fn once(key: &str, order: &str) -> Option<Box<Once>> {
    let (key, order) = (key.to_owned(), order.to_owned());
    Some(Box::new(Once { key, order }))
}

/// A switch of `shop` to green under the key `k`.
fn keyed(ledger: &mut Ledger, wait: WaitFor) -> SwitchRequest {
    SwitchRequest {
        once: once("k", "to green"),
        wait,
        ..ledger.request(&[("shop", Green)])
    }
}

fn asks(ledger: &mut Ledger, wait: WaitFor) -> Vec<String> {
    let request = keyed(ledger, wait);
    ledger.on(Event::Switch(request))
}

#[test]
fn a_second_call_waits_for_the_first_and_both_are_answered_the_same() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    asks(&mut ledger, WaitFor::Committed);
    assert_eq!(
        asks(&mut ledger, WaitFor::Committed),
        [""; 0],
        "waits for gates"
    );
    ledger.all_healthy();
    assert_eq!(
        asks(&mut ledger, WaitFor::Committed),
        [""; 0],
        "waits for the journal"
    );
    ledger.journaled(1);
    assert_eq!(
        asks(&mut ledger, WaitFor::Drained),
        [""; 0],
        "waits for the barrier"
    );
    let effects = ledger.barrier_passed(1, &[("shop", 1, counts(1, 0))]);
    let done = "shop blue>green tenure 2 Draining 1 = 0 finished + 0 replayed + 0 cut|";
    for op in 1..=3 {
        let answer = format!("answer {op}: {done}");
        assert!(effects.contains(&answer), "{effects:#?}");
    }
    assert_eq!(
        asks(&mut ledger, WaitFor::Committed),
        [format!("answer 5: {done}")]
    );
    assert_eq!(
        asks(&mut ledger, WaitFor::Drained),
        [""; 0],
        "waits for the drain"
    );
    let effects = ledger.drained("shop", 1, counts(1, 1));
    let answers: Vec<_> = effects
        .iter()
        .filter(|it| it.starts_with("answer"))
        .collect();
    let done = "shop blue>green tenure 2 Drained 1 = 1 finished + 0 replayed + 0 cut|";
    assert_eq!(
        answers,
        [&format!("answer 4: {done}"), &format!("answer 6: {done}")]
    );
    assert_eq!(
        asks(&mut ledger, WaitFor::Drained),
        [format!("answer 7: {done}")]
    );
    assert_eq!(ledger.state.history(Some("shop")).len(), 1);
}

#[test]
fn it_waits_for_a_drain_that_the_first_did_not_wait_for() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    asks(&mut ledger, WaitFor::Committed);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[("shop", 1, counts(1, 0))]);
    assert_eq!(asks(&mut ledger, WaitFor::Drained), [""; 0]);
    let effects = ledger.drained("shop", 1, counts(1, 1));
    assert!(
        effects
            .iter()
            .any(|it| it.starts_with("answer 2: shop blue>green")),
        "{effects:#?}"
    );
}

#[test]
fn the_first_has_met_the_preconditions_for_all() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut first = keyed(&mut ledger, WaitFor::Committed);
    (first.expect_live, first.expect_tenure) = (Some(Blue), Some(Tenure(1)));
    let mut again = first.clone();
    again.op = ledger.op();
    ledger.on(Event::Switch(first));
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let effects = ledger.on(Event::Switch(again));
    assert!(
        effects[0].starts_with("answer 2: shop blue>green tenure 2"),
        "{effects:?}"
    );
}

#[test]
fn a_key_stands_for_one_order() {
    let mut ledger = Ledger::serving(&[service("api"), service("shop")]);
    asks(&mut ledger, WaitFor::Committed);
    let other = |ledger: &mut Ledger| {
        let mut request = ledger.rollback("shop");
        request.once = once("k", "back");
        ledger.on(Event::Switch(request)).pop().unwrap()
    };
    let refused = "refused: the key `k` was used for another call about the same service; take a new key for a new order";
    assert_eq!(
        other(&mut ledger),
        format!("answer 2: {refused}"),
        "under way"
    );
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    assert_eq!(
        other(&mut ledger),
        format!("answer 3: {refused}"),
        "in history"
    );
    let mut elsewhere = ledger.request(&[("api", Green)]);
    elsewhere.once = once("k", "api to green");
    let begun = ledger.on(Event::Switch(elsewhere));
    assert!(
        begun[0].starts_with("journal 4"),
        "another service has keys of its own: {begun:?}"
    );
}

#[test]
fn a_switch_that_was_refused_leaves_its_key_free() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    asks(&mut ledger, WaitFor::Committed);
    asks(&mut ledger, WaitFor::Committed);
    ledger.passes(31 * SECOND);
    let refused = ledger.on(Event::Woke);
    let answers = refused.iter().filter(|it| it.contains(": refused:"));
    assert_eq!(answers.count(), 2, "both are told: {refused:#?}");
    ledger.all_healthy();
    let begun = asks(&mut ledger, WaitFor::Committed);
    assert!(begun[0].starts_with("journal 3"), "{begun:?}");
    ledger.on(Event::JournalFailed(
        cutover::core::ids::OpId(3),
        "disk full".to_owned(),
    ));
    let begun = asks(&mut ledger, WaitFor::Committed);
    assert!(begun[0].starts_with("journal 4"), "{begun:?}");
}

#[test]
fn what_changed_nothing_changes_nothing_later_either() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut request = ledger.request(&[("shop", Blue)]);
    request.once = once("k", "to blue");
    let mut again = request.clone();
    again.op = ledger.op();
    let first = ledger.on(Event::Switch(request));
    assert_eq!(first, ["answer 1: |shop stays blue/1"]);
    ledger.switched("shop", Green);
    assert_eq!(
        ledger.on(Event::Switch(again)),
        ["answer 2: |shop stays blue/1"]
    );
}

#[test]
fn services_that_stayed_are_told_again_beside_those_that_changed() {
    let mut ledger = Ledger::serving(&[service("api"), service("shop")]);
    ledger.switched("api", Green);
    let mut request = ledger.request(&[("api", Green), ("shop", Green)]);
    request.once = once("k", "both");
    let mut again = request.clone();
    ledger.on(Event::Switch(request));
    ledger.journaled(2);
    ledger.barrier_passed(2, &[]);
    ledger.passes(SECOND);
    ledger.switched("api", Blue);
    again.op = ledger.op();
    let effects = ledger.on(Event::Switch(again));
    assert!(
        effects[0].starts_with("answer 4: shop blue>green tenure 2"),
        "{effects:?}"
    );
    assert!(effects[0].ends_with("|api stays green/2"), "{effects:?}");
}

#[test]
fn a_rollback_that_aborted_a_shift_does_not_roll_back_when_it_is_made_again() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switched("shop", Green);
    let mut request = ledger.gradual("shop", Blue, &["10%"]);
    request.once = once("shift", "to blue");
    let op = request.op.0;
    let mut begun_again = request.clone();
    ledger.on(Event::Switch(request));
    ledger.journaled(op);
    begun_again.op = ledger.op();
    assert_eq!(ledger.on(Event::Switch(begun_again.clone())), [""; 0]);
    let mut back = ledger.rollback("shop");
    back.once = once("back", "back");
    ledger.on(Event::Switch(back.clone()));
    back.op = ledger.op();
    assert_eq!(
        ledger.on(Event::Switch(back.clone())),
        [""; 0],
        "being written"
    );
    ledger.own_journaled(1);
    back.op = ledger.op();
    assert_eq!(
        ledger.on(Event::Switch(back.clone())),
        [""; 0],
        "behind the barrier"
    );
    let ended = ledger.barrier_passed(cutover::core::operation::OWN_OPS | 1, &[]);
    let answers = ended.iter().filter(|it| it.starts_with("answer"));
    assert_eq!(
        answers.count(),
        5,
        "two of the switch, three of the rollback: {ended:#?}"
    );
    back.op = ledger.op();
    let effects = ledger.on(Event::Switch(back));
    assert!(effects[0].contains("Aborted"), "{effects:?}");
    assert_eq!(effects.len(), 1, "and nothing else: {effects:?}");
    begun_again.op = ledger.op();
    let effects = ledger.on(Event::Switch(begun_again));
    assert!(effects[0].contains("was aborted by"), "{effects:?}");
    assert_eq!(ledger.view("shop").live, Green);
}

#[test]
fn a_restart_knows_the_keys_of_its_history() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    asks(&mut ledger, WaitFor::Committed);
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let restored = RestoredService {
        live: Green,
        tenure: Tenure(2),
        file_live: Blue,
        endpoints: ByColour::default(),
        drained: ByColour::default(),
        history: ledger.state.history(Some("shop")),
        shift: None,
    };
    let services = [(ServiceName::new("shop"), restored)].into();
    let mut ledger = Ledger::restored(Restored { services });
    ledger.reload(&[service("shop")]);
    let effects = asks(&mut ledger, WaitFor::Drained);
    assert!(
        effects[0].starts_with("answer 1: shop blue>green tenure 2"),
        "{effects:?}"
    );
}

#[test]
fn those_who_wait_under_one_key_are_bounded() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    for _ in 0..=AGAIN_LIMIT {
        let effects = asks(&mut ledger, WaitFor::Committed);
        assert!(
            !effects.iter().any(|it| it.starts_with("answer")),
            "{effects:?}"
        );
    }
    let effects = asks(&mut ledger, WaitFor::Committed);
    assert!(effects[1].contains("wait for it"), "{effects:?}");
}
