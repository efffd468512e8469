//! Counters of what was told: switches, drains, reloads, the journal.
//!
//! Owns what a notice does to a metric; must not be reached by a request, since finding a series by its labels
//! takes a lock and a hash. Notices are rare.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry,
    proto::MetricFamily,
};

use super::{
    book::{self, Book, Title},
    named::Named,
    zeros::with_zeros,
};
use crate::{
    core::{
        gate::{spec::HookPoint, verdict::GateVerdict},
        ids::ServiceName,
        notice::Notice,
        switch::{ActorKind, Receipt, Refusal},
        view::ServiceView,
    },
    telemetry::notice,
};

/// The metrics that notices move.
#[derive(Debug)]
pub(super) struct Told {
    notices: IntCounterVec,
    switches: IntCounterVec,
    rollbacks: IntCounterVec,
    gates: IntCounterVec,
    hooks: IntCounterVec,
    barrier: Histogram,
    barriers_missed: IntCounter,
    drain: HistogramVec,
    drain_cut: IntCounterVec,
    ejections: IntCounterVec,
    reloads: IntCounterVec,
    reload_success: IntGauge,
    reload_success_at: Gauge,
    config_generation: IntGauge,
    journal_failures: IntCounter,
    journal_damaged: IntCounter,
    resolve_failures: IntCounter,
    probes_late: IntCounter,
    certificate_reloads: IntCounterVec,
    certificate_success: IntGauge,
    // Notices since the last scrape; `Relaxed`, because nothing else is read by it.
    unscraped: AtomicUsize,
}

