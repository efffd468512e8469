//! Holds: how long the pool that was live before is kept ready to return.
//!
//! Owns the end of each hold. A hold follows from the receipt of the present tenure and from the file, so that there
//! is nothing to write down for it: a restart, and a file that says another time, find it where it must be. It is told
//! by the wall clock, as the receipt is; the other clock only says when to look again.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{
    ids::ServiceName,
    state::{State, Turn},
    time::{Now, Timestamp, after},
};

/// Services whose standby is held, and when to look again. As many as there are services at most.
#[derive(Debug, Default)]
pub(super) struct Holds {
    ends: BTreeMap<ServiceName, Instant>,
    /// The same; the next end in front, because that is asked for at every turn.
    by_end: BTreeSet<(Instant, ServiceName)>,
}

impl Holds {
    pub(super) fn is_held(&self, service: &ServiceName) -> bool {
        self.ends.contains_key(service)
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// Forgets a service.
    pub(super) fn end(&mut self, service: &ServiceName) {
        if let Some(end) = self.ends.remove(service) {
            self.by_end.remove(&(end, service.clone()));
        }
    }

    fn begin(&mut self, service: &ServiceName, end: Instant) {
        self.end(service);
        self.ends.insert(service.clone(), end);
        self.by_end.insert((end, service.clone()));
    }
}

impl State {
    /// Until when the standby of a service is kept; `None` if it is not, or not any more.
    pub(super) fn held_until(&self, service: &ServiceName, now: Now) -> Option<Timestamp> {
        let keep = self.services.get(service)?.spec.switch.keep_standby_for;
        let since = self.standings.get(service)?.present()?.live_since();
        let until = since.plus(keep);
        (!keep.is_zero() && until > now.wall).then_some(until)
    }

    /// Begins, prolongs or ends the hold of a service, as its receipt and the file say now.
    pub(super) fn hold(&mut self, service: &ServiceName, now: Now) {
        let until = self.held_until(service, now);
        let was_held = self.holds.is_held(service);
        match until {
            Some(until) => {
                let end = after(now.instant, until.since(now.wall));
                self.holds.begin(service, end);
            }
            None => self.holds.end(service),
        }
        if was_held != until.is_some()
            && let Some(served) = self.services.get(service)
        {
            self.publication.touch(served.slot);
        }
    }

    /// Ends the holds whose time has come.
    pub(super) fn end_holds(&mut self, turn: &Turn) {
        let due = self.holds.by_end.iter();
        let due = due.take_while(|(end, _)| *end <= turn.now.instant);
        let due: Vec<_> = due.map(|(_, service)| service.clone()).collect();
        for service in due {
            self.hold(&service, turn.now);
        }
    }
}
