//! Endpoints that requests stay away from for a while, because an operator says so.
//!
//! Owns the drain and undrain of one endpoint, of whichever pool and whoever names it. What is drained belongs to the
//! journal, by address: it survives a restart and a file that is applied, until the endpoint leaves its pool. A drained
//! endpoint stays in its pool and is probed, but is not published: no request finds it, not even where every other
//! endpoint is unwell.

use super::{
    event::{Effect, EndpointRefusal, Entry},
    ids::{Colour, EndpointAddr, OpId, ServiceName},
    leave::{LeaveTerms, Leaving},
    notice::Notice,
    operation::Journaling,
    registration::{Changed, Last, answer},
    state::{State, Turn},
    switch::Actor,
};

/// Requests are to stay away from an endpoint that stays in its pool, or may come back to it. It may be one that the file
/// names.
#[derive(Clone, Debug)]
pub struct DrainEndpoint {
    /// Number of the operation.
    pub op: OpId,
    /// The service.
    pub service: ServiceName,
    /// The pool.
    pub colour: Colour,
    /// The endpoint.
    pub addr: EndpointAddr,
    /// Which of the two.
    pub change: DrainChange,
    /// Who asks.
    pub actor: Actor,
}

/// What is to become of an endpoint's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainChange {
    /// No new requests; those in flight go on.
    Drain(LeaveTerms),
    /// New requests again.
    Undrain,
}

impl DrainChange {
    /// Whether the endpoint is drained by it.
    #[must_use]
    pub const fn drains(&self) -> bool {
        matches!(self, Self::Drain(_))
    }
}

impl State {
    /// Begins to drain an endpoint, or to let requests come back to it.
    pub(super) fn drain_endpoint(&mut self, drain: DrainEndpoint, turn: &mut Turn) {
        let op = drain.op;
        if self.operations.contains(op) {
            return;
        }
        match self.judge_drain(&drain) {
            Ok(true) => {
                let entry = entry(&drain, drain.change.drains());
                let journaling = Journaling::Drain(drain);
                self.operations.journaling.insert(op, journaling);
                turn.does(Effect::Journal(op, entry));
            }
            judged => answer(op, judged, turn),
        }
    }

    /// Whether it changes anything.
    fn judge_drain(&self, drain: &DrainEndpoint) -> Result<bool, EndpointRefusal> {
        let (service, colour) = (&drain.service, drain.colour);
        let unknown = || EndpointRefusal::UnknownService(service.to_string());
        let served = self.services.get(service).ok_or_else(unknown)?;
        let known = served.pools[colour].find(&drain.addr);
        let known = known.ok_or_else(|| EndpointRefusal::UnknownEndpoint {
            service: service.clone(),
            colour,
            addr: drain.addr.clone(),
        })?;
        if known.drained == drain.change.drains() {
            return Ok(false);
        }
        if let DrainChange::Drain(terms) = drain.change {
            self.may_leave((service, colour), &drain.addr, terms.force)?;
        }
        self.room()?;
        Ok(true)
    }

    /// The drain or undrain is on disk.
    pub(super) fn endpoint_drain_journaled(&mut self, drain: DrainEndpoint, turn: &mut Turn) {
        let (service, colour, drains) = (&drain.service, drain.colour, drain.change.drains());
        if let Some(refusal) = self.drain_lost(&drain) {
            // A file applied meanwhile took the endpoint, or all others, away; the journal must not keep it.
            turn.does(Effect::Record(entry(&drain, false)));
            return answer(drain.op, Err(refusal), turn);
        }
        if let Some(standing) = self.standings.get_mut(service) {
            let drained = &mut standing.drained[colour];
            if drains {
                drained.insert(drain.addr.clone());
            } else {
                drained.remove(&drain.addr);
            }
        }
        let leaving = self.set_drained(&drain, turn);
        turn.tells(Notice::EndpointDrained {
            service: service.clone(),
            colour,
            endpoint: drain.addr.clone(),
            drained: drains,
            actor: drain.actor.clone(),
        });
        let change = Changed {
            op: drain.op,
            watched_changed: false,
            leaving,
        };
        self.publish_change((drain.service, colour), change, turn);
    }

    /// Why a drain that is on disk has no endpoint, or no place to send requests to, any more.
    fn drain_lost(&self, drain: &DrainEndpoint) -> Option<EndpointRefusal> {
        let (service, colour) = (&drain.service, drain.colour);
        let Some(served) = self.services.get(service) else {
            return Some(EndpointRefusal::UnknownService(service.to_string()));
        };
        if served.pools[colour].find(&drain.addr).is_none() {
            return Some(EndpointRefusal::UnknownEndpoint {
                service: service.clone(),
                colour,
                addr: drain.addr.clone(),
            });
        }
        let last = self.last_of_live((service, colour), &drain.addr);
        (drain.change.drains() && last == Some(Last::Endpoint))
            .then(|| EndpointRefusal::LastOfLivePool(drain.addr.clone()))
    }

    fn set_drained(&mut self, drain: &DrainEndpoint, turn: &mut Turn) -> Option<Leaving> {
        let (service, colour) = (&drain.service, drain.colour);
        let pool = &mut self.services.get_mut(service)?.pools[colour];
        let endpoint = pool.find_mut(&drain.addr)?;
        endpoint.drained = drain.change.drains();
        let id = endpoint.id;
        match drain.change {
            DrainChange::Drain(terms) => Some(Leaving::drained(endpoint, drain, terms)),
            DrainChange::Undrain => {
                // What runs there has probably been replaced: it begins as a newcomer does.
                endpoint.newcomer = true;
                self.leavers.returns((service, colour), &drain.addr, turn);
                self.arrives(service, colour, id, turn.now.instant);
                None
            }
        }
    }

    /// Forgets that endpoints are drained which are in their pool no more.
    pub(super) fn forget_drained(
        &mut self,
        service: &ServiceName,
        colour: Colour,
        turn: &mut Turn,
    ) {
        let Some(served) = self.services.get(service) else {
            return;
        };
        let Some(standing) = self.standings.get_mut(service) else {
            return;
        };
        let pool = &served.pools[colour];
        let drained = std::mem::take(&mut standing.drained[colour]);
        for addr in drained {
            if pool.find(&addr).is_some() {
                standing.drained[colour].insert(addr);
            } else {
                turn.does(Effect::Record(Entry::EndpointDrain {
                    service: service.clone(),
                    colour,
                    addr,
                    drained: false,
                }));
            }
        }
    }
}

fn entry(drain: &DrainEndpoint, drained: bool) -> Entry {
    Entry::EndpointDrain {
        service: drain.service.clone(),
        colour: drain.colour,
        addr: drain.addr.clone(),
        drained,
    }
}
