//! What is known of a running cutover from afar, and since when.
//!
//! Owns the newest state of each service, the traffic of the last seconds, and whether all of that is still true. A pure
//! value: what is told goes in with its time, so that a test can play a lost connection without one.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::feed::{Fed, Notice};
use crate::{
    admin::wire::{Pulse, ServicePulse},
    core::{
        ids::{ByColour, Colour, ServiceName},
        time::Timestamp,
        view::ServiceView,
    },
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Sight {
    services: BTreeMap<ServiceName, Seen>,
    /// Newest last.
    notices: VecDeque<Notice>,
    link: Link,
}

/// Whether what is shown is so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing has been told yet.
    #[default]
    Waiting,
    /// It is.
    Up,
    /// It was.
    Lost {
        /// When it was told last.
        since: Timestamp,
        /// Why nothing is told any more.
        why: String,
    },
}

/// One service.
#[derive(Debug)]
struct Seen {
    view: ServiceView,
    /// Newest last.
    samples: VecDeque<(Timestamp, ServicePulse)>,
}

/// The traffic of one pool in the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    /// Requests a second.
    pub(super) requests: f64,
    /// Of those: errors.
    pub(super) errors: f64,
    /// What all but one of a hundred did not exceed, in microseconds.
    pub(super) p99_us: Option<u64>,
}

impl Sight {
    /// Takes in what was told at that time; says whether anything looks different.
    pub(super) fn take_in(&mut self, fed: Fed, now: Timestamp) -> bool {
        match fed {
            Fed::Pulse(pulse) => return self.pulse(*pulse, now),
            Fed::Notice(notice) => {
                self.notices.push_back(notice);
                while self.notices.len() > NOTICES {
                    self.notices.pop_front();
                }
            }
            Fed::Lost(why) => {
                // Since the first time, however often it is tried again.
                let since = match self.link {
                    Link::Lost { since, .. } => since,
                    Link::Waiting | Link::Up => now,
                };
                self.link = Link::Lost { since, why };
            }
            Fed::Failed(_) => {}
        }
        true
    }

    fn pulse(&mut self, pulse: Pulse, now: Timestamp) -> bool {
        let is_first = self.link != Link::Up;
        if is_first {
            // It names all there are, and counters may have begun anew.
            self.services.clear();
        }
        let differs = is_first || !pulse.services.is_empty() || !pulse.removed.is_empty();
        for name in &pulse.removed {
            self.services.remove(name);
        }
        for told in pulse.services {
            let name = told.view.service.clone();
            let seen = self.services.entry(name).or_insert_with(|| Seen {
                view: told.view.clone(),
                samples: VecDeque::new(),
            });
            seen.view = told.view.clone();
            seen.samples.push_back((now, told));
        }
        for seen in self.services.values_mut() {
            seen.goes_on(now);
        }
        self.link = Link::Up;
        differs
    }

    pub(super) fn views(&self) -> impl Iterator<Item = &ServiceView> {
        self.services.values().map(|seen| &seen.view)
    }

    pub(super) fn view(&self, service: &ServiceName) -> Option<&ServiceView> {
        self.services.get(service).map(|seen| &seen.view)
    }

    /// The traffic of both pools; nothing before there are two pulses to compare.
    pub(super) fn rates(&self, service: &ServiceName) -> Option<ByColour<Rate>> {
        let seen = self.services.get(service)?;
        let (from, before) = seen.samples.front()?;
        let (to, newest) = seen.samples.back()?;
        let time = to.since(*from);
        if time.is_zero() {
            return None;
        }
        Some(ByColour::from_fn(|colour| {
            rate(before, newest, (colour, time))
        }))
    }

    pub(super) const fn notices(&self) -> &VecDeque<Notice> {
        &self.notices
    }

    pub(super) const fn link(&self) -> &Link {
        &self.link
    }
}

impl Seen {
    /// Who is not named in a pulse is as it was: that is a sample, too. Old ones go.
    fn goes_on(&mut self, now: Timestamp) {
        if let Some((at, newest)) = self.samples.back()
            && *at != now
        {
            let same = newest.clone();
            self.samples.push_back((now, same));
        }
        let is_old = |at: &Timestamp| now.since(*at) > WINDOW;
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, _)| is_old(at)) {
            self.samples.pop_front();
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "requests of a few seconds, far below 2^52"
)]
fn rate(before: &ServicePulse, newest: &ServicePulse, (colour, time): (Colour, Duration)) -> Rate {
    let new = newest.traffic[colour].since(&before.traffic[colour]);
    Rate {
        requests: new.requests as f64 / time.as_secs_f64(),
        errors: new.errors as f64 / time.as_secs_f64(),
        p99_us: new.quantile_us(0.99),
    }
}

/// What rates are made of: long enough for a 99th percentile, short enough to see a switch.
const WINDOW: Duration = Duration::from_secs(5);
/// Notices that are kept.
const NOTICES: usize = 256;
