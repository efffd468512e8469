//! Endpoints of a standby to which a worker keeps connections, though no request is sent there.
//!
//! Owns which they are: those of a standby that is held, and those that are opened because it is about to be live.

use std::{collections::HashMap, rc::Rc};

use super::Desk;
use crate::{
    core::{
        beside::Traffic,
        ids::{Colour, ServiceName},
        service::UpstreamProtocol,
        snapshot::ServiceSnapshot,
    },
    mailbox::ColdPool,
    proxy::{endpoint::Endpoint, pool_desk::Workplace, service_desk::ServiceDesk},
};

impl Desk {
    /// The endpoints of a standby that are to be connected to before it is live, with what is spoken to them. None, if
    /// the newest snapshot does not have it so any more.
    pub(crate) fn warm_up(&self, pool: &ColdPool) -> Option<(UpstreamProtocol, Vec<Rc<Endpoint>>)> {
        let mut reader = self.reader.borrow_mut();
        let snapshot = reader.load();
        let mut service = self.service(snapshot, pool.slot)?;
        let now = &service.snapshot;
        if now.name != pool.service || now.live == pool.colour {
            return None;
        }
        let protocol = now.spec.protocol;
        Some((protocol, service.warm_up(self.workplace(), pool)))
    }

    /// This worker's counters of a pool.
    pub(crate) fn count_connect(&self, service: &ServiceName, colour: Colour) {
        let pool = self.stats.pool(service, colour, Traffic::Live);
        pool.shard(self.worker).connects.add(1);
    }
}

impl ServiceDesk {
    /// The endpoints of the standby that are named, with connections that outlast the standby.
    fn warm_up(&mut self, workplace: Workplace<'_>, pool: &ColdPool) -> Vec<Rc<Endpoint>> {
        let belongs = workplace.belongs(&self.snapshot.spec, pool.colour);
        let endpoints = self.snapshot.pools[pool.colour].endpoints.iter();
        let mut warmed = Vec::with_capacity(pool.endpoints.len());
        for endpoint in endpoints.filter(|it| pool.endpoints.contains(&it.id)) {
            let known = self.kept.iter().find(|it| it.id() == endpoint.id);
            let endpoint = known.cloned().unwrap_or_else(|| {
                let cold = Endpoint::new(belongs, endpoint, None);
                self.kept.push(Rc::clone(&cold));
                cold
            });
            endpoint.connections().warm_up();
            warmed.push(endpoint);
        }
        warmed
    }
}

/// Endpoints of the standby to which connections are kept: while it is held those that had some when it was live, and those
/// that were opened because it is about to be.
pub(in crate::proxy) fn kept(
    workplace: Workplace<'_>,
    snapshot: &ServiceSnapshot,
    older: Option<&ServiceDesk>,
) -> Vec<Rc<Endpoint>> {
    // What a shift leads to is used, and needs no keeping.
    let Some(older) = older.filter(|_| snapshot.shift.is_none()) else {
        return Vec::new();
    };
    let colour = snapshot.live.other();
    let belongs = workplace.belongs(&snapshot.spec, colour);
    let wanted = older
        .endpoints()
        .filter(|it| snapshot.held || it.connections().is_warming());
    // Of several, the first is the one.
    let mut known: HashMap<_, _> = HashMap::new();
    for endpoint in wanted {
        known.entry(endpoint.id()).or_insert(endpoint);
    }
    if known.is_empty() {
        return Vec::new();
    }
    let kept = snapshot.pools[colour].endpoints.iter();
    let kept = kept.filter_map(|endpoint| {
        let known = known.get(&endpoint.id)?;
        let endpoint = Endpoint::new(belongs, endpoint, Some(known));
        if snapshot.held {
            endpoint.connections().hold();
        }
        Some(endpoint)
    });
    kept.collect()
}
