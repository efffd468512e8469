//! A state machine under test, and its effects as lines to compare.
//!
//! Owns the clock: it stands still until a test moves it. Each effect becomes one line, so that a test reads
//! as a ledger: what happened, when, and exactly what came of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by test files, each of which uses a part of it"
)]

use std::{
    collections::BTreeMap,
    num::NonZeroU16,
    sync::Arc,
    time::{Duration, Instant},
};

use cutover::core::{
    event::{
        BarrierPassed, Deregister, DrainChange, DrainEndpoint, Effect, Event, LeaveTerms, Register,
        Reload, Restored,
    },
    gate::{
        inquiry::GateAnswer,
        spec::{CheckScope, CheckSpec, GatesSpec, HookPoint, HookSpec, OnFailure},
        verdict::{EndpointFault, GateFault, GateKind},
        word::{Said, Word},
    },
    health::{PassiveFailure, ProbeVerdict},
    ids::{
        ByColour, Colour, EndpointAddr, EndpointId, ListenerId, ListenerName, OpId, ServiceName,
        Tenure,
    },
    in_flight::{Counts, TenureCounter},
    operation::OWN_OPS,
    service::{
        AmbiguousPath, BalanceKind, ConnectionsSpec, EndpointSpec, ForwardedPolicy, HostPolicy,
        ListenerScope, MinReady, OnAllUnhealthy, PassiveSpec, ProbeKind, ProbeSpec, Route,
        RouteHost, ServiceSpec, SwitchSpec, Timeouts, UpstreamProtocol,
    },
    share::Share,
    shift::{Pace, ShiftSpec},
    snapshot::{EndpointSnapshot, ServiceSnapshot},
    state::State,
    steer::{Steer, SteerRequest},
    switch::{Actor, ActorKind, SwitchRequest, WaitFor, Wish},
    time::{Now, Timestamp},
    view::ServiceView,
};

use super::lines::line;

/// Workers of every state under test.
pub const WORKERS: usize = 2;
/// The address of the first blue endpoint.
pub const BLUE: &str = "10.0.0.1:80";
/// The address of the first green endpoint.
pub const GREEN: &str = "10.0.0.1:81";

/// A state machine under test.
pub struct Ledger {
    pub state: State,
    now: Now,
    next_op: u64,
    /// What happened to each tenure's claims, as the workers would count it.
    counters: BTreeMap<(ServiceName, Tenure), Arc<TenureCounter>>,
}

impl Ledger {
    /// A process that has read an empty journal and no file.
    pub fn new() -> Self {
        Self::restored(Restored::default())
    }

    /// A process that has read this journal and no file.
    pub fn restored(restored: Restored) -> Self {
        Self {
            state: State::new(WORKERS, restored),
            now: start(),
            next_op: 0,
            counters: BTreeMap::new(),
        }
    }

    /// A process that serves these, all endpoints healthy.
    pub fn serving(specs: &[ServiceSpec]) -> Self {
        let mut ledger = Self::new();
        ledger.reload(specs);
        ledger.all_healthy();
        ledger
    }

    /// Moves the clock.
    pub fn passes(&mut self, time: Duration) {
        self.now.instant += time;
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.now.wall = Timestamp::from_millis(self.now.wall.millis() + millis);
    }

    pub fn now(&self) -> Now {
        self.now
    }

    /// One event; its effects.
    pub fn effects(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.state.handle(event, self.now);
        publish_comes_before_answers(&effects);
        for effect in &effects {
            if let Effect::Drain(counter) = effect {
                let key = (counter.service().clone(), counter.tenure());
                self.counters.insert(key, Arc::clone(counter));
            }
        }
        effects
    }

    /// One event; its effects as lines.
    pub fn on(&mut self, event: Event) -> Vec<String> {
        self.effects(event).iter().map(line).collect()
    }

    pub fn reload(&mut self, specs: &[ServiceSpec]) -> Vec<String> {
        self.reload_with(specs, &[(1, "web")])
    }

    pub fn reload_with(&mut self, specs: &[ServiceSpec], listeners: &[(u32, &str)]) -> Vec<String> {
        let listener = |(id, name): &(u32, &str)| (ListenerId(*id), ListenerName::new(name));
        self.on(Event::Reloaded(Reload {
            services: specs.iter().cloned().map(Arc::new).collect(),
            listeners: listeners.iter().map(listener).collect(),
            actor: Actor::file(),
        }))
    }

    /// A switch of one service; the number it got and its effects.
    pub fn switch(&mut self, name: &str, to: Colour) -> Vec<String> {
        let request = self.request(&[(name, to)]);
        self.on(Event::Switch(request))
    }

