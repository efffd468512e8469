//! A worker's own view of one pool of a service, and of the tenure that requests to it are claimed in.
//!
//! Owns balancing state, connections and the worker's shard of the tenure's counter; must not choose between pools,
//! which is `desk.rs`'s. It is rebuilt when the service's part of the snapshot is another one.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use http::HeaderValue;

use super::{
    endpoint::{Belongs, Endpoint},
    loads::{Hearing, Loads},
};
use crate::{
    core::{
        balance::{Balance, Candidate, FEW, Many},
        beside::Traffic,
        ids::{Colour, EndpointId, Tenure},
        in_flight::{Claim, TenureCounter, WorkerTenure},
        linger::shown,
        service::{BalanceKind, HostPolicy, OnAllUnhealthy, ServiceSpec},
        snapshot::ServiceSnapshot,
    },
    telemetry::stats::{ServiceStats, Stats, StatsShard},
    tls::{Connectors, Seals},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct PoolDesk {
    worker: usize,
    colour: Colour,
    traffic: Traffic,
    snapshot: Arc<ServiceSnapshot>,
    tenure: Rc<WorkerTenure>,
    endpoints: Vec<Rc<Endpoint>>,
    picking: Picking,
    any_ready: bool,
    stats: Arc<ServiceStats>,
}

/// How an endpoint is picked.
#[derive(Debug)]
enum Picking {
    /// By a look at each of them.
    Few(RefCell<Few>),
    /// By what is kept of those that may be picked: the ready ones, or all, if none is ready. They have places there; these
    /// are their indices here.
    Many(Hearing, Vec<usize>),
}

#[derive(Debug)]
struct Few {
    balance: Balance,
    /// Room for them, so that no request has to make some.
    candidates: Vec<Candidate>,
}

/// What every pool of a worker is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workplace<'a> {
    pub(crate) worker: usize,
    pub(crate) stats: &'a Stats,
    pub(crate) connectors: &'a Connectors,
    pub(crate) seals: &'a Arc<Seals>,
    pub(crate) loads: &'a Rc<Loads>,
}

/// What an older desk had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Older<'a> {
    /// The pool of the same tenure.
    pub(crate) pool: Option<&'a PoolDesk>,
    /// Endpoints of a held standby.
    pub(crate) kept: &'a [Rc<Endpoint>],
}

impl<'a> Older<'a> {
    /// Those of the pool, rather than those that were kept.
    fn known(self) -> HashMap<EndpointId, &'a Rc<Endpoint>> {
        let of_pool = self.pool.map_or(&[][..], PoolDesk::endpoints);
        let all = self.kept.iter().chain(of_pool);
        all.map(|it| (it.id(), it)).collect()
    }
}

impl<'a> Workplace<'a> {
    pub(crate) const fn belongs(self, spec: &'a ServiceSpec, colour: Colour) -> Belongs<'a> {
        Belongs {
            worker: self.worker,
            spec,
            colour,
            connectors: self.connectors,
            loads: self.loads,
        }
    }
}

impl PoolDesk {
    /// The desk for the pool of `tenure`'s colour in `snapshot`. Connections of `older` are taken over.
    pub(crate) fn new(
        workplace: Workplace<'_>,
        snapshot: &Arc<ServiceSnapshot>,
        (tenure, traffic): (&Arc<TenureCounter>, Traffic),
        older: Older<'_>,
    ) -> Self {
        let (worker, colour) = (workplace.worker, tenure.colour());
        let belongs = workplace.belongs(&snapshot.spec, colour);
        let known = older.known();
        let endpoints = snapshot.pools[colour].endpoints.iter().map(|endpoint| {
            let known = known.get(&endpoint.id).copied();
            let endpoint = Endpoint::new(belongs, endpoint, known);
            endpoint.connections().returns();
            endpoint
        });
        let endpoints: Vec<_> = endpoints.collect();
        // Workers start at different places, so that they do not all begin with the same endpoint.
        let seed = (worker as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tenure.tenure().0;
        let held = || WorkerTenure::new(Arc::clone(tenure), worker);
        Self {
            worker,
            colour,
            traffic,
            tenure: older.pool.map_or_else(held, |it| Rc::clone(&it.tenure)),
            any_ready: endpoints.iter().any(|it| it.is_ready()),
            picking: Picking::among(&endpoints, (snapshot.spec.balance, seed), workplace.loads),
            stats: workplace.stats.pool(&snapshot.name, colour, traffic),
            endpoints,
            snapshot: Arc::clone(snapshot),
        }
    }

    /// The service, as the snapshot that it was made from has it.
    pub(crate) fn snapshot(&self) -> &ServiceSnapshot {
        &self.snapshot
    }

    pub(crate) const fn colour(&self) -> Colour {
        self.colour
    }

    /// On whose account requests are here.
    pub(crate) const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The number of the tenure that requests are claimed in.
    pub(crate) fn tenure(&self) -> Tenure {
        shown(self.tenure.counter().tenure())
    }

    /// Whether requests are claimed in `tenure`.
    pub(crate) fn claims_in(&self, tenure: &Arc<TenureCounter>) -> bool {
        Arc::ptr_eq(self.tenure.counter(), tenure)
    }

    /// Claims. The snapshot was loaded without awaiting in between (invariant 4).
    pub(crate) fn claim(&self) -> Claim {
        Claim::new(&self.tenure)
    }

    /// This worker's counters of the pool.
    pub(crate) fn stats(&self) -> &StatsShard {
        self.stats.shard(self.worker)
    }

    pub(crate) fn endpoints(&self) -> &[Rc<Endpoint>] {
        &self.endpoints
    }

    /// The `Host` to send to `endpoint`, given the client's.
    pub(crate) fn host_for<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        sent: Option<&'a HeaderValue>,
    ) -> &'a HeaderValue {
        match &self.snapshot.spec.host {
            HostPolicy::Preserve => sent.unwrap_or_else(|| endpoint.host()),
            HostPolicy::Endpoint => endpoint.host(),
            HostPolicy::Literal(host) => host,
        }
    }

