//! The one place that decides: an event goes in, effects come out.
//!
//! Owns the whole state of the control plane and hands each event to the file that knows it: `procedure.rs`
//! switches, `gate/` holds it up, `drain.rs` drains, `reconcile.rs` applies a file, `registration.rs` adds and removes endpoints,
//! `publication.rs` builds snapshots. Must not wait, log, lock, or read a clock (invariant 1). An actor per
//! service would look simpler and could not switch two services at one instant, nor be replayed in a test.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use super::{
    by_id::ById,
    drain::Drains,
    event::{Effect, Event, Restored},
    gate::Calls,
    health::{PassiveFailure, ProbeVerdict},
    hold::Holds,
    ids::{Colour, EndpointId, OpId, ServiceName, Tenure},
    leave::Leavers,
    linger::Lingers,
    notice::Notice,
    once::Idle,
    operation::Operations,
    pool::EndpointState,
    publication::Publication,
    service::{EndpointSpec, ServiceSpec},
    shift::{Shift, Shifts},
    snapshot::Snapshot,
    standing::{Served, Standing, restore},
    time::Now,
};

/// Everything the control plane knows.
#[derive(Debug)]
pub struct State {
    pub(super) workers: usize,
    /// What belongs to the journal, of every service it knows.
    pub(super) standings: BTreeMap<ServiceName, Standing>,
    /// What belongs to the file, of every service it names; each of them has a standing.
    pub(super) services: BTreeMap<ServiceName, Served>,
    pub(super) operations: Operations,
    pub(super) drains: Drains,
    pub(super) calls: Calls,
    pub(super) shifts: Shifts,
    pub(super) lingers: Lingers,
    pub(super) holds: Holds,
    pub(super) leavers: Leavers,
    /// Ends of shifts that the journal does not know yet, by service, and when they are tried again.
    pub(super) late: BTreeMap<ServiceName, (Tenure, Instant)>,
    /// Calls that are known again though they changed nothing.
    pub(super) idle: Idle,
    /// When which newcomer gets more of the traffic; the next in front.
    pub(super) climbs: BTreeSet<(Instant, EndpointId)>,
    /// Services of which a worker may not have left the old pool: it missed the barrier of their switch, and no later
    /// one has been answered by all.
    pub(super) unproven: BTreeSet<ServiceName>,
    pub(super) publication: Publication,
    /// Where each endpoint is.
    pub(super) places: ById<(ServiceName, Colour)>,
    /// When which ejection ends; the next in front.
    pub(super) ejections: BTreeSet<(Instant, EndpointId)>,
    pub(super) shutting_down: bool,
    last_endpoint: EndpointId,
}

/// One event being handled: the moment it came, and what is to be done about it so far.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) now: Now,
    effects: Vec<Effect>,
}

impl Turn {
    pub(super) fn does(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn tells(&mut self, notice: Notice) {
        self.does(Effect::Notice(Box::new(notice)));
    }
}

impl State {
    /// The state of a process with `workers` workers that has read the journal but no file.
    #[must_use]
    pub fn new(workers: usize, restored: Restored) -> Self {
        Self {
            workers,
            standings: restore(restored, workers),
            services: BTreeMap::new(),
            operations: Operations::default(),
            drains: Drains::default(),
            calls: Calls::default(),
            shifts: Shifts::new(),
            lingers: Lingers::default(),
            holds: Holds::default(),
            leavers: Leavers::default(),
            late: BTreeMap::new(),
            idle: Idle::default(),
            climbs: BTreeSet::new(),
            unproven: BTreeSet::new(),
            publication: Publication::default(),
            places: ById::default(),
            ejections: BTreeSet::new(),
            shutting_down: false,
            last_endpoint: EndpointId::default(),
        }
    }

