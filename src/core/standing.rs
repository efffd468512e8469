//! How a service stands: what the journal knows of it, and what the file says of it.
//!
//! Owns the two halves of a service's state. They live in two maps, because they have two lives: a service
//! that the file no longer names is not served, but its live colour, its tenure and its history wait for it,
//! as they would across a restart. One map with a flag would make every reader ask for the flag.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroU16,
    sync::Arc,
};

use super::{
    beside,
    event::{HISTORY_LIMIT, Restored, RestoredService},
    ids::{ByColour, Colour, EndpointAddr, ServiceName, ServiceSlot, Tenure},
    in_flight::TenureCounter,
    pool::PoolState,
    receipt::AffinityAccount,
    service::{ProbeSpec, ServiceSpec},
    share::Share,
    shift::ShiftRecord,
    switch::Receipt,
};

/// What belongs to the journal.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) live: Colour,
    /// The claims of the live tenure, and its number.
    pub(super) counter: Arc<TenureCounter>,
    /// The highest number that a tenure was given; that of a shift which came to nothing is not used again.
    pub(super) last_tenure: Tenure,
    /// The shift that the journal knows of, while the service is not served.
    /// Boxed, because few have one, and there may be ten thousand services.
    pub(super) shift: Option<Box<ShiftRecord>>,
    /// What the last file that named the service calls live.
    pub(super) file_live: Colour,
    /// Whether the journal is to hear of that when the switch that it asks for has come to an end, and not before: a wish that a
    /// kill cuts short is one still.
    pub(super) wishing: bool,
    /// Endpoints registered at run time, while the service is not served; they are in its pools otherwise.
    pub(super) parked: ByColour<Vec<(EndpointAddr, NonZeroU16)>>,
    /// Endpoints that requests stay away from, whoever names them; each is in its pool while the service is served.
    pub(super) drained: ByColour<BTreeSet<EndpointAddr>>,
    /// Past switches, newest first.
    pub(super) history: VecDeque<Receipt>,
    /// Rises with each service that the file stops naming; tells which was forgotten by it first.
    pub(super) retired: u64,
}

/// What belongs to the file.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) slot: ServiceSlot,
    pub(super) spec: Arc<ServiceSpec>,
    /// The spec's probe, shared with whoever probes.
    pub(super) probe: Arc<ProbeSpec>,
    pub(super) pools: ByColour<PoolState>,
    /// The claims of requests that asked for the standby, since there was a preview.
    pub(super) previews: Option<ByColour<Arc<TenureCounter>>>,
    /// The claims of copies, since there were any.
    pub(super) mirrors: Option<ByColour<Arc<TenureCounter>>>,
}

impl Served {
    /// The claims of previews of one pool, if the file has a preview.
    pub(super) fn previews_of(&self, colour: Colour) -> Option<&Arc<TenureCounter>> {
        let previews = self.previews.as_ref()?;
        self.spec.preview.is_some().then(|| &previews[colour])
    }

    /// The claims of copies to one pool, if the file wants any.
    pub(super) fn mirrors_of(&self, colour: Colour) -> Option<&Arc<TenureCounter>> {
        let mirrors = self.mirrors.as_ref()?;
        (self.spec.mirror != Share::NONE).then(|| &mirrors[colour])
    }

    /// Begins to count what the file now speaks of; what was counted before goes on.
    pub(super) fn count_beside(&mut self, workers: usize) {
        if self.spec.preview.is_some() && self.previews.is_none() {
            self.previews = Some(beside::counters(&self.spec.name, workers));
        }
        if self.spec.mirror != Share::NONE && self.mirrors.is_none() {
            self.mirrors = Some(beside::counters(&self.spec.name, workers));
        }
    }

    /// Copies in flight on one pool.
    pub(super) fn mirroring(&self, colour: Colour) -> u64 {
        let counters = self.mirrors.as_ref();
        counters.map_or(0, |it| it[colour].counts().in_flight())
    }

    /// Previews in flight on one pool.
    pub(super) fn previewing(&self, colour: Colour) -> u64 {
        let counters = self.previews.as_ref();
        counters.map_or(0, |it| it[colour].counts().in_flight())
    }
}

