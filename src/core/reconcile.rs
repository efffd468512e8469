//! A new file: the state becomes what it says, and keeps what it does not speak of.
//!
//! Owns the difference between two files. Must not touch what did not change: an equal spec keeps its place,
//! its published form and all that is known of its endpoints. Building everything anew and copying health
//! over would be shorter, and a reload would then disturb every service. The live colour is state and belongs
//! to the journal; the file's own value acts when a service is first seen, and when it has changed since the
//! last file that named the service: then as a switch like any other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    change::{listener_changes, pool_change, spec_change},
    event::{Effect, Entry, Reload},
    ids::{ByColour, Colour, ServiceName},
    notice::Notice,
    pool::{EndpointState, PoolChange, PoolState},
    service::{EndpointSpec, ServiceSpec},
    standing::{Served, Standing},
    state::{State, Turn},
    switch::Actor,
    view::EndpointSource,
};

/// What one reload has found to be different so far.
#[derive(Debug, Default)]
struct Difference {
    changes: Vec<String>,
    /// Old and new specs of services whose routes, listeners or slot changed.
    rerouted: Vec<Arc<ServiceSpec>>,
    /// Services whose endpoints, or the way they are probed, changed.
    watched: BTreeSet<ServiceName>,
    /// Services that the file wants to be switched, with the colour it named before.
    wishes: BTreeMap<ServiceName, Colour>,
    /// Services that the file wants to stay as they are, other than before.
    content: Vec<ServiceName>,
}

impl State {
    /// Applies a file.
    pub(super) fn reload(&mut self, reload: Reload, turn: &mut Turn) {
        let mut difference = Difference::default();
        let (others, missing) = self.compared(reload.services);
        self.retire_missing(missing, &mut difference, turn);
        for spec in others {
            if self.services.contains_key(&spec.name) {
                self.update(spec, &mut difference, turn);
            } else {
                self.add(spec, &mut difference, turn);
            }
        }
        self.forget_unnamed_shifts(turn);
        self.forget_longest_retired();
        let known = self.publication.listeners();
        difference
            .changes
            .extend(listener_changes(known, &reload.listeners));
        self.reroute(reload.listeners, &difference.rerouted);
        self.publish(turn);
        if !difference.watched.is_empty() {
            let watched = difference.watched.iter().map(|name| self.watched(name));
            turn.does(Effect::Watch(watched.collect()));
        }
        turn.does(Effect::Applied(difference.changes.clone()));
        turn.tells(Notice::Reloaded {
            generation: self.publication.generation(),
            changes: difference.changes,
        });
        // Before the gates are asked, which this very file may have opened.
        for service in difference.content {
            self.withdraw(&service, turn);
        }
        self.ask_gates(turn);
        for (service, before) in difference.wishes {
            self.switch_by_file(service, before, turn);
        }
    }

    /// Those of `specs` that are not the very ones that are served, and the services that none of them names. A file has its
    /// services in the order of their names, as they are here; in another order less is recognized, and compared later.
    fn compared(&self, specs: Vec<Arc<ServiceSpec>>) -> (Vec<Arc<ServiceSpec>>, Vec<ServiceName>) {
        let mut served = self.services.values().map(|it| &it.spec).peekable();
        let (mut others, mut unlike) = (Vec::new(), Vec::new());
        for spec in specs {
            while let Some(passed) = served.next_if(|it| it.name < spec.name) {
                unlike.push(passed);
            }
            if served.next_if(|it| Arc::ptr_eq(it, &spec)).is_none() {
                others.push(spec);
            }
        }
        unlike.extend(served);
        let named: BTreeSet<_> = others.iter().map(|spec| &spec.name).collect();
        let missing = unlike.into_iter().map(|it| &it.name);
        let missing = missing.filter(|name| !named.contains(name)).cloned();
        let missing = missing.collect();
        (others, missing)
    }

    /// Stops serving what the file no longer names. Its requests in flight go on; its standing waits for it.
    fn retire_missing(
        &mut self,
        missing: Vec<ServiceName>,
        difference: &mut Difference,
        turn: &mut Turn,
    ) {
        let youngest = self.standings.values().map(|it| it.retired).max();
        for name in missing {
            self.abort_unnamed(&name, turn);
            self.close_linger(&name);
            let Some(served) = self.services.remove(&name) else {
                continue;
            };
            self.publication.free_slot(served.slot);
            self.holds.end(&name);
            let endpoints = served.pools.iter().flat_map(|(_, pool)| pool.endpoints());
            for endpoint in endpoints {
                self.forget(endpoint);
            }
            if let Some(standing) = self.standings.get_mut(&name) {
                standing.retired = youngest.unwrap_or(0) + 1;
                standing.parked = ByColour::from_fn(|colour| parked(&served.pools[colour]));
            }
            difference.rerouted.push(served.spec);
            difference.watched.insert(name.clone());
            difference.changes.push(format!("service `{name}` removed"));
            turn.tells(Notice::ServiceRemoved { service: name });
        }
    }