    /// Takes in one event; what comes out is to be carried out in order before the next. Events about what is
    /// not, or no longer, under way change nothing.
    #[must_use = "nothing happens unless the effects are carried out"]
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        let mut turn = Turn {
            now,
            effects: Vec::new(),
        };
        let on = &mut turn;
        match event {
            Event::Reloaded(reload) => self.reload(reload, on),
            Event::Switch(request) => self.switch(request, on),
            Event::Steer(request) => self.steer(request, on),
            Event::Register(register) => self.register(register, on),
            Event::Deregister(deregister) => self.deregister(deregister, on),
            Event::DrainEndpoint(drain) => self.drain_endpoint(drain, on),
            Event::Journaled(op) => self.journaled(op, on),
            Event::JournalFailed(op, error) => self.journal_failed(op, error, on),
            Event::BarrierPassed(passed) => self.barrier_passed(&passed, on),
            Event::Drained {
                service,
                tenure,
                counts,
            } => self.drained((service, tenure), &counts, on),
            Event::Left(op, counts) => self.left(op, &counts, on),
            Event::GateAnswered(answer) => self.gate_answered(answer, on),
            Event::Called(op, outcome) => self.called(op, outcome, on),
            Event::Said(said) => self.said(said, on),
            Event::Probed(verdicts) => self.probed(&verdicts, on),
            Event::Failed(id, why) => self.failed(id, why, on),
            Event::Resolved(id, addrs) => self.resolved(id, addrs, on),
            Event::Woke => self.woke(on),
            Event::ShuttingDown => self.shutting_down(on),
        }
        self.ask_lingers(&mut turn);
        turn.effects
    }

