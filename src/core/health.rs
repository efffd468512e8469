//! Health of one endpoint: what its probes and its traffic say of it.
//!
//! Owns rise/fall damping and passive ejection of a single endpoint; must not know the pool: how many may be
//! out at once is `pool.rs`'s to say. Health, role and drain are three separate facts (invariant 6). Probes
//! and traffic are kept apart, too: one word for both would let a passed probe undo what traffic has just
//! found out, or a failed request make an endpoint wait for `rise` probes.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    service::{PassiveSpec, ProbeSpec},
    time::after,
};

/// What is known of one endpoint's fitness. Small, because there may be eighty thousand.
#[derive(Clone, Debug, Default)]
pub struct HealthTracker {
    health: Health,
    /// Verdicts in a row that speak against `health`.
    against: u32,
    /// Nothing before a probe has failed or its traffic has taken it out for the first time.
    faults: Option<Box<Faults>>,
}

#[derive(Clone, Debug, Default)]
struct Faults {
    /// What the last failed probe saw, until probes have it healthy.
    last_failure: Option<Box<str>>,
    present: Option<Ejection>,
    /// Ejections without a stay of `max_eject` between them.
    in_a_row: u32,
    back_since: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    until: Instant,
    why: PassiveFailure,
}

impl HealthTracker {
    /// Takes in the verdict of one probe; says whether the health changed. The first verdict counts at once,
    /// because waiting for `rise` or `fall` of them only damps what is known already.
    pub fn observe(&mut self, verdict: &ProbeVerdict, probe: &ProbeSpec) -> bool {
        let (found, needed) = match verdict {
            ProbeVerdict::Passed => (Health::Healthy, probe.rise),
            ProbeVerdict::Failed(why) => {
                let why: String = why.chars().take(WHY_LIMIT).collect();
                self.faults.get_or_insert_default().last_failure = Some(why.into());
                (Health::Unhealthy, probe.fall)
            }
        };
        let before = self.health;
        if found == before {
            self.against = 0;
        } else {
            self.against = self.against.saturating_add(1);
            if before == Health::Unknown || self.against >= needed {
                self.health = found;
                self.against = 0;
            }
        }
        if *verdict == ProbeVerdict::Passed
            && self.health == Health::Healthy
            && let Some(faults) = &mut self.faults
        {
            faults.last_failure = None;
        }
        before != self.health
    }

    /// Takes the endpoint out because of its traffic; says until when, or `None` if it stays as it is:
    /// passive judgement is off, or the endpoint is out already, by probes or by traffic.
    pub fn eject(
        &mut self,
        why: PassiveFailure,
        passive: &PassiveSpec,
        now: Instant,
    ) -> Option<Instant> {
        if passive.eject.is_zero() || !self.is_ready() {
            return None;
        }
        let faults = self.faults.get_or_insert_default();
        let stayed = faults.back_since.map(|since| now.duration_since(since));
        if stayed.is_some_and(|stayed| stayed >= passive.max_eject) {
            faults.in_a_row = 0;
        }
        let doubled = 1_u32 << faults.in_a_row.min(31);
        let lasts = passive.eject.saturating_mul(doubled).min(passive.max_eject);
        faults.in_a_row = faults.in_a_row.saturating_add(1);
        let until = after(now, lasts);
        faults.present = Some(Ejection { until, why });
        Some(until)
    }

    /// Ends an ejection whose time has passed; says whether there was one.
    pub fn readmit(&mut self, now: Instant) -> bool {
        let Some(faults) = &mut self.faults else {
            return false;
        };
        let over = faults.present.take_if(|it| it.until <= now).is_some();
        if over {
            faults.back_since = Some(now);
        }
        over
    }

    /// What probes say.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Whether the endpoint may be picked: healthy by its probes and not out because of its traffic.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.health == Health::Healthy && self.ejection().is_none()
    }

    /// When its ejection ends, if it is out because of its traffic.
    #[must_use]
    pub fn ejected_until(&self) -> Option<Instant> {
        self.ejection().map(|it| it.until)
    }

    /// Why it is not ready, or what the last failed probe of a ready one saw.
    #[must_use]
    pub fn why(&self, now: Instant) -> Option<String> {
        match (self.health, self.ejection()) {
            (Health::Unknown, _) => Some("not probed yet".to_owned()),
            (Health::Healthy, Some(Ejection { until, why })) => Some(format!(
                "ejected because of its traffic ({}), {} left",
                why.as_str(),
                left(until, now)
            )),
            (Health::Healthy, None) | (Health::Unhealthy, _) => {
                let seen = self.faults.as_ref()?.last_failure.as_deref();
                seen.map(str::to_owned)
            }
        }
    }

    fn ejection(&self) -> Option<Ejection> {
        self.faults.as_ref()?.present
    }
}

