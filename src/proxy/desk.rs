//! A worker's own view of the snapshot: where a request is routed, an endpoint picked, and a claim made, in
//! one uninterrupted step (invariant 4).
//!
//! Owns what a worker keeps beside the snapshot: balancing state, its shard of the counters, its connections.
//! A service's desk is rebuilt when the service's part of the snapshot is another one, which a comparison of
//! two pointers tells; nothing shared between workers is written to on the way of a request.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use http::HeaderValue;

use super::{
    endpoint::{Belongs, Endpoint},
    error::ProxyError,
};
use crate::{
    core::{
        balance::{Balance, Candidate},
        ids::{EndpointId, ListenerId, ServiceSlot},
        in_flight::{Claim, WorkerTenure},
        routing::Lead,
        service::{AmbiguousPath, HostPolicy, OnAllUnhealthy},
        snapshot::{ServiceSnapshot, Snapshot},
    },
    publish::Reader,
    telemetry::stats::{ServiceStats, Stats, StatsShard},
    tls::Connectors,
};

/// One worker's view of all services.
#[derive(Debug)]
pub(crate) struct Desk {
    worker: usize,
    reader: RefCell<Reader>,
    services: RefCell<Vec<Option<Rc<ServiceDesk>>>>,
    stats: Arc<Stats>,
    connectors: Arc<Connectors>,
}

/// One worker's view of one service in one state.
#[derive(Debug)]
pub(crate) struct ServiceDesk {
    worker: usize,
    snapshot: Arc<ServiceSnapshot>,
    tenure: Rc<WorkerTenure>,
    endpoints: Vec<Rc<Endpoint>>,
    /// Of the standby, while it is held: those to which connections are kept.
    kept: Vec<Rc<Endpoint>>,
    balance: RefCell<Balance>,
    candidates: RefCell<Vec<Candidate>>,
    stats: Arc<ServiceStats>,
}

/// Where a request is going to.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) service: Rc<ServiceDesk>,
    pub(crate) endpoint: Rc<Endpoint>,
    pub(crate) claim: Claim,
    /// The path to forward, where it is not the client's.
    pub(crate) respelt: Option<String>,
}

/// Why it is going nowhere, and the service it was meant for.
#[derive(Debug)]
pub(crate) struct Unpicked {
    pub(crate) error: ProxyError,
    pub(crate) service: Option<Rc<ServiceDesk>>,
}

/// What a request is routed by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteKey<'a> {
    pub(crate) listener: ListenerId,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
}

impl Desk {
    pub(crate) fn new(
        worker: usize,
        reader: Reader,
        stats: Arc<Stats>,
        connectors: Arc<Connectors>,
    ) -> Self {
        Self {
            worker,
            reader: RefCell::new(reader),
            services: RefCell::default(),
            stats,
            connectors,
        }
    }

    /// Loads the snapshot, routes, picks an endpoint that is not in `tried`, and claims. Nothing here awaits:
    /// a barrier is answered either before all of it or after.
    pub(crate) fn claim(
        &self,
        key: RouteKey<'_>,
        tried: &[EndpointId],
    ) -> Result<Picked, Unpicked> {
        let mut reader = self.reader.borrow_mut();
        let snapshot = reader.load();
        let (slot, respelt) = match lead(snapshot, key) {
            Lead::AsSent(slot) => (Some(slot), None),
            Lead::Respelt(slot, path) => (Some(slot), Some(path)),
            Lead::Nowhere => (None, None),
            Lead::Refused(slot, unclear) => {
                return Err(Unpicked {
                    error: ProxyError::Unclear(unclear),
                    service: slot.and_then(|slot| self.service(snapshot, slot)),
                });
            }
        };
        let Some(service) = slot.and_then(|slot| self.service(snapshot, slot)) else {
            return Err(Unpicked {
                error: ProxyError::NoRoute,
                service: None,
            });
        };
        match service.pick(tried) {
            Some(endpoint) => {
                let claim = Claim::new(&service.tenure);
                Ok(Picked {
                    service,
                    endpoint,
                    claim,
                    respelt,
                })
            }
            None => Err(Unpicked {
                error: ProxyError::NoReadyEndpoint,
                service: Some(service),
            }),
        }
    }

    /// Whether an endpoint, of whichever pool of the service, may still be picked by the newest snapshot.
    pub(crate) fn is_ready(&self, slot: ServiceSlot, endpoint: EndpointId) -> bool {
        let mut reader = self.reader.borrow_mut();
        let service = reader.load().service(slot);
        service.is_some_and(|service| {
            let pools = service.pools.iter();
            let mut endpoints = pools.flat_map(|(_, pool)| &pool.endpoints);
            endpoints.any(|it| it.id == endpoint && it.ready)
        })
    }

    /// Leaves every older snapshot: the worker's part of a barrier. Services that were not asked for since
    /// they changed are brought up to date, so that the connections of their old tenure are retired now.
    pub(crate) fn sync(&self) {
        let mut reader = self.reader.borrow_mut();
        let snapshot = reader.load();
        let known: Vec<_> = self
            .services
            .borrow()
            .iter()
            .flatten()
            .map(|it| it.snapshot.slot)
            .collect();
        for slot in known {
            if self.service(snapshot, slot).is_none() {
                self.forget(slot);
            }
        }
    }

    /// Closes upstream connections that were unused for too long or that their peer has closed, or that nobody holds
    /// any more.
    pub(crate) fn prune(&self, now: super::clock::Tick) {
        self.sync();
        for service in self.services.borrow().iter().flatten() {
            for endpoint in service.connected() {
                endpoint.connections().prune(now);
            }
        }
    }

