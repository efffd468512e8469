//! `docs/terminal.md` shows what operators see: every text block there that has a name is drawn here, from values, and must
//! be the same. `CUTOVER_DRAW=1 cargo test --lib screens` writes them anew; look at what has changed then.

use std::{collections::BTreeMap, fs, path::Path};

use super::sights::{NOW, pulse, service};
use crate::{
    admin::{
        rig::{self, receipt},
        wire::About,
    },
    cli::{
        feed::{Fed, Notice},
        history,
        init::tests::conversation,
        output::Look,
        plan,
        progress::stage,
        sight::Sight,
        status,
        top::drawn,
        watch::picture,
    },
    core::{
        gate::{
            plan::{Plan, ShiftOutline},
            verdict::{GateKind, Verdict},
        },
        ids::Colour,
        switch::{Outcome, Receipt, Refusal},
        time::Timestamp,
        view::{ServiceView, WaitingView},
    },
    terminal::{Key, Line, Size, wrapped},
};

const WIDE: Size = Size {
    columns: 110,
    rows: 20,
};
const NARROW: Size = Size {
    columns: 60,
    rows: 20,
};

fn look(size: Size) -> Look {
    Look {
        width: Some(size.columns),
        live: Some(size.columns),
        coloured: true,
        now: NOW,
    }
}

/// As it is read on a terminal of that size.
fn read(painted: &str, size: Size) -> String {
    text(&Line::read(&wrapped(painted, size.columns)))
}

