//! How the state looks from outside.
//!
//! Owns the filling of the shapes in `view.rs`; must not change anything. Counts are read when somebody
//! looks, so that looking costs and not being looked at is free.

use std::{cmp::Reverse, ops::Bound, time::Instant};

use super::{
    ids::{ByColour, Colour, ServiceName},
    in_flight::Counts,
    operation::Committing,
    pool::EndpointState,
    slow_start::CLIMB_STEPS,
    standing::{Served, Standing},
    state::State,
    switch::Receipt,
    time::Now,
    view::{EndpointView, PoolView, ServiceView, WaitingView},
};

impl State {
    /// Services that are served, by name: those after `after`, `limit` at most.
    #[must_use]
    pub fn views(&self, after: Option<&ServiceName>, limit: usize, now: Now) -> Vec<ServiceView> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self
            .services
            .range::<ServiceName, _>((from, Bound::Unbounded));
        names
            .filter_map(|(name, _)| self.view(name.as_str(), now))
            .take(limit)
            .collect()
    }

    /// One service, if it is served.
    #[must_use]
    pub fn view(&self, name: &str, now: Now) -> Option<ServiceView> {
        let (name, served) = self.services.get_key_value(name)?;
        let standing = self.standings.get(name)?;
        let routes = served.spec.routes.iter().map(ToString::to_string);
        let (rollback_possible, rollback_why) = self.rollback_view(name, served, now);
        Some(ServiceView {
            service: name.clone(),
            live: standing.live,
            tenure: standing.tenure(),
            routes: routes.collect(),
            file_live: standing.file_live,
            drift: standing.file_live != standing.live,
            rollback_to: standing.rollback_to(),
            rollback_possible,
            rollback_why,
            standby_kept_until: self.held_until(name, now),
            waiting: self.waiting_view(name, now.instant),
            shift: self.shift_view(name, now.instant),
            finishing: self.lingers.view(name),
            pools: ByColour::from_fn(|colour| {
                let claims = self.claims(name, standing, colour);
                PoolView {
                    safe_to_stop: self.hindrances(name, colour, now).is_empty(),
                    ..pool_view(served, colour, &claims, now.instant)
                }
            }),
            // The edge has these.
            mirror: Vec::new(),
            leaving: self.leavers.of(name),
            draining: self.drains.receipts_of(name),
            last_switch: standing.history.front().map(|it| self.as_it_stands(it)),
        })
    }

    /// Past switches of one service or of all, newest first; those of services that are no longer served, too,
    /// as long as they are known.
    #[must_use]
    pub fn history(&self, service: Option<&str>) -> Vec<Receipt> {
        let Some(service) = service else {
            let standings = self.standings.values();
            let mut all: Vec<_> = standings
                .flat_map(|it| &it.history)
                .map(|it| self.as_it_stands(it))
                .collect();
            all.sort_by_key(|it| Reverse((it.requested_at, it.tenure)));
            return all;
        };
        let standing = self.standings.get(service);
        let history = standing.into_iter().flat_map(|it| &it.history);
        history.map(|it| self.as_it_stands(it)).collect()
    }

    /// Whether a rollback would open its gates at once, and why, or why not.
    fn rollback_view(&self, name: &ServiceName, served: &Served, now: Now) -> (bool, String) {
        if self.shifts.contains_key(name) {
            return (true, "it would end the shift that is under way".to_owned());
        }
        let to = self.standings.get(name).and_then(Standing::rollback_to);
        let Some(to) = to else {
            return (false, "there is no earlier colour".to_owned());
        };
        if let Some(busy) = self.operations.busy.get(name) {
            let (to, by) = (busy.to, &busy.actor.name);
            return (false, format!("a switch to {to} by `{by}` is under way"));
        }
        if self.is_empty_pool(name, to) {
            return (false, format!("pool `{to}` has no endpoints"));
        }
        let min_ready = served.spec.switch.min_ready;
        let pool = &served.pools[to];
        let gate = pool.gate((name, to), min_ready, now.instant);
        if gate.is_closed() {
            return (false, gate.to_string());
        }
        let (ready, all) = (pool.ready(), pool.len());
        (
            true,
            format!("pool `{to}` has {ready} of {all} endpoints ready"),
        )
    }

    /// A receipt of the history with the present counts, if it still drains.
    fn as_it_stands(&self, receipt: &Receipt) -> Receipt {
        let mut draining = self.drains.of(&receipt.service);
        let drain = draining.find(|it| it.receipt.tenure == receipt.tenure);
        drain.map_or_else(|| receipt.clone(), |it| it.account(&it.counter.counts()))
    }

    fn waiting_view(&self, name: &ServiceName, now: Instant) -> Option<WaitingView> {
        let mut waiting = self.operations.waiting.values();
        let gated = waiting.find(|it| it.targets.contains_key(name))?;
        let busy = self.operations.busy.get(name)?;
        let min_ready = self.min_ready_of(name, busy.to, now).ok();
        let wait = gated.wait();
        Some(WaitingView {
            to: busy.to,
            actor: busy.actor.clone(),
            since: busy.since,
            gate: gated.kind(),
            gate_since: wait.since,
            gate_until: wait.until,
            gates: min_ready
                .into_iter()
                .chain(gated.gates_of(name).cloned())
                .collect(),
        })
    }

    /// Claims of the tenures of one pool: the live one, that of a shift, those between publish and barrier,
    /// the draining ones.
    pub(super) fn claims(&self, name: &ServiceName, standing: &Standing, colour: Colour) -> Counts {
        let handed_over = self.operations.barriers.values().flat_map(|it| match it {
            Committing::Switch(_, handovers) => handovers.as_slice(),
            Committing::Abort(aborting) => std::slice::from_ref(&aborting.handover),
            Committing::Endpoint(..) | Committing::Linger(..) => &[],
        });
        let shift = self.shifts.get(name).map(|it| &it.counter);
        let counters = handed_over.map(|it| &it.old);
        let counters = counters.chain([&standing.counter]).chain(shift);
        let counters = counters.chain(self.lingers.counters(name));
        counters
            .filter(|it| it.service() == name && it.colour() == colour)
            .fold(self.drains.counts_of(name, colour), |sum, it| {
                sum.plus(&it.counts())
            })
    }
}

fn pool_view(served: &Served, colour: Colour, claims: &Counts, now: Instant) -> PoolView {
    let pool = &served.pools[colour];
    PoolView {
        ready: pool.ready(),
        in_flight: claims.in_flight(),
        tunnels: claims.tunnels,
        previews: served.previewing(colour),
        safe_to_stop: false,
        endpoints: pool
            .endpoints()
            .iter()
            .map(|it| endpoint_view(it, now))
            .collect(),
    }
}

fn endpoint_view(endpoint: &EndpointState, now: Instant) -> EndpointView {
    let left = |until: Instant| until.saturating_duration_since(now).as_millis();
    let ejected = endpoint.tracker.ejected_until().map(left);
    EndpointView {
        addr: endpoint.addr.clone(),
        weight: u32::from(endpoint.weight.get()),
        source: endpoint.source,
        health: endpoint.tracker.health(),
        health_since: endpoint.health_since,
        ready: endpoint.is_ready(),
        drained: endpoint.drained,
        slow_start_percent: endpoint
            .climb
            .as_ref()
            .map(|it| it.step * 100 / CLIMB_STEPS),
        ejected_for_ms: ejected.map(|millis| u64::try_from(millis).unwrap_or(u64::MAX)),
        why: endpoint.why(now),
        in_flight: endpoint.counter.in_flight(),
    }
}