impl Standing {
    /// A service that nothing is known of.
    pub(super) fn first_seen(spec: &ServiceSpec, workers: usize) -> Self {
        let counter = TenureCounter::new(spec.name.clone(), spec.live, Tenure(1), workers);
        Self {
            live: spec.live,
            counter: Arc::new(counter),
            last_tenure: Tenure(1),
            shift: None,
            file_live: spec.live,
            wishing: false,
            parked: ByColour::default(),
            drained: ByColour::default(),
            history: VecDeque::new(),
            retired: 0,
        }
    }

    fn restored(name: ServiceName, service: RestoredService, workers: usize) -> Self {
        let counter = TenureCounter::new(name, service.live, service.tenure, workers);
        let mut history = VecDeque::from(service.history);
        history.truncate(HISTORY_LIMIT);
        // A shift that leads nowhere else than where the service is already has ended.
        let shift = service.shift.filter(|it| {
            it.tenure > service.tenure && it.from == service.live && it.to != service.live
        });
        let given = history.iter().map(|it| it.tenure).max();
        let given = given.max(shift.as_ref().map(|it| it.tenure));
        Self {
            live: service.live,
            counter: Arc::new(counter),
            last_tenure: service.tenure.max(given.unwrap_or_default()),
            shift,
            file_live: service.file_live,
            wishing: false,
            parked: service.endpoints,
            drained: service.drained,
            history,
            retired: 0,
        }
    }

    pub(super) fn tenure(&self) -> Tenure {
        self.counter.tenure()
    }

    /// The number of the tenure that begins next.
    pub(super) const fn next_tenure(&self) -> Tenure {
        self.last_tenure.next()
    }

    /// Where a rollback leads. Every tenure but the first began with a switch, and there are two colours.
    pub(super) fn rollback_to(&self) -> Option<Colour> {
        (self.tenure() > Tenure(1)).then(|| self.live.other())
    }

    /// The receipt of the switch that began the present tenure, as long as it is remembered.
    pub(super) fn present(&self) -> Option<&Receipt> {
        let mut history = self.history.iter();
        history.find(|it| it.tenure == self.tenure())
    }

    /// Begins the tenure of `receipt`, whose counter `begun` is if it was begun by a shift; hands back the counter of
    /// the one that ends.
    pub(super) fn begin_tenure(
        &mut self,
        receipt: Receipt,
        begun: Option<Arc<TenureCounter>>,
        workers: usize,
    ) -> Arc<TenureCounter> {
        self.live = receipt.to;
        self.last_tenure = self.last_tenure.max(receipt.tenure);
        let (service, to) = (receipt.service.clone(), receipt.to);
        let new = || Arc::new(TenureCounter::new(service, to, receipt.tenure, workers));
        let counter = begun.unwrap_or_else(new);
        self.remember(receipt);
        std::mem::replace(&mut self.counter, counter)
    }

    /// Keeps a receipt.
    pub(super) fn remember(&mut self, receipt: Receipt) {
        self.history.push_front(receipt);
        self.history.truncate(HISTORY_LIMIT);
    }

    /// What is known of the sessions that outlasted a switch.
    pub(super) fn affinity_of(&self, tenure: Tenure) -> Option<AffinityAccount> {
        let mut history = self.history.iter();
        history.find(|it| it.tenure == tenure)?.affinity
    }

    /// Replaces the receipt of the same tenure by a later reading of it.
    pub(super) fn amend(&mut self, receipt: &Receipt) {
        // The newest are in front, and what changes is nearly always the newest.
        let known = self.history.iter_mut();
        if let Some(known) = { known }.find(|it| it.tenure == receipt.tenure) {
            known.clone_from(receipt);
        }
    }
}

/// The standings that a process starts with.
pub(super) fn restore(restored: Restored, workers: usize) -> BTreeMap<ServiceName, Standing> {
    let standing = |(name, service): (ServiceName, RestoredService)| {
        (name.clone(), Standing::restored(name, service, workers))
    };
    restored.services.into_iter().map(standing).collect()
}
