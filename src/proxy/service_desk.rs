//! A worker's own view of one service: its pools, and which of them a request goes to.
//!
//! Owns what is taken over when the service has changed, connections above all, and what is retired then; must not load
//! snapshots or claim, which is `desk.rs`'s.

use std::{collections::HashSet, rc::Rc, sync::Arc};

use super::{
    choice::{Choice, Chosen},
    desk::{Picked, RouteKey, Unpicked, kept},
    endpoint::Endpoint,
    error::ProxyError,
    mirror_desk::MirrorDesk,
    pool_desk::{Older, PoolDesk, Workplace},
    preview,
    shift_desk::Whose,
};
use crate::core::{
    beside::Traffic, ids::EndpointId, in_flight::TenureCounter, snapshot::ServiceSnapshot,
};

/// One worker's view of one service in one state.
#[derive(Debug)]
pub(super) struct ServiceDesk {
    pub(super) snapshot: Arc<ServiceSnapshot>,
    pub(super) live: Rc<PoolDesk>,
    /// There where the live pool is not the only one that a request may go to.
    choice: Option<Box<Choice>>,
    /// The standby, for requests that ask for it, if they may.
    preview: Option<Rc<PoolDesk>>,
    /// The standby, for copies of live requests, if there are any.
    pub(super) mirror: Option<Rc<MirrorDesk>>,
    /// Of the standby, while it is held or is being warmed up: those to which connections are kept.
    pub(super) kept: Vec<Rc<Endpoint>>,
}

impl ServiceDesk {
    /// The desk for `snapshot`. What still holds of `older` is taken over: connections to endpoints of the
    /// same tenure, and while the standby is held those of both colours; all others are retired.
    pub(super) fn renew(
        workplace: Workplace<'_>,
        snapshot: Arc<ServiceSnapshot>,
        older: Option<&Self>,
    ) -> Self {
        let known = Known(older);
        let tenure = &snapshot.tenure;
        let live = (tenure, Traffic::Live);
        let live = PoolDesk::new(workplace, &snapshot, live, known.of(tenure));
        let before = older.and_then(|older| older.choice.as_deref());
        let preview = snapshot.previews.as_ref().map(|tenure| {
            let previews = (tenure, Traffic::Preview);
            Rc::new(PoolDesk::new(
                workplace,
                &snapshot,
                previews,
                known.of(tenure),
            ))
        });
        let mirror = snapshot.mirrors.as_ref().map(|tenure| {
            let copies = (tenure, Traffic::Mirror);
            let pool = PoolDesk::new(workplace, &snapshot, copies, known.of(tenure));
            let before = older.and_then(|older| older.mirror.as_deref());
            Rc::new(MirrorDesk::new(workplace, pool, before))
        });
        let renewed = Self {
            mirror,
            live: Rc::new(live),
            choice: Choice::of(workplace, &snapshot, known, before),
            preview,
            kept: kept::kept(workplace, &snapshot, older),
            snapshot,
        };
        for pool in renewed.live_pools() {
            for endpoint in pool.endpoints() {
                endpoint.connections().goes_live();
            }
        }
        let taken_over = renewed.endpoints().map(|it| it.connections_id());
        let taken_over: HashSet<_> = taken_over.collect();
        for endpoint in older.into_iter().flat_map(Self::endpoints) {
            if !taken_over.contains(&endpoint.connections_id()) {
                endpoint.connections().retire();
            }
        }
        renewed
    }

    pub(super) fn is_asked_for_standby(&self, key: RouteKey<'_>) -> bool {
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
    pub(super) fn preview(
        &self,
        tried: &[EndpointId],
        respelt: Option<String>,
    ) -> Result<Picked, Unpicked> {
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
                session: None,
            }),
            None => Err(Unpicked {
                error: ProxyError::NoPreview,
                pool: Some(Rc::clone(pool)),
            }),
        }
    }

    /// Where copies of a request may go that goes to `pool`: to the standby, unless it does so itself.
    pub(super) fn mirror_of(&self, pool: &Rc<PoolDesk>) -> Option<Rc<MirrorDesk>> {
        let mirror = self.mirror.as_ref()?;
        Rc::ptr_eq(pool, &self.live).then(|| Rc::clone(mirror))
    }

    /// Every pool that requests may be sent to.
    fn pools(&self) -> impl Iterator<Item = &Rc<PoolDesk>> {
        let mirror = self.mirror.as_deref().map(|mirror| &mirror.pool);
        self.live_pools().chain(&self.preview).chain(mirror)
    }

    /// Those that live traffic may be sent to.
    fn live_pools(&self) -> impl Iterator<Item = &Rc<PoolDesk>> {
        let others = self.choice.iter().flat_map(|choice| choice.pools());
        [&self.live].into_iter().chain(others)
    }

    /// The pool that a request goes to, and an endpoint of it that is not in `tried`.
    pub(super) fn choose(&self, whose: Whose<'_>, tried: &[EndpointId]) -> Chosen {
        match &self.choice {
            None => Chosen {
                endpoint: self.live.pick(tried),
                pool: Rc::clone(&self.live),
                session: None,
            },
            Some(choice) => choice.choose(&self.live, whose, tried),
        }
    }

    /// Every endpoint to which there may be connections.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = &Rc<Endpoint>> {
        let picked = self.pools().flat_map(|pool| pool.endpoints());
        picked.chain(&self.kept)
    }
}

/// What an older desk of the service had.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a>(Option<&'a ServiceDesk>);

impl<'a> Known<'a> {
    /// For a pool whose requests are claimed in `tenure`.
    pub(super) fn of(self, tenure: &Arc<TenureCounter>) -> Older<'a> {
        let mut pools = self.0.into_iter().flat_map(ServiceDesk::pools);
        let pool = pools.find(|pool| pool.claims_in(tenure));
        Older {
            pool: pool.map(Rc::as_ref),
            kept: self.0.map_or(&[], |older| &older.kept),
        }
    }

    /// The same, for one that was live and is not any more: the claims are others, the connections are not.
    pub(super) fn former_of(self, tenure: &Arc<TenureCounter>) -> Older<'a> {
        let of = self.of(tenure);
        match self.0.filter(|_| of.pool.is_none()) {
            Some(older) if older.live.colour() == tenure.colour() => Older {
                pool: None,
                kept: older.live.endpoints(),
            },
            Some(_) | None => of,
        }
    }
}
