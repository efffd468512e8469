//! Every state of a switch with everything that can come upon it: what is answered, which colour is live at once, and
//! which in the end.
//!
//! The cells are read from the machine and compared with the table below, so that a change of any of them shows as a
//! change of the table. What must hold in all of them is asserted for each: traffic has somewhere to go at every moment
//! (`world.rs` looks after each event), everybody is answered, and nothing stays busy: the service can be switched again
//! without anybody touching the journal.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;
#[path = "support/reread.rs"]
mod reread;
#[path = "support/world.rs"]
mod world;

use std::{fmt::Write, sync::Arc, time::Duration};

use cutover::core::{
    event::Event,
    gate::word::Word,
    health::ProbeVerdict,
    ids::{Colour, ServiceName},
    service::ServiceSpec,
    share::Share,
    shift::Pace,
    state::State,
    steer::Steer,
    switch::{WaitFor, Wish},
};

use ledger::{WORKERS, check, service, service_with};
use world::World;

const SHOP: &str = "shop";

type Makes = fn() -> World;
type Command = fn(&mut World);

/// How a service comes to be in each state.
const STATES: [(&str, Makes); 13] = [
    ("idle", idle),
    ("waits for min_ready", waits_for_min_ready),
    ("asks a check", asks),
    ("waits for approval", waits_for_approval),
    ("being written", being_written),
    ("before its barrier", before_its_barrier),
    ("drains", drains),
    ("settled", settled),
    ("shift at 10%", shifts),
    ("shift paused", paused),
    ("shift held", held),
    ("shift's step written", step_being_written),
    ("shift aborted, drains", aborted),
];

/// What comes upon it.
const COMMANDS: [(&str, Command); 15] = [
    ("switch green", |it| {
        it.switch(to(Colour::Green), false, WaitFor::Committed)
    }),
    ("switch blue", |it| {
        it.switch(to(Colour::Blue), false, WaitFor::Committed)
    }),
    ("force green", |it| {
        it.switch(to(Colour::Green), true, WaitFor::Committed)
    }),
    ("shift green", |it| {
        let pace = Pace::Steps([Share::of_parts(100)].into(), Some(STEP));
        it.switch_at(to(Colour::Green), false, (WaitFor::Begun, pace));
    }),
    ("rollback", |it| {
        it.switch(
            Wish::Rollback(ServiceName::new(SHOP)),
            false,
            WaitFor::Committed,
        );
    }),
    ("abort", |it| {
        it.steer(SHOP, Steer::Abort, WaitFor::Committed)
    }),
    ("pause", |it| {
        it.steer(SHOP, Steer::Pause, WaitFor::Committed)
    }),
    ("resume", |it| {
        it.steer(SHOP, Steer::Resume, WaitFor::Committed)
    }),
    ("complete", |it| {
        it.steer(SHOP, Steer::Complete, WaitFor::Committed)
    }),
    ("approve", |it| it.says(SHOP, Word::Approve)),
    ("reload", |it| {
        let files = it.files.iter().map(|it| ServiceSpec::clone(it)).collect();
        it.reload(files);
    }),
    ("removed, back", |it| {
        let files = it.files.iter().map(|it| ServiceSpec::clone(it)).collect();
        it.reload(vec![service("other")]);
        it.reload(files);
        recovers(it);
    }),
    ("disk fails", |it| it.journal_answers(false)),
    ("green is lost", |it| loses(it, Colour::Green)),
    ("restart", restart),
];

fn to(colour: Colour) -> Wish {
    Wish::Switch([(ServiceName::new(SHOP), colour)].into())
}

fn serving(spec: ServiceSpec) -> World {
    let mut world = World::new();
    world.reload(vec![spec]);
    recovers(&mut world);
    world
}

fn idle() -> World {
    serving(service(SHOP))
}

fn waits_for_min_ready() -> World {
    let mut world = idle();
    loses(&mut world, Colour::Green);
    world.switch(to(Colour::Green), false, WaitFor::Committed);
    world
}

fn asks() -> World {
    let mut spec = service(SHOP);
    spec.switch.gates.checks = [Arc::new(check("/a"))].into();
    let mut world = serving(spec);
    world.switch(to(Colour::Green), false, WaitFor::Committed);
    world
}

fn waits_for_approval() -> World {
    let mut spec = service(SHOP);
    spec.switch.gates.approval = Some(Duration::from_secs(600));
    let mut world = serving(spec);
    world.switch(to(Colour::Green), false, WaitFor::Committed);
    world
}

fn being_written() -> World {
    let mut world = idle();
    world.switch(to(Colour::Green), false, WaitFor::Committed);
    world
}

fn before_its_barrier() -> World {
    let mut world = being_written();
    world.journal_answers(true);
    world
}

fn drains() -> World {
    let mut world = idle();
    world.claim(0);
    world.switch(to(Colour::Green), false, WaitFor::Committed);
    world.journal_answers(true);
    world.workers_answer(0);
    world
}