impl Told {
    /// Registers all of them.
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let book = Book(registry);
        let told = Self {
            notices: book.counters(&NOTICES, &["notice"])?,
            switches: SWITCHES.counters(&["service", "outcome", "actor_kind"])?,
            gates: book.counters(&GATES, &["service", "gate", "verdict"])?,
            hooks: book.counters(&HOOKS, &["service", "at", "outcome"])?,
            rollbacks: book.counters(&ROLLBACKS, &["service", "actor_kind"])?,
            barrier: book.histogram(&BARRIER, &BARRIER_BUCKETS)?,
            barriers_missed: book.counter(&BARRIERS_MISSED)?,
            drain: book.histograms(&DRAIN, &DRAIN_BUCKETS, &["service"])?,
            drain_cut: DRAIN_CUT.counters(&["service", "cause"])?,
            ejections: book.counters(&EJECTIONS, &["service", "colour", "endpoint"])?,
            reloads: book.counters(&RELOADS, &["result"])?,
            reload_success: book.gauge(&RELOAD_SUCCESS)?,
            reload_success_at: book.float_gauge(&RELOAD_SUCCESS_AT)?,
            config_generation: book.gauge(&CONFIG_GENERATION)?,
            journal_failures: book.counter(&JOURNAL_FAILURES)?,
            journal_damaged: book.counter(&JOURNAL_DAMAGED)?,
            resolve_failures: book.counter(&RESOLVE_FAILURES)?,
            probes_late: book.counter(&PROBES_LATE)?,
            certificate_reloads: book.counters(&CERTIFICATE_RELOADS, &["result"])?,
            certificate_success: book.gauge(&CERTIFICATE_SUCCESS)?,
            unscraped: AtomicUsize::new(0),
        };
        for result in [APPLIED, FAILED] {
            add(&told.reloads, &[result], 0);
            add(&told.certificate_reloads, &[result], 0);
        }
        Ok(told)
    }

    /// Counts one notice.
    pub(super) fn count(&self, notice: &Notice) {
        self.keep_bounded();
        add(&self.notices, &[notice::kind(notice)], 1);
        match notice {
            Notice::SwitchRefused {
                services,
                actor,
                refusal,
            } => self.refused(services, actor.kind, refusal),
            Notice::GateAnswered(gate) => self.gate_answered(gate),
            Notice::HookCalled {
                service,
                at,
                failure,
                ..
            } => self.hook_called(service, *at, failure.is_some()),
            Notice::Switched { receipt, .. } => self.switched(receipt),
            Notice::ShiftAborted { receipt } => self.aborted(receipt),
            Notice::Drained { receipt, took } => self.drained(receipt, *took),
            Notice::BarrierMissed { .. } => self.barriers_missed.inc(),
            Notice::Ejected {
                service,
                colour,
                endpoint,
                ..
            } => {
                let labels = [service.as_str(), colour.as_str(), endpoint.as_str()];
                add(&self.ejections, &labels, 1);
            }
            Notice::Reloaded { generation, .. } => self.reloaded(generation.0),
            Notice::ReloadFailed { .. } => {
                add(&self.reloads, &[FAILED], 1);
                self.reload_success.set(0);
            }
            Notice::JournalFailed { .. } => self.journal_failures.inc(),
            Notice::JournalDamaged { damage, .. } => {
                self.journal_damaged.inc_by(damage.len() as u64);
            }
            Notice::ResolveFailed { .. } => self.resolve_failures.inc(),
            Notice::ProbesLate { count, .. } => self.probes_late.inc_by(*count),
            Notice::CertificatesRenewed { .. } => {
                add(&self.certificate_reloads, &[APPLIED], 1);
                self.certificate_success.set(1);
            }
            Notice::CertificatesRefused { .. } => {
                add(&self.certificate_reloads, &[FAILED], 1);
                self.certificate_success.set(0);
            }
            // What these change is seen in the views at the next scrape.
            Notice::SwitchWaiting { .. }
            | Notice::Shift { .. }
            | Notice::DrainDeadlinePassed { .. }
            | Notice::HealthChanged { .. }
            | Notice::Readmitted { .. }
            | Notice::ServiceAdded { .. }
            | Notice::ServiceRemoved { .. }
            | Notice::EndpointsChanged { .. }
            | Notice::EndpointDrained { .. }
            | Notice::EndpointLeft { .. }
            | Notice::ListenerOpened { .. }
            | Notice::ListenerClosed { .. } => {}
        }
    }

    /// Counters of which each of these services has zeros before it has more; the registry has all others.
    pub(super) fn families(&self, views: &[ServiceView]) -> Vec<MetricFamily> {
        let services = || views.iter().map(|view| view.service.as_str());
        let switches = services().flat_map(|service| {
            let of = move |kind: ActorKind| OUTCOMES.map(|it| [kind.as_str(), it, service]);
            [ActorKind::Admin, ActorKind::File].into_iter().flat_map(of)
        });
        let cut = services().flat_map(|service| CAUSES.map(|cause| [cause, service]));
        let switch_labels = ["actor_kind", "outcome", "service"];
        let mut families = with_zeros(&self.switches, switch_labels, switches);
        families.extend(with_zeros(&self.drain_cut, ["cause", "service"], cut));
        families
    }

    /// Forgets series of services and endpoints that `views` does not name. A series that began after the
    /// views were read begins once more, which Prometheus takes for the counter reset that it is.
    pub(super) fn prune(&self, views: &[ServiceView]) {
        let named = Named::of(views);
        named.prune(&self.switches);
        named.prune(&self.rollbacks);
        named.prune(&self.gates);
        named.prune(&self.hooks);
        named.prune(&self.drain);
        named.prune(&self.drain_cut);
        named.prune(&self.ejections);
        self.unscraped.store(0, Relaxed);
    }

    /// Every scrape prunes; a process that nobody scrapes must not grow either. A notice begins a handful of
    /// series per service that it names, so their number is bounded by the number of notices.
    fn keep_bounded(&self) {
        if self.unscraped.fetch_add(1, Relaxed) >= UNSCRAPED_LIMIT {
            self.prune(&[]);
        }
    }

    fn gate_answered(&self, gate: &GateVerdict) {
        let (service, kind) = (gate.service.as_str(), gate.gate.as_str());
        add(&self.gates, &[service, kind, gate.verdict.as_str()], 1);
    }

    fn hook_called(&self, service: &ServiceName, at: HookPoint, failed: bool) {
        let outcome = if failed { FAILED } else { PASSED };
        add(&self.hooks, &[service.as_str(), at.as_str(), outcome], 1);
    }

    fn switched(&self, receipt: &Receipt) {
        let (service, kind) = (receipt.service.as_str(), receipt.actor.kind.as_str());
        add(&self.switches, &[service, COMMITTED, kind], 1);
        if receipt.rollback {
            add(&self.rollbacks, &[service, kind], 1);
        }
        if let Some(us) = receipt.barrier_us {
            self.barrier
                .observe(Duration::from_micros(us).as_secs_f64());
        }
    }

    fn aborted(&self, receipt: &Receipt) {
        let account = receipt.shift.as_ref();
        let by = account.and_then(|it| it.aborted_by.as_ref());
        let kind = by.unwrap_or(&receipt.actor).kind.as_str();
        add(
            &self.switches,
            &[receipt.service.as_str(), ABORTED, kind],
            1,
        );
        if let Some(us) = receipt.barrier_us {
            self.barrier
                .observe(Duration::from_micros(us).as_secs_f64());
        }
    }

    fn refused(&self, services: &[ServiceName], kind: ActorKind, refusal: &Refusal) {
        // The name of an unknown service is whatever somebody typed: no label.
        if matches!(refusal, Refusal::UnknownService(_)) {
            return add(&self.switches, &["", REFUSED, kind.as_str()], 1);
        }
        for service in services {
            add(
                &self.switches,
                &[service.as_str(), REFUSED, kind.as_str()],
                1,
            );
        }
    }

    fn drained(&self, receipt: &Receipt, took: Duration) {
        let service = receipt.service.as_str();
        if let Ok(drain) = self.drain.get_metric_with_label_values(&[service]) {
            drain.observe(took.as_secs_f64());
        }
        let cut = [
            (DRAIN_DEADLINE, receipt.cut.drain_deadline),
            (SHUTDOWN, receipt.cut.shutdown),
        ];
        for (cause, count) in cut {
            add(&self.drain_cut, &[service, cause], count);
        }
    }

    fn reloaded(&self, generation: u64) {
        add(&self.reloads, &[APPLIED], 1);
        self.reload_success.set(1);
        // A file is applied only with certificates that are good.
        self.certificate_success.set(1);
        self.reload_success_at.set(book::unix_seconds());
        self.config_generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
    }
}

