//! What a reload changes and, above all, what it does not; and who has authority over the live colour.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::{num::NonZeroU16, sync::Arc, time::Duration};

use cutover::core::{
    event::{Event, Restored, RestoredService},
    ids::{ByColour, Colour, Colour::*, EndpointAddr, ListenerId, Tenure},
    operation::OWN_OPS,
    reconcile::RETIRED_LIMIT,
    service::{ListenerScope, ServiceSpec},
    share::Share,
    switch::Outcome,
};

use ledger::*;

fn live(colour: Colour) -> ServiceSpec {
    ServiceSpec {
        live: colour,
        ..service("shop")
    }
}

fn restored(live: Colour, file_live: Colour) -> Restored {
    let service = RestoredService {
        live,
        tenure: Tenure(5),
        file_live,
        endpoints: ByColour::default(),
        drained: ByColour::default(),
        history: Vec::new(),
        shift: None,
    };
    Restored {
        services: [(self::service("shop").name, service)].into(),
    }
}

#[test]
fn a_service_first_seen_takes_the_colour_of_the_file() {
    let mut ledger = Ledger::new();
    assert_eq!(
        ledger.reload(&[service("shop")]),
        [
            "notice: shop added, blue live, restored false",
            "record: seen shop file blue, live blue tenure 1",
            "publish 1: shop blue/1 -|-",
            "watch 10.0.0.1:80, 10.0.0.1:81",
            "applied: service `shop` added, blue is live; listener `web` added",
            "notice: reloaded by 1",
        ]
    );
}

#[test]
fn the_journal_has_authority_over_the_live_colour() {
    let mut ledger = Ledger::restored(restored(Green, Blue));
    let applied = ledger.reload(&[live(Blue)]);
    assert_eq!(applied[0], "notice: shop added, green live, restored true");
    assert_eq!(applied[1], "publish 1: shop green/5 -|-");
    let view = ledger.view("shop");
    assert!(view.drift);
    assert_eq!((view.tenure, view.rollback_to), (Tenure(5), Some(Blue)));
}

#[test]
fn a_rollback_works_after_a_restart() {
    let mut ledger = Ledger::restored(restored(Green, Blue));
    ledger.reload(&[live(Blue)]);
    ledger.all_healthy();
    let request = ledger.rollback("shop");
    assert_eq!(
        ledger.on(Event::Switch(request)),
        ["journal 1: switched shop green>blue tenure 6 Committing rollback"]
    );
}

#[test]
fn an_unrelated_edit_never_undoes_an_operators_switch() {
    let mut ledger = Ledger::serving(&[live(Blue)]);
    ledger.switched("shop", Green);
    let mut edited = live(Blue);
    edited.timeouts.connect = Duration::from_secs(9);
    assert_eq!(
        ledger.reload(&[edited]),
        [
            "publish 5: shop green/2 +|+",
            "applied: service `shop`: `timeouts` changed",
            "notice: reloaded by 5"
        ]
    );
    assert!(ledger.view("shop").drift);
}

#[test]
fn a_changed_live_in_the_file_is_a_switch_like_any_other() {
    let mut ledger = Ledger::serving(&[live(Blue)]);
    let op = OWN_OPS | 1;
    let switched = format!("journal {op}: switched shop blue>green tenure 2 Committing");
    assert_eq!(
        ledger.reload(&[live(Green)]),
        [
            "publish 4: shop blue/1 +|+",
            "applied: service `shop`: `live` changed from blue to green, asked for a switch",
            "notice: reloaded by 4",
            switched.as_str(),
        ]
    );
    let written = ledger.journaled(op);
    let seen = "record: seen shop file green, live green tenure 2";
    assert_eq!(written.last().unwrap(), seen, "not before it is so");
    let committed = ledger.barrier_passed(op, &[]);
    assert_eq!(
        committed.len(),
        2,
        "nobody waits for an answer: {committed:?}"
    );
    let receipt = &ledger.state.history(None)[0];
    assert_eq!(receipt.actor.name, "file");
    let reason = receipt.reason.as_deref();
    assert_eq!(reason, Some("`live` changed from blue to green"));
}

#[test]
fn a_live_that_changed_while_cutover_was_down_is_a_switch_too() {
    let mut ledger = Ledger::restored(restored(Blue, Blue));
    let applied = ledger.reload(&[live(Green)]);
    assert!(
        !applied.iter().any(|it| it.starts_with("record")),
        "a kill now must not lose it: {applied:?}"
    );
    assert_eq!(
        applied.last().unwrap(),
        "notice: shop>green waits up to 30s",
        "no endpoint has been probed yet"
    );
}

