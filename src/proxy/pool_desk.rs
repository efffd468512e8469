//! A worker's own view of one pool of a service, and of the tenure that requests to it are claimed in.
//!
//! Owns balancing state, connections and the worker's shard of the tenure's counter; must not choose between pools,
//! which is `desk.rs`'s. It is rebuilt when the service's part of the snapshot is another one.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::HeaderValue;

use super::endpoint::{Belongs, Endpoint};
use crate::{
    core::{
        balance::{Balance, Candidate},
        beside::Traffic,
        ids::{Colour, EndpointId, Tenure},
        in_flight::{Claim, TenureCounter, WorkerTenure},
        linger::shown,
        service::{HostPolicy, OnAllUnhealthy, ServiceSpec},
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
    balance: RefCell<Balance>,
    candidates: RefCell<Vec<Candidate>>,
    stats: Arc<ServiceStats>,
}

/// What every pool of a worker is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workplace<'a> {
    pub(crate) worker: usize,
    pub(crate) stats: &'a Stats,
    pub(crate) connectors: &'a Connectors,
    pub(crate) seals: &'a Arc<Seals>,
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
    fn known(self, id: EndpointId) -> Option<&'a Rc<Endpoint>> {
        let of_pool = self.pool.and_then(|pool| pool.endpoint(id));
        of_pool.or_else(|| self.kept.iter().find(|it| it.id() == id))
    }
}

impl<'a> Workplace<'a> {
    pub(crate) const fn belongs(self, spec: &'a ServiceSpec, colour: Colour) -> Belongs<'a> {
        Belongs {
            worker: self.worker,
            spec,
            colour,
            connectors: self.connectors,
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
        let endpoints: Vec<Rc<Endpoint>> = snapshot.pools[colour]
            .endpoints
            .iter()
            .map(|endpoint| {
                let known = older.known(endpoint.id);
                let endpoint = Endpoint::new(belongs, endpoint.clone(), known);
                endpoint.connections().returns();
                Rc::new(endpoint)
            })
            .collect();
        // Workers start at different places, so that they do not all begin with the same endpoint.
        let seed = (worker as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ tenure.tenure().0;
        let held = || WorkerTenure::new(Arc::clone(tenure), worker);
        Self {
            worker,
            colour,
            traffic,
            tenure: older.pool.map_or_else(held, |it| Rc::clone(&it.tenure)),
            balance: RefCell::new(Balance::new(snapshot.spec.balance, endpoints.len(), seed)),
            candidates: RefCell::new(Vec::with_capacity(endpoints.len())),
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

    fn endpoint(&self, id: EndpointId) -> Option<&Rc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.id() == id)
    }

    /// An endpoint that is ready and not in `tried`; as a last resort, by the policy, one that is not ready.
    pub(crate) fn pick(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        self.pick_ready(tried).or_else(|| {
            let any_ready = self.endpoints.iter().any(|endpoint| endpoint.is_ready());
            match self.snapshot.spec.on_all_unhealthy {
                // Endpoints that are not ready are a last resort, also when every ready one was tried.
                OnAllUnhealthy::Try if !any_ready || !tried.is_empty() => {
                    self.pick_among(|endpoint| !tried.contains(&endpoint.id()))
                }
                OnAllUnhealthy::Try | OnAllUnhealthy::Reject => None,
            }
        })
    }

    /// An endpoint that is ready and not in `tried`.
    pub(crate) fn pick_ready(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        self.pick_among(|endpoint| endpoint.is_ready() && !tried.contains(&endpoint.id()))
    }

    fn pick_among(&self, may: impl Fn(&Endpoint) -> bool) -> Option<Rc<Endpoint>> {
        let mut candidates = self.candidates.borrow_mut();
        candidates.clear();
        candidates.extend(
            self.endpoints
                .iter()
                .enumerate()
                .filter(|(_, endpoint)| may(endpoint))
                .map(|(index, endpoint)| Candidate {
                    index,
                    weight: endpoint.weight(),
                    in_flight: endpoint.in_flight(),
                }),
        );
        let index = self.balance.borrow_mut().pick(&candidates)?;
        self.endpoints.get(index).map(Rc::clone)
    }
}
