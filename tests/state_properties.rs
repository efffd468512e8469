//! What holds whatever happens, in whatever order: random events around the state machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/lines.rs"]
mod lines;
#[path = "support/reread.rs"]
mod reread;
#[path = "support/world.rs"]
mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use cutover::core::{
    affinity::{AffinityMode, AffinitySpec},
    event::{BarrierPassed, DrainChange, Event, LeaveTerms},
    gate::{
        spec::{HookPoint, OnFailure},
        word::Word,
    },
    health::{PassiveFailure, ProbeVerdict},
    ids::{Colour, EndpointId, OpId, ServiceName, Tenure},
    in_flight::Ending,
    once::Once,
    service::{MinReady, ServiceSpec},
    share::Share,
    shift::Pace,
    state::State,
    steer::Steer,
    switch::{WaitFor, Wish},
};
use proptest::prelude::*;

use ledger::{WORKERS, check, counts, hook, service_with};
use world::World;

const NAMES: [&str; 3] = ["api", "cart", "shop"];
const ADDRS: [&str; 4] = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "d.internal:80"];

const HOOKS: [(HookPoint, OnFailure); 5] = [
    (HookPoint::BeforeSwitch, OnFailure::Refuse),
    (HookPoint::AfterCommit, OnFailure::Rollback),
    (HookPoint::AfterDrain, OnFailure::Rollback),
    (HookPoint::BeforeRollback, OnFailure::Ignore),
    (HookPoint::AfterRollback, OnFailure::Ignore),
];

#[derive(Clone, Debug)]
enum Step {
    Switch(Vec<(usize, Colour)>, bool, WaitFor),
    Rollback(usize),
    /// By this key: back, or to this colour, by steps or at once.
    Keyed(usize, usize, Option<Colour>, bool, WaitFor),
    Shift(usize, Colour, bool, Vec<u16>),
    Steer(usize, Steer, WaitFor),
    Reload(Vec<Option<File>>),
    Gates(bool),
    Hook(bool),
    Say(usize, Word),
    Journal(bool),
    Barrier(usize),
    Drainer,
    Claim(usize),
    ClaimEnds(usize, Ending),
    Probe(usize, bool),
    Fail(usize),
    Resolve(usize, u8),
    Register(usize, Colour, usize, u16),
    Deregister(usize, Colour, usize),
    Drain(usize, Colour, usize, DrainChange),
    Wake(u64),
    WakeWhenDue,
    Junk(u8),
    ShutDown,
}

/// What a random file says of one service: the endpoints by bit, the live colour, `min_ready`.
#[derive(Clone, Copy, Debug)]
struct File {
    blue: usize,
    green: usize,
    live: Colour,
    min_ready: u32,
    checks: usize,
    hooks: usize,
    approve: bool,
}

impl File {
    fn spec(self, name: &str) -> ServiceSpec {
        let pool = |bits: usize| {
            let named = ADDRS.iter().enumerate();
            let named = named.filter(|(bit, _)| bits & (1 << bit) != 0);
            named.map(|(_, addr)| *addr).collect::<Vec<_>>()
        };
        let mut spec = service_with(name, &pool(self.blue), &pool(self.green));
        spec.live = self.live;
        spec.switch.min_ready = MinReady::Count(self.min_ready);
        let gates = &mut spec.switch.gates;
        gates.warm_up = self.hooks.is_multiple_of(3);
        gates.approval = self.approve.then_some(Duration::from_secs(20));
        let named = HOOKS.iter().enumerate();
        let named = named.filter(|(bit, _)| self.hooks & (1 << bit) != 0);
        let hooks = named.map(|(_, (at, meaning))| hook(*at, at.as_str(), *meaning));
        gates.hooks = hooks.map(Arc::new).collect();
        // Where green is small, the file has its switches go gradually, with a ramp.
        if self.green < 4 {
            spec.switch.shift.steps = [Share::of_parts(500)].into();
            spec.switch.shift.ramp = Duration::from_secs(3);
        }
        spec.switch.keep_standby_for = Duration::from_secs(20 * u64::from(self.min_ready));
        spec.slow_start = Duration::from_secs(10 * u64::from(self.min_ready));
        if self.blue % 2 == 1 {
            spec.affinity = Some(AffinitySpec {
                mode: AffinityMode::Finish,
                cookie: "sid".into(),
                deadline: Duration::from_secs(25),
            });
        }
        let checks = ["/a", "/b"].into_iter().take(self.checks);
        spec.switch.gates.checks = checks.map(|it| Arc::new(check(it))).collect();
        spec
    }
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![Just(Colour::Blue), Just(Colour::Green)]
}

