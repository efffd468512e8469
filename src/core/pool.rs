//! The endpoints of one colour, with what is known of each.
//!
//! Owns endpoints and the published form of their pool; must not know which pool is live. The published form
//! is kept beside the endpoints and rebuilt only when a request would see a difference: a switch then shares
//! both pools with the snapshot before it, and workers keep what they remember of them.

use std::{collections::BTreeMap, net::SocketAddr, num::NonZeroU16, sync::Arc, time::Instant};

use super::{
    endpoint_counter::EndpointCounter,
    gate::verdict::{EndpointFault, GateKind, GateVerdict, Verdict},
    health::{HealthTracker, PassiveFailure},
    ids::{Colour, EndpointAddr, EndpointId, ServiceName},
    service::{EndpointSpec, MinReady, PassiveSpec},
    slow_start::{CLIMB_STEPS, Climb},
    snapshot::{EndpointSnapshot, PoolSnapshot},
    time::Timestamp,
    view::EndpointSource,
};

/// The endpoints of one colour.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    /// Those of the file in its order, then those registered at run time.
    endpoints: Vec<EndpointState>,
    shared: Arc<PoolSnapshot>,
}

/// One endpoint.
#[derive(Debug)]
pub(super) struct EndpointState {
    pub(super) id: EndpointId,
    pub(super) addr: EndpointAddr,
    pub(super) weight: NonZeroU16,
    pub(super) source: EndpointSource,
    pub(super) resolved: Arc<[SocketAddr]>,
    pub(super) tracker: HealthTracker,
    /// Since when probes have said what they say now.
    pub(super) health_since: Option<Timestamp>,
    /// Whether requests stay away from it, because an operator says so.
    pub(super) drained: bool,
    /// Whether it has come to a pool that was there before, and has not been ready yet.
    pub(super) newcomer: bool,
    /// How far it has climbed, while it gets less than its share. Boxed, because few do, and there may be eighty thousand.
    pub(super) climb: Option<Box<Climb>>,
    pub(super) counter: Arc<EndpointCounter>,
}

impl EndpointState {
    /// A new endpoint, not probed yet. An address that needs no resolver stands for itself.
    pub(super) fn new(id: EndpointId, spec: &EndpointSpec, workers: usize) -> Self {
        let resolved: Vec<SocketAddr> = spec.addr.as_str().parse().into_iter().collect();
        Self {
            id,
            addr: spec.addr.clone(),
            weight: spec.weight,
            source: EndpointSource::File,
            resolved: resolved.into(),
            tracker: HealthTracker::default(),
            health_since: None,
            drained: false,
            newcomer: true,
            climb: None,
            counter: Arc::new(EndpointCounter::new(workers)),
        }
    }

    /// Why it is not ready, or what the last failed probe of a ready one saw.
    pub(super) fn why(&self, now: Instant) -> Option<String> {
        match self.drained {
            true => Some("drained by an operator".to_owned()),
            false => self.tracker.why(now),
        }
    }

    /// Whether it may be picked now.
    pub(super) fn is_ready(&self) -> bool {
        self.tracker.is_ready() && !self.drained
    }
}

/// What a new list of the file did to a pool.
#[derive(Debug, Default)]
pub(super) struct PoolChange {
    pub(super) added: usize,
    pub(super) reweighted: usize,
    pub(super) removed: Vec<EndpointState>,
    /// Registered at run time before, named by the file now.
    pub(super) taken_over: Vec<EndpointAddr>,
}

impl PoolChange {
    pub(super) fn is_empty(&self) -> bool {
        self.added == 0
            && self.reweighted == 0
            && self.removed.is_empty()
            && self.taken_over.is_empty()
    }
}

impl PoolState {
    pub(super) fn endpoints(&self) -> &[EndpointState] {
        &self.endpoints
    }

    /// The published form as of the last [`share`](Self::share).
    pub(super) fn shared(&self) -> &Arc<PoolSnapshot> {
        &self.shared
    }

