//! How a gradual switch goes, event by event: steps, ramp, commit and abort, and every thing that may come between.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;
#[path = "support/reread.rs"]
mod reread;

use std::time::Duration;

use cutover::core::{
    event::{BarrierPassed, Effect, Entry, Event, Restored},
    ids::{Colour::*, OpId, ServiceName, Tenure},
    shift::Pace,
    steer::Steer,
    switch::{Outcome, WaitFor},
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);

/// A shift of `shop` at its first of two steps, asked for under number 1.
fn shifting() -> Ledger {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.shift("shop", Green, &["10%", "50%"]);
    ledger.journaled(1);
    ledger
}

fn share_of(ledger: &Ledger) -> Option<String> {
    let service = ledger.service("shop");
    service.shift.as_ref().map(|it| it.share.to_string())
}

#[test]
fn a_shift_goes_by_steps_and_ends_as_an_ordinary_switch() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(
        ledger.shift("shop", Green, &["10%", "50%"]),
        ["journal 1: shifting shop blue>green tenure 2 step 0"]
    );
    assert_eq!(share_of(&ledger), None, "not before the journal");
    assert_eq!(
        ledger.journaled(1),
        [
            "notice: shift of shop Began: 10%",
            "publish 4: shop blue/1 +|+ 10% to green/2",
        ]
    );
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 10 * SECOND);
    ledger.passes(10 * SECOND);
    let step = ledger.on(Event::Woke);
    assert_eq!(step.len(), 1);
    assert!(
        step[0].ends_with("shifting shop blue>green tenure 2 step 1"),
        "{step:?}"
    );
    assert_eq!(ledger.state.next_wake(), None, "until it is written");
    assert_eq!(
        ledger.own_journaled(1),
        [
            "notice: shift of shop Stepped: 50%",
            "publish 5: shop blue/1 +|+ 50% to green/2",
        ]
    );
    ledger.passes(10 * SECOND);
    assert_eq!(
        ledger.on(Event::Woke),
        ["journal 1: switched shop blue>green tenure 2 Committing"]
    );
    let begun = ledger.service("shop").shift.clone().unwrap().tenure;
    assert_eq!(
        ledger.journaled(1),
        ["publish 6: shop green/2 +|+", "barrier 1: shop blue/1"]
    );
    let live = &ledger.service("shop").tenure;
    assert!(std::sync::Arc::ptr_eq(live, &begun), "the same counter");
    assert_eq!(
        ledger.barrier_passed(1, &[("shop", 1, counts(9, 6))])[1..],
        [
            "answer 1: shop blue>green tenure 2 Draining 3 = 0 finished + 0 replayed + 0 cut|",
            "drain shop blue/1",
        ]
    );
    let receipt = &ledger.state.history(Some("shop"))[0];
    assert_eq!(receipt.shift.as_ref().unwrap().share.to_string(), "50%");
    assert_eq!(receipt.gate_ms, 0, "steps are no gates");
    assert_eq!(
        ledger.state.next_wake().unwrap() - ledger.now().instant,
        10 * SECOND
    );
}

#[test]
fn the_file_says_how_gradually_and_at_once_overrules_it() {
    let mut shop = service("shop");
    shop.switch.shift.steps = ["1%".parse().unwrap()].into();
    let mut ledger = Ledger::serving(&[shop]);
    let mut request = ledger.request(&[("shop", Green)]);
    request.pace = Pace::AtOnce;
    assert_eq!(
        ledger.on(Event::Switch(request)),
        ["journal 1: switched shop blue>green tenure 2 Committing"]
    );
    ledger.journaled(1);
    ledger.barrier_passed(1, &[]);
    let rollback = ledger.rollback("shop");
    assert_eq!(
        ledger.on(Event::Switch(rollback)),
        ["journal 2: switched shop green>blue tenure 3 Committing rollback"],
        "the way back is at once"
    );
    ledger.journaled(2);
    ledger.barrier_passed(2, &[]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["journal 3: shifting shop blue>green tenure 4 step 0"]
    );
}

#[test]
fn several_services_in_one_publish_go_at_once() {
    let mut shop = service("shop");
    shop.switch.shift.steps = ["1%".parse().unwrap()].into();
    let mut ledger = Ledger::serving(&[service("api"), shop]);
    let request = ledger.request(&[("api", Green), ("shop", Green)]);
    let began = ledger.on(Event::Switch(request));
    assert!(began[0].starts_with("journal 1: switched api"), "{began:?}");
}

