//! The tour's screen says what is so, in the room that it has.

use std::time::Duration;

use cutover::{
    core::{
        ids::{ByColour, Colour, ServiceName, Tenure},
        switch::{Actor, ActorKind, Broken, Cut, Outcome, Receipt},
        time::Timestamp,
    },
    demo::screen::{LoadPicture, Picture, PoolPicture},
    terminal::{Ink, Line, Size},
};

#[test]
fn a_frame_shows_both_colours_the_load_and_the_last_receipt() {
    let text = text(&picture().draw(USUAL));
    for part in [
        "http://127.0.0.1:8080",
        "BLUE   version 1   standby   2/2 ready",
        "GREEN  version 2   LIVE      1/2 ready",
        "FAILED  0   of 12 345 requests",
        "p50 0.4 ms   p99 3.0 ms   in flight 17   websockets 4",
        "tenure 9: switch blue -> green by demo",
        "every worker had left blue after 84 us",
        "14 in flight: 11 finished, 3 replayed, 0 cut, drained in 2.5 s",
        "tenure 8: rollback green -> blue by demo",
        "cutover switch shop blue --admin http://127.0.0.1:9900",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn a_failure_is_loud() {
    let mut picture = picture();
    picture.load.failed = 3;
    picture.load.last_failure = Some("get demo-7: cut: reset".to_owned());
    let lines = picture.draw(USUAL);
    let alarm = |line: &&Line| line.0.iter().any(|(ink, _)| *ink == Ink::Alarm);
    let loud = lines.iter().filter(alarm).map(Line::text);
    let loud = loud.collect::<Vec<_>>().join("\n");
    assert!(loud.contains("FAILED  3"), "{loud}");
    assert!(loud.contains("get demo-7: cut: reset"), "{loud}");
}

#[test]
fn the_bar_is_shared_as_the_answers_are() {
    for (blue, green, cells) in [
        (300.0, 100.0, (54, 18)),
        (0.0, 100.0, (0, 72)),
        // One answer of a thousand is still seen.
        (999.0, 1.0, (71, 1)),
    ] {
        let mut picture = picture();
        picture.pools.blue.rate = blue;
        picture.pools.green.rate = green;
        let lines = picture.draw(USUAL);
        let of = |colour| {
            let parts = lines.iter().flat_map(|line| &line.0);
            let bar = parts.filter(|(ink, _)| *ink == Ink::Block(colour));
            bar.map(|(_, text)| text.chars().count()).sum::<usize>()
        };
        assert_eq!((of(Colour::Blue), of(Colour::Green)), cells);
    }
}

#[test]
fn a_waiting_switch_is_seen() {
    let mut picture = picture();
    picture.waiting = Some(Colour::Blue);
    let text = text(&picture.draw(USUAL));
    assert!(text.contains("gates ..."), "{text}");
}

#[test]
fn a_frame_never_exceeds_its_terminal() {
    let mut picture = picture();
    let newest = picture.history[0].clone();
    picture.history = vec![newest; 40];
    for columns in [0, 1, 20, 80, 300] {
        for rows in [0, 1, 5, 24, 100] {
            let lines = picture.draw(Size { columns, rows });
            assert!(lines.len() <= rows, "{} lines in {rows}", lines.len());
            for line in lines {
                assert!(line.text().chars().count() <= columns);
            }
        }
    }
}

#[test]
fn the_past_gives_way_before_the_keys_do() {
    let mut picture = picture();
    let newest = picture.history[0].clone();
    picture.history = vec![newest; 40];
    let text = text(&picture.draw(Size {
        columns: 80,
        rows: 18,
    }));
    assert!(text.contains("q quit"), "{text}");
}

fn picture() -> Picture {
    let pool = |version, ready, rate| PoolPicture {
        version,
        ready,
        endpoints: 2,
        in_flight: 3,
        rate,
    };
    Picture {
        service: "shop".to_owned(),
        proxy: "http://127.0.0.1:8080".to_owned(),
        admin: "http://127.0.0.1:9900".to_owned(),
        live: Colour::Green,
        waiting: None,
        pools: ByColour {
            blue: pool(1, 2, 0.0),
            green: pool(2, 1, 600.0),
        },
        load: LoadPicture {
            opened: 12_345,
            in_flight: 17,
            websockets: 4,
            p50: Some(Duration::from_micros(420)),
            p99: Some(Duration::from_millis(3)),
            ..LoadPicture::default()
        },
        history: vec![receipt(9, false), receipt(8, true)],
        notice: None,
    }
}

fn receipt(tenure: u64, rollback: bool) -> Receipt {
    let (from, to) = if rollback {
        (Colour::Green, Colour::Blue)
    } else {
        (Colour::Blue, Colour::Green)
    };
    Receipt {
        service: ServiceName::new("shop"),
        from,
        to,
        tenure: Tenure(tenure),
        actor: Actor {
            kind: ActorKind::Admin,
            name: "demo".to_owned(),
        },
        reason: None,
        rollback,
        forced: false,
        group: None,
        once: None,
        requested_at: Timestamp::from_millis(1_000),
        committed_at: Some(Timestamp::from_millis(1_000)),
        gate_ms: 0,
        gates: Vec::new(),
        barrier_us: Some(84),
        unproven_workers: 0,
        in_flight_at_commit: 14,
        finished: 11,
        replayed: 3,
        cut: Cut::default(),
        broken: Broken::default(),
        drained_at: Some(Timestamp::from_millis(3_500)),
        outcome: Outcome::Drained,
        shift: None,
        affinity: None,
    }
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
}

const USUAL: Size = Size {
    columns: 80,
    rows: 24,
};
