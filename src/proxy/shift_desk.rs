//! A worker's own view of a shift: which requests go to the new colour.
//!
//! Owns the worker's sequence; must not decide about shares, which is core's. A request draws its point once, whatever its
//! attempts, so that a repeated one counts once and stays where it was.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use http::HeaderMap;

use super::{
    client::Client,
    hearsay::Hearsay,
    pool_desk::{Older, PoolDesk, Workplace},
};
use crate::core::{
    beside::Traffic,
    share::{Point, Sequence},
    snapshot::{ServiceSnapshot, ShiftSnapshot},
};

/// See the module.
#[derive(Debug)]
pub(crate) struct ShiftDesk {
    pub(crate) pool: Rc<PoolDesk>,
    shift: ShiftSnapshot,
    sequence: Rc<RefCell<Sequence>>,
}

/// What of a request a choice between colours may depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) client: &'a Client,
    pub(crate) hearsay: Option<&'a Hearsay>,
    /// Where the request stands, once it has drawn.
    pub(crate) point: &'a Cell<Option<Point>>,
}

impl ShiftDesk {
    /// The desk for the shift of `snapshot`, which is `shift`; `known` is what is taken over, and `older` the desk before.
    pub(crate) fn new(
        workplace: Workplace<'_>,
        (snapshot, shift): (&Arc<ServiceSnapshot>, &ShiftSnapshot),
        known: Older<'_>,
        older: Option<&Self>,
    ) -> Self {
        let pool = PoolDesk::new(workplace, snapshot, (&shift.tenure, Traffic::Live), known);
        // Another share goes on with the same sum.
        let same = older.filter(|older| Arc::ptr_eq(&older.shift.tenure, &shift.tenure));
        let first = || Sequence::of_worker(workplace.worker, shift.tenure.workers());
        Self {
            pool: Rc::new(pool),
            sequence: same.map_or_else(
                || Rc::new(RefCell::new(first())),
                |older| Rc::clone(&older.sequence),
            ),
            shift: shift.clone(),
        }
    }

    /// Whether the request is to go to the new colour.
    pub(crate) fn takes(&self, whose: Whose<'_>) -> bool {
        let point = whose.point.get().unwrap_or_else(|| {
            let point = self.draw(whose);
            whose.point.set(Some(point));
            point
        });
        self.shift.share.takes(point)
    }

    fn draw(&self, whose: Whose<'_>) -> Point {
        let salt = [
            self.pool.snapshot().name.as_str(),
            self.pool.colour().as_str(),
        ];
        let client = || match whose.hearsay {
            Some(told) => told.client,
            None => whose.client.ip(),
        };
        let keyed = self.shift.key.point(salt, whose.headers, client);
        keyed.unwrap_or_else(|| self.sequence.borrow_mut().next(self.shift.share))
    }
}