#[test]
fn a_ramp_climbs_in_memory_and_commits_just_below_the_whole() {
    let mut shop = service("shop");
    shop.switch.shift.ramp = 10 * SECOND;
    let mut ledger = Ledger::serving(&[shop]);
    assert_eq!(
        ledger.switch("shop", Green),
        ["journal 1: shifting shop blue>green tenure 2 step 0"]
    );
    ledger.journaled(1);
    assert_eq!(share_of(&ledger).as_deref(), Some("0%"));
    let mut looks = 0;
    while let Some(due) = ledger.state.next_wake() {
        let wait = due.duration_since(ledger.now().instant);
        assert_eq!(wait, SECOND / 10);
        ledger.passes(wait);
        let effects = ledger.on(Event::Woke);
        looks += 1;
        if looks == 50 {
            assert_eq!(share_of(&ledger).as_deref(), Some("49.99%"));
        }
        if looks == 100 {
            assert_eq!(
                effects,
                ["journal 1: switched shop blue>green tenure 2 Committing"]
            );
            break;
        }
        assert_eq!(effects.len(), 1, "one publish and no entry: {effects:?}");
        assert!(effects[0].starts_with("publish"), "{effects:?}");
    }
    assert_eq!((looks, share_of(&ledger).as_deref()), (100, Some("98.99%")));
}

#[test]
fn a_pause_stays_at_the_share_and_a_resumption_goes_on_with_the_rest() {
    let mut ledger = shifting();
    ledger.passes(4 * SECOND);
    assert_eq!(
        ledger.steer("shop", Steer::Pause),
        [
            "record: shifting shop blue>green tenure 2 step 0 paused",
            "notice: shift of shop Paused: 10%",
            "publish 5: shop blue/1 +|+ 10% to green/2",
            "answer 2: shifting 10% to green/2 paused",
        ]
        .into_iter()
        .filter(|line| !line.starts_with("publish"))
        .collect::<Vec<_>>(),
        "nothing changes for requests"
    );
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(
        ledger.steer("shop", Steer::Pause),
        ["answer 3: shifting 10% to green/2 paused"],
        "it is so already"
    );
    ledger.passes(1_000 * SECOND);
    assert_eq!(
        ledger.steer("shop", Steer::Resume),
        [
            "record: shifting shop blue>green tenure 2 step 0",
            "notice: shift of shop Resumed: 10%",
            "answer 4: shifting 10% to green/2",
        ]
    );
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 6 * SECOND);
    assert_eq!(ledger.steer("shop", Steer::Resume).len(), 1);
}

#[test]
fn a_completion_answers_both_who_asked_for_it_and_who_began_the_shift() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut request = ledger.gradual("shop", Green, &["10%"]);
    request.wait = WaitFor::Drained;
    ledger.on(Event::Switch(request));
    ledger.journaled(1);
    assert_eq!(
        ledger.steer("shop", Steer::Complete),
        ["journal 1: switched shop blue>green tenure 2 Committing"]
    );
    ledger.journaled(1);
    let committed = ledger.barrier_passed(1, &[]);
    let answer = "answer 2: shop blue>green tenure 2 Draining|";
    assert_eq!(committed[1..], [answer, "drain shop blue/1"]);
    let settled = ledger.drained("shop", 1, counts(0, 0));
    assert_eq!(settled[2], "answer 1: shop blue>green tenure 2 Drained|");
}

#[test]
fn a_completion_asks_the_gate_once_unless_it_is_forced() {
    let mut ledger = shifting();
    let green = ledger.id("shop", Green, GREEN);
    for _ in 0..3 {
        ledger.refused(green);
    }
    let refused = ledger.steer("shop", Steer::Complete);
    assert!(refused[1].contains("0 of 1 endpoints ready"), "{refused:?}");
    assert_eq!(share_of(&ledger).as_deref(), Some("10%"), "it goes on");
    let mut request = ledger.steering("shop", Steer::Complete);
    request.force = true;
    assert_eq!(
        ledger.on(Event::Steer(request)),
        ["journal 1: switched shop blue>green tenure 2 Committing"]
    );
}