    /// An endpoint that is ready and not in `tried`; as a last resort, by the policy, one that is not ready.
    pub(crate) fn pick(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        self.pick_ready(tried).or_else(|| {
            match self.snapshot.spec.on_all_unhealthy {
                // Endpoints that are not ready are a last resort, also when every ready one was tried.
                OnAllUnhealthy::Try if !self.any_ready || !tried.is_empty() => self.pick_any(tried),
                OnAllUnhealthy::Try | OnAllUnhealthy::Reject => None,
            }
        })
    }

    /// An endpoint that is ready and not in `tried`.
    pub(crate) fn pick_ready(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        if !self.any_ready {
            return None;
        }
        let index = match &self.picking {
            Picking::Few(few) => few.borrow_mut().pick(&self.endpoints, |endpoint| {
                endpoint.is_ready() && !tried.contains(&endpoint.id())
            }),
            Picking::Many(many, indices) => many.pick(tried).map(|place| indices[place]),
        };
        self.endpoints.get(index?).map(Rc::clone)
    }

    /// An endpoint that is not in `tried`.
    fn pick_any(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        let untried = |endpoint: &Endpoint| !tried.contains(&endpoint.id());
        let index = match &self.picking {
            Picking::Few(few) => few.borrow_mut().pick(&self.endpoints, untried),
            Picking::Many(many, indices) if !self.any_ready => {
                many.pick(tried).map(|place| indices[place])
            }
            // Every ready one was tried, so that they are few: a look at each of the others is rare.
            Picking::Many(..) => {
                let candidates = candidates_of(&self.endpoints, untried);
                candidates.min_by_key(|it| it.in_flight).map(|it| it.index)
            }
        };
        self.endpoints.get(index?).map(Rc::clone)
    }
}

impl Few {
    fn pick(
        &mut self,
        endpoints: &[Rc<Endpoint>],
        may: impl Fn(&Endpoint) -> bool,
    ) -> Option<usize> {
        self.candidates.clear();
        self.candidates.extend(candidates_of(endpoints, may));
        self.balance.pick(&self.candidates)
    }
}

impl Picking {
    fn among(
        endpoints: &[Rc<Endpoint>],
        (kind, seed): (BalanceKind, u64),
        loads: &Rc<Loads>,
    ) -> Self {
        if endpoints.len() <= FEW {
            return Self::Few(RefCell::new(Few {
                balance: Balance::new(kind, endpoints.len(), seed),
                candidates: Vec::with_capacity(endpoints.len()),
            }));
        }
        let any_ready = endpoints.iter().any(|it| it.is_ready());
        let may = |endpoint: &Endpoint| endpoint.is_ready() || !any_ready;
        let candidates: Vec<_> = candidates_of(endpoints, may).collect();
        let indices: Vec<_> = candidates.iter().map(|it| it.index).collect();
        let ids = indices.iter().map(|index| endpoints[*index].id());
        let many = Many::new(kind, &candidates, seed);
        Self::Many(Hearing::begin(loads, many, ids.collect()), indices)
    }
}

fn candidates_of(
    endpoints: &[Rc<Endpoint>],
    may: impl Fn(&Endpoint) -> bool,
) -> impl Iterator<Item = Candidate> {
    let endpoints = endpoints.iter().enumerate();
    let endpoints = endpoints.filter(move |(_, endpoint)| may(endpoint));
    endpoints.map(|(index, endpoint)| Candidate {
        index,
        weight: endpoint.weight(),
        in_flight: endpoint.in_flight(),
    })
}
