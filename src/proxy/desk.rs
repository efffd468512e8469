//! A worker's own view of the snapshot: where a request is routed, an endpoint picked, and a claim made, in
//! one uninterrupted step (invariant 4).
//!
//! Owns what a worker keeps beside the snapshot; what belongs to one pool is in `pool_desk.rs`.
//! A service's desk is rebuilt when the service's part of the snapshot is another one, which a comparison of
//! two pointers tells; nothing shared between workers is written to on the way of a request.

mod kept;

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
    sync::Arc,
};

use super::{
    endpoint::Endpoint,
    error::ProxyError,
    mirror_desk::MirrorDesk,
    pool_desk::{Older, PoolDesk, Workplace},
    preview,
    shift_desk::{ShiftDesk, Whose},
};
use crate::{
    core::{
        beside::Traffic,
        ids::{EndpointId, ListenerId, ListenerName, ServiceSlot},
        in_flight::Claim,
        routing::Lead,
        service::AmbiguousPath,
        snapshot::{ServiceSnapshot, Snapshot},
    },
    publish::Reader,
    telemetry::stats::Stats,
    tls::Connectors,
};

/// One worker's view of all services.
#[derive(Debug)]
pub(crate) struct Desk {
    worker: usize,
    reader: RefCell<Reader>,
    services: RefCell<Vec<Option<ServiceDesk>>>,
    stats: Arc<Stats>,
    connectors: Arc<Connectors>,
}

/// One worker's view of one service in one state.
#[derive(Debug)]
struct ServiceDesk {
    snapshot: Arc<ServiceSnapshot>,
    live: Rc<PoolDesk>,
    /// The standby, for requests that ask for it, if they may.
    preview: Option<Rc<PoolDesk>>,
    /// The standby, for copies of live requests, if there are any.
    mirror: Option<Rc<MirrorDesk>>,
    shift: Option<Box<ShiftDesk>>,
    /// Of the standby, while it is held or is being warmed up: those to which connections are kept.
    kept: Vec<Rc<Endpoint>>,
}

/// Where a request is going to.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) pool: Rc<PoolDesk>,
    pub(crate) endpoint: Rc<Endpoint>,
    pub(crate) claim: Claim,
    /// Where a copy of it may go.
    pub(crate) mirror: Option<Rc<MirrorDesk>>,
    /// The path to forward, where it is not the client's.
    pub(crate) respelt: Option<String>,
}

/// Why it is going nowhere, and the pool it was meant for.
#[derive(Debug)]
pub(crate) struct Unpicked {
    pub(crate) error: ProxyError,
    pub(crate) pool: Option<Rc<PoolDesk>>,
}