fn text(lines: &[Line]) -> String {
    let lines = lines.iter().map(|line| line.text().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// A service on which nothing is odd.
fn calm(name: &str) -> ServiceView {
    let mut view = service(name);
    let mut well = view.pools.green.clone();
    well.in_flight = 0;
    view.pools.blue = well;
    view.drift = false;
    view
}

/// `shop`, whose blue pool drains.
fn draining() -> ServiceView {
    let mut view = service("shop");
    let half = Receipt {
        in_flight_at_commit: 41,
        finished: 38,
        replayed: 0,
        barrier_us: Some(84),
        drained_at: None,
        outcome: Outcome::Draining,
        requested_at: Timestamp::from_millis(NOW.millis() - 2_000),
        ..receipt()
    };
    view.draining = vec![half.clone()];
    view.last_switch = Some(half);
    view
}

/// `pay`, a switch of which waits for its gates.
fn waiting() -> ServiceView {
    let mut view = calm("pay");
    let Refusal::Gates(mut gates) = rig::gates() else {
        panic!("gates are refused by gates");
    };
    view.live = Colour::Green;
    gates[0].colour = Colour::Blue;
    gates[0].service = view.service.clone();
    view.waiting = Some(WaitingView {
        to: Colour::Blue,
        actor: receipt().actor,
        since: NOW,
        gate: GateKind::MinReady,
        gate_since: NOW,
        gate_until: Timestamp::from_millis(NOW.millis() + 12_000),
        gates,
    });
    view
}

fn services() -> [ServiceView; 4] {
    [
        calm("api"),
        calm("checkout-and-payments"),
        waiting(),
        draining(),
    ]
}

fn told() -> Vec<Fed> {
    let notice = |text: &str| {
        let at = "2023-11-14T22:14:48.000Z".to_owned();
        let text = text.to_owned();
        Fed::Notice(Notice { at, text })
    };
    vec![
        notice("pay: alice asked for blue; waiting for min_ready for up to 30s"),
        notice("shop: alice switched from blue to green"),
        Fed::Pulse(pulse(services(), 1_000)),
    ]
}

fn sight(more: Option<Fed>) -> Sight {
    let mut sight = Sight::default();
    let before = Timestamp::from_millis(NOW.millis() - 1_000);
    for fed in told() {
        sight.take_in(fed, before);
    }
    sight.take_in(Fed::Pulse(pulse(services(), 1_400)), NOW);
    if let Some(more) = more {
        sight.take_in(more, NOW);
    }
    sight
}

/// `top` after these keys.
fn top(size: Size, keys: &[Key], lost: bool) -> String {
    top_with(possible(), (size, keys, lost))
}

/// A plan of which nothing is in the way.
pub(in crate::cli) fn possible() -> Plan {
    let mut plan = rig::plan();
    plan.possible = true;
    for service in &mut plan.services {
        service.gates.retain(|it| it.verdict == Verdict::Passed);
        service.shift = Some(ShiftOutline {
            steps: ["10%", "50%"].map(|it| it.parse().unwrap()).into(),
            every_ms: 300_000,
            ramp_ms: 0,
        });
    }
    plan
}

/// The same, where questions are answered by this plan.
fn top_with(plan: Plan, (size, keys, lost): (Size, &[Key], bool)) -> String {
    let about = About {
        version: "0.0.0".to_owned(),
        actor: "alice".to_owned(),
        may_operate: true,
    };
    let lost = lost.then(|| Fed::Lost("the connection broke off".to_owned()));
    text(&drawn(about, sight(lost), (keys, plan), (size, NOW)))
}

/// What is typed at `cutover init`.
const ANSWERS: [&str; 7] = [
    "",
    "shop.example.com/",
    "10.0.0.1:8081",
    "10.0.0.1:8082",
    "80",
    "0.0.0.0:80",
    "/healthz",
];

/// Every screen of the page, by name.
fn screens() -> BTreeMap<&'static str, String> {
    let status = |size| read(&status::all(&services(), &look(size)), size);
    let stages = |view: &ServiceView| stage(view, Some(NOW)).unwrap().text();
    let lost = sight(Some(Fed::Lost("the connection broke off".to_owned())));
    let to_shop = [Key::End];
    let ask = [Key::End, Key::Char('s')];
    BTreeMap::from([
        ("status-wide", status(WIDE)),
        ("status-narrow", status(NARROW)),
        (
            "status-one",
            read(&status::one(&draining(), &look(WIDE)), WIDE),
        ),
        (
            "history-narrow",
            read(&history::text(&[receipt()], &look(NARROW)), NARROW),
        ),
        ("init", conversation(&ANSWERS, WIDE.columns)),
        ("plan", read(&plan::text(&rig::plan()), WIDE)),
        ("gates", stages(&waiting())),
        ("draining", stages(&draining())),
        (
            "watch-stale",
            read(&picture(&lost, None, &look(WIDE)), WIDE),
        ),
        ("top-wide", top(WIDE, &to_shop, false)),
        ("top-narrow", top(NARROW, &to_shop, false)),
        ("top-stale", top(NARROW, &[], true)),
        ("plan-gradual", read(&plan::text(&possible()), WIDE)),
        ("top-question", top(NARROW, &ask, false)),
        ("top-refused", top_with(rig::plan(), (NARROW, &ask, false))),
        (
            "top-service",
            top(Size { rows: 24, ..WIDE }, &[Key::End, Key::Enter], false),
        ),
        ("top-help", top(NARROW, &[Key::Char('?')], false)),
    ])
}

#[test]
fn the_page_about_the_terminal_shows_what_there_is_to_see() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/terminal.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut parts = page.split("<!-- screen: ");
    let mut drawn = parts.next().unwrap().to_owned();
    let mut screens = screens();
    for part in parts {
        let (name, rest) = part.split_once(" -->\n```text\n").unwrap();
        let (_, after) = rest.split_once("```\n").unwrap();
        let screen = screens.remove(name);
        let screen = screen.unwrap_or_else(|| panic!("the page has `{name}`, which nobody draws"));
        drawn += &format!("<!-- screen: {name} -->\n```text\n{screen}\n```\n{after}");
    }
    assert!(
        screens.is_empty(),
        "the page does not have {:?}",
        screens.keys()
    );
    if std::env::var_os("CUTOVER_DRAW").is_some() {
        fs::write(&path, &drawn).unwrap();
    } else {
        for (is, was) in drawn.lines().zip(page.lines()) {
            assert_eq!(is, was, "CUTOVER_DRAW=1 cargo test --lib screens");
        }
        assert_eq!(drawn, page);
    }
}