    /// Keeps the standings of at most [`RETIRED_LIMIT`] services that are not served.
    fn forget_longest_retired(&mut self) {
        // Whatever is served has a standing.
        if self.standings.len() <= self.services.len() + RETIRED_LIMIT {
            return;
        }
        let unserved = self.standings.iter().filter(|(name, _)| {
            // What is still on its way to its end needs its standing.
            !self.services.contains_key(*name)
                && !self.operations.busy.contains_key(*name)
                && self.drains.count_of(name) == 0
        });
        let mut unserved: Vec<_> = unserved
            .map(|(name, standing)| (standing.retired, name.clone()))
            .collect();
        unserved.sort();
        let surplus = unserved.len().saturating_sub(RETIRED_LIMIT);
        for (_, name) in unserved.into_iter().take(surplus) {
            self.standings.remove(&name);
        }
    }

    /// Begins to serve a service, as the journal left it or, if it knows nothing of it, as the file says.
    fn add(&mut self, spec: Arc<ServiceSpec>, difference: &mut Difference, turn: &mut Turn) {
        let name = spec.name.clone();
        let restored = self.standings.contains_key(&name);
        if !restored {
            let standing = Standing::first_seen(&spec, self.workers);
            self.standings.insert(name.clone(), standing);
        }
        let slot = self.publication.take_slot(&name);
        let probe = Arc::new(spec.probe.clone());
        self.services.insert(
            name.clone(),
            Served {
                slot,
                spec: Arc::clone(&spec),
                probe,
                pools: ByColour::default(),
                previews: None,
                mirrors: None,
            },
        );
        self.count_beside(&name);
        for colour in Colour::ALL {
            self.unpark(&name, colour);
            self.reconcile_pool(&spec, colour, turn);
            if let Some(served) = self.services.get_mut(&name) {
                served.pools[colour].all_are_new();
            }
        }
        self.hold(&name, turn.now);
        let live = self.standings.get(&name).map_or(spec.live, |it| it.live);
        turn.tells(Notice::ServiceAdded {
            service: name.clone(),
            live,
            restored,
        });
        difference
            .changes
            .push(format!("service `{name}` added, {live} is live"));
        if restored {
            self.see(&spec, difference, turn);
        } else {
            turn.does(Effect::Record(self.seen(&name, turn)));
        }
        self.warn_of_empty_live(&name, difference);
        let standing = self.standings.get_mut(&name);
        if let Some(record) = standing.and_then(|it| it.shift.take()) {
            self.restore_shift(*record, turn);
        }
        self.restore_linger(&name, turn.now);
        difference.rerouted.push(spec);
        difference.watched.insert(name);
    }

    fn count_beside(&mut self, name: &ServiceName) {
        if let Some(served) = self.services.get_mut(name) {
            served.count_beside(self.workers);
        }
    }

    /// Puts the endpoints registered at run time back into their pool.
    fn unpark(&mut self, name: &ServiceName, colour: Colour) {
        let Some(standing) = self.standings.get_mut(name) else {
            return;
        };
        for (addr, weight) in std::mem::take(&mut standing.parked[colour]) {
            let spec = EndpointSpec { addr, weight };
            let mut endpoint = self.new_endpoint((name, colour), &spec);
            endpoint.source = EndpointSource::Runtime;
            if let Some(served) = self.services.get_mut(name) {
                served.pools[colour].push(endpoint);
            }
        }
    }