/// What a request is routed by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RouteKey<'a> {
    pub(crate) listener: ListenerId,
    pub(crate) listener_name: &'a ListenerName,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    /// On whose account an earlier attempt was made; a request does not change sides.
    pub(crate) traffic: Option<Traffic>,
    /// Looked at only where colours share the traffic, or where the standby may be asked for.
    pub(crate) whose: Whose<'a>,
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
                let service = slot.and_then(|slot| self.service(snapshot, slot));
                return Err(Unpicked {
                    error: ProxyError::Unclear(unclear),
                    pool: service.map(|service| Rc::clone(&service.live)),
                });
            }
        };
        let Some(service) = slot.and_then(|slot| self.service(snapshot, slot)) else {
            return Err(Unpicked {
                error: ProxyError::NoRoute,
                pool: None,
            });
        };
        if service.is_asked_for_standby(key) {
            return service.preview(tried, respelt);
        }
        let (pool, endpoint) = service.choose(key.whose, tried);
        match endpoint {
            Some(endpoint) => Ok(Picked {
                claim: pool.claim(),
                mirror: service.mirror.clone(),
                pool,
                endpoint,
                respelt,
            }),
            None => Err(Unpicked {
                error: ProxyError::NoReadyEndpoint,
                pool: Some(pool),
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
            for endpoint in service.endpoints() {
                endpoint.connections().prune(now);
            }
        }
    }

    /// Closes every upstream connection that is not used at present, because descriptors are needed; says whether
    /// there was one.
    pub(crate) fn give_up_idle(&self) -> bool {
        let services = self.services.borrow();
        let endpoints = services.iter().flatten().flat_map(ServiceDesk::endpoints);
        endpoints.fold(false, |any, it| it.connections().give_up_idle() | any)
    }

    fn service(&self, snapshot: &Snapshot, slot: ServiceSlot) -> Option<RefMut<'_, ServiceDesk>> {
        let current = snapshot.service(slot)?;
        let mut services = self.services.borrow_mut();
        if services.len() <= slot.index() {
            services.resize_with(slot.index() + 1, || None);
        }
        let mut desk = RefMut::filter_map(services, |services| services.get_mut(slot.index()));
        let entry = desk.as_mut().ok()?;
        let known = entry.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(&known.snapshot, current)) {
            let renewed = ServiceDesk::renew(self.workplace(), Arc::clone(current), known);
            **entry = Some(renewed);
        }
        RefMut::filter_map(desk.ok()?, Option::as_mut).ok()
    }

    fn workplace(&self) -> Workplace<'_> {
        Workplace {
            worker: self.worker,
            stats: &self.stats,
            connectors: &self.connectors,
        }
    }

    fn forget(&self, slot: ServiceSlot) {
        let forgotten = self
            .services
            .borrow_mut()
            .get_mut(slot.index())
            .and_then(Option::take);
        for endpoint in forgotten.iter().flat_map(ServiceDesk::endpoints) {
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
    fn renew(
        workplace: Workplace<'_>,
        snapshot: Arc<ServiceSnapshot>,
        older: Option<&Self>,
    ) -> Self {
        let known = |tenure| {
            let mut known = older.into_iter().flat_map(Self::pools);
            let known = known.find(|pool| pool.claims_in(tenure));
            Older {
                pool: known.map(Rc::as_ref),
                kept: older.map_or(&[], |older| &older.kept),
            }
        };
        let tenure = &snapshot.tenure;
        let live = (tenure, Traffic::Live);
        let live = PoolDesk::new(workplace, &snapshot, live, known(tenure));
        let shift = snapshot.shift.as_ref().map(|shift| {
            let before = older.and_then(|older| older.shift.as_deref());
            let known = known(&shift.tenure);
            ShiftDesk::new(workplace, (&snapshot, shift), known, before)
        });
        let preview = snapshot.previews.as_ref().map(|tenure| {
            let previews = (tenure, Traffic::Preview);
            Rc::new(PoolDesk::new(workplace, &snapshot, previews, known(tenure)))
        });
        let mirror = snapshot.mirrors.as_ref().map(|tenure| {
            let copies = (tenure, Traffic::Mirror);
            let pool = PoolDesk::new(workplace, &snapshot, copies, known(tenure));
            let before = older.and_then(|older| older.mirror.as_deref());
            Rc::new(MirrorDesk::new(workplace, pool, before))
        });
        let renewed = Self {
            mirror,
            live: Rc::new(live),
            shift: shift.map(Box::new),
            preview,
            kept: kept::kept(workplace, &snapshot, older),
            snapshot,
        };
        let shifting = renewed.shift.as_deref().map(|shift| &shift.pool);
        for pool in [&renewed.live].into_iter().chain(shifting) {
            for endpoint in pool.endpoints() {
                endpoint.connections().goes_live();
            }
        }
        for endpoint in older.into_iter().flat_map(Self::endpoints) {
            let mut newer = renewed.endpoints();
            if !newer.any(|newer| newer.shares_connections(endpoint)) {
                endpoint.connections().retire();
            }
        }
        renewed
    }

    fn is_asked_for_standby(&self, key: RouteKey<'_>) -> bool {
        let Some(spec) = &self.snapshot.spec.preview else {
            return key.traffic == Some(Traffic::Preview);
        };
        match key.traffic {
            Some(traffic) => traffic == Traffic::Preview,
            None => preview::asks(spec, key),
        }
    }

    /// An endpoint of the standby. One that is not ready is not tried, and the live pool never takes its place: who
    /// looks at a new version must not be shown the old one.
    fn preview(&self, tried: &[EndpointId], respelt: Option<String>) -> Result<Picked, Unpicked> {
        let Some(pool) = &self.preview else {
            return Err(Unpicked {
                error: ProxyError::NoPreview,
                pool: None,
            });
        };
        match pool.pick_ready(tried) {
            Some(endpoint) => Ok(Picked {
                claim: pool.claim(),
                mirror: None,
                pool: Rc::clone(pool),
                endpoint,
                respelt,
            }),
            None => Err(Unpicked {
                error: ProxyError::NoPreview,
                pool: Some(Rc::clone(pool)),
            }),
        }
    }

    /// Every pool that requests may be sent to.
    fn pools(&self) -> impl Iterator<Item = &Rc<PoolDesk>> {
        let shift = self.shift.as_deref().map(|shift| &shift.pool);
        [&self.live]
            .into_iter()
            .chain(shift)
            .chain(&self.preview)
            .chain(self.mirror.as_deref().map(|it| &it.pool))
    }

    /// The pool that a request goes to, and an endpoint of it that is not in `tried`. While the new colour of a shift has
    /// none that is ready, its share goes to the live one.
    fn choose(
        &self,
        whose: Whose<'_>,
        tried: &[EndpointId],
    ) -> (Rc<PoolDesk>, Option<Rc<Endpoint>>) {
        if let Some(shift) = &self.shift
            && shift.takes(whose)
            && let Some(endpoint) = shift.pool.pick_ready(tried)
        {
            return (Rc::clone(&shift.pool), Some(endpoint));
        }
        (Rc::clone(&self.live), self.live.pick(tried))
    }

    /// Every endpoint to which there may be connections.
    fn endpoints(&self) -> impl Iterator<Item = &Rc<Endpoint>> {
        let picked = self.pools().flat_map(|pool| pool.endpoints());
        picked.chain(&self.kept)
    }
}
