//! A worker's own view of what a choice between colours goes by: a shift, sessions, and where sessions finish.
//!
//! Owns the order of the reasons: a session that is honoured first, then the share. A service that has none of these pays
//! for one test of a pointer.

use std::{rc::Rc, sync::Arc};

use super::{
    endpoint::Endpoint,
    pool_desk::{PoolDesk, Workplace},
    service_desk::Known,
    shift_desk::{ShiftDesk, Whose},
};
use crate::{
    core::{
        affinity::{AffinityMode, AffinitySpec, Session},
        beside::Traffic,
        cookie,
        ids::{EndpointId, Tenure},
        snapshot::ServiceSnapshot,
    },
    tls::Seals,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) shift: Option<ShiftDesk>,
    former: Option<Former>,
    affinity: Option<AffinitySpec>,
    seals: Arc<Seals>,
}

/// The old colour, while sessions finish there.
#[derive(Debug)]
struct Former {
    pool: Rc<PoolDesk>,
    session: Tenure,
}

/// What was chosen.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) pool: Rc<PoolDesk>,
    pub(crate) endpoint: Option<Rc<Endpoint>>,
    /// The session that begins with this request; the client does not know it yet.
    pub(crate) session: Option<Session>,
}

impl Choice {
    /// What `snapshot` gives a choice of, if it does; what holds of `older` goes on.
    pub(crate) fn of(
        workplace: Workplace<'_>,
        snapshot: &Arc<ServiceSnapshot>,
        known: Known<'_>,
        older: Option<&Self>,
    ) -> Option<Box<Self>> {
        let affinity = snapshot.spec.affinity.clone();
        if snapshot.shift.is_none() && snapshot.former.is_none() && affinity.is_none() {
            return None;
        }
        let shift = snapshot.shift.as_ref().map(|shift| {
            let before = older.and_then(|older| older.shift.as_ref());
            ShiftDesk::new(
                workplace,
                (snapshot, shift),
                known.of(&shift.tenure),
                before,
            )
        });
        let former = snapshot.former.as_ref().map(|former| {
            let older = known.former_of(&former.tenure);
            let live = (&former.tenure, Traffic::Live);
            Former {
                pool: Rc::new(PoolDesk::new(workplace, snapshot, live, older)),
                session: former.session,
            }
        });
        Some(Box::new(Self {
            shift,
            former,
            affinity,
            seals: Arc::clone(workplace.seals),
        }))
    }

    /// Every pool besides the live one that requests may be sent to.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Rc<PoolDesk>> {
        let shift = self.shift.as_ref().map(|shift| &shift.pool);
        let former = self.former.as_ref().map(|former| &former.pool);
        shift.into_iter().chain(former)
    }

    /// The pool that a request goes to, and an endpoint of it that is not in `tried`. Where that would be none, the live
    /// pool is the one.
    pub(crate) fn choose(
        &self,
        live: &Rc<PoolDesk>,
        whose: Whose<'_>,
        tried: &[EndpointId],
    ) -> Chosen {
        let session = self.session_of(live, whose);
        let honoured = session.and_then(|session| self.honours(live, session));
        let wanted = honoured.or_else(|| {
            let shift = self.shift.as_ref()?;
            shift.takes(whose).then_some(&shift.pool)
        });
        let elsewhere = wanted.filter(|wanted| !Rc::ptr_eq(wanted, live));
        let picked = elsewhere.and_then(|pool| Some((pool, pool.pick_ready(tried)?)));
        let (pool, endpoint) = match picked {
            Some((pool, endpoint)) => (pool, Some(endpoint)),
            None => (live, live.pick(tried)),
        };
        let present = self.session_on(live, pool);
        if let Some(session) = session
            && present.is_some_and(|present| present.colour != session.colour)
        {
            pool.stats().sessions_moved.add(1);
        }
        Chosen {
            pool: Rc::clone(pool),
            endpoint,
            session: present.filter(|present| session != Some(*present)),
        }
    }

    /// The session that the client proves, whatever it is worth.
    fn session_of(&self, live: &PoolDesk, whose: Whose<'_>) -> Option<Session> {
        let affinity = self.affinity.as_ref()?;
        let value = cookie::value(whose.headers, &affinity.cookie)?;
        self.seals.open(&live.snapshot().name, value)
    }

    /// The pool that a session stays on; `None` if it belongs to what is over.
    fn honours<'a>(&'a self, live: &'a Rc<PoolDesk>, session: Session) -> Option<&'a Rc<PoolDesk>> {
        let mut pools = [live].into_iter().chain(self.pools());
        pools.find(|pool| self.session_on(live, pool) == Some(session))
    }

    /// What a session is that is on this pool; `None` if there are none at present.
    fn session_on(&self, live: &PoolDesk, pool: &PoolDesk) -> Option<Session> {
        let colour = pool.colour();
        let tenure = match self.affinity.as_ref()?.mode {
            AffinityMode::Shift => self.shift.as_ref()?.pool.tenure(),
            AffinityMode::Finish => {
                let former = self.former.as_ref();
                let of_former = former.filter(|it| std::ptr::eq(&*it.pool, pool));
                debug_assert!(of_former.is_none() || colour != live.colour());
                of_former.map_or_else(|| pool.tenure(), |it| it.session)
            }
        };
        Some(Session { colour, tenure })
    }
}
