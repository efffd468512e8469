//! Slow start: a newcomer gets its share little by little.
//!
//! Owns the steps. They are taken by core's own timer, each a publish: weights are part of the snapshot, and no request
//! has to know what time it is. Only who comes to a live pool that serves already is a newcomer. Where all endpoints are
//! new, at the start of the process and in a pool that has just become live, holding one back would only push its part
//! onto others that are as new.

use std::time::{Duration, Instant};

use super::{
    ids::{Colour, EndpointId, ServiceName},
    state::{State, Turn},
    time::after,
};

/// How far a newcomer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Climb {
    began: Instant,
    /// It gets this many of [`CLIMB_STEPS`] parts of its share.
    pub(super) step: u32,
}

impl Climb {
    /// When the next step is due, if climbing takes `whole`.
    fn next(&self, whole: Duration) -> Instant {
        after(self.began, whole * self.step / (CLIMB_STEPS - 1))
    }
}

impl State {
    /// An endpoint may have become ready; if it is a newcomer to others that serve, it begins to climb.
    pub(super) fn arrives(
        &mut self,
        service: &ServiceName,
        colour: Colour,
        id: EndpointId,
        now: Instant,
    ) {
        let is_live = self.standings.get(service).map(|it| it.live) == Some(colour);
        let Some(served) = self.services.get_mut(service) else {
            return;
        };
        let whole = served.spec.slow_start;
        let pool = &mut served.pools[colour];
        let mut others = pool.endpoints().iter();
        let others_serve = others.any(|it| it.id != id && it.is_ready());
        let Some(endpoint) = pool.endpoint_mut(id) else {
            return;
        };
        if !endpoint.is_ready() || !std::mem::take(&mut endpoint.newcomer) {
            return;
        }
        if is_live && others_serve && !whole.is_zero() {
            let climb = Climb {
                began: now,
                step: 1,
            };
            endpoint.climb = Some(Box::new(climb));
            self.climbs.retain(|(_, climber)| *climber != id);
            self.climbs.insert((climb.next(whole), id));
        }
    }

    /// Takes every step that is due.
    pub(super) fn climb(&mut self, turn: &Turn) {
        while let Some((due, id)) = self.climbs.first().copied() {
            if due > turn.now.instant {
                break;
            }
            self.climbs.pop_first();
            self.step(id, turn.now.instant);
        }
    }

    fn step(&mut self, id: EndpointId, now: Instant) {
        let Some((service, colour)) = self.places.get(id).cloned() else {
            return;
        };
        let Some(served) = self.services.get_mut(&service) else {
            return;
        };
        let whole = served.spec.slow_start;
        let Some(endpoint) = served.pools[colour].endpoint_mut(id) else {
            return;
        };
        let Some(mut climb) = endpoint.climb.take() else {
            return;
        };
        // Several at once where the timer is late, or where a file says a shorter time.
        while climb.step < CLIMB_STEPS && climb.next(whole) <= now {
            climb.step += 1;
        }
        if climb.step < CLIMB_STEPS {
            self.climbs.insert((climb.next(whole), id));
            endpoint.climb = Some(climb);
        }
        self.pool_changed(&service, colour);
    }
}

/// Parts of its share in which a newcomer gets it: so many publishes there are for one at most.
pub(super) const CLIMB_STEPS: u32 = 10;
