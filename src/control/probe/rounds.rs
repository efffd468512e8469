//! The probes under way, and who comes next.
//!
//! Owns the one task that begins probes when they are due, and their two bounds: how many are under way at once, because
//! each holds a descriptor, and how many begin in a second, because each costs the machine that carries the traffic, too.
//! Where the endpoints are too many for that, all of them are probed less often than they should be, none is left out, and
//! it is told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    Finding, Wishes, attempt::Attempt, failure::ProbeFailure, schedule::Schedule, secure::Secure,
};
use crate::{
    control::resolver::Addresses,
    core::{
        by_id::ById,
        event::Watched,
        health::ProbeVerdict,
        ids::{EndpointId, ServiceName},
    },
    tls::Connectors,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Rounds {
    probed: ById<Probed>,
    services: BTreeMap<ServiceName, Vec<EndpointId>>,
    schedule: Schedule,
    under_way: JoinSet<Ended>,
    pace: Pace,
    late: Late,
    connectors: Arc<Connectors>,
    findings: mpsc::Sender<Finding>,
}

/// An endpoint that is probed, and how. Small, because there may be eighty thousand.
#[derive(Debug)]
struct Probed {
    watched: Watched,
    addresses: Addresses,
    secure: Option<Arc<Secure>>,
    stage: Stage,
    /// Whether a probe of it has ended.
    was_probed: bool,
    /// Until when its first probe waits for its name to be resolved, once it does.
    awaits_name: Option<Box<Instant>>,
}

/// Where an endpoint is between two probes.
#[derive(Debug)]
enum Stage {
    Due(Instant),
    UnderWay(AbortHandle),
}

/// A probe that has ended.
#[derive(Debug)]
struct Ended {
    id: EndpointId,
    /// When it should have begun, and when it did.
    times: (Instant, Instant),
    outcome: Result<(), ProbeFailure>,
}

impl Probed {
    /// Until when the first probe, which was due at `due` at first, waits for a name.
    fn waits_until(&mut self, due: Instant) -> Instant {
        let until = due + self.watched.probe.timeout;
        **self.awaits_name.get_or_insert_with(|| Box::new(until))
    }
}

impl Rounds {
    pub(super) fn new(connectors: Arc<Connectors>, findings: mpsc::Sender<Finding>) -> Self {
        Self {
            probed: ById::default(),
            services: BTreeMap::new(),
            schedule: Schedule::default(),
            under_way: JoinSet::new(),
            pace: Pace::default(),
            late: Late::default(),
            connectors,
            findings,
        }
    }

    /// Probes until nobody listens any more.
    pub(super) async fn run(mut self, wishes: Arc<Wishes>) {
        loop {
            let due = self
                .schedule
                .first()
                .map(|(due, _)| self.pace.not_before(due));
            let has_room = self.under_way.len() < PROBES_AT_ONCE;
            let goes_on = tokio::select! {
                biased;
                () = wishes.changed.notified() => {
                    let wanted = std::mem::take(&mut *wishes.wanted());
                    self.adopt(wanted);
                    true
                }
                Some(ended) = self.under_way.join_next() => match ended {
                    Ok(ended) => self.ended(ended).await,
                    // It was ended, because its endpoint is gone.
                    Err(_) => true,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if has_room && due.is_some() => {
                    self.begin_due().await
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Takes on what is wanted. Of endpoints that are new, the first of each service come first.
    fn adopt(&mut self, wanted: BTreeMap<ServiceName, Vec<(Watched, Addresses)>>) {
        let now = Instant::now();
        let mut newcomers = Vec::new();
        for (service, endpoints) in wanted {
            let ids: Vec<_> = endpoints.iter().map(|(watched, _)| watched.id).collect();
            for id in self.services.remove(&service).unwrap_or_default() {
                if !ids.contains(&id) {
                    self.forget(id);
                }
            }
            for (place, (watched, addresses)) in endpoints.into_iter().enumerate() {
                let known = self.probed.get(watched.id).map(|it| &it.watched);
                let goes_on =
                    known.is_some_and(|it| it.probe == watched.probe && it.tls == watched.tls);
                if !goes_on {
                    self.forget(watched.id);
                    newcomers.push((place, watched, addresses));
                }
            }
            if !ids.is_empty() {
                self.services.insert(service, ids);
            }
        }
        newcomers.sort_unstable_by_key(|(place, watched, _)| (*place, watched.id));
        let ids = newcomers.iter().map(|(_, watched, _)| watched.id);
        let times = self.schedule.begin(ids, now);
        for ((_, watched, addresses), due) in newcomers.into_iter().zip(times) {
            let secure = watched.tls.as_ref().map(|tls| {
                let secure = Secure::new(tls, &self.connectors, watched.addr.as_str());
                Arc::new(secure)
            });
            let probed = Probed {
                addresses,
                secure,
                stage: Stage::Due(due),
                was_probed: false,
                awaits_name: None,
                watched,
            };
            self.probed.insert(probed.watched.id, probed);
        }
    }

    fn forget(&mut self, id: EndpointId) {
        match self.probed.remove(id).map(|it| it.stage) {
            Some(Stage::Due(due)) => self.schedule.remove(id, due),
            Some(Stage::UnderWay(probe)) => probe.abort(),
            None => {}
        }
    }

    /// Begins what is due, as far as there is room; says whether anybody listens.
    async fn begin_due(&mut self) -> bool {
        let now = Instant::now();
        while self.under_way.len() < PROBES_AT_ONCE
            && let Some((due, id)) = self.schedule.first()
            && self.pace.not_before(due) <= now
        {
            self.schedule.remove(id, due);
            self.begin(id, (due, now));
        }
        match self.late.finding(now) {
            Some(finding) => self.findings.send(finding).await.is_ok(),
            None => true,
        }
    }

    fn begin(&mut self, id: EndpointId, (due, now): (Instant, Instant)) {
        let Some(probed) = self.probed.get_mut(id) else {
            return;
        };
        let addresses = probed.addresses.now(&probed.watched);
        // A name that was never resolved deserves a moment, and no verdict before.
        if addresses.is_empty() && !probed.was_probed && now < probed.waits_until(due) {
            let due = self.schedule.at(id, now + UNRESOLVED_PAUSE);
            probed.stage = Stage::Due(due);
            return;
        }
        let attempt = Attempt {
            watched: probed.watched.clone(),
            secure: probed.secure.clone(),
        };
        self.pace.begins(now);
        self.late.begins((due, now), probed.watched.probe.interval);
        let under_way = self.under_way.spawn(async move {
            Ended {
                id,
                times: (due, now),
                outcome: attempt.run(addresses).await,
            }
        });
        probed.stage = Stage::UnderWay(under_way);
    }

    /// Tells the verdict and says when the next is due; whether anybody listens.
    async fn ended(&mut self, ended: Ended) -> bool {
        let Ended { id, times, outcome } = ended;
        // One that ended just when its endpoint went.
        let Some(probed) = self.probed.get_mut(id) else {
            return true;
        };
        let spec = &probed.watched.probe;
        let due = match probed.was_probed {
            false => self.schedule.settle(id, times.1, spec),
            true => self.schedule.again(id, times, spec),
        };
        probed.was_probed = true;
        probed.awaits_name = None;
        probed.stage = Stage::Due(due);
        let verdict = match outcome {
            Ok(()) => ProbeVerdict::Passed,
            // For want of something on this side: that must not take endpoints out.
            Err(ProbeFailure::Exhausted) => return true,
            Err(failure) => ProbeVerdict::Failed(failure.to_string()),
        };
        let finding = Finding::Verdict(id, verdict);
        self.findings.send(finding).await.is_ok()
    }
}

/// How fast probes begin.
#[derive(Debug, Default)]
struct Pace {
    /// The time at which the bound would be met by what has begun so far.
    used_until: Option<Instant>,
}

impl Pace {
    /// When a probe that is due at `due` may begin.
    fn not_before(&self, due: Instant) -> Instant {
        let free = self.used_until.and_then(|until| until.checked_sub(BURST));
        free.map_or(due, |free| free.max(due))
    }

    fn begins(&mut self, now: Instant) {
        let from = self.used_until.map_or(now, |until| until.max(now));
        self.used_until = Some(from + GAP);
    }
}

/// Probes that began late, until it is told.
#[derive(Debug, Default)]
struct Late {
    count: u64,
    behind: Duration,
    told: Option<Instant>,
}

impl Late {
    fn begins(&mut self, (due, now): (Instant, Instant), interval: Duration) {
        let behind = now.saturating_duration_since(due);
        if behind > interval / 2 {
            self.count += 1;
            self.behind = self.behind.max(behind);
        }
    }

    /// What there is to tell, if it is time to.
    fn finding(&mut self, now: Instant) -> Option<Finding> {
        let told_lately = self.told.is_some_and(|told| now - told < LATE_PAUSE);
        if self.count == 0 || told_lately {
            return None;
        }
        self.told = Some(now);
        Some(Finding::Late {
            count: std::mem::take(&mut self.count),
            behind: std::mem::take(&mut self.behind),
        })
    }
}

/// Probes that may be under way at once: a thousand services must not exhaust the descriptors.
const PROBES_AT_ONCE: usize = 256;
/// Probes that may begin in a second, on average.
const PROBES_A_SECOND: u32 = 10_000;
const GAP: Duration = Duration::from_nanos(1_000_000_000 / PROBES_A_SECOND as u64);
/// How far the average may be exceeded for a moment.
const BURST: Duration = Duration::from_millis(20);
/// Between two looks at a name that has not been resolved yet.
const UNRESOLVED_PAUSE: Duration = Duration::from_millis(10);
/// Between two findings that probes are late.
const LATE_PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_herd_begins_at_the_pace_and_a_few_at_once() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let mut now = begin;
        let mut waits = Vec::new();
        for _ in 0..10_000 {
            let at = pace.not_before(begin).max(now);
            waits.push(at - begin);
            now = at;
            pace.begins(now);
        }
        let at_once = waits.iter().filter(|it| it.is_zero()).count();
        assert_eq!(at_once, (BURST.as_nanos() / GAP.as_nanos()) as usize + 1);
        let last = *waits.last().unwrap();
        let second = Duration::from_secs(1);
        assert!(last <= second && last >= second - BURST - GAP, "{last:?}");
        // After a pause nothing is left of it.
        let later = now + second;
        assert_eq!(pace.not_before(later), later);
    }

    #[test]
    fn what_is_late_is_counted_and_told_at_intervals() {
        let (mut late, now) = (Late::default(), Instant::now());
        let interval = Duration::from_secs(1);
        late.begins((now, now + interval / 2), interval);
        assert_eq!(late.finding(now), None, "half an interval is not late");
        let behind = Duration::from_millis(700);
        late.begins((now, now + behind), interval);
        let told = Finding::Late { count: 1, behind };
        assert_eq!(late.finding(now), Some(told));
        for _ in 0..3 {
            late.begins((now, now + 2 * behind), interval);
            assert_eq!(
                late.finding(now + interval),
                None,
                "it was told a second ago"
            );
        }
        let told = Finding::Late {
            count: 3,
            behind: 2 * behind,
        };
        assert_eq!(late.finding(now + LATE_PAUSE), Some(told));
        assert_eq!(late.finding(now + 2 * LATE_PAUSE), None);
    }
}