fn wait() -> impl Strategy<Value = WaitFor> {
    prop_oneof![
        Just(WaitFor::Committed),
        Just(WaitFor::Drained),
        Just(WaitFor::Begun)
    ]
}

fn steer() -> impl Strategy<Value = Steer> {
    prop_oneof![
        Just(Steer::Pause),
        Just(Steer::Resume),
        Just(Steer::Complete),
        Just(Steer::Abort),
    ]
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Finished),
        Just(Ending::ClientGone),
        Just(Ending::UpstreamFailed),
        Just(Ending::Replayed),
    ]
}

fn drain_change() -> impl Strategy<Value = DrainChange> {
    (any::<bool>(), any::<bool>(), wait()).prop_map(|(drains, force, wait)| {
        let terms = LeaveTerms {
            force,
            wait,
            deadline: None,
        };
        match drains {
            true => DrainChange::Drain(terms),
            false => DrainChange::Undrain,
        }
    })
}

fn file() -> impl Strategy<Value = Option<File>> {
    let checks = prop_oneof![3 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    let others = (checks, 0..32_usize, prop::bool::weighted(0.2));
    let file = (0..16_usize, 0..16_usize, colour(), 0..3_u32, others);
    prop::option::weighted(
        0.85,
        file.prop_map(
            |(blue, green, live, min_ready, (checks, hooks, approve))| File {
                blue,
                green,
                live,
                min_ready,
                checks,
                hooks,
                approve,
            },
        ),
    )
}

fn step() -> impl Strategy<Value = Step> {
    let any_service = 0..NAMES.len();
    let any_addr = 0..ADDRS.len();
    let targets = prop::collection::vec((any_service.clone(), colour()), 1..4);
    prop_oneof![
        6 => (targets, any::<bool>(), wait()).prop_map(|(on, force, wait)| Step::Switch(on, force, wait)),
        2 => any_service.clone().prop_map(Step::Rollback),
        6 => (any_service.clone(), 0..3_usize, prop::option::weighted(0.7, colour()), any::<bool>(), wait())
            .prop_map(|(on, key, to, gradual, wait)| Step::Keyed(on, key, to, gradual, wait)),
        4 => (any_service.clone(), colour(), any::<bool>(), prop::collection::vec(1..10_000_u16, 1..4))
            .prop_map(|(on, to, force, steps)| Step::Shift(on, to, force, steps)),
        4 => (any_service.clone(), steer(), wait()).prop_map(|(on, steer, wait)| Step::Steer(on, steer, wait)),
        2 => prop::collection::vec(file(), NAMES.len()).prop_map(Step::Reload),
        6 => prop::bool::weighted(0.8).prop_map(Step::Gates),
        4 => prop::bool::weighted(0.7).prop_map(Step::Hook),
        3 => (any_service.clone(), prop_oneof![Just(Word::Approve), Just(Word::Reject)])
            .prop_map(|(on, word)| Step::Say(on, word)),
        8 => prop::bool::weighted(0.85).prop_map(Step::Journal),
        8 => prop_oneof![5 => Just(0_usize), 1 => Just(1)].prop_map(Step::Barrier),
        4 => Just(Step::Drainer),
        6 => any::<usize>().prop_map(Step::Claim),
        5 => (any::<usize>(), ending()).prop_map(|(which, ending)| Step::ClaimEnds(which, ending)),
        8 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(which, passed)| Step::Probe(which, passed)),
        3 => any::<usize>().prop_map(Step::Fail),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(which, addr)| Step::Resolve(which, addr)),
        2 => (any_service.clone(), colour(), any_addr.clone(), 1..3_u16)
            .prop_map(|(on, colour, addr, weight)| Step::Register(on, colour, addr, weight)),
        2 => (any_service.clone(), colour(), any_addr.clone())
            .prop_map(|(on, colour, addr)| Step::Deregister(on, colour, addr)),
        3 => (any_service, colour(), any_addr, drain_change())
            .prop_map(|(on, colour, addr, change)| Step::Drain(on, colour, addr, change)),
        2 => (0..40_u64).prop_map(Step::Wake),
        3 => Just(Step::WakeWhenDue),
        1 => any::<u8>().prop_map(Step::Junk),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn take(world: &mut World, step: Step) {
    let name = |index: usize| ServiceName::new(NAMES[index]);
    match step {
        Step::Switch(on, force, wait) => {
            let wanted: BTreeMap<_, _> = on.into_iter().map(|(on, to)| (name(on), to)).collect();
            world.switch(Wish::Switch(wanted), force, wait);
        }
        Step::Shift(on, to, force, mut steps) => {
            steps.sort_unstable();
            steps.dedup();
            let steps = steps.into_iter().map(Share::of_parts).collect();
            let pace = Pace::Steps(steps, Some(Duration::from_secs(7)));
            let wish = Wish::Switch([(name(on), to)].into());
            world.switch_at(wish, force, (WaitFor::Begun, pace));
        }
        Step::Keyed(on, key, to, gradual, wait) => {
            let wish = match to {
                Some(to) => Wish::Switch([(name(on), to)].into()),
                None => Wish::Rollback(name(on)),
            };
            let once = Once {
                key: format!("key {key}"),
                order: format!("{wish:?} {gradual}"),
            };
            let pace = match gradual {
                true => Pace::Steps([Share::of_parts(700)].into(), Some(Duration::from_secs(7))),
                false => Pace::AsFile,
            };
            world.switch_once(wish, false, (wait, pace), Some(once));
        }
        Step::Steer(on, steer, wait) => world.steer(NAMES[on], steer, wait),
        Step::Rollback(on) => world.switch(Wish::Rollback(name(on)), false, WaitFor::Drained),
        Step::Reload(files) => {
            let files = files.into_iter().zip(NAMES);
            let specs = files.filter_map(|(file, name)| file.map(|file| file.spec(name)));
            world.reload(specs.collect());
        }
        Step::Gates(passes) => world.gates_answer(passes),
        Step::Hook(passes) => world.hook_answers(passes),
        Step::Say(on, word) => world.says(NAMES[on], word),
        Step::Journal(written) => world.journal_answers(written),
        Step::Barrier(missing) => world.workers_answer(missing),
        Step::Drainer => world.drainer_looks(),
        Step::Claim(which) => world.claim(which),
        Step::ClaimEnds(which, ending) => world.claim_ends(which, ending),
        Step::Probe(which, passed) => {
            let verdict = match passed {
                true => ProbeVerdict::Passed,
                false => ProbeVerdict::Failed("connect refused".to_owned()),
            };
            world.happens(Event::Probed(vec![(endpoint(world, which), verdict)]));
        }
        Step::Fail(which) => {
            let id = endpoint(world, which);
            world.happens(Event::Failed(id, PassiveFailure::Reset));
        }
        Step::Resolve(which, addr) => {
            let addrs = (0..addr % 3).map(|it| ([10, 9, 0, it], 80).into());
            let addrs: Arc<[_]> = addrs.collect();
            world.happens(Event::Resolved(endpoint(world, which), addrs));
        }
        Step::Register(on, colour, addr, weight) => {
            world.register(NAMES[on], colour, ADDRS[addr], weight);
        }
        Step::Deregister(on, colour, addr) => world.deregister(NAMES[on], colour, ADDRS[addr]),
        Step::Drain(on, colour, addr, change) => {
            world.drain(NAMES[on], colour, ADDRS[addr], change);
        }
        Step::Wake(seconds) => world.wakes_after(Duration::from_secs(seconds)),
        Step::WakeWhenDue => {
            let now = world.now.instant;
            let due = world.state.next_wake().unwrap_or(now);
            world.wakes_after(due.saturating_duration_since(now));
        }
        Step::Junk(kind) => junk(world, kind),
        Step::ShutDown => world.happens(Event::ShuttingDown),
    }
}

/// Some endpoint that is or was, or never was.
fn endpoint(world: &World, which: usize) -> EndpointId {
    let ids: Vec<_> = world.endpoints.iter().copied().collect();
    let unknown = EndpointId(u64::MAX);
    ids.get(which % (ids.len() + 1)).copied().unwrap_or(unknown)
}

/// Events about what is not under way.
fn junk(world: &mut World, kind: u8) {
    let op = OpId(1_000_000);
    let passed = BarrierPassed {
        op,
        took: Duration::ZERO,
        counts: vec![(ServiceName::new("shop"), Tenure(1), counts(0, 9))],
        missing: 0,
    };
    world.happens(match kind % 4 {
        0 => Event::Journaled(op),
        1 => Event::JournalFailed(op, String::new()),
        2 => Event::BarrierPassed(passed),
        _ => Event::Drained {
            service: ServiceName::new("shop"),
            tenure: Tenure(999),
            counts: counts(0, 9),
        },
    });
}

/// A process that starts with what the journal says stands where this one stands.
fn assert_a_restart_changes_nothing(world: &World) {
    let mut restarted = World::new();
    restarted.state = State::new(WORKERS, world.journal.clone());
    restarted.journal = world.journal.clone();
    restarted.met = world.met.clone();
    restarted.reload(world.files.iter().map(|it| (**it).clone()).collect());
    for file in &world.files {
        let name = file.name.as_str();
        let one = world.state.view(name, world.now).unwrap();
        let two = restarted.state.view(name, world.now).unwrap();
        assert_eq!((one.live, one.tenure), (two.live, two.tenure));
        assert_eq!((one.drift, one.rollback_to), (two.drift, two.rollback_to));
        assert_eq!(
            world.state.history(Some(name)),
            restarted.state.history(Some(name))
        );
        for colour in Colour::ALL {
            let named = |of: &cutover::core::view::ServiceView| {
                let endpoints = of.pools[colour].endpoints.iter();
                let mut named: Vec<_> = endpoints
                    .map(|it| (it.addr.to_string(), it.weight, it.source as u8))
                    .collect();
                named.sort();
                named
            };
            assert_eq!(named(&one), named(&two), "{name} {colour}");
        }
    }
}

/// Whatever was asked under one key about one service was done once at most: a switch, a rollback, or an abort.
fn assert_no_key_has_done_two_things(world: &World) {
    for name in NAMES {
        let mut keys = BTreeSet::new();
        for receipt in world.state.history(Some(name)) {
            let abort = receipt.shift.and_then(|it| it.abort_once);
            for once in receipt.once.into_iter().chain(abort) {
                assert!(keys.insert(once.key.clone()), "{name}: {once:?} twice");
            }
        }
    }
}

fn first_file() -> Vec<ServiceSpec> {
    let file = File {
        blue: 3,
        green: 5,
        live: Colour::Blue,
        min_ready: 1,
        checks: 1,
        hooks: 2,
        approve: false,
    };
    NAMES.iter().map(|name| file.spec(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::new();
        world.reload(first_file());
        for step in steps {
            take(&mut world, step);
        }
        world.settles();
        world.assert_all_answered();
        assert_no_key_has_done_two_things(&world);
        assert_a_restart_changes_nothing(&world);
        world.assert_nothing_is_busy();
        world.assert_all_answered();
    }

    #[test]
    fn a_shutdown_at_any_time_leaves_nobody_without_an_answer(
        before in prop::collection::vec(step(), 0..60),
        after in prop::collection::vec(step(), 0..30),
    ) {
        let mut world = World::new();
        world.reload(first_file());
        for step in before.into_iter().chain([Step::ShutDown]).chain(after) {
            take(&mut world, step);
        }
        world.settles();
        world.assert_all_answered();
    }
}
