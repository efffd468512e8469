//! A worker's own view of the snapshot: where a request is routed, an endpoint picked, and a claim made, in
//! one uninterrupted step (invariant 4).
//!
//! Owns what a worker keeps beside the snapshot; what belongs to one pool is in `pool_desk.rs`.
//! A service's desk is rebuilt when the service's part of the snapshot is another one, which a comparison of
//! two pointers tells; nothing shared between workers is written to on the way of a request.

pub(super) mod kept;

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
    sync::Arc,
};

use http::HeaderValue;

use super::{
    choice::Chosen,
    endpoint::Endpoint,
    error::ProxyError,
    loads::Loads,
    mirror_desk::MirrorDesk,
    pool_desk::{PoolDesk, Workplace},
    service_desk::ServiceDesk,
    shift_desk::Whose,
};
use crate::{
    core::{
        affinity::Session,
        beside::Traffic,
        ids::{EndpointId, ListenerId, ListenerName, ServiceSlot},
        in_flight::Claim,
        routing::Lead,
        service::AmbiguousPath,
        snapshot::Snapshot,
    },
    publish::Reader,
    telemetry::stats::Stats,
    tls::{Connectors, Seals},
};

/// One worker's view of all services.
#[derive(Debug)]
pub(crate) struct Desk {
    worker: usize,
    reader: RefCell<Reader>,
    services: RefCell<Vec<Option<ServiceDesk>>>,
    /// The snapshot that all of them have been brought up to.
    synced: RefCell<Arc<Snapshot>>,
    loads: Rc<Loads>,
    stats: Arc<Stats>,
    connectors: Arc<Connectors>,
    seals: Arc<Seals>,
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
    /// The session that begins with this request; the client does not know it yet.
    pub(crate) session: Option<Session>,
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
        (connectors, seals): (Arc<Connectors>, Arc<Seals>),
    ) -> Self {
        Self {
            worker,
            reader: RefCell::new(reader),
            services: RefCell::default(),
            synced: RefCell::default(),
            loads: Rc::default(),
            stats,
            connectors,
            seals,
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
        let Chosen {
            pool,
            endpoint,
            session,
        } = service.choose(key.whose, tried);
        match endpoint {
            Some(endpoint) => Ok(Picked {
                claim: pool.claim(),
                mirror: service.mirror_of(&pool),
                pool,
                endpoint,
                respelt,
                session,
            }),
            None => Err(Unpicked {
                error: ProxyError::NoReadyEndpoint,
                pool: Some(pool),
            }),
        }
    }

    /// What tells a client its session, so that it tells it again.
    pub(crate) fn cookie(
        &self,
        (pool, session): (&PoolDesk, Session),
        secure: bool,
    ) -> Option<HeaderValue> {
        let snapshot = pool.snapshot();
        let name = &snapshot.spec.affinity.as_ref()?.cookie;
        let value = self.seals.seal(&snapshot.name, session)?;
        let secure = if secure { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_maybe_shared(bytes::Bytes::from(cookie)).ok()
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
    /// they changed are brought up to date, so that the connections of their old tenure are retired now. Only what has
    /// changed since the last time is looked at, however many services there are.
    pub(crate) fn sync(&self) {
        let mut reader = self.reader.borrow_mut();
        let snapshot = reader.load();
        let mut synced = self.synced.borrow_mut();
        if Arc::ptr_eq(&synced, snapshot) {
            return;
        }
        for slot in snapshot.services.differing(&synced.services) {
            if self.knows(slot) && self.service(snapshot, slot).is_none() {
                self.forget(slot);
            }
        }
        synced.clone_from(snapshot);
    }

    fn knows(&self, slot: ServiceSlot) -> bool {
        let services = self.services.borrow();
        services.get(slot.index()).is_some_and(Option::is_some)
    }

    /// Closes upstream connections that were unused for too long or that their peer has closed, or that nobody holds
    /// any more: of every `parts`th service, from the `part`th on, so that no request waits for a look at all of them.
    pub(crate) fn prune(&self, now: super::clock::Tick, (part, parts): (usize, usize)) {
        self.sync();
        let services = self.services.borrow();
        for service in services.iter().skip(part).step_by(parts).flatten() {
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
            seals: &self.seals,
            loads: &self.loads,
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