    /// A request to be changed by the test before it is sent.
    pub fn request(&mut self, wanted: &[(&str, Colour)]) -> SwitchRequest {
        let wanted = wanted
            .iter()
            .map(|(name, to)| (ServiceName::new(name), *to));
        let wish = Wish::Switch(wanted.collect());
        self.wishes(wish)
    }

    pub fn rollback(&mut self, name: &str) -> SwitchRequest {
        self.wishes(Wish::Rollback(ServiceName::new(name)))
    }

    fn wishes(&mut self, wish: Wish) -> SwitchRequest {
        SwitchRequest {
            op: self.op(),
            wish,
            actor: ada(),
            reason: None,
            force: false,
            expect_live: None,
            expect_tenure: None,
            pace: Pace::AsFile,
            once: None,
            wait: WaitFor::Committed,
        }
    }

    /// A gradual switch by these shares, ten seconds each; its effects.
    pub fn shift(&mut self, name: &str, to: Colour, steps: &[&str]) -> Vec<String> {
        let request = self.gradual(name, to, steps);
        self.on(Event::Switch(request))
    }

    /// The same to be changed by the test before it is sent.
    pub fn gradual(&mut self, name: &str, to: Colour, steps: &[&str]) -> SwitchRequest {
        let steps = steps.iter().map(|it| it.parse::<Share>().unwrap());
        SwitchRequest {
            pace: Pace::Steps(steps.collect(), Some(Duration::from_secs(10))),
            ..self.request(&[(name, to)])
        }
    }

    pub fn steer(&mut self, name: &str, steer: Steer) -> Vec<String> {
        let request = self.steering(name, steer);
        self.on(Event::Steer(request))
    }

    /// A wish about a shift to be changed by the test before it is sent.
    pub fn steering(&mut self, name: &str, steer: Steer) -> SteerRequest {
        SteerRequest {
            op: self.op(),
            service: ServiceName::new(name),
            steer,
            actor: bob(),
            reason: None,
            force: false,
            expect_live: None,
            expect_tenure: None,
            once: None,
            wait: WaitFor::Committed,
        }
    }

    /// The journal has written what core itself wanted last: `count` of its operations so far.
    pub fn own_journaled(&mut self, count: u64) -> Vec<String> {
        self.journaled(OWN_OPS | count)
    }

    /// The next number of an operation: 1, 2, 3, ...
    pub fn op(&mut self) -> OpId {
        self.next_op += 1;
        OpId(self.next_op)
    }

    pub fn journaled(&mut self, op: u64) -> Vec<String> {
        self.on(Event::Journaled(OpId(op)))
    }

    /// The barrier passes in 250 us; each worker read its shard as `counts` say together.
    pub fn barrier_passed(&mut self, op: u64, counts: &[(&str, u64, Counts)]) -> Vec<String> {
        let told = |(name, tenure, counts): &(&str, u64, Counts)| {
            (ServiceName::new(name), Tenure(*tenure), *counts)
        };
        self.on(Event::BarrierPassed(BarrierPassed {
            op: OpId(op),
            took: Duration::from_micros(250),
            counts: counts.iter().map(told).collect(),
            missing: 0,
        }))
    }

    /// The edge has found out that the gate in this place of an inquiry is open.
    pub fn gate_open(&mut self, op: u64, gate: GateKind, place: usize) -> Vec<String> {
        self.gate_answers(op, gate, place, Ok(()))
    }

    /// It is not: the first green endpoint fails.
    pub fn gate_closed(&mut self, op: u64, gate: GateKind, place: usize) -> Vec<String> {
        let fault = EndpointFault {
            endpoint: EndpointAddr::new(GREEN),
            why: "status 500".to_owned(),
        };
        let endpoints = vec![fault];
        let why = None;
        self.gate_answers(op, gate, place, Err(GateFault { why, endpoints }))
    }

    fn gate_answers(
        &mut self,
        op: u64,
        gate: GateKind,
        place: usize,
        outcome: Result<(), GateFault>,
    ) -> Vec<String> {
        self.on(Event::GateAnswered(GateAnswer {
            op: OpId(op),
            gate,
            place,
            outcome,
        }))
    }

    /// A hook of core's own calling, by its number among those, passes or fails.
    pub fn called(&mut self, number: u64, passes: bool) -> Vec<String> {
        let fault = GateFault {
            why: Some("status 500".to_owned()),
            endpoints: Vec::new(),
        };
        let outcome = if passes { Ok(()) } else { Err(fault) };
        self.on(Event::Called(OpId(OWN_OPS | number), outcome))
    }