#[test]
fn a_switch_of_the_file_that_is_refused_is_told_and_the_drift_stays_visible() {
    let mut ledger = Ledger::new();
    ledger.reload(&[live(Blue)]);
    ledger.reload(&[live(Green)]);
    ledger.passes(Duration::from_secs(30));
    assert_eq!(
        ledger.on(Event::Woke),
        [
            "record: seen shop file green, live blue tenure 1",
            "notice: refused to file: pool `green` of service `shop` has 0 of 1 endpoints ready, \
             `10.0.0.1:81`: not probed yet"
        ]
    );
    assert!(ledger.view("shop").drift);
    assert_eq!(
        ledger.reload(&[live(Green)]).len(),
        2,
        "it is not asked again"
    );
}

#[test]
fn a_file_that_takes_its_wish_back_is_not_switched_against_its_word() {
    let mut ledger = Ledger::new();
    ledger.reload(&[live(Blue)]);
    ledger.reload(&[live(Green)]);
    assert!(ledger.view("shop").waiting.is_some());
    assert_eq!(
        ledger.reload(&[live(Blue)]),
        [
            "record: seen shop file blue, live blue tenure 1",
            "publish 3: shop blue/1 -|-",
            "applied: service `shop`: `live` changed from green to blue, it is live already",
            "notice: reloaded by 3",
            "notice: refused to file: the switch of service `shop` to green was aborted by `file`; \
             blue is live, as before",
        ]
    );
    let green = ledger.id("shop", Green, GREEN);
    ledger.passed(green);
    assert_eq!(ledger.state.history(None), []);
    assert!(ledger.view("shop").waiting.is_none());
}

#[test]
fn a_wish_that_a_shutdown_cut_short_is_the_next_processs() {
    let mut ledger = Ledger::new();
    ledger.reload(&[live(Blue)]);
    ledger.reload(&[live(Green)]);
    let refused = ledger.on(Event::ShuttingDown);
    assert_eq!(
        refused,
        ["notice: refused to file: cutover is shutting down"]
    );
}

/// `shop` with a step of 10 %, all endpoints healthy.
fn gradual(colour: Colour) -> ServiceSpec {
    let mut spec = live(colour);
    spec.switch.shift.steps = [Share::of_parts(1_000)].into();
    spec
}

#[test]
fn a_file_that_takes_its_wish_back_aborts_the_shift_that_it_has_begun() {
    let mut ledger = Ledger::serving(&[gradual(Blue)]);
    ledger.reload(&[gradual(Green)]);
    let began = ledger.own_journaled(1);
    let seen = "record: seen shop file green, live blue tenure 1".to_owned();
    assert!(
        began.contains(&seen),
        "the shift is its own record: {began:?}"
    );
    assert!(ledger.view("shop").shift.is_some());
    let applied = ledger.reload(&[gradual(Blue)]);
    assert!(
        applied.last().unwrap().starts_with("journal"),
        "{applied:?}"
    );
    ledger.own_journaled(2);
    ledger.barrier_passed(OWN_OPS | 2, &[]);
    let receipt = ledger.state.history(None).remove(0);
    assert_eq!(receipt.outcome, Outcome::Aborted);
    let shift = receipt.shift.unwrap();
    assert_eq!(shift.aborted_by.unwrap().name, "file");
    assert_eq!(ledger.view("shop").live, Blue);
    assert!(ledger.view("shop").shift.is_none());
}

#[test]
fn a_wish_against_the_shift_of_an_operator_is_refused_and_told() {
    let mut ledger = Ledger::serving(&[live(Green)]);
    ledger.switched("shop", Blue);
    ledger.shift("shop", Green, &["10%"]);
    ledger.journaled(2);
    let applied = ledger.reload(&[live(Blue)]);
    let told = applied.last().unwrap();
    assert!(
        told.starts_with("notice: refused to file: service `shop` is being shifted to green"),
        "{applied:?}"
    );
    let seen = "record: seen shop file blue, live blue tenure 2".to_owned();
    assert!(applied.contains(&seen), "{applied:?}");
    assert!(ledger.view("shop").shift.is_some());
}

#[test]
fn a_file_leaves_alone_what_an_operator_waits_for() {
    let mut ledger = Ledger::serving(&[live(Green)]);
    ledger.switched("shop", Blue);
    let green = ledger.id("shop", Green, GREEN);
    ledger.refused(green);
    ledger.refused(green);
    ledger.refused(green);
    ledger.switch("shop", Green);
    assert!(ledger.view("shop").waiting.is_some());
    ledger.reload(&[live(Blue)]);
    assert!(ledger.view("shop").waiting.is_some());
}