fn settled() -> World {
    let mut world = drains();
    world.settles();
    world
}

fn shift_begins() -> World {
    let mut world = serving(service_with(
        SHOP,
        &["10.0.0.1:80", "10.0.0.2:80"],
        &["10.0.0.1:81", "10.0.0.2:81"],
    ));
    let pace = Pace::Steps(
        [Share::of_parts(1000), Share::of_parts(5000)].into(),
        Some(STEP),
    );
    world.switch_at(to(Colour::Green), false, (WaitFor::Begun, pace));
    world
}

fn shifts() -> World {
    let mut world = shift_begins();
    world.journal_answers(true);
    world.claim(3);
    world
}

fn paused() -> World {
    let mut world = shifts();
    world.steer(SHOP, Steer::Pause, WaitFor::Committed);
    world.journal_answers(true);
    world
}

fn held() -> World {
    let mut world = shifts();
    loses(&mut world, Colour::Green);
    world.wakes_after(STEP);
    world
}

fn step_being_written() -> World {
    let mut world = shifts();
    world.wakes_after(STEP);
    world
}

fn aborted() -> World {
    let mut world = shifts();
    world.steer(SHOP, Steer::Abort, WaitFor::Committed);
    world.journal_answers(true);
    world.workers_answer(0);
    world
}

/// The process is killed, and another begins with the journal and the file.
fn restart(world: &mut World) {
    let files = world
        .files
        .iter()
        .map(|it| ServiceSpec::clone(it))
        .collect();
    let mut successor = World::new();
    successor.state = State::new(WORKERS, world.journal.clone());
    successor.journal = world.journal.clone();
    // What was in flight with the process is gone with it: its receipt says `interrupted`, and counts nothing.
    let settled = |name: &ServiceName, tenure| {
        let mut receipts = world.journal.services[name].history.iter();
        receipts.any(|it| it.tenure == tenure && it.drained_at.is_some())
    };
    successor.met = world.met.clone();
    successor
        .met
        .retain(|(name, tenure), _| settled(name, *tenure));
    successor.reload(files);
    recovers(&mut successor);
    *world = successor;
}

fn loses(world: &mut World, colour: Colour) {
    for _ in 0..3 {
        probed(
            world,
            Some(colour),
            &ProbeVerdict::Failed("connect refused".to_owned()),
        );
    }
}

fn recovers(world: &mut World) {
    for _ in 0..2 {
        probed(world, None, &ProbeVerdict::Passed);
    }
}

fn probed(world: &mut World, colour: Option<Colour>, verdict: &ProbeVerdict) {
    let snapshot = Arc::clone(world.state.snapshot());
    for service in snapshot.services.iter() {
        for (of, pool) in service.pools.iter() {
            if colour.is_none_or(|it| it == of) {
                for endpoint in &pool.endpoints {
                    world.happens(Event::Probed(vec![(endpoint.id, verdict.clone())]));
                }
            }
        }
    }
}

/// What one cell comes to.
fn cell(state: Makes, command: Command) -> String {
    let mut world = state();
    let before = world.answers.len();
    command(&mut world);
    let at_once = live(&world);
    let asked = world.last_answer().to_owned();
    let share = world
        .state
        .view(SHOP, world.now)
        .unwrap()
        .shift
        .map(|it| it.share);
    world.settles();
    let answer = match asked.as_str() {
        "waits" => world.last_answer().to_owned(),
        answer => answer.to_owned(),
    };
    world.assert_all_answered();
    let in_the_end = live(&world);
    world.assert_nothing_is_busy();
    world.assert_all_answered();
    let mut text = match answer.as_str() {
        "waits" => "-".to_owned(),
        _ if world.answers.len() > before => answer,
        _ => "-".to_owned(),
    };
    let _ = write!(text, ", {at_once}");
    if let Some(share) = share {
        let _ = write!(text, " {share}");
    }
    if at_once != in_the_end {
        let _ = write!(text, " then {in_the_end}");
    }
    text
}

fn live(world: &World) -> Colour {
    let service = world.state.view(SHOP, world.now).unwrap();
    assert!(!service.pools[service.live].endpoints.is_empty());
    service.live
}

const STEP: Duration = Duration::from_secs(10);

#[test]
fn every_state_meets_every_command() {
    let mut found = String::new();
    for (name, state) in STATES {
        let _ = writeln!(found, "{name}");
        for (command, does) in COMMANDS {
            let _ = writeln!(found, "    {command}: {}", cell(state, does));
        }
    }
    let expected = include_str!("state_table.txt");
    let table = expected.lines().filter(|line| !line.starts_with('#'));
    let table: Vec<_> = table.collect();
    assert!(
        table == found.lines().collect::<Vec<_>>(),
        "found:\n{found}"
    );
}