    /// When [`Event::Woke`] is due next: the end of an ejection, of a wait for gates, of a drain or a hold,
    /// the deadline of an endpoint that leaves, a newcomer's next step, a look at a shift, or another try to write its end.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        let ejection = self.ejections.first().map(|(until, _)| *until);
        let waiting = self.operations.waiting.values();
        let gates = waiting.map(|it| it.wait().due).min();
        let going = self.shifts.values().filter(|_| !self.shutting_down);
        let shift = going.filter_map(Shift::due).min();
        let wakes = [
            ejection,
            gates,
            shift,
            self.drains.next_deadline(),
            self.holds.next_end(),
            self.lingers.next_end(),
            self.calls.next_due(),
            self.leavers.next_deadline(),
            self.climbs.first().map(|(at, _)| *at),
            self.late.values().map(|(_, at)| *at).min(),
        ];
        wakes.into_iter().flatten().min()
    }

    /// The snapshot published last.
    #[must_use]
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        self.publication.snapshot()
    }

    /// Whether a number is in use.
    pub(super) fn is_known(&self, op: OpId) -> bool {
        self.operations.contains(op) || self.shifts.values().any(|it| it.asked.op == op)
    }

    /// An endpoint that has not been seen before, at a place.
    pub(super) fn new_endpoint(
        &mut self,
        place: (&ServiceName, Colour),
        spec: &EndpointSpec,
    ) -> EndpointState {
        self.last_endpoint = self.last_endpoint.next();
        let id = self.last_endpoint;
        self.places.insert(id, (place.0.clone(), place.1));
        let mut endpoint = EndpointState::new(id, spec, self.workers);
        let standing = self.standings.get(place.0);
        endpoint.drained = standing.is_some_and(|it| it.drained[place.1].contains(&spec.addr));
        endpoint
    }

    /// Forgets the place and the ejection of an endpoint that was removed from its pool.
    pub(super) fn forget(&mut self, endpoint: &EndpointState) {
        self.places.remove(endpoint.id);
        if let Some(until) = endpoint.tracker.ejected_until() {
            self.ejections.remove(&(until, endpoint.id));
        }
        self.climbs.retain(|(_, climber)| *climber != endpoint.id);
    }

    /// Whether a pool has no endpoint that may get requests, not counting those whose removal or drain is being
    /// written down.
    pub(super) fn is_empty_pool(&self, service: &ServiceName, colour: Colour) -> bool {
        let mut gone = self.operations.leaving(service, colour);
        gone.extend(self.operations.draining_soon(service, colour));
        self.services.get(service).is_none_or(|it| {
            let mut endpoints = it.pools[colour].endpoints().iter();
            endpoints.all(|it| it.drained || gone.contains(&it.addr))
        })
    }

    /// Takes in verdicts. However many pools look different then, that is one publish.
    fn probed(&mut self, verdicts: &[(EndpointId, ProbeVerdict)], turn: &mut Turn) {
        let mut pools = BTreeSet::new();
        for (id, verdict) in verdicts {
            pools.extend(self.judged(*id, verdict, turn));
        }
        if pools.is_empty() {
            return;
        }
        for (service, colour) in pools {
            self.pool_changed(&service, colour);
        }
        self.publish(turn);
        self.ask_gates(turn);
    }

    /// Takes in one verdict; says which pool a request may find different since.
    fn judged(
        &mut self,
        id: EndpointId,
        verdict: &ProbeVerdict,
        turn: &mut Turn,
    ) -> Option<(ServiceName, Colour)> {
        let (service, colour, spec) = self.place_of(id)?;
        let endpoint = self.endpoint_mut(&service, colour, id)?;
        let was_ready = endpoint.is_ready();
        if !endpoint.tracker.observe(verdict, &spec.probe) {
            return None;
        }
        endpoint.health_since = Some(turn.now.wall);
        let changed = was_ready != endpoint.is_ready();
        turn.tells(Notice::HealthChanged {
            service: service.clone(),
            colour,
            endpoint: endpoint.addr.clone(),
            health: endpoint.tracker.health(),
            why: match verdict {
                ProbeVerdict::Passed => "probe passed".to_owned(),
                ProbeVerdict::Failed(_) => {
                    endpoint.tracker.why(turn.now.instant).unwrap_or_default()
                }
            },
        });
        if !changed {
            return None;
        }
        self.arrives(&service, colour, id, turn.now.instant);
        Some((service, colour))
    }

    fn failed(&mut self, id: EndpointId, why: PassiveFailure, turn: &mut Turn) {
        let Some((service, colour, spec)) = self.place_of(id) else {
            return;
        };
        let now = turn.now.instant;
        let pool = self
            .services
            .get_mut(&service)
            .map(|it| &mut it.pools[colour]);
        let ejected = pool.and_then(|pool| pool.eject(id, why, &spec.passive, now));
        let Some((endpoint, until)) = ejected else {
            return;
        };
        self.ejections.insert((until, id));
        self.pool_changed(&service, colour);
        turn.tells(Notice::Ejected {
            service,
            colour,
            endpoint,
            lasts: until.duration_since(now),
            why: why.as_str(),
        });
        self.publish(turn);
        self.ask_gates(turn);
    }

    fn resolved(&mut self, id: EndpointId, addrs: Arc<[SocketAddr]>, turn: &mut Turn) {
        let Some((service, colour, _)) = self.place_of(id) else {
            return;
        };
        let Some(endpoint) = self.endpoint_mut(&service, colour, id) else {
            return;
        };
        // A name that suddenly stands for nothing keeps its last addresses: they may still answer.
        if addrs.is_empty() || endpoint.resolved == addrs {
            return;
        }
        endpoint.resolved = addrs;
        self.pool_changed(&service, colour);
        self.publish(turn);
    }

    /// Where an endpoint is, and the policies there. `None` for one that was removed.
    fn place_of(&self, id: EndpointId) -> Option<(ServiceName, Colour, Arc<ServiceSpec>)> {
        let (service, colour) = self.places.get(id)?;
        let spec = Arc::clone(&self.services.get(service)?.spec);
        Some((service.clone(), *colour, spec))
    }

    fn endpoint_mut(
        &mut self,
        service: &ServiceName,
        colour: Colour,
        id: EndpointId,
    ) -> Option<&mut EndpointState> {
        self.services.get_mut(service)?.pools[colour].endpoint_mut(id)
    }

    fn woke(&mut self, turn: &mut Turn) {
        while let Some((until, id)) = self.ejections.first().copied() {
            if until > turn.now.instant {
                break;
            }
            self.ejections.pop_first();
            self.readmit(id, turn);
        }
        self.write_late(turn);
        self.advance_shifts(turn);
        self.end_holds(turn);
        self.end_lingers(turn);
        self.climb(turn);
        self.publish(turn);
        self.ask_gates(turn);
        self.drains.cut_overdue(turn);
        self.end_overdue_calls(turn);
        self.leavers.cut_overdue(turn);
    }

    fn readmit(&mut self, id: EndpointId, turn: &mut Turn) {
        let Some((service, colour, _)) = self.place_of(id) else {
            return;
        };
        let Some(endpoint) = self.endpoint_mut(&service, colour, id) else {
            return;
        };
        if !endpoint.tracker.readmit(turn.now.instant) {
            return;
        }
        turn.tells(Notice::Readmitted {
            service: service.clone(),
            colour,
            endpoint: endpoint.addr.clone(),
        });
        // Probes may have found it unhealthy meanwhile; then no request sees a difference.
        if endpoint.is_ready() {
            self.pool_changed(&service, colour);
        }
    }

    fn shutting_down(&mut self, turn: &mut Turn) {
        self.shutting_down = true;
        self.refuse_waiting(turn);
        self.leave_shifts(turn);
    }
}