#[test]
fn a_file_that_catches_up_with_the_state_asks_for_nothing() {
    let mut ledger = Ledger::serving(&[live(Blue)]);
    ledger.switched("shop", Green);
    let applied = ledger.reload(&[live(Green)]);
    assert_eq!(
        applied[0],
        "record: seen shop file green, live green tenure 2"
    );
    assert_eq!(applied.len(), 4, "{applied:?}");
    assert!(!ledger.view("shop").drift);
}

#[test]
fn an_equal_file_changes_nothing() {
    let mut ledger = Ledger::serving(&[service("api"), service("shop")]);
    let before = Arc::clone(ledger.state.snapshot());
    assert_eq!(
        ledger.reload(&[service("api"), service("shop")]),
        ["applied: ", "notice: reloaded by 5"]
    );
    assert!(Arc::ptr_eq(&before, ledger.state.snapshot()));
}

#[test]
fn untouched_services_and_listeners_keep_their_very_values() {
    let on = |name: &str, listener: &str| ServiceSpec {
        listeners: ListenerScope::Named(vec![cutover::core::ids::ListenerName::new(listener)]),
        ..service(name)
    };
    let listeners = [(1, "web"), (2, "intern")];
    let mut ledger = Ledger::new();
    ledger.reload_with(&[on("api", "intern"), on("shop", "web")], &listeners);
    let (before, api) = (Arc::clone(ledger.state.snapshot()), ledger.service("api"));
    let mut shop = on("shop", "web");
    shop.routes[0].prefix = "/elsewhere".to_owned();
    ledger.reload_with(&[on("api", "intern"), shop], &listeners);
    let after = ledger.state.snapshot();
    let table = |of: &cutover::core::snapshot::Snapshot, id| {
        Arc::clone(of.routes_of(ListenerId(id)).unwrap())
    };
    assert!(Arc::ptr_eq(&api, &ledger.service("api")));
    assert!(Arc::ptr_eq(&table(&before, 2), &table(after, 2)));
    assert!(!Arc::ptr_eq(&table(&before, 1), &table(after, 1)));
    assert_eq!(table(after, 1).find("any", "/shop"), None);
}

#[test]
fn an_endpoint_that_stays_keeps_what_is_known_of_it() {
    let mut ledger = Ledger::serving(&[service_with("shop", &[BLUE, "10.0.0.2:80"], &[GREEN])]);
    let before = ledger.endpoint("shop", Blue, BLUE);
    ledger.reset(before.id);
    let green = ledger.service("shop").pools.green.clone();
    let applied = ledger.reload(&[service_with("shop", &["10.0.0.3:80", BLUE], &[GREEN])]);
    assert_eq!(
        applied[2],
        "applied: pool `blue` of service `shop`: 1 endpoint added, 1 endpoint removed"
    );
    let after = ledger.endpoint("shop", Blue, BLUE);
    assert_eq!(before.id, after.id);
    assert!(Arc::ptr_eq(&before.counter, &after.counter));
    assert!(!after.ready, "still ejected");
    assert!(Arc::ptr_eq(&green, &ledger.service("shop").pools.green));
    ledger.passes(Duration::from_secs(2));
    assert_eq!(ledger.on(Event::Woke).len(), 2, "and it comes back");
}

#[test]
fn a_removed_endpoint_is_forgotten_with_its_ejection() {
    let mut ledger = Ledger::serving(&[service_with("shop", &[BLUE, "10.0.0.2:80"], &[GREEN])]);
    let id = ledger.id("shop", Blue, BLUE);
    ledger.reset(id);
    ledger.reload(&[service_with("shop", &["10.0.0.2:80"], &[GREEN])]);
    assert_eq!(ledger.state.next_wake(), None);
    assert_eq!(ledger.passed(id), [""; 0]);
    assert_eq!(ledger.reset(id), [""; 0]);
}

#[test]
fn only_a_changed_probe_or_set_of_endpoints_is_watched_anew() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let watches = |lines: Vec<String>| lines.iter().any(|it| it.starts_with("watch"));
    let mut shop = service("shop");
    shop.pools.blue[0].weight = NonZeroU16::new(7).unwrap();
    assert!(!watches(ledger.reload(&[shop.clone()])));
    shop.probe.rise = 9;
    assert!(watches(ledger.reload(&[shop.clone()])));
    shop.pools.green.clear();
    assert!(watches(ledger.reload(&[shop])));
}

