//! Endpoints that come and go at run time.
//!
//! Owns registrations and deregistrations. They take the way of a switch (journal, publish, barrier), without
//! gates: whoever is told that an endpoint is gone may stop it, so no request may still be routed to it. They
//! are judged twice, before the journal and after it, because a file may have been applied in between.

use super::{
    event::{
        BarrierPassed, Deregister, Effect, EndpointAnswer, EndpointRefusal, Entry, POOL_LIMIT,
        Register,
    },
    ids::{Colour, EndpointAddr, OpId, ServiceName},
    leave::{LEAVERS_LIMIT, Leaving},
    notice::Notice,
    operation::{CHANGES_LIMIT, Committing, Journaling},
    pool::EndpointState,
    service::EndpointSpec,
    state::{State, Turn},
    view::EndpointSource,
};

impl State {
    /// Begins to add an endpoint, or to change its weight.
    pub(super) fn register(&mut self, register: Register, turn: &mut Turn) {
        let op = register.op;
        if self.operations.contains(op) {
            return;
        }
        match self.judge_register(&register) {
            Ok(true) => {
                let entry = Entry::Registered {
                    service: register.service.clone(),
                    colour: register.colour,
                    addr: register.addr.clone(),
                    weight: register.weight,
                };
                let journaling = Journaling::Register(register);
                self.operations.journaling.insert(op, journaling);
                turn.does(Effect::Journal(op, entry));
            }
            judged => answer(op, judged, turn),
        }
    }

    /// Begins to remove an endpoint that was registered at run time.
    pub(super) fn deregister(&mut self, deregister: Deregister, turn: &mut Turn) {
        let op = deregister.op;
        if self.operations.contains(op) {
            return;
        }
        match self.judge_deregister(&deregister) {
            Ok(()) => {
                let entry = deregistered(&deregister);
                let journaling = Journaling::Deregister(deregister);
                self.operations.journaling.insert(op, journaling);
                turn.does(Effect::Journal(op, entry));
            }
            Err(refusal) => answer(op, Err(refusal), turn),
        }
    }

    /// Whether the registration changes anything.
    fn judge_register(&self, register: &Register) -> Result<bool, EndpointRefusal> {
        let (service, colour) = (&register.service, register.colour);
        let served = self
            .services
            .get(service)
            .ok_or_else(|| EndpointRefusal::UnknownService(service.to_string()))?;
        let pool = &served.pools[colour];
        let is_leaving = self
            .operations
            .leaving(service, colour)
            .contains(&register.addr);
        if let Some(known) = pool.find(&register.addr) {
            if known.weight == register.weight && !is_leaving {
                return Ok(false);
            }
            if known.source == EndpointSource::File {
                return Err(EndpointRefusal::NamedByFile(register.addr.clone()));
            }
        } else if pool.len() + self.operations.registering(service, colour) >= POOL_LIMIT {
            return Err(EndpointRefusal::PoolFull {
                service: service.clone(),
                colour,
                limit: POOL_LIMIT,
            });
        }
        self.room()?;
        Ok(true)
    }

    fn judge_deregister(&self, deregister: &Deregister) -> Result<(), EndpointRefusal> {
        let (service, colour) = (&deregister.service, deregister.colour);
        let unknown = || EndpointRefusal::UnknownService(service.to_string());
        let served = self.services.get(service).ok_or_else(unknown)?;
        let known = served.pools[colour].find(&deregister.addr).ok_or_else(|| {
            EndpointRefusal::UnknownEndpoint {
                service: service.clone(),
                colour,
                addr: deregister.addr.clone(),
            }
        })?;
        if known.source == EndpointSource::File {
            return Err(EndpointRefusal::NamedByFile(deregister.addr.clone()));
        }
        self.may_leave((service, colour), &deregister.addr, deregister.terms.force)?;
        self.room()
    }

    /// Refuses to let the last endpoint of a live pool go, whatever is said, and the last ready one unless it is forced.
    pub(super) fn may_leave(
        &self,
        place: (&ServiceName, Colour),
        addr: &EndpointAddr,
        force: bool,
    ) -> Result<(), EndpointRefusal> {
        match self.last_of_live(place, addr) {
            Some(Last::Endpoint) => Err(EndpointRefusal::LastOfLivePool(addr.clone())),
            Some(Last::Ready) if !force => Err(EndpointRefusal::LastReadyOfLivePool(addr.clone())),
            Some(Last::Ready) | None => Ok(()),
        }
    }