    /// Rebuilds the published form, and says whether a request would see a difference. Endpoints that are drained are not in it, so that they are not picked even where no
    /// other is ready. While one climbs, all weights are so much finer that its part of one can be told.
    pub(super) fn share(&mut self) -> bool {
        let climbs = self.endpoints.iter().any(|it| it.climb.is_some());
        let part = |it: &EndpointState| match &it.climb {
            _ if !climbs => 1,
            None => CLIMB_STEPS,
            Some(climb) => climb.step,
        };
        let endpoints = self.endpoints.iter().filter(|it| !it.drained);
        let endpoints = endpoints.map(|it| EndpointSnapshot {
            id: it.id,
            addr: it.addr.clone(),
            resolved: Arc::clone(&it.resolved),
            weight: u32::from(it.weight.get()) * part(it),
            ready: it.is_ready(),
            counter: Arc::clone(&it.counter),
        });
        let endpoints: Vec<_> = endpoints.collect();
        if looks_the_same(&self.shared.endpoints, &endpoints) {
            return false;
        }
        self.shared = Arc::new(PoolSnapshot { endpoints });
        true
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Endpoints that are not drained.
    pub(super) fn present(&self) -> usize {
        self.endpoints.iter().filter(|it| !it.drained).count()
    }

    /// Endpoints that may be picked now.
    pub(super) fn ready(&self) -> usize {
        self.endpoints.iter().filter(|it| it.is_ready()).count()
    }

    pub(super) fn find(&self, addr: &EndpointAddr) -> Option<&EndpointState> {
        self.endpoints.iter().find(|it| it.addr == *addr)
    }

    pub(super) fn find_mut(&mut self, addr: &EndpointAddr) -> Option<&mut EndpointState> {
        self.endpoints.iter_mut().find(|it| it.addr == *addr)
    }

    pub(super) fn endpoint_mut(&mut self, id: EndpointId) -> Option<&mut EndpointState> {
        self.endpoints.iter_mut().find(|it| it.id == id)
    }

    /// Nobody is a newcomer to the others.
    pub(super) fn all_are_new(&mut self) {
        for endpoint in &mut self.endpoints {
            endpoint.newcomer = false;
        }
    }

    pub(super) fn push(&mut self, endpoint: EndpointState) {
        self.endpoints.push(endpoint);
    }

    /// Removes the endpoint at `addr`, wherever it came from.
    pub(super) fn remove(&mut self, addr: &EndpointAddr) -> Option<EndpointState> {
        let at = self.endpoints.iter().position(|it| it.addr == *addr)?;
        Some(self.endpoints.remove(at))
    }

    /// The gate of this pool: open if enough of it is ready.
    pub(super) fn gate(
        &self,
        (service, colour): (&ServiceName, Colour),
        min_ready: MinReady,
        now: Instant,
    ) -> GateVerdict {
        let (ready, needed) = (self.ready(), min_ready.of(self.present()));
        let is_open = ready >= needed;
        let unready = self.endpoints.iter().filter(|it| !it.is_ready());
        let faults = unready.map(|it| EndpointFault {
            endpoint: it.addr.clone(),
            why: it.why(now).unwrap_or_default(),
        });
        GateVerdict {
            gate: GateKind::MinReady,
            name: None,
            service: service.clone(),
            colour,
            verdict: if is_open {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            why: Some(if is_open {
                format!("{ready} ready, {needed} needed")
            } else {
                format!("{ready} of {needed} endpoints ready")
            }),
            endpoints: faults.collect(),
        }
    }

    /// Takes an endpoint out because of its traffic, if the pool can spare it; says which and until when.
    ///
    /// The share that may be out is rounded down, but one endpoint may always be (else a share of 10 % would
    /// mean never in most pools), unless the share is zero. The last ready endpoint always stays: traffic that
    /// fails for some beats a refusal for all.
    pub(super) fn eject(
        &mut self,
        id: EndpointId,
        why: PassiveFailure,
        passive: &PassiveSpec,
        now: Instant,
    ) -> Option<(EndpointAddr, Instant)> {
        let percent = usize::from(passive.max_share_percent);
        let share = (self.len() * percent / 100).max(usize::from(percent > 0));
        let out = |it: &&EndpointState| it.tracker.ejected_until().is_some();
        if self.endpoints.iter().filter(out).count() >= share || self.ready() < 2 {
            return None;
        }
        let endpoint = self.endpoint_mut(id)?;
        let until = endpoint.tracker.eject(why, passive, now)?;
        Some((endpoint.addr.clone(), until))
    }

    /// Makes the pool what the file says, and keeps what was registered at run time. Endpoints at an address
    /// that the pool had before keep all that is known of them; `make` makes the others.
    pub(super) fn reconcile(
        &mut self,
        specs: &[EndpointSpec],
        mut make: impl FnMut(&EndpointSpec) -> EndpointState,
    ) -> PoolChange {
        let mut change = PoolChange::default();
        let (runtime, file): (Vec<_>, Vec<_>) = std::mem::take(&mut self.endpoints)
            .into_iter()
            .partition(|it| it.source == EndpointSource::Runtime);
        let mut runtime: BTreeMap<_, _> = runtime.into_iter().map(|it| (it.id, it)).collect();
        let runtime_ids: BTreeMap<_, _> = runtime
            .values()
            .map(|it| (it.addr.clone(), it.id))
            .collect();
        let mut file: BTreeMap<_, _> = file.into_iter().map(|it| (it.addr.clone(), it)).collect();
        for spec in specs {
            let taken = runtime_ids
                .get(&spec.addr)
                .and_then(|id| runtime.remove(id));
            change
                .taken_over
                .extend(taken.as_ref().map(|it| it.addr.clone()));
            let mut endpoint = taken
                .or_else(|| file.remove(&spec.addr))
                .unwrap_or_else(|| {
                    change.added += 1;
                    make(spec)
                });
            change.reweighted += usize::from(endpoint.weight != spec.weight);
            endpoint.weight = spec.weight;
            endpoint.source = EndpointSource::File;
            self.endpoints.push(endpoint);
        }
        self.endpoints.extend(runtime.into_values());
        change.removed = file.into_values().collect();
        change
    }
}

/// Whether requests are served in the same way by both. What is the same of an endpoint for life is not looked at.
fn looks_the_same(old: &[EndpointSnapshot], new: &[EndpointSnapshot]) -> bool {
    let seen = |it: &EndpointSnapshot| (it.id, it.weight, it.ready);
    let mut pairs = old.iter().zip(new);
    old.len() == new.len()
        && pairs.all(|(old, new)| seen(old) == seen(new) && old.resolved == new.resolved)
}