    /// Changes what is different about a service that is served already.
    fn update(&mut self, spec: Arc<ServiceSpec>, difference: &mut Difference, turn: &mut Turn) {
        let Some(served) = self.services.get_mut(&spec.name) else {
            return;
        };
        if served.spec == spec {
            return;
        }
        let old = std::mem::replace(&mut served.spec, Arc::clone(&spec));
        served.count_beside(self.workers);
        self.publication.touch(served.slot);
        let mut watched_changed = old.upstream_tls != spec.upstream_tls;
        if old.probe != spec.probe {
            served.probe = Arc::new(spec.probe.clone());
            watched_changed = true;
        }
        if old.routes != spec.routes || old.listeners != spec.listeners {
            difference
                .rerouted
                .extend([Arc::clone(&old), Arc::clone(&spec)]);
        }
        difference.changes.extend(spec_change(&old, &spec));
        for colour in Colour::ALL {
            if old.pools[colour] == spec.pools[colour] {
                continue;
            }
            let change = self.reconcile_pool(&spec, colour, turn);
            watched_changed |= change.added > 0 || !change.removed.is_empty();
            difference
                .changes
                .extend(pool_change((&spec.name, colour), &change));
        }
        if watched_changed {
            difference.watched.insert(spec.name.clone());
        }
        self.hold(&spec.name, turn.now);
        self.reconcile_linger(&spec.name);
        self.see(&spec, difference, turn);
        self.warn_of_empty_live(&spec.name, difference);
    }

    fn reconcile_pool(
        &mut self,
        spec: &ServiceSpec,
        colour: Colour,
        turn: &mut Turn,
    ) -> PoolChange {
        let pool = self.services.get_mut(&spec.name);
        let Some(mut pool) = pool.map(|it| std::mem::take(&mut it.pools[colour])) else {
            return PoolChange::default();
        };
        let place = (&spec.name, colour);
        let make = |spec: &EndpointSpec| -> EndpointState { self.new_endpoint(place, spec) };
        let change = pool.reconcile(&spec.pools[colour], make);
        if change.added == pool.len() {
            pool.all_are_new();
        }
        for endpoint in &change.removed {
            self.forget(endpoint);
        }
        for addr in &change.taken_over {
            turn.does(Effect::Record(Entry::Deregistered {
                service: spec.name.clone(),
                colour,
                addr: addr.clone(),
            }));
        }
        if let Some(served) = self.services.get_mut(&spec.name) {
            served.pools[colour] = pool;
        }
        self.forget_drained(&spec.name, colour, turn);
        self.pool_changed(&spec.name, colour);
        change
    }

    /// Notes what the file calls live; if that has changed, it is a wish.
    fn see(&mut self, spec: &ServiceSpec, difference: &mut Difference, turn: &mut Turn) {
        let Some(standing) = self.standings.get_mut(&spec.name) else {
            return;
        };
        let before = std::mem::replace(&mut standing.file_live, spec.live);
        if before == spec.live {
            return;
        }
        // The shift of an operator goes on, and a wish against it is refused as another switch would be.
        let shift = self.shifts.get(&spec.name).map(|it| &it.record);
        let shift = shift.or(standing.shift.as_deref());
        let against = shift.is_some_and(|it| it.actor != Actor::file());
        let wanted = standing.live != spec.live || against;
        standing.wishing = wanted;
        if !wanted {
            turn.does(Effect::Record(self.seen(&spec.name, turn)));
        }
        let asked = if wanted {
            "asked for a switch"
        } else {
            "it is live already"
        };
        difference.changes.push(format!(
            "service `{}`: `live` changed from {before} to {}, {asked}",
            spec.name, spec.live
        ));
        if wanted {
            difference.wishes.insert(spec.name.clone(), before);
        } else {
            difference.content.push(spec.name.clone());
        }
    }

    fn warn_of_empty_live(&self, name: &ServiceName, difference: &mut Difference) {
        let (Some(served), Some(standing)) = (self.services.get(name), self.standings.get(name))
        else {
            return;
        };
        let live = standing.live;
        let pool = &served.pools[live];
        let none = match (pool.present(), pool.len()) {
            (0, 0) => "no endpoints",
            (0, _) => "none but drained endpoints",
            _ => return,
        };
        difference.changes.push(format!(
            "service `{name}`: the live pool `{live}` has {none}, requests are answered 503"
        ));
    }
}

/// The endpoints of a pool that were registered at run time.
fn parked(pool: &PoolState) -> Vec<(super::ids::EndpointAddr, std::num::NonZeroU16)> {
    let endpoints = pool.endpoints().iter();
    endpoints
        .filter(|it| it.source == EndpointSource::Runtime)
        .map(|it| (it.addr.clone(), it.weight))
        .collect()
}

/// Services whose standing is kept though no file names them any more; beyond it the one that was dropped
/// first is forgotten, and would be first seen if it came back.
pub const RETIRED_LIMIT: usize = 4096;