    /// Whether the pool is live and would have nothing without the endpoint. A pool that a switch under way leads
    /// to counts as live: the switch has seen it filled.
    pub(super) fn last_of_live(
        &self,
        (service, colour): (&ServiceName, Colour),
        addr: &EndpointAddr,
    ) -> Option<Last> {
        let standing = self.standings.get(service);
        let busy = self.operations.busy.get(service);
        let is_live =
            standing.is_some_and(|it| it.live == colour) || busy.is_some_and(|it| it.to == colour);
        if !is_live {
            return None;
        }
        let mut gone = self.operations.leaving(service, colour);
        gone.extend(self.operations.draining_soon(service, colour));
        gone.insert(addr);
        let pool = self.services.get(service).map(|it| &it.pools[colour])?;
        let stays = |it: &&EndpointState| !it.drained && !gone.contains(&it.addr);
        let endpoints = pool.endpoints().iter();
        if endpoints.clone().filter(stays).count() == 0 {
            return Some(Last::Endpoint);
        }
        let is_ready = pool.find(addr).is_some_and(EndpointState::is_ready);
        let other_ready = { endpoints }.filter(stays).any(EndpointState::is_ready);
        (is_ready && !other_ready).then_some(Last::Ready)
    }

    /// Refuses when too many changes are under way already: only a disk that hangs lets them pile up.
    pub(super) fn room(&self) -> Result<(), EndpointRefusal> {
        if self.leavers.open() >= LEAVERS_LIMIT {
            return Err(EndpointRefusal::TooManyLeaving(LEAVERS_LIMIT));
        }
        if self.operations.changes() < CHANGES_LIMIT {
            return Ok(());
        }
        let why = format!("{CHANGES_LIMIT} changes wait for it already");
        Err(EndpointRefusal::Journal(why))
    }

    /// The registration is on disk.
    pub(super) fn registered(&mut self, register: Register, turn: &mut Turn) {
        let Register {
            op,
            service,
            colour,
            addr,
            weight,
            actor,
        } = register;
        let place = (&service, colour);
        if let Some(refusal) = self.place_lost(place, &addr) {
            // A file applied meanwhile took its place away; the journal must not keep it.
            turn.does(Effect::Record(Entry::Deregistered {
                service,
                colour,
                addr,
            }));
            return answer(op, Err(refusal), turn);
        }
        let put = self.put(
            (&service, colour),
            EndpointSpec {
                addr: addr.clone(),
                weight,
            },
        );
        if put == Put::Same {
            return answer(op, Ok(false), turn);
        }
        turn.tells(Notice::EndpointsChanged {
            service: service.clone(),
            colour,
            endpoint: addr,
            registered: true,
            actor,
        });
        let change = Changed {
            op,
            watched_changed: put == Put::Added,
            leaving: None,
        };
        self.publish_change((service, colour), change, turn);
    }

    /// Why an endpoint whose registration is on disk has no place any more.
    fn place_lost(
        &self,
        (service, colour): (&ServiceName, Colour),
        addr: &EndpointAddr,
    ) -> Option<EndpointRefusal> {
        let Some(served) = self.services.get(service) else {
            return Some(EndpointRefusal::UnknownService(service.to_string()));
        };
        let known = served.pools[colour].find(addr)?;
        (known.source == EndpointSource::File).then(|| EndpointRefusal::NamedByFile(addr.clone()))
    }

    fn put(&mut self, (service, colour): (&ServiceName, Colour), spec: EndpointSpec) -> Put {
        let pool = self
            .services
            .get_mut(service)
            .map(|it| &mut it.pools[colour]);
        if let Some(known) = pool.and_then(|pool| pool.find_mut(&spec.addr)) {
            let before = std::mem::replace(&mut known.weight, spec.weight);
            return if before == spec.weight {
                Put::Same
            } else {
                Put::Reweighted
            };
        }
        let mut endpoint = self.new_endpoint((service, colour), &spec);
        endpoint.source = EndpointSource::Runtime;
        if let Some(served) = self.services.get_mut(service) {
            served.pools[colour].push(endpoint);
        }
        Put::Added
    }

