//! A worker's own view of a standby that gets copies of live requests.
//!
//! Owns which of the requests are copied, by the worker's own sequence; must not send.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use super::pool_desk::{PoolDesk, Workplace};
use crate::{
    core::share::{Sequence, Share},
    telemetry::mirror::MirrorStats,
};

/// The standby of a service as copies of live requests see it.
#[derive(Debug)]
pub(crate) struct MirrorDesk {
    pub(crate) pool: Rc<PoolDesk>,
    share: Share,
    sequence: RefCell<Sequence>,
    stats: Arc<MirrorStats>,
}

impl MirrorDesk {
    pub(crate) fn new(workplace: Workplace<'_>, pool: PoolDesk, before: Option<&Self>) -> Self {
        let snapshot = pool.snapshot();
        let workers = snapshot.tenure.workers();
        let first = || Sequence::of_worker(workplace.worker, workers);
        Self {
            share: snapshot.spec.mirror,
            sequence: RefCell::new(before.map_or_else(first, |it| it.sequence.borrow().clone())),
            stats: workplace.stats.mirror(&snapshot.name, pool.colour()),
            pool: Rc::new(pool),
        }
    }

    /// Whether the next request is one of the share.
    pub(crate) fn takes_next(&self) -> bool {
        let point = self.sequence.borrow_mut().next(self.share);
        self.share.takes(point)
    }

    pub(crate) const fn stats(&self) -> &Arc<MirrorStats> {
        &self.stats
    }
}