#[test]
fn an_abort_is_published_behind_a_barrier_and_its_tenure_drains() {
    let mut ledger = shifting();
    let mut request = ledger.steering("shop", Steer::Abort);
    request.wait = WaitFor::Drained;
    request.reason = Some("errors".to_owned());
    let wanted = ledger.on(Event::Steer(request));
    assert!(
        wanted[0].ends_with("aborted shop blue>green tenure 2 Aborted"),
        "{wanted:?}"
    );
    let published = ledger.own_journaled(1);
    assert_eq!(published[0], "publish 5: shop blue/1 +|+");
    assert!(published[1].ends_with("shop green/2"), "{published:?}");
    let met = [("shop", 2, counts(20, 17))];
    let aborted = ledger.barrier_passed(cutover::core::operation::OWN_OPS | 1, &met);
    assert_eq!(
        aborted,
        [
            "notice: shift aborted: shop blue>green tenure 2 Aborted 3 = 0 finished + 0 replayed + 0 cut",
            "answer 1: refused: the switch of service `shop` to green was aborted by `bob`; blue is live, as before",
            "drain shop green/2",
        ]
    );
    let settled = ledger.drained("shop", 2, counts(20, 20));
    let receipt = "shop blue>green tenure 2 Aborted 3 = 3 finished + 0 replayed + 0 cut";
    assert_eq!(settled[0], format!("record: settled {receipt}"));
    assert_eq!(settled[2], format!("answer 2: {receipt}|"));
    let receipt = &ledger.state.history(Some("shop"))[0];
    let account = receipt.shift.as_ref().unwrap();
    assert_eq!(account.aborted_by, Some(bob()));
    assert_eq!(account.abort_reason.as_deref(), Some("errors"));
    let view = ledger.view("shop");
    assert_eq!(
        (view.live, view.tenure, view.rollback_to),
        (Blue, Tenure(1), None)
    );
    assert_eq!(
        ledger.switch("shop", Green),
        ["journal 3: switched shop blue>green tenure 3 Committing"],
        "the number of a tenure is used once"
    );
}

#[test]
fn an_abort_does_not_wait_for_a_disk_that_fails() {
    let mut ledger = shifting();
    ledger.steer("shop", Steer::Abort);
    let op = OpId(cutover::core::operation::OWN_OPS | 1);
    let published = ledger.on(Event::JournalFailed(op, "disk full".to_owned()));
    assert_eq!(
        published[..2],
        [
            "notice: journal failed: disk full",
            "publish 5: shop blue/1 +|+"
        ]
    );
}

#[test]
fn the_end_of_a_shift_is_written_as_soon_as_the_disk_can() {
    let mut ledger = shifting();
    ledger.steer("shop", Steer::Abort);
    let op = |number: u64| OpId(cutover::core::operation::OWN_OPS | number);
    ledger.on(Event::JournalFailed(op(1), "disk full".to_owned()));
    ledger.barrier_passed(op(1).0, &[]);
    for number in 2..4 {
        ledger.passes(10 * SECOND);
        let tried = ledger.on(Event::Woke);
        let entry = format!("journal {}: settled shop blue>green", op(number).0);
        assert!(tried[0].starts_with(&entry), "{tried:?}");
        ledger.on(Event::JournalFailed(op(number), "disk full".to_owned()));
    }
    ledger.passes(10 * SECOND);
    assert_eq!(ledger.on(Event::Woke).len(), 1);
    ledger.on(Event::Journaled(op(4)));
    ledger.passes(10 * SECOND);
    assert_eq!(ledger.on(Event::Woke), [""; 0], "a restart knows it now");
}

#[test]
fn a_step_that_cannot_be_written_is_tried_again() {
    let mut ledger = shifting();
    ledger.passes(10 * SECOND);
    ledger.on(Event::Woke);
    let op = OpId(cutover::core::operation::OWN_OPS | 1);
    let failed = ledger.on(Event::JournalFailed(op, "disk full".to_owned()));
    assert_eq!(failed, ["notice: journal failed: disk full"]);
    assert_eq!(share_of(&ledger).as_deref(), Some("10%"));
    ledger.passes(10 * SECOND);
    assert!(ledger.on(Event::Woke)[0].ends_with("step 1"));
    assert_eq!(
        ledger.own_journaled(2)[0],
        "notice: shift of shop Stepped: 50%"
    );
}

#[test]
fn a_commit_that_cannot_be_written_refuses_the_completion_and_not_the_shift() {
    let mut ledger = shifting();
    ledger.steer("shop", Steer::Complete);
    let failed = ledger.on(Event::JournalFailed(OpId(1), "disk full".to_owned()));
    let refusal = "the journal could not be written, nothing was switched: disk full";
    assert_eq!(
        failed,
        [
            format!("notice: refused to ada: {refusal}"),
            format!("answer 2: refused: {refusal}")
        ]
    );
    assert_eq!(share_of(&ledger).as_deref(), Some("10%"));
    ledger.steer("shop", Steer::Complete);
    ledger.journaled(1);
    let committed = ledger.barrier_passed(1, &[]);
    assert!(committed[1].starts_with("answer 1: shop"), "{committed:?}");
    assert!(committed[2].starts_with("answer 3: shop"), "{committed:?}");
}