fn add(counters: &IntCounterVec, labels: &[&str], amount: u64) {
    // Fails only if the number of labels is wrong, which the tests of every notice would show.
    if let Ok(counter) = counters.get_metric_with_label_values(labels) {
        counter.inc_by(amount);
    }
}

/// Notices between two scrapes after which what they counted by service begins anew.
const UNSCRAPED_LIMIT: usize = 100_000;

const COMMITTED: &str = "committed";
const REFUSED: &str = "refused";
const ABORTED: &str = "aborted";
const OUTCOMES: [&str; 3] = [COMMITTED, REFUSED, ABORTED];
const APPLIED: &str = "applied";
const PASSED: &str = "passed";
const FAILED: &str = "failed";
const DRAIN_DEADLINE: &str = "drain_deadline";
const SHUTDOWN: &str = "shutdown";
const CAUSES: [&str; 2] = [DRAIN_DEADLINE, SHUTDOWN];

/// A barrier takes tens of microseconds on idle workers; a second means that one hangs.
const BARRIER_BUCKETS: [f64; 12] = [
    0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0,
];
/// A drain takes as long as the longest request, or until its deadline.
const DRAIN_BUCKETS: [f64; 12] = [
    0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 1800.0,
];

const NOTICES: Title = Title::new(
    "cutover_notices_total",
    "What was told to operators, by kind; each is also a log line.",
);
const SWITCHES: Title = Title::new(
    "cutover_switches_total",
    "Switches and rollbacks by outcome; without a service where an unknown one was named.",
);
const ROLLBACKS: Title = Title::new("cutover_rollbacks_total", "Rollbacks that were committed.");
const GATES: Title = Title::new(
    "cutover_gates_total",
    "Gates of switches that cutover has asked, by kind and verdict.",
);
const HOOKS: Title = Title::new(
    "cutover_hooks_total",
    "Hooks that were called after a switch had gone on, by outcome.",
);
const BARRIER: Title = Title::new(
    "cutover_barrier_duration_seconds",
    "From the publish of a switch to the last worker's answer.",
);
const BARRIERS_MISSED: Title = Title::new(
    "cutover_barriers_missed_total",
    "Barriers that not every worker answered in time.",
);
const DRAIN: Title = Title::new(
    "cutover_drain_duration_seconds",
    "From the barrier of a switch to the end of the last claim of the old tenure.",
);
const DRAIN_CUT: Title = Title::new(
    "cutover_drain_cut_total",
    "Claims of old tenures that cutover itself ended.",
);
const EJECTIONS: Title = Title::new(
    "cutover_endpoint_ejections_total",
    "Times that an endpoint was taken out because of its traffic.",
);
const RELOADS: Title = Title::new("cutover_reloads_total", "Files applied or refused.");
const RELOAD_SUCCESS: Title = Title::new(
    "cutover_last_reload_success",
    "1 if the last file that was read is applied.",
);
const RELOAD_SUCCESS_AT: Title = Title::new(
    "cutover_last_reload_success_timestamp_seconds",
    "When a file was applied last, in seconds since 1970.",
);
const CONFIG_GENERATION: Title = Title::new(
    "cutover_config_generation",
    "Generation of the snapshot that carried the last file applied.",
);
const JOURNAL_FAILURES: Title = Title::new(
    "cutover_journal_failures_total",
    "Entries that could not be written to the journal where that refuses nothing.",
);
const JOURNAL_DAMAGED: Title = Title::new(
    "cutover_journal_damaged_entries_total",
    "Entries of the journal that could not be read and were set aside.",
);
const RESOLVE_FAILURES: Title = Title::new(
    "cutover_resolve_failures_total",
    "Host names of endpoints that could not be resolved.",
);
const PROBES_LATE: Title = Title::new(
    "cutover_probes_late_total",
    "Probes that began more than half their interval after they were due.",
);
const CERTIFICATE_RELOADS: Title = Title::new(
    "cutover_tls_certificate_reloads_total",
    "Changes of files of certificates, keys or authorities that were put to use or refused.",
);
const CERTIFICATE_SUCCESS: Title = Title::new(
    "cutover_tls_last_certificate_reload_success",
    "1 if the files of certificates, keys and authorities that were read last are in use.",
);

#[cfg(test)]
mod tests {
    use prometheus::core::Collector as _;

    use super::*;
    use crate::core::ids::{Colour, EndpointAddr};

    #[test]
    fn a_process_that_nobody_scrapes_does_not_grow() {
        let told = Told::new(&Registry::new()).unwrap();
        for number in 0..=UNSCRAPED_LIMIT {
            told.count(&Notice::Ejected {
                service: ServiceName::new("shop"),
                colour: Colour::Blue,
                endpoint: EndpointAddr::new(&format!("10.0.0.1:{number}")),
                lasts: Duration::from_secs(1),
                why: "connect failed",
            });
        }
        assert_eq!(told.ejections.collect()[0].get_metric().len(), 1);
    }
}