/// The time left, whole milliseconds, for people.
fn left(until: Instant, now: Instant) -> humantime::FormattedDuration {
    let millis = until.saturating_duration_since(now).as_millis();
    humantime::format_duration(Duration::from_millis(
        u64::try_from(millis).unwrap_or(u64::MAX),
    ))
}

/// What probes say of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not probed yet.
    #[default]
    Unknown,
    /// May take traffic.
    Healthy,
    /// May not.
    Unhealthy,
}

/// The verdict of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeVerdict {
    /// As expected.
    Passed,
    /// Not as expected; says what was seen, such as `connect refused` or ``status 503, expected 200-399``.
    Failed(String),
}

/// What a worker saw go wrong on a connection to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassiveFailure {
    /// The connection was refused or unreachable.
    ConnectFailed,
    /// No connection within the connect timeout.
    ConnectTimeout,
    /// The TLS handshake failed.
    HandshakeFailed,
    /// Its certificate is not trusted.
    Untrusted,
    /// A fresh connection was reset, or closed without an answer.
    Reset,
}

impl PassiveFailure {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConnectFailed => "connect failed",
            Self::ConnectTimeout => "connect timeout",
            Self::HandshakeFailed => "tls handshake failed",
            Self::Untrusted => "certificate not trusted",
            Self::Reset => "connection reset",
        }
    }
}

/// Characters kept of what a failed probe saw: it may quote what the endpoint sent.
const WHY_LIMIT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::service::{ProbeKind, UpstreamProtocol};

    const RISE: u32 = 2;
    const FALL: u32 = 3;

    fn probe() -> ProbeSpec {
        ProbeSpec {
            kind: ProbeKind::Tcp,
            protocol: UpstreamProtocol::Http1,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            rise: RISE,
            fall: FALL,
            jitter_percent: 0,
            introduces: None,
        }
    }

    fn passive() -> PassiveSpec {
        PassiveSpec {
            eject: Duration::from_secs(1),
            max_eject: Duration::from_secs(5),
            max_share_percent: 50,
        }
    }

    fn failed() -> ProbeVerdict {
        ProbeVerdict::Failed("connect refused".to_owned())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do; the rest is arithmetic"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn healthy() -> HealthTracker {
        let mut tracker = HealthTracker::default();
        tracker.observe(&ProbeVerdict::Passed, &probe());
        tracker
    }

    #[test]
    fn the_first_verdict_counts_at_once() {
        assert_eq!(healthy().health(), Health::Healthy);
        let mut tracker = HealthTracker::default();
        assert!(!tracker.is_ready());
        assert!(tracker.observe(&failed(), &probe()));
        assert_eq!(tracker.health(), Health::Unhealthy);
    }

    #[test]
    fn only_verdicts_in_a_row_change_the_health() {
        let mut tracker = healthy();
        for verdict in [failed(), failed(), ProbeVerdict::Passed, failed(), failed()] {
            assert!(!tracker.observe(&verdict, &probe()));
        }
        assert!(tracker.observe(&failed(), &probe()));
        assert_eq!(tracker.why(start()).as_deref(), Some("connect refused"));
        assert!(!tracker.observe(&ProbeVerdict::Passed, &probe()));
        assert!(tracker.observe(&ProbeVerdict::Passed, &probe()));
        assert_eq!(tracker.why(start()), None);
    }

    #[test]
    fn ejections_in_a_row_grow_up_to_the_longest_and_are_forgotten() {
        let (mut tracker, mut now) = (healthy(), start());
        for seconds in [1, 2, 4, 5, 5] {
            let until = tracker.eject(PassiveFailure::Reset, &passive(), now);
            assert_eq!(until, Some(now + Duration::from_secs(seconds)));
            assert!(!tracker.readmit(now));
            assert_eq!(
                tracker.eject(PassiveFailure::Reset, &passive(), now),
                None,
                "out already"
            );
            now += Duration::from_secs(seconds);
            assert!(tracker.readmit(now));
        }
        now += Duration::from_secs(5);
        let until = tracker.eject(PassiveFailure::Reset, &passive(), now);
        assert_eq!(until, Some(now + Duration::from_secs(1)));
    }

    #[test]
    fn what_is_not_in_cannot_be_taken_out() {
        let mut tracker = HealthTracker::default();
        let off = PassiveSpec {
            eject: Duration::ZERO,
            ..passive()
        };
        assert_eq!(
            tracker.eject(PassiveFailure::Reset, &passive(), start()),
            None
        );
        assert_eq!(
            healthy().eject(PassiveFailure::Reset, &off, start()),
            None,
            "turned off"
        );
    }
}