#[test]
fn a_shift_that_cannot_be_written_does_not_begin() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.shift("shop", Green, &["10%"]);
    let refused = ledger.on(Event::JournalFailed(OpId(1), "disk full".to_owned()));
    assert!(
        refused[1].starts_with("answer 1: refused: the journal"),
        "{refused:?}"
    );
    assert_eq!(
        ledger.shift("shop", Green, &["10%"]),
        ["journal 2: shifting shop blue>green tenure 2 step 0"]
    );
}

#[test]
fn a_second_switch_is_refused_naming_the_shift_and_a_rollback_aborts_it() {
    let mut ledger = shifting();
    let busy = "service `shop` is being shifted to green, at 10% now, by `ada` since 1970-01-01T00:00:00.000Z; \
                complete or abort that first";
    for to in [Green, Blue] {
        assert!(ledger.switch("shop", to)[1].ends_with(busy));
    }
    let mut rollback = ledger.rollback("shop");
    rollback.expect_live = Some(Green);
    let refused = ledger.on(Event::Switch(rollback));
    assert!(
        refused[1].contains("has blue live, not green"),
        "{refused:?}"
    );
    let rollback = ledger.rollback("shop");
    let aborted = ledger.on(Event::Switch(rollback));
    assert!(aborted[0].ends_with("aborted shop blue>green tenure 2 Aborted"));
    assert!(
        ledger.steer("shop", Steer::Abort)[1].ends_with(busy),
        "it ends already"
    );
}

#[test]
fn without_a_shift_there_is_nothing_to_steer() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    for steer in [Steer::Pause, Steer::Resume, Steer::Complete, Steer::Abort] {
        let refused = ledger.steer("shop", steer);
        assert!(refused[1].ends_with("service `shop` has no gradual switch under way"));
    }
    let refused = ledger.steer("shoe", Steer::Abort);
    assert!(refused[1].ends_with("there is no service `shoe`"));
}

#[test]
fn a_gate_that_closes_holds_the_next_step_until_it_opens() {
    let mut ledger = shifting();
    let green = ledger.id("shop", Green, GREEN);
    for _ in 0..3 {
        ledger.refused(green);
    }
    assert_eq!(
        share_of(&ledger).as_deref(),
        Some("10%"),
        "workers send it to blue"
    );
    ledger.passes(10 * SECOND);
    assert_eq!(ledger.on(Event::Woke), ["notice: shift of shop Held: 10%"]);
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(ledger.on(Event::Woke), [""; 0], "told once");
    let shift = ledger.view("shop").shift.unwrap();
    assert!(shift.held && shift.gates.len() == 1);
    ledger.passed(green);
    let opened = ledger.passed(green);
    assert!(
        opened[2].ends_with("shifting shop blue>green tenure 2 step 1"),
        "{opened:?}"
    );
}

#[test]
fn a_file_that_stops_naming_the_service_aborts_its_shift() {
    let mut ledger = shifting();
    let removed = ledger.reload(&[service("api")]);
    assert!(
        removed[0].ends_with("aborted shop blue>green tenure 2 Aborted"),
        "{removed:?}"
    );
    let barrier = ledger.own_journaled(1);
    assert!(barrier[0].ends_with("shop green/2"), "{barrier:?}");
    let op = cutover::core::operation::OWN_OPS | 1;
    let aborted = ledger.barrier_passed(op, &[("shop", 2, counts(1, 0))]);
    assert!(
        aborted[1].starts_with("answer 1: refused: the switch"),
        "{aborted:?}"
    );
    assert_eq!(aborted[2], "drain shop green/2");
}

#[test]
fn a_file_with_other_steps_changes_the_next_shift_only() {
    let mut ledger = shifting();
    let mut shop = service("shop");
    shop.switch.shift.steps = ["20%".parse().unwrap()].into();
    shop.switch.drain_deadline = 3 * SECOND;
    ledger.reload(&[shop]);
    ledger.passes(10 * SECOND);
    ledger.on(Event::Woke);
    assert_eq!(
        ledger.own_journaled(1)[0],
        "notice: shift of shop Stepped: 50%"
    );
}