    /// Somebody says something about a switch of a service.
    pub fn says(&mut self, name: &str, word: Word, who: &str) -> Vec<String> {
        let op = self.op();
        self.on(Event::Said(Said {
            op,
            service: ServiceName::new(name),
            word,
            actor: Actor {
                name: who.to_owned(),
                ..ada()
            },
            reason: None,
        }))
    }

    /// The whole way of a switch without claims, up to its commit.
    pub fn switched(&mut self, name: &str, to: Colour) {
        let request = self.request(&[(name, to)]);
        let op = request.op.0;
        self.on(Event::Switch(request));
        self.journaled(op);
        self.barrier_passed(op, &[]);
    }

    pub fn drained(&mut self, name: &str, tenure: u64, counts: Counts) -> Vec<String> {
        self.on(Event::Drained {
            service: ServiceName::new(name),
            tenure: Tenure(tenure),
            counts,
        })
    }

    pub fn register(&mut self, name: &str, colour: Colour, addr: &str) -> Vec<String> {
        let event = Event::Register(Register {
            op: self.op(),
            service: ServiceName::new(name),
            colour,
            addr: EndpointAddr::new(addr),
            weight: NonZeroU16::MIN,
            actor: ada(),
        });
        self.on(event)
    }

    pub fn deregister(&mut self, name: &str, colour: Colour, addr: &str) -> Vec<String> {
        let event = Event::Deregister(Deregister {
            op: self.op(),
            service: ServiceName::new(name),
            colour,
            addr: EndpointAddr::new(addr),
            terms: LeaveTerms::default(),
            actor: ada(),
        });
        self.on(event)
    }

    pub fn drain(&mut self, name: &str, colour: Colour, addr: &str) -> Vec<String> {
        let change = DrainChange::Drain(LeaveTerms::default());
        self.changes_drain((name, colour, addr), change)
    }

    pub fn undrain(&mut self, name: &str, colour: Colour, addr: &str) -> Vec<String> {
        self.changes_drain((name, colour, addr), DrainChange::Undrain)
    }

    pub fn changes_drain(
        &mut self,
        (name, colour, addr): (&str, Colour, &str),
        change: DrainChange,
    ) -> Vec<String> {
        let event = Event::DrainEndpoint(DrainEndpoint {
            op: self.op(),
            service: ServiceName::new(name),
            colour,
            addr: EndpointAddr::new(addr),
            change,
            actor: ada(),
        });
        self.on(event)
    }

    pub fn passed(&mut self, id: EndpointId) -> Vec<String> {
        self.on(Event::Probed(vec![(id, ProbeVerdict::Passed)]))
    }

    pub fn refused(&mut self, id: EndpointId) -> Vec<String> {
        let verdict = ProbeVerdict::Failed("connect refused".to_owned());
        self.on(Event::Probed(vec![(id, verdict)]))
    }

    pub fn reset(&mut self, id: EndpointId) -> Vec<String> {
        self.on(Event::Failed(id, PassiveFailure::Reset))
    }

    /// Every endpoint passes a probe.
    pub fn all_healthy(&mut self) {
        let services = self.state.snapshot().services.clone();
        for service in services.iter() {
            for (_, pool) in service.pools.iter() {
                for endpoint in &pool.endpoints {
                    self.passed(endpoint.id);
                }
            }
        }
    }

    #[track_caller]
    pub fn service(&self, name: &str) -> Arc<ServiceSnapshot> {
        let services = &self.state.snapshot().services;
        let mut services = services.iter();
        Arc::clone(services.find(|it| it.name.as_str() == name).unwrap())
    }

    #[track_caller]
    pub fn endpoint(&self, name: &str, colour: Colour, addr: &str) -> EndpointSnapshot {
        let service = self.service(name);
        let mut endpoints = service.pools[colour].endpoints.iter();
        endpoints
            .find(|it| it.addr.as_str() == addr)
            .unwrap()
            .clone()
    }

    #[track_caller]
    pub fn id(&self, name: &str, colour: Colour, addr: &str) -> EndpointId {
        self.endpoint(name, colour, addr).id
    }

    #[track_caller]
    pub fn view(&self, name: &str) -> ServiceView {
        self.state.view(name, self.now).unwrap()
    }
}

/// The operator of these tests.
pub fn ada() -> Actor {
    Actor {
        kind: ActorKind::Admin,
        name: "ada".to_owned(),
    }
}