    /// Closes every upstream connection that is not used at present, because descriptors are needed; says whether
    /// there was one.
    pub(crate) fn give_up_idle(&self) -> bool {
        let services = self.services.borrow();
        let endpoints = services.iter().flatten().flat_map(|it| it.connected());
        endpoints.fold(false, |any, it| it.connections().give_up_idle() | any)
    }

    fn service(&self, snapshot: &Snapshot, slot: ServiceSlot) -> Option<Rc<ServiceDesk>> {
        let current = snapshot.service(slot)?;
        let mut services = self.services.borrow_mut();
        if let Some(Some(known)) = services.get(slot.index())
            && Arc::ptr_eq(&known.snapshot, current)
        {
            return Some(Rc::clone(known));
        }
        if services.len() <= slot.index() {
            services.resize_with(slot.index() + 1, || None);
        }
        let entry = services.get_mut(slot.index())?;
        let renewed = Rc::new(ServiceDesk::renew(
            self,
            Arc::clone(current),
            entry.take().as_deref(),
        ));
        *entry = Some(Rc::clone(&renewed));
        Some(renewed)
    }

    fn forget(&self, slot: ServiceSlot) {
        let forgotten = self
            .services
            .borrow_mut()
            .get_mut(slot.index())
            .and_then(Option::take);
        for endpoint in forgotten.iter().flat_map(|service| service.connected()) {
            endpoint.connections().retire();
        }
    }
}

fn lead(snapshot: &Snapshot, key: RouteKey<'_>) -> Lead {
    let policy = |slot| {
        let service = snapshot.service(slot);
        service.map_or(AmbiguousPath::Reject, |it| it.spec.ambiguous_path)
    };
    let routes = snapshot.routes_of(key.listener);
    routes.map_or(Lead::Nowhere, |it| it.lead(key.host, key.path, policy))
}

impl ServiceDesk {
    /// The desk for `snapshot`. What still holds of `older` is taken over: connections to endpoints of the
    /// same tenure, and while the standby is held those of both colours; all others are retired.
    fn renew(desk: &Desk, snapshot: Arc<ServiceSnapshot>, older: Option<&Self>) -> Self {
        let same_tenure =
            older.filter(|older| Arc::ptr_eq(&older.snapshot.tenure, &snapshot.tenure));
        let belongs = Belongs {
            worker: desk.worker,
            spec: &snapshot.spec,
            colour: snapshot.live,
            connectors: &desk.connectors,
        };
        let knows = if snapshot.held { older } else { same_tenure };
        let endpoints: Vec<Rc<Endpoint>> = snapshot
            .live_pool()
            .endpoints
            .iter()
            .map(|endpoint| {
                let known = knows.and_then(|older| older.known(endpoint.id));
                let endpoint = Endpoint::new(belongs, endpoint.clone(), known);
                endpoint.connections().returns();
                Rc::new(endpoint)
            })
            .collect();
        let kept = kept(belongs, &snapshot, knows);
        for endpoint in older.iter().flat_map(|older| older.connected()) {
            let mut newer = endpoints.iter().chain(&kept);
            if !newer.any(|newer| newer.shares_connections(endpoint)) {
                endpoint.connections().retire();
            }
        }
        let tenure = same_tenure.map_or_else(
            || WorkerTenure::new(Arc::clone(&snapshot.tenure), desk.worker),
            |older| Rc::clone(&older.tenure),
        );
        // Workers start at different places, so that they do not all begin with the same endpoint.
        let seed = (desk.worker as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ snapshot.tenure_number().0;
        Self {
            worker: desk.worker,
            tenure,
            balance: RefCell::new(Balance::new(snapshot.spec.balance, endpoints.len(), seed)),
            candidates: RefCell::new(Vec::with_capacity(endpoints.len())),
            stats: desk.stats.service(&snapshot.name, snapshot.live),
            endpoints,
            kept,
            snapshot,
        }
    }

    /// Every endpoint to which there may be connections.
    fn connected(&self) -> impl Iterator<Item = &Rc<Endpoint>> {
        self.endpoints.iter().chain(&self.kept)
    }

    /// What it was made from.
    pub(crate) fn snapshot(&self) -> &ServiceSnapshot {
        &self.snapshot
    }

    /// This worker's counters of the live pool.
    pub(crate) fn stats(&self) -> &StatsShard {
        self.stats.shard(self.worker)
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

    fn known(&self, id: EndpointId) -> Option<&Rc<Endpoint>> {
        self.connected().find(|endpoint| endpoint.id() == id)
    }

    fn pick(&self, tried: &[EndpointId]) -> Option<Rc<Endpoint>> {
        self.pick_among(|endpoint| endpoint.is_ready() && !tried.contains(&endpoint.id()))
            .or_else(|| {
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

/// Endpoints of the standby to which connections are kept: those that had some when it was live.
fn kept(
    belongs: Belongs<'_>,
    snapshot: &ServiceSnapshot,
    older: Option<&ServiceDesk>,
) -> Vec<Rc<Endpoint>> {
    let Some(older) = older.filter(|_| snapshot.held) else {
        return Vec::new();
    };
    let colour = snapshot.live.other();
    let belongs = Belongs { colour, ..belongs };
    let standby = snapshot.pools[colour].endpoints.iter();
    let kept = standby.filter_map(|endpoint| {
        let known = older.known(endpoint.id)?;
        let endpoint = Endpoint::new(belongs, endpoint.clone(), Some(known));
        endpoint.connections().hold();
        Some(Rc::new(endpoint))
    });
    kept.collect()
}