#[test]
fn a_shutdown_answers_and_leaves_the_rest_to_the_next_process() {
    let mut ledger = shifting();
    assert_eq!(
        ledger.on(Event::ShuttingDown),
        ["answer 1: refused: cutover is shutting down"]
    );
    assert_eq!(
        share_of(&ledger).as_deref(),
        Some("10%"),
        "nobody is turned round"
    );
    assert_eq!(ledger.state.next_wake(), None);
    let refused = ledger.steer("shop", Steer::Abort);
    assert!(refused[1].ends_with("cutover is shutting down"));
}

#[test]
fn who_waits_for_the_begin_is_answered_then_and_once() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let mut request = ledger.gradual("shop", Green, &["10%"]);
    request.wait = WaitFor::Begun;
    ledger.on(Event::Switch(request));
    let begun = ledger.journaled(1);
    assert!(begun[1].starts_with("publish "), "{begun:?}");
    assert_eq!(begun[2], "answer 1: shifting 10% to green/2");
    ledger.passes(10 * SECOND);
    let commit = ledger.on(Event::Woke);
    let own = cutover::core::operation::OWN_OPS | 1;
    assert_eq!(
        commit,
        [format!(
            "journal {own}: switched shop blue>green tenure 2 Committing"
        )]
    );
    ledger.journaled(own);
    let committed = ledger.on(Event::BarrierPassed(BarrierPassed {
        op: OpId(own),
        took: SECOND,
        counts: Vec::new(),
        missing: 0,
    }));
    assert!(
        committed.iter().all(|line| !line.starts_with("answer")),
        "{committed:?}"
    );
}

/// What the journal says of `shop` after these entries.
fn restarted(entries: Vec<Entry>) -> Restored {
    let mut restored = Restored::default();
    for entry in entries {
        reread::write(&mut restored, entry);
    }
    restored
}

/// The entries of one event of a ledger.
fn entries(ledger: &mut Ledger, event: Event) -> Vec<Entry> {
    let effects = ledger.effects(event);
    let entries = effects.into_iter().filter_map(|effect| {
        if let Effect::Journal(_, entry) | Effect::Record(entry) = effect {
            return Some(entry);
        }
        None
    });
    entries.collect()
}

fn seen() -> Entry {
    Entry::Seen {
        service: ServiceName::new("shop"),
        file_live: Blue,
        live: Blue,
        tenure: Tenure(1),
        at: start().wall,
    }
}

#[test]
fn a_restart_goes_on_with_the_same_step_from_its_beginning() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let request = ledger.gradual("shop", Green, &["10%", "50%"]);
    let mut journal = vec![seen()];
    journal.extend(entries(&mut ledger, Event::Switch(request)));
    ledger.journaled(1);
    ledger.passes(10 * SECOND);
    journal.extend(entries(&mut ledger, Event::Woke));
    let mut ledger = Ledger::restored(restarted(journal.clone()));
    let applied = ledger.reload(&[service("shop")]);
    assert_eq!(
        applied[1..3],
        [
            "notice: shift of shop Restored: 50%",
            "publish 1: shop blue/1 -|- 50% to green/2"
        ]
    );
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, 10 * SECOND);
    assert!(ledger.switch("shop", Green)[1].contains("is being shifted to green, at 50%"));
    ledger.all_healthy();
    ledger.passes(10 * SECOND);
    let commit = ledger.on(Event::Woke);
    assert!(
        commit[0].ends_with("switched shop blue>green tenure 2 Committing"),
        "{commit:?}"
    );
    // Paused, it stays so.
    let mut ledger = Ledger::restored(restarted(journal.clone()));
    ledger.reload(&[service("shop")]);
    let request = ledger.steering("shop", Steer::Pause);
    journal.extend(entries(&mut ledger, Event::Steer(request)));
    let mut ledger = Ledger::restored(restarted(journal));
    ledger.reload(&[service("shop")]);
    assert!(ledger.view("shop").shift.unwrap().paused);
    assert_eq!(ledger.state.next_wake(), None);
}

#[test]
fn a_restart_with_a_file_that_does_not_name_the_service_ends_its_shift() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let request = ledger.gradual("shop", Green, &["10%"]);
    let mut journal = vec![seen()];
    journal.extend(entries(&mut ledger, Event::Switch(request)));
    let mut ledger = Ledger::restored(restarted(journal));
    let applied = ledger.reload(&[service("api")]);
    let aborted = "record: aborted shop blue>green tenure 2 Aborted";
    assert!(applied.contains(&aborted.to_owned()), "{applied:?}");
    assert_eq!(
        ledger.state.history(Some("shop"))[0].outcome,
        Outcome::Aborted
    );
    ledger.reload(&[service("shop")]);
    assert_eq!(share_of(&ledger), None);
}
