//! Whether a pool may be stopped.
//!
//! Owns the reasons why not, in one list: whoever adds a way for a request to reach a pool, or for somebody to need it
//! again, adds a function here. Must not change anything. That no reason is left is a proof, not a guess: the pool is
//! not live, every worker has left the snapshots in which it was, and no claim in any of its tenures is open.

use super::{
    ids::{Colour, ServiceName},
    state::State,
    time::{Now, Timestamp},
    view::{Hindrance, HindranceKind, SafeToStop},
};

impl State {
    /// Whether a pool may be stopped, and why not; `None` if the service is not served.
    #[must_use]
    pub fn safe_to_stop(&self, name: &str, colour: Colour, now: Now) -> Option<SafeToStop> {
        let (name, _) = self.services.get_key_value(name)?;
        let reasons = self.hindrances(name, colour, now);
        Some(SafeToStop {
            service: name.clone(),
            colour,
            safe: reasons.is_empty(),
            reasons,
        })
    }

    /// Every reason why a pool must not be stopped.
    pub(super) fn hindrances(
        &self,
        name: &ServiceName,
        colour: Colour,
        now: Now,
    ) -> Vec<Hindrance> {
        let reasons = [
            self.is_live(name, colour),
            self.is_switching(name, colour),
            self.has_claims(name, colour, now),
            self.is_unproven(name, colour),
            self.has_previews(name, colour),
            self.has_copies(name, colour),
            self.is_held(name, colour, now),
            self.has_sessions(name, colour),
        ];
        reasons.into_iter().flatten().collect()
    }

    fn is_live(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        let live = self.standings.get(name)?.live;
        let detail = || format!("pool `{colour}` is live");
        (live == colour).then(|| hindrance(HindranceKind::Live, detail(), None))
    }

    fn is_switching(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        if let Some(shift) = self.shifts.get(name) {
            let it = &shift.record;
            let (to, by, since) = (it.to, &it.actor.name, it.began_at);
            let detail = format!("a shift to {to} by `{by}` is under way since {since}");
            return Some(hindrance(HindranceKind::Switching, detail, None));
        }
        let busy = self.operations.busy.get(name)?;
        let (to, by, since) = (busy.to, &busy.actor.name, busy.since);
        let detail = if to == colour {
            format!("a switch to it by `{by}` is under way since {since}")
        } else {
            format!("the switch to {to} by `{by}` since {since} is not committed yet")
        };
        // Only a switch that waits for its gates has a time at which it is over.
        let waits = self.operations.waiting.values();
        let waits = { waits }.find(|it| it.targets.contains_key(name));
        let until = waits.map(|it| it.wait().until);
        Some(hindrance(HindranceKind::Switching, detail, until))
    }

    fn has_claims(&self, name: &ServiceName, colour: Colour, now: Now) -> Option<Hindrance> {
        let (served, standing) = (self.services.get(name)?, self.standings.get(name)?);
        let claims = self.claims(name, standing, colour);
        let endpoints = served.pools[colour].endpoints().iter();
        let working: u64 = endpoints.map(|it| it.counter.in_flight()).sum();
        let beside = served.previewing(colour) + served.mirroring(colour);
        let left = claims.in_flight().max(working.saturating_sub(beside));
        if left == 0 {
            return None;
        }
        let drains = self.drains.of(name);
        let drains = drains.filter(|it| it.counter.colour() == colour);
        let until = drains.map(|it| it.deadline).max();
        let detail = match claims.tunnels {
            0 => format!("requests in flight: {left}"),
            tunnels => format!("requests in flight: {left}, of these tunnels: {tunnels}"),
        };
        let until = until.map(|it| wall(it, now));
        Some(hindrance(HindranceKind::InFlight, detail, until))
    }

    fn is_unproven(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        let standing = self.standings.get(name)?;
        let is_unproven = standing.live != colour && self.unproven.contains(name);
        let detail = "a worker missed the barrier of the last switch and may still route to it";
        is_unproven.then(|| hindrance(HindranceKind::Unproven, detail.to_owned(), None))
    }

    fn has_previews(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        let left = self.services.get(name)?.previewing(colour);
        let detail = || format!("previews in flight: {left}");
        (left > 0).then(|| hindrance(HindranceKind::Preview, detail(), None))
    }

    fn has_copies(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        let left = self.services.get(name)?.mirroring(colour);
        let detail = || format!("copies of live requests in flight: {left}");
        (left > 0).then(|| hindrance(HindranceKind::Mirror, detail(), None))
    }

    fn is_held(&self, name: &ServiceName, colour: Colour, now: Now) -> Option<Hindrance> {
        if self.standings.get(name)?.live == colour {
            return None;
        }
        let until = self.held_until(name, now)?;
        let detail = format!("it is kept ready to return until {until}");
        Some(hindrance(HindranceKind::Held, detail, Some(until)))
    }

    fn has_sessions(&self, name: &ServiceName, colour: Colour) -> Option<Hindrance> {
        let until = self.lingers.may_reach(name, colour)?;
        let detail = "sessions that were begun there finish there";
        Some(hindrance(HindranceKind::Sessions, detail.to_owned(), until))
    }
}

const fn hindrance(kind: HindranceKind, detail: String, until: Option<Timestamp>) -> Hindrance {
    Hindrance {
        kind,
        detail,
        until,
    }
}

/// A moment of the monotonic clock on the wall clock.
fn wall(at: std::time::Instant, now: Now) -> Timestamp {
    now.wall.plus(at.saturating_duration_since(now.instant))
}
