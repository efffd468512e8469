//! How sessions finish on the old colour after a switch, event by event.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::time::Duration;

use cutover::core::{
    affinity::{AffinityMode, AffinitySpec},
    event::{BarrierPassed, Event, Restored, RestoredService},
    ids::{ByColour, Colour::*, OpId, ServiceName, Tenure},
    operation::OWN_OPS,
    service::ServiceSpec,
    view::HindranceKind,
};

use ledger::*;

const MINUTE: Duration = Duration::from_secs(60);
/// The number of the counter of tenure 1's sessions.
const SESSIONS: u64 = 1 << 62 | 1;

fn shop(mode: AffinityMode) -> ServiceSpec {
    ServiceSpec {
        affinity: Some(AffinitySpec {
            mode,
            cookie: "cutover-shop".into(),
            deadline: MINUTE,
        }),
        ..service("shop")
    }
}

/// A service whose switch to green has been committed and has drained.
fn switched() -> Ledger {
    let mut ledger = Ledger::serving(&[shop(AffinityMode::Finish)]);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, counts(0, 0));
    ledger
}

fn lingers(ledger: &Ledger) -> bool {
    let former = ledger.service("shop").former.clone();
    former.is_some_and(|it| it.session == Tenure(1) && it.tenure.colour() == Blue)
}

fn hindrances(ledger: &Ledger) -> Vec<HindranceKind> {
    let safe = ledger.state.safe_to_stop("shop", Blue, ledger.now());
    let reasons = safe.into_iter().flat_map(|it| it.reasons);
    reasons.map(|it| it.kind).collect()
}

#[test]
fn sessions_finish_until_the_deadline_and_what_is_left_is_cut_and_counted() {
    let mut ledger = switched();
    assert!(lingers(&ledger));
    assert_eq!(hindrances(&ledger), [HindranceKind::Sessions]);
    let due = ledger.state.next_wake().unwrap();
    assert_eq!(due - ledger.now().instant, MINUTE);
    ledger.passes(MINUTE);
    let closed = ledger.on(Event::Woke);
    assert_eq!(closed[0], "publish 5: shop green/2 +|+");
    let own = OWN_OPS | 1;
    assert_eq!(closed[1], format!("barrier {own}: shop blue/{SESSIONS}"));
    assert_eq!(
        hindrances(&ledger),
        [HindranceKind::Sessions],
        "until the barrier"
    );
    assert_eq!(
        ledger.barrier_passed(own, &[]),
        [format!("drain shop blue/{SESSIONS}")]
    );
    assert_eq!(hindrances(&ledger), []);
    ledger.passes(Duration::from_secs(10));
    assert_eq!(
        ledger.on(Event::Woke),
        [format!("cut shop blue/{SESSIONS}")]
    );
    let mut ended = counts(9, 7);
    ended.cut_by_deadline = 2;
    let settled = ledger.drained("shop", SESSIONS, ended);
    assert_eq!(
        settled,
        ["record: settled shop blue>green tenure 2 Drained"]
    );
    let account = ledger.state.history(Some("shop"))[0].affinity.unwrap();
    assert_eq!((account.stayed, account.stranded), (9, 2));
    assert_eq!(ledger.state.next_wake(), None);
}

#[test]
fn the_receipt_of_the_switch_is_written_once_both_have_ended() {
    let mut ledger = Ledger::serving(&[shop(AffinityMode::Finish)]);
    ledger.switched("shop", Green);
    let mut gone = service("shop");
    gone.switch.drain_deadline = 5 * MINUTE;
    ledger.reload(&[gone]);
    ledger.barrier_passed(OWN_OPS | 1, &[]);
    assert_eq!(ledger.drained("shop", SESSIONS, counts(4, 4)), [""; 0]);
    let settled = ledger.drained("shop", 1, counts(0, 0));
    assert!(settled[0].starts_with("record: settled shop blue>green tenure 2"));
    let account = ledger.state.history(Some("shop"))[0].affinity;
    assert_eq!(account.unwrap().stayed, 4);
}

#[test]
fn a_rollback_leaves_nobody_behind_and_another_switch_ends_it() {
    let mut ledger = switched();
    let rollback = ledger.rollback("shop");
    ledger.on(Event::Switch(rollback));
    let published = ledger.journaled(2);
    assert!(ledger.service("shop").former.is_none());
    assert_eq!(
        published.last().unwrap(),
        &format!("barrier {}: shop blue/{SESSIONS}", OWN_OPS | 1)
    );
    ledger.barrier_passed(2, &[]);
    ledger.barrier_passed(OWN_OPS | 1, &[]);
    ledger.switched("shop", Green);
    let former = ledger.service("shop").former.clone().unwrap();
    assert_eq!(former.session, Tenure(3), "those of the rollback's tenure");
}

#[test]
fn nobody_lingers_who_is_not_asked_to() {
    for spec in [shop(AffinityMode::Shift), service("shop")] {
        let mut ledger = Ledger::serving(&[spec]);
        ledger.switched("shop", Green);
        assert!(ledger.service("shop").former.is_none());
    }
    let mut ledger = switched();
    ledger.reload(&[shop(AffinityMode::Shift)]);
    assert!(ledger.service("shop").former.is_none());
    let mut ledger = switched();
    ledger.reload(&[service("api")]);
    ledger.barrier_passed(OWN_OPS | 1, &[]);
    ledger.reload(&[shop(AffinityMode::Finish)]);
    assert!(!lingers(&ledger), "requests of them are left from before");
    ledger.drained("shop", SESSIONS, counts(1, 1));
    ledger.reload(&[service("api")]);
    ledger.reload(&[shop(AffinityMode::Finish)]);
    assert!(lingers(&ledger), "it is as after a restart");
}

#[test]
fn a_restart_finds_the_sessions_whose_time_is_not_over() {
    let before = switched();
    for (passed, expected) in [(Duration::from_secs(59), true), (MINUTE, false)] {
        let service = RestoredService {
            live: Green,
            tenure: Tenure(2),
            file_live: Blue,
            endpoints: ByColour::default(),
            drained: ByColour::default(),
            history: before.state.history(Some("shop")),
            shift: None,
        };
        let services = [(ServiceName::new("shop"), service)].into();
        let mut ledger = Ledger::restored(Restored { services });
        ledger.passes(passed);
        ledger.reload(&[shop(AffinityMode::Finish)]);
        assert_eq!(lingers(&ledger), expected, "{passed:?}");
    }
}

#[test]
fn a_worker_that_misses_the_barrier_of_the_sessions_may_still_route_to_them() {
    let mut ledger = switched();
    ledger.passes(MINUTE);
    ledger.on(Event::Woke);
    let passed = |op, missing| {
        Event::BarrierPassed(BarrierPassed {
            op,
            took: Duration::from_secs(5),
            counts: Vec::new(),
            missing,
        })
    };
    let told = ledger.on(passed(OpId(OWN_OPS | 1), 1));
    assert!(
        told.iter().any(|it| it.contains("missed")),
        "it is told: {told:?}"
    );
    ledger.drained("shop", SESSIONS, counts(0, 0));
    assert_eq!(hindrances(&ledger), [HindranceKind::Unproven]);
    // Any later barrier that all have passed proves it, whoever's it is.
    let _ = ledger.effects(passed(OpId(99), 0));
    assert_eq!(hindrances(&ledger), []);
}