#[test]
fn a_service_that_comes_back_stands_where_it_stood() {
    let mut ledger = Ledger::serving(&[service("api"), service("shop")]);
    ledger.switched("shop", Green);
    let counter = Arc::clone(&ledger.service("shop").tenure);
    let removed = ledger.reload(&[service("api")]);
    assert_eq!(removed[0], "notice: shop removed");
    assert_eq!(removed[1], "publish 7: api blue/1 +|+");
    assert!(ledger.state.view("shop", ledger.now()).is_none());
    assert_eq!(ledger.state.history(Some("shop")).len(), 1);
    ledger.reload(&[service("api"), service("shop")]);
    assert_eq!(ledger.view("shop").live, Green);
    assert!(Arc::ptr_eq(&counter, &ledger.service("shop").tenure));
}

#[test]
fn slots_are_stable_and_reused() {
    let mut ledger = Ledger::serving(&[service("api"), service("cart"), service("shop")]);
    let slot = |ledger: &Ledger, name: &str| ledger.service(name).slot.0;
    assert_eq!(slot(&ledger, "shop"), 2);
    ledger.reload(&[service("shop"), service("web")]);
    assert_eq!((slot(&ledger, "shop"), slot(&ledger, "web")), (2, 0));
    let snapshot = ledger.state.snapshot();
    let routes = snapshot.routes_of(ListenerId(1)).unwrap();
    assert_eq!(routes.find("any", "/web"), Some(ledger.service("web").slot));
    assert_eq!(routes.find("any", "/api"), None);
}

#[test]
fn a_listener_bound_anew_gets_a_table_and_one_that_is_gone_loses_it() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let applied = ledger.reload_with(&[service("shop")], &[(2, "web")]);
    assert_eq!(applied[1], "applied: listener `web` bound anew");
    assert!(ledger.state.snapshot().routes_of(ListenerId(1)).is_none());
    assert!(ledger.state.snapshot().routes_of(ListenerId(2)).is_some());
    let applied = ledger.reload_with(&[service("shop")], &[]);
    assert_eq!(applied[1], "applied: listener `web` removed");
    assert!(ledger.state.snapshot().routes.is_empty());
}

#[test]
fn a_live_pool_that_the_file_empties_is_told() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switched("shop", Green);
    let applied = ledger.reload(&[service_with("shop", &[BLUE], &[])]);
    assert_eq!(
        applied[2],
        "applied: pool `green` of service `shop`: 1 endpoint removed; \
         service `shop`: the live pool `green` has no endpoints, requests are answered 503"
    );
    assert_eq!(ledger.view("shop").live, Green);
}

#[test]
fn a_switch_in_the_journal_stands_even_if_the_service_is_removed_meanwhile() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switch("shop", Green);
    ledger.reload(&[]);
    assert_eq!(ledger.journaled(1), ["barrier 1: shop blue/1"]);
    ledger.barrier_passed(1, &[]);
    ledger.reload(&[service("shop")]);
    assert_eq!(ledger.view("shop").live, Green);
}

#[test]
fn endpoints_of_the_journal_are_kept_until_the_file_names_them() {
    let addr = |text: &str| (EndpointAddr::new(text), NonZeroU16::MIN);
    let mut journal = restored(Blue, Blue);
    let shop = journal.services.get_mut("shop").unwrap();
    shop.endpoints.blue = vec![addr("10.0.0.8:80"), addr("10.0.0.9:80")];
    let mut ledger = Ledger::restored(journal);
    let applied = ledger.reload(&[service_with("shop", &[BLUE, "10.0.0.9:80"], &[GREEN])]);
    assert_eq!(applied[0], "record: deregistered shop blue 10.0.0.9:80");
    let blue = &ledger.service("shop").pools.blue;
    let addrs: Vec<_> = blue.endpoints.iter().map(|it| it.addr.as_str()).collect();
    assert_eq!(addrs, [BLUE, "10.0.0.9:80", "10.0.0.8:80"]);
}

#[test]
fn what_is_known_of_services_that_no_file_names_is_bounded() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    ledger.switched("shop", Green);
    ledger.drained("shop", 1, counts(0, 0));
    ledger.reload(&[]);
    let many = (1..RETIRED_LIMIT).map(|number| service(&format!("s{number}")));
    ledger.reload(&many.collect::<Vec<_>>());
    ledger.reload(&[]);
    let known = ledger.reload(&[service("shop")]);
    assert_eq!(known[0], "notice: shop added, green live, restored true");
    ledger.reload(&[service("one"), service("two")]);
    let forgotten = ledger.reload(&[service("s1"), service("s10"), service("shop")]);
    let added: Vec<_> = forgotten
        .iter()
        .filter(|it| it.contains("added,"))
        .collect();
    assert_eq!(added[0], "notice: s1 added, blue live, restored true");
    ledger.reload(&[]);
    let forgotten = ledger.reload(&[service("s100"), service("shop")]);
    assert_eq!(
        forgotten[0],
        "notice: s100 added, blue live, restored false"
    );
    assert_eq!(ledger.view("shop").live, Green);
}