/// Another one.
pub fn bob() -> Actor {
    Actor {
        name: "bob".to_owned(),
        ..ada()
    }
}

/// A service with one endpoint a pool, blue live.
pub fn service(name: &str) -> ServiceSpec {
    ServiceSpec {
        name: ServiceName::new(name),
        routes: vec![Route {
            host: RouteHost::Any,
            prefix: format!("/{name}"),
        }],
        live: Colour::Blue,
        listeners: ListenerScope::All,
        host: HostPolicy::Preserve,
        protocol: UpstreamProtocol::Http1,
        balance: BalanceKind::LeastInFlight,
        slow_start: Duration::ZERO,
        on_all_unhealthy: OnAllUnhealthy::Try,
        max_request_body: None,
        ambiguous_path: AmbiguousPath::Reject,
        forwarded: ForwardedPolicy::Off,
        pools: ByColour {
            blue: endpoints(&[BLUE]),
            green: endpoints(&[GREEN]),
        },
        probe: ProbeSpec {
            kind: ProbeKind::Tcp,
            protocol: UpstreamProtocol::Http1,
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            rise: 2,
            fall: 3,
            jitter_percent: 10,
            introduces: None,
        },
        passive: PassiveSpec {
            eject: Duration::from_secs(2),
            max_eject: Duration::from_secs(60),
            max_share_percent: 50,
        },
        affinity: None,
        switch: SwitchSpec {
            gate_timeout: Duration::from_secs(30),
            min_ready: MinReady::Count(1),
            drain_deadline: Duration::from_secs(10),
            shift: ShiftSpec::default(),
            gates: GatesSpec::default(),
            keep_standby_for: Duration::ZERO,
        },
        mirror: Share::NONE,
        preview: None,
        timeouts: Timeouts {
            connect: Duration::from_secs(1),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(60),
        },
        connections: ConnectionsSpec {
            max_idle: 64,
            idle_timeout: Duration::from_secs(4),
            introduces: None,
        },
        upstream_tls: ByColour::default(),
        vouched_fields: [].into(),
    }
}

/// A check of every endpoint, twice each.
pub fn check(path: &str) -> CheckSpec {
    CheckSpec {
        name: format!("GET {path}"),
        method: http::Method::GET,
        path: path.to_owned(),
        host: None,
        headers: Vec::new(),
        body: None,
        expect: 200..=299,
        expect_headers: Vec::new(),
        body_contains: None,
        json: Vec::new(),
        on: CheckScope::Every,
        repeat: 2,
        timeout: Duration::from_secs(5),
    }
}

/// A hook with the meaning of its failure, 10 s long.
pub fn hook(at: HookPoint, name: &str, on_failure: OnFailure) -> HookSpec {
    HookSpec {
        name: name.to_owned(),
        at,
        address: "hooks.test:80".to_owned(),
        host: http::HeaderValue::from_static("hooks.test"),
        path: "/".to_owned(),
        tls: None,
        timeout: Duration::from_secs(10),
        on_failure,
        token_file: None,
    }
}

/// The same with other pools.
pub fn service_with(name: &str, blue: &[&str], green: &[&str]) -> ServiceSpec {
    ServiceSpec {
        pools: ByColour {
            blue: endpoints(blue),
            green: endpoints(green),
        },
        ..service(name)
    }
}

/// Endpoints of weight 1.
pub fn endpoints(addrs: &[&str]) -> Vec<EndpointSpec> {
    let endpoint = |addr: &&str| EndpointSpec {
        addr: EndpointAddr::new(addr),
        weight: NonZeroU16::MIN,
    };
    addrs.iter().map(endpoint).collect()
}

/// A reading: so many claimed, so many of them finished.
pub fn counts(claimed: u64, finished: u64) -> Counts {
    Counts {
        claimed,
        finished,
        ..Counts::default()
    }
}

/// A moment: midnight on the wall, anything on the other clock.
#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do; the rest is arithmetic"
)]
pub fn start() -> Now {
    Now {
        instant: Instant::now(),
        wall: Timestamp::from_millis(0),
    }
}

/// Whoever is answered, and asks for something then, must find what was said.
pub fn publish_comes_before_answers(effects: &[Effect]) {
    let answers = |it: &Effect| {
        matches!(
            it,
            Effect::Answer(..) | Effect::AnswerEndpoint(..) | Effect::AnswerWord(..)
        )
    };
    let answered = effects.iter().position(answers).unwrap_or(effects.len());
    let late = |it: &Effect| matches!(it, Effect::Publish(_));
    assert!(!effects[answered..].iter().any(late), "{effects:?}");
}