    /// The deregistration is on disk.
    pub(super) fn deregistered(&mut self, deregister: Deregister, turn: &mut Turn) {
        let (service, colour) = (deregister.service.clone(), deregister.colour);
        let Some(served) = self.services.get(&service) else {
            // Not served any more: it only has to be forgotten.
            if let Some(standing) = self.standings.get_mut(&service) {
                standing.parked[colour].retain(|(addr, _)| *addr != deregister.addr);
            }
            return answer(deregister.op, Ok(true), turn);
        };
        let Some(known) = served.pools[colour].find(&deregister.addr) else {
            return answer(deregister.op, Ok(false), turn);
        };
        if known.source == EndpointSource::File {
            let refusal = EndpointRefusal::NamedByFile(deregister.addr);
            return answer(deregister.op, Err(refusal), turn);
        }
        let weight = known.weight;
        let last = self.last_of_live((&service, colour), &deregister.addr);
        if last == Some(Last::Endpoint) {
            // A file applied meanwhile took the others away; the journal must keep this one.
            turn.does(Effect::Record(Entry::Registered {
                service,
                colour,
                addr: deregister.addr.clone(),
                weight,
            }));
            let refusal = EndpointRefusal::LastOfLivePool(deregister.addr);
            return answer(deregister.op, Err(refusal), turn);
        }
        let op = deregister.op;
        let taken_out = self.take_out((&service, colour), &deregister.addr);
        let leaving = taken_out.map(|it| Leaving::new(&it, &deregister));
        self.forget_drained(&service, colour, turn);
        turn.tells(Notice::EndpointsChanged {
            service: service.clone(),
            colour,
            endpoint: deregister.addr,
            registered: false,
            actor: deregister.actor,
        });
        let change = Changed {
            op,
            watched_changed: true,
            leaving,
        };
        self.publish_change((service, colour), change, turn);
    }

    fn take_out(
        &mut self,
        (service, colour): (&ServiceName, Colour),
        addr: &EndpointAddr,
    ) -> Option<EndpointState> {
        let pool = &mut self.services.get_mut(service)?.pools[colour];
        let endpoint = pool.remove(addr)?;
        self.forget(&endpoint);
        Some(endpoint)
    }

    /// Publishes a pool with a changed endpoint, and has every worker leave the older one.
    pub(super) fn publish_change(
        &mut self,
        (service, colour): (ServiceName, Colour),
        change: Changed,
        turn: &mut Turn,
    ) {
        let op = change.op;
        self.pool_changed(&service, colour);
        self.publish(turn);
        if change.watched_changed {
            turn.does(Effect::Watch(vec![self.watched(&service)]));
        }
        turn.does(Effect::Barrier(op, Vec::new()));
        let barrier = Committing::Endpoint(service, change.leaving);
        self.operations.barriers.insert(op, barrier);
        self.ask_gates(turn);
    }

    /// No worker routes by the older pool any more.
    pub(super) fn endpoint_changed(
        &mut self,
        service: ServiceName,
        leaving: Option<Leaving>,
        passed: &BarrierPassed,
        turn: &mut Turn,
    ) {
        if passed.missing > 0 {
            turn.tells(Notice::BarrierMissed {
                services: vec![service],
                workers: passed.missing,
            });
        }
        match leaving {
            Some(leaving) => self.leaves(leaving, passed, turn),
            None => answer(passed.op, Ok(true), turn),
        }
    }
}

/// A change of an endpoint that is about to be published.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) op: OpId,
    /// Whether another set of endpoints is to be probed.
    pub(super) watched_changed: bool,
    /// The endpoint, if it is to get no further requests.
    pub(super) leaving: Option<Leaving>,
}

/// What an endpoint is the last of, in a live pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// Of those that may get requests at all.
    Endpoint,
    /// Of those that are ready.
    Ready,
}

/// What putting an endpoint into a pool did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    Same,
    Reweighted,
    Added,
}

pub(super) fn answer(op: OpId, changed: Result<bool, EndpointRefusal>, turn: &mut Turn) {
    let answer = match changed {
        Ok(changed) => EndpointAnswer::Done {
            changed,
            receipt: None,
        },
        Err(refusal) => EndpointAnswer::Refused(refusal),
    };
    turn.does(Effect::AnswerEndpoint(op, answer));
}

fn deregistered(deregister: &Deregister) -> Entry {
    Entry::Deregistered {
        service: deregister.service.clone(),
        colour: deregister.colour,
        addr: deregister.addr.clone(),
    }
}
