//! Snapshots: what of the state a request sees.
//!
//! Owns the snapshot published last and what has changed since. Only what changed is built anew; everything
//! else is shared with the snapshot before, so that switching one service among ten thousand costs as much as among ten. Building the whole from scratch would be shorter, and would make every worker forget its
//! balancing and every reload cost as much as a start.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    event::{Effect, Watched, WatchedService},
    ids::{ByColour, Colour, Generation, ListenerId, ListenerName, ServiceName, ServiceSlot},
    route::RouteTable,
    service::ServiceSpec,
    shift::Shift,
    snapshot::{ServiceSnapshot, Snapshot},
    state::{State, Turn},
};

/// The snapshot published last, and what has changed since.
#[derive(Debug, Default)]
pub(super) struct Publication {
    snapshot: Arc<Snapshot>,
    /// Which service has which slot.
    slots: Vec<Option<ServiceName>>,
    /// Slots that no service has.
    free: BTreeSet<usize>,
    listeners: Vec<(ListenerId, ListenerName)>,
    changed: BTreeSet<ServiceSlot>,
    routes: Option<Vec<(ListenerId, Arc<RouteTable>)>>,
}

impl Publication {
    pub(super) const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(super) fn generation(&self) -> Generation {
        self.snapshot.generation
    }

    pub(super) fn listeners(&self) -> &[(ListenerId, ListenerName)] {
        &self.listeners
    }

    /// The lowest free slot.
    pub(super) fn take_slot(&mut self, name: &ServiceName) -> ServiceSlot {
        let index = self.free.pop_first().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(name.clone());
        // Services are bounded by the file, which is far below four thousand million.
        let slot = ServiceSlot(u32::try_from(index).unwrap_or(u32::MAX));
        self.changed.insert(slot);
        slot
    }

    pub(super) fn free_slot(&mut self, slot: ServiceSlot) {
        if let Some(name) = self.slots.get_mut(slot.index())
            && name.take().is_some()
        {
            self.free.insert(slot.index());
        }
        self.changed.insert(slot);
    }

    pub(super) fn touch(&mut self, slot: ServiceSlot) {
        self.changed.insert(slot);
    }
}

impl State {
    /// Notes that something about this pool has changed; a request may see a difference.
    pub(super) fn pool_changed(&mut self, name: &ServiceName, colour: Colour) {
        if let Some(served) = self.services.get_mut(name)
            && served.pools[colour].share()
        {
            self.publication.touch(served.slot);
        }
    }

    /// Rebuilds the route tables of listeners that are new or heard a service whose old or new spec is in
    /// `touched`.
    pub(super) fn reroute(
        &mut self,
        listeners: Vec<(ListenerId, ListenerName)>,
        touched: &[Arc<ServiceSpec>],
    ) {
        let known = &self.publication.listeners;
        let snapshot = &self.publication.snapshot;
        let mut rebuilt = known.len() != listeners.len();
        let mut routes = Vec::with_capacity(listeners.len());
        for (at, (id, name)) in listeners.iter().enumerate() {
            rebuilt |= known.get(at) != Some(&(*id, name.clone()));
            let heard = touched.iter().any(|spec| spec.listeners.contains(name));
            let same = !heard && known.contains(&(*id, name.clone()));
            let kept = snapshot.routes_of(*id).filter(|_| same).cloned();
            rebuilt |= kept.is_none();
            routes.push((*id, kept.unwrap_or_else(|| self.routes_heard_on(name))));
        }
        if rebuilt {
            self.publication.routes = Some(routes);
            self.publication.listeners = listeners;
        }
    }

    fn routes_heard_on(&self, listener: &ListenerName) -> Arc<RouteTable> {
        let services = self.services.values();
        let heard = services.filter(|it| it.spec.listeners.contains(listener));
        let routes = heard.flat_map(|it| it.spec.routes.iter().map(move |route| (route, it.slot)));
        Arc::new(RouteTable::new(routes))
    }

    /// Publishes if a request would see a difference.
    pub(super) fn publish(&mut self, turn: &mut Turn) {
        if self.publication.changed.is_empty() && self.publication.routes.is_none() {
            return;
        }
        let mut services = self.publication.snapshot.services.clone();
        for slot in std::mem::take(&mut self.publication.changed) {
            let name = self.publication.slots.get(slot.index());
            let built = name.and_then(Option::as_ref).and_then(|it| self.build(it));
            services.set(slot, built);
        }
        let before = &self.publication.snapshot;
        let kept = || before.routes.clone();
        let snapshot = Arc::new(Snapshot {
            generation: before.generation.next(),
            routes: self.publication.routes.take().unwrap_or_else(kept),
            services,
        });
        self.publication.snapshot = Arc::clone(&snapshot);
        turn.does(Effect::Publish(snapshot));
    }

    fn build(&self, name: &ServiceName) -> Option<Arc<ServiceSnapshot>> {
        let (served, standing) = (self.services.get(name)?, self.standings.get(name)?);
        Some(Arc::new(ServiceSnapshot {
            name: name.clone(),
            slot: served.slot,
            spec: Arc::clone(&served.spec),
            live: standing.live,
            tenure: Arc::clone(&standing.counter),
            pools: ByColour::from_fn(|colour| Arc::clone(served.pools[colour].shared())),
            previews: served.previews_of(standing.live.other()).cloned(),
            // While a shift lasts, the standby is compared by what it answers to clients.
            mirrors: served
                .mirrors_of(standing.live.other())
                .filter(|_| !self.shifts.contains_key(name))
                .cloned(),
            shift: self.shifts.get(name).map(Shift::snapshot),
            former: self.lingers.snapshot(name),
            held: self.holds.is_held(name),
        }))
    }

    /// Every endpoint of a service.
    pub(super) fn watched(&self, service: &ServiceName) -> WatchedService {
        let live = self
            .standings
            .get(service)
            .map_or(Colour::Blue, |it| it.live);
        let served = self.services.get(service).into_iter();
        let endpoints = served.flat_map(|served| {
            let of = move |colour: Colour| {
                let endpoints = served.pools[colour].endpoints().iter();
                endpoints.map(move |it| Watched {
                    id: it.id,
                    addr: it.addr.clone(),
                    probe: Arc::clone(&served.probe),
                    tls: served.spec.upstream_tls[colour].clone(),
                })
            };
            [live, live.other()].into_iter().flat_map(of)
        });
        WatchedService {
            service: service.clone(),
            endpoints: endpoints.collect(),
        }
    }
}
