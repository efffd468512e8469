//! How probes and traffic change who may be picked, and when that is published.

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;

use std::{sync::Arc, time::Duration};

use cutover::core::{
    event::Event,
    health::{Health, ProbeVerdict},
    ids::{Colour::*, EndpointId},
    service::ServiceSpec,
};

use ledger::*;

const SECOND: Duration = Duration::from_secs(1);
const SECOND_BLUE: &str = "10.0.0.2:80";
const THIRD_BLUE: &str = "10.0.0.3:80";

fn two_blue() -> ServiceSpec {
    service_with("shop", &[BLUE, SECOND_BLUE], &[GREEN])
}

#[test]
fn only_a_passed_probe_makes_an_endpoint_ready() {
    let mut ledger = Ledger::new();
    ledger.reload(&[service("shop")]);
    let (blue, green) = (
        ledger.id("shop", Blue, BLUE),
        ledger.id("shop", Green, GREEN),
    );
    assert_eq!(
        ledger.passed(blue),
        [
            "notice: 10.0.0.1:80 Healthy: probe passed",
            "publish 2: shop blue/1 +|-"
        ]
    );
    assert_eq!(ledger.passed(blue), [""; 0]);
    assert_eq!(
        ledger.refused(green),
        ["notice: 10.0.0.1:81 Unhealthy: connect refused"],
        "no request sees a difference"
    );
}

#[test]
fn rise_and_fall_damp_what_is_published() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    let blue = ledger.id("shop", Blue, BLUE);
    assert_eq!(ledger.refused(blue), [""; 0]);
    assert_eq!(ledger.refused(blue), [""; 0]);
    assert_eq!(ledger.refused(blue).len(), 2, "fall = 3");
    assert_eq!(ledger.passed(blue), [""; 0]);
    assert_eq!(ledger.passed(blue).len(), 2, "rise = 2");
}

#[test]
fn traffic_takes_an_endpoint_out_at_once_and_time_brings_it_back() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let id = ledger.id("shop", Blue, BLUE);
    assert_eq!(
        ledger.reset(id),
        [
            "notice: 10.0.0.1:80 ejected for 2s: connection reset",
            "publish 5: shop blue/1 -+|+"
        ]
    );
    assert_eq!(ledger.reset(id), [""; 0], "out already");
    let endpoint = &ledger.view("shop").pools.blue.endpoints[0];
    assert_eq!(endpoint.ejected_for_ms, Some(2_000));
    assert_eq!(endpoint.health, Health::Healthy);
    let why = endpoint.why.as_deref();
    assert_eq!(
        why,
        Some("ejected because of its traffic (connection reset), 2s left")
    );
    ledger.passes(2 * SECOND);
    assert_eq!(ledger.state.next_wake(), Some(ledger.now().instant));
    assert_eq!(
        ledger.on(Event::Woke),
        [
            "notice: 10.0.0.1:80 readmitted",
            "publish 6: shop blue/1 ++|+"
        ]
    );
    assert_eq!(
        ledger.reset(id)[0],
        "notice: 10.0.0.1:80 ejected for 4s: connection reset"
    );
}

#[test]
fn never_more_than_the_named_share_is_out() {
    let blue = [BLUE, SECOND_BLUE, THIRD_BLUE, "10.0.0.4:80", "10.0.0.5:80"];
    for (size, percent, out) in [
        (1, 100, 0),
        (2, 50, 1),
        (2, 10, 1),
        (2, 100, 1),
        (3, 50, 1),
        (4, 50, 2),
        (5, 100, 4),
        (5, 0, 0),
    ] {
        let mut shop = service_with("shop", &blue[..size], &[GREEN]);
        shop.passive.max_share_percent = percent;
        let mut ledger = Ledger::serving(&[shop]);
        for addr in &blue[..size] {
            let id = ledger.id("shop", Blue, addr);
            ledger.reset(id);
        }
        let ready = ledger.view("shop").pools.blue.ready;
        assert_eq!(size - ready, out, "{percent} % of {size}");
    }
}

#[test]
fn the_last_ready_endpoint_stays_whatever_its_traffic_says() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let (one, two) = (
        ledger.id("shop", Blue, BLUE),
        ledger.id("shop", Blue, SECOND_BLUE),
    );
    for _ in 0..3 {
        ledger.refused(one);
    }
    assert_eq!(ledger.reset(two), [""; 0]);
}

