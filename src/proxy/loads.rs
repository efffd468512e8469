//! Who wants to know when the number of this worker's requests on an endpoint changes.
//!
//! Owns the way from an endpoint to the pools of many endpoints that balance by that number; must not balance. Small pools
//! look at each endpoint for each request and are not found here, so that where there are only such, all of this is a look
//! at an empty table. An endpoint cannot know its pools itself: a request that began under an older desk ends long after
//! the pool has another.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::{Rc, Weak},
};

use foldhash::fast::RandomState;

use crate::core::{balance::Many, ids::EndpointId};

/// See the module; one for each worker.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    heard_by: RefCell<HashMap<EndpointId, Vec<Hearer>, RandomState>>,
}

/// A pool, and the place that the endpoint has there.
#[derive(Debug)]
struct Hearer {
    pool: Weak<RefCell<Many>>,
    place: usize,
}

/// A pool that hears of its endpoints until this is dropped.
#[derive(Debug)]
pub(crate) struct Hearing {
    loads: Rc<Loads>,
    pool: Rc<RefCell<Many>>,
    /// By place.
    endpoints: Vec<EndpointId>,
}

impl Loads {
    /// So many requests are in flight on an endpoint now.
    pub(crate) fn changed(&self, endpoint: EndpointId, in_flight: impl FnOnce() -> u32) {
        let heard_by = self.heard_by.borrow();
        if heard_by.is_empty() {
            return;
        }
        let Some(hearers) = heard_by.get(&endpoint) else {
            return;
        };
        let in_flight = in_flight();
        for hearer in hearers {
            if let Some(pool) = hearer.pool.upgrade() {
                pool.borrow_mut().changed(hearer.place, in_flight);
            }
        }
    }
}

impl Hearing {
    /// `pool` hears of these, which have their places there in this order.
    pub(crate) fn begin(loads: &Rc<Loads>, pool: Many, endpoints: Vec<EndpointId>) -> Self {
        let pool = Rc::new(RefCell::new(pool));
        let mut heard_by = loads.heard_by.borrow_mut();
        for (place, endpoint) in endpoints.iter().enumerate() {
            heard_by.entry(*endpoint).or_default().push(Hearer {
                pool: Rc::downgrade(&pool),
                place,
            });
        }
        drop(heard_by);
        Self {
            loads: Rc::clone(loads),
            pool,
            endpoints,
        }
    }

    /// The place of one that is not among `tried`.
    pub(crate) fn pick(&self, tried: &[EndpointId]) -> Option<usize> {
        let place = |tried: &EndpointId| self.endpoints.iter().position(|it| it == tried);
        // Only a request that is sent again has tried any.
        let tried: Vec<_> = tried.iter().filter_map(place).collect();
        self.pool.borrow_mut().pick(&tried)
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut heard_by = self.loads.heard_by.borrow_mut();
        for endpoint in &self.endpoints {
            if let Some(hearers) = heard_by.get_mut(endpoint) {
                hearers.retain(|it| !std::ptr::eq(it.pool.as_ptr(), Rc::as_ptr(&self.pool)));
                if hearers.is_empty() {
                    heard_by.remove(endpoint);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{balance::Candidate, service::BalanceKind};

    fn hearing(loads: &Rc<Loads>, endpoints: &[u64]) -> Hearing {
        let candidates = endpoints.iter().map(|_| Candidate {
            index: 0,
            weight: 1,
            in_flight: 0,
        });
        let candidates: Vec<_> = candidates.collect();
        let many = Many::new(BalanceKind::LeastInFlight, &candidates, 1);
        let endpoints = endpoints.iter().copied().map(EndpointId);
        Hearing::begin(loads, many, endpoints.collect())
    }

    #[test]
    fn every_pool_of_an_endpoint_hears_of_it_as_long_as_it_lasts() {
        let loads = Rc::<Loads>::default();
        let (one, two) = (hearing(&loads, &[1, 2]), hearing(&loads, &[3, 1]));
        loads.changed(EndpointId(1), || 5);
        assert_eq!(one.pick(&[]), Some(1));
        assert_eq!(two.pick(&[]), Some(0));
        assert_eq!(two.pick(&[EndpointId(3)]), Some(1));
        loads.changed(EndpointId(9), || unreachable!("nobody hears of it"));
        drop(one);
        loads.changed(EndpointId(2), || {
            unreachable!("nobody hears of it any more")
        });
        loads.changed(EndpointId(3), || 9);
        assert_eq!(two.pick(&[]), Some(1));
        drop(two);
        assert!(loads.heard_by.borrow().is_empty());
    }
}