#[test]
fn an_ejected_endpoint_that_its_probes_find_unhealthy_comes_back_by_probes_alone() {
    let mut ledger = Ledger::serving(&[two_blue()]);
    let id = ledger.id("shop", Blue, BLUE);
    ledger.reset(id);
    ledger.refused(id);
    ledger.refused(id);
    assert_eq!(ledger.refused(id).len(), 1, "not ready before nor after");
    ledger.passes(2 * SECOND);
    assert_eq!(ledger.on(Event::Woke), ["notice: 10.0.0.1:80 readmitted"]);
    ledger.passed(id);
    assert_eq!(ledger.passed(id)[1], "publish 6: shop blue/1 ++|+");
}

#[test]
fn an_ejection_that_ends_opens_a_gate() {
    let mut shop = service_with("shop", &[BLUE], &[GREEN, "10.0.0.2:81"]);
    shop.switch.min_ready = cutover::core::service::MinReady::Percent(100);
    let mut ledger = Ledger::serving(&[shop]);
    let green = ledger.id("shop", Green, GREEN);
    ledger.reset(green);
    assert_eq!(
        ledger.switch("shop", Green),
        ["notice: shop>green waits up to 30s"]
    );
    ledger.passes(2 * SECOND);
    let woke = ledger.on(Event::Woke);
    assert_eq!(woke.len(), 3, "{woke:?}");
    assert!(woke[2].starts_with("journal 1"));
}

#[test]
fn addresses_are_published_only_when_they_change() {
    let named = service_with("shop", &["blue.internal:80"], &[GREEN]);
    let mut ledger = Ledger::serving(&[named]);
    let green = ledger.endpoint("shop", Green, GREEN);
    assert_eq!(green.resolved.as_ref(), [GREEN.parse().unwrap()]);
    let blue = ledger.endpoint("shop", Blue, "blue.internal:80");
    assert!(blue.resolved.is_empty());
    let resolved = |addrs: &[&str]| {
        let addrs: Arc<[_]> = addrs.iter().map(|it| it.parse().unwrap()).collect();
        Event::Resolved(blue.id, addrs)
    };
    let published = ["publish 4: shop blue/1 +|+"];
    assert_eq!(ledger.on(resolved(&[BLUE])), published);
    assert_eq!(ledger.on(resolved(&[BLUE])), [""; 0]);
    assert_eq!(
        ledger.on(resolved(&[])),
        [""; 0],
        "the last ones stay in use"
    );
    let blue = ledger.endpoint("shop", Blue, "blue.internal:80");
    assert_eq!(blue.resolved.as_ref(), [BLUE.parse().unwrap()]);
}

#[test]
fn a_verdict_about_nobody_changes_nothing() {
    let mut ledger = Ledger::serving(&[service("shop")]);
    assert_eq!(ledger.passed(EndpointId(99)), [""; 0]);
    assert_eq!(ledger.reset(EndpointId(99)), [""; 0]);
    assert_eq!(ledger.on(Event::Woke), [""; 0]);
}

/// A start among ten thousand services is a few publishes then, and not one for each endpoint.
#[test]
fn verdicts_that_come_together_are_one_publish() {
    let mut ledger = Ledger::new();
    ledger.reload(&[two_blue(), service("api")]);
    let ids = [
        ledger.id("shop", Blue, BLUE),
        ledger.id("api", Green, GREEN),
        ledger.id("shop", Blue, SECOND_BLUE),
        EndpointId(99),
    ];
    let verdicts = ids.map(|id| (id, ProbeVerdict::Passed));
    assert_eq!(
        ledger.on(Event::Probed(verdicts.to_vec())),
        [
            "notice: 10.0.0.1:80 Healthy: probe passed",
            "notice: 10.0.0.1:81 Healthy: probe passed",
            "notice: 10.0.0.2:80 Healthy: probe passed",
            "publish 2: shop blue/1 ++|-, api blue/1 -|+",
        ]
    );
    assert_eq!(ledger.on(Event::Probed(Vec::new())), [""; 0]);
}
