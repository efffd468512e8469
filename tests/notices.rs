//! The promise of notices: each becomes one line, worded as documented, and moves its metric.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/telemetry.rs"]
mod telemetry;

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use cutover::{
    config::LogFormat,
    core::{
        gate::{spec::HookPoint, verdict::GateKind},
        health::Health,
        ids::{Colour, EndpointAddr, Generation, ListenerName, ServiceName},
        leave::{LeaveCause, LeaveOutcome, LeaveReceipt},
        notice::{Notice, ShiftChange},
        share::Share,
        shift::{ShiftAccount, ShiftPlan, ShiftRecord},
        shift_key::ShiftKey,
        switch::{Outcome, Receipt, Refusal},
        time::Timestamp,
    },
    telemetry::{log, notice::kind},
};
use telemetry::{failed_gate, operator, receipt, shop, view, world};
use tracing_subscriber::EnvFilter;

#[test]
fn each_notice_is_one_line_and_moves_its_metric() {
    let mut kinds = BTreeSet::new();
    for notice in notices() {
        let world = world();
        let told = captured(LogFormat::Text, || world.notices.tell(&notice));
        assert_eq!(told.lines().count(), 1, "{told}");
        let (_, after_time) = told.trim_end().split_once("Z ").unwrap();
        assert_eq!(after_time.trim_start(), expected_line(&notice));

        let text = world.metrics.render(&[view("shop")]).unwrap();
        let counted = format!(r#"notices_total{{notice="{}"}} 1"#, kind(&notice));
        for wanted in [expected_series(&notice), &counted] {
            let wanted = format!("cutover_{wanted}");
            assert!(
                text.lines().any(|it| it == wanted),
                "no `{wanted}` in\n{text}"
            );
        }
        kinds.insert(kind(&notice));
    }
    // One for each arm of `expected_line`; whoever adds an arm adds a notice to the list, too.
    assert_eq!(kinds.len(), 33);
}

#[test]
fn each_message_and_level_is_documented() {
    let page = include_str!("../docs/logging.md");
    for notice in notices() {
        let told = captured(LogFormat::Json, || world().notices.tell(&notice));
        let line: serde_json::Value = serde_json::from_str(&told).unwrap();
        let (message, level) = (&line["message"], line["level"].as_str().unwrap());
        let row = format!(
            "| `{}` | {} |",
            message.as_str().unwrap(),
            level.to_lowercase()
        );
        assert!(page.contains(&row), "docs/logging.md lacks {row}");
    }
}

#[test]
fn a_rollback_is_told_as_one() {
    let world = world();
    let mut receipt = receipt();
    receipt.rollback = true;
    let generation = Generation(42);
    let told = captured(LogFormat::Json, || {
        world.notices.tell(&Notice::Switched {
            receipt,
            generation,
        });
    });
    let line: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(line["message"], "rolled back");
    assert_eq!(line["generation"], 42);
    let text = world.metrics.render(&[view("shop")]).unwrap();
    assert!(text.contains(r#"cutover_rollbacks_total{actor_kind="admin",service="shop"} 1"#));
}

#[test]
fn a_text_from_outside_cannot_begin_a_line() {
    let world = world();
    let mut receipt = receipt();
    receipt.reason = Some("x\nERROR cutover: forged\u{1b}[2J".to_owned());
    for format in [LogFormat::Text, LogFormat::Json] {
        let notice = Notice::Switched {
            receipt: receipt.clone(),
            generation: Generation(1),
        };
        let told = captured(format, || world.notices.tell(&notice));
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}

#[test]
fn many_errors_stay_one_line_of_bounded_length() {
    let errors: Vec<_> = (0..1000)
        .map(|line| format!("cutover.toml:{line}:1: wrong"))
        .collect();
    let told = captured(LogFormat::Text, || {
        world().notices.tell(&Notice::ReloadFailed { errors });
    });
    assert_eq!(told.lines().count(), 1);
    assert!(told.contains("; and 984 more\""), "{told}");
    assert!(told.len() < 1000, "{told}");
}

/// The line of a notice about what was done with an endpoint.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`expected_line` names every variant and sorts the others away"
)]
fn expected_endpoint_line(notice: &Notice) -> &'static str {
    match notice {
        Notice::EndpointsChanged { .. } => {
            r#"INFO cutover: endpoint registered service=shop colour=blue endpoint=10.0.0.1:80 by=admin actor="ops""#
        }
        Notice::EndpointDrained { .. } => {
            r#"INFO cutover: endpoint drained service=shop colour=blue endpoint=10.0.0.1:80 by=admin actor="ops""#
        }
        Notice::EndpointLeft { .. } => {
            "INFO cutover: endpoint left service=shop colour=blue endpoint=10.0.0.1:80 in_flight_at_leaving=3 finished=2 replayed=0 cut=1 left=0 took=2s"
        }
        _ => panic!("{notice:?}"),
    }
}

/// The line after its time. Exhaustive, so that no new notice is forgotten.
#[expect(clippy::too_many_lines, reason = "a table")]
fn expected_line(notice: &Notice) -> &'static str {
    match notice {
        Notice::SwitchWaiting { .. } => {
            r#"INFO cutover: gates asked service=shop to=green by=admin actor="ops" gate=min_ready longest=30s"#
        }
        Notice::GateAnswered(_) => {
            r#"WARN cutover: gate failed service=shop colour=green gate=check name="GET /smoke" why="no answer in time" faults="10.0.0.2:80: status 500""#
        }
        Notice::HookCalled { .. } => {
            r#"WARN cutover: hook failed service=shop at="after_commit" hook="https://hooks.test/a" why="status 500""#
        }
        Notice::SwitchRefused { .. } => REFUSED,
        Notice::Switched { .. } => {
            r#"INFO cutover: switched service=shop from=blue to=green generation=42 tenure=7 by=admin actor="ops" reason="release 7" forced=false gate_ms=40 barrier_us=80 in_flight=5"#
        }
        Notice::Shift { change, .. } => expected_shift(*change),
        Notice::ShiftAborted { .. } => ABORTED,
        Notice::Drained { .. } => {
            r#"INFO cutover: drained service=shop colour=blue tenure=7 in_flight_at_commit=5 finished=3 replayed=0 cut=2 took=1.5s"#
        }
        Notice::DrainDeadlinePassed { .. } => {
            "WARN cutover: drain deadline passed service=shop colour=blue left=2"
        }
        Notice::BarrierMissed { .. } => {
            r#"ERROR cutover: barrier missed services="shop" workers=1"#
        }
        Notice::HealthChanged { .. } => {
            r#"WARN cutover: health changed service=shop colour=green endpoint=10.0.0.2:80 health=unhealthy why="connect refused""#
        }
        Notice::Ejected { .. } => {
            r#"WARN cutover: endpoint ejected service=shop colour=blue endpoint=10.0.0.1:80 lasts=1s why="connect failed""#
        }
        Notice::Readmitted { .. } => {
            "INFO cutover: endpoint readmitted service=shop colour=blue endpoint=10.0.0.1:80"
        }
        Notice::Reloaded { .. } => {
            r#"INFO cutover: reloaded generation=42 changes="added service `api`; removed listener `old`""#
        }
        Notice::ReloadFailed { .. } => {
            r#"WARN cutover: reload failed count=1 errors="cutover.toml:1:1: wrong""#
        }
        Notice::ServiceAdded { .. } => {
            "INFO cutover: service added service=shop live=blue restored=true"
        }
        Notice::ServiceRemoved { .. } => "INFO cutover: service removed service=shop",
        Notice::EndpointsChanged { .. }
        | Notice::EndpointDrained { .. }
        | Notice::EndpointLeft { .. } => expected_endpoint_line(notice),
        Notice::JournalFailed { .. } => r#"ERROR cutover: journal not written error="disk full""#,
        Notice::JournalDamaged { .. } => {
            r#"WARN cutover: journal damaged set_aside="journal.damaged" count=2 damage="line 7: torn; line 8: torn""#
        }
        Notice::ListenerOpened { .. } => {
            "INFO cutover: listener opened listener=web addr=127.0.0.1:8080"
        }
        Notice::ListenerClosed { .. } => "INFO cutover: listener closed listener=web",
        Notice::ResolveFailed { .. } => {
            r#"WARN cutover: name not resolved endpoint=blue.internal:80 error="no such host""#
        }
        Notice::ProbesLate { .. } => "WARN cutover: probes late count=7 behind_ms=900",
        Notice::CertificatesRenewed { .. } => {
            r#"INFO cutover: certificates renewed count=1 files="/etc/shop.pem""#
        }
        Notice::CertificatesRefused { .. } => {
            r#"WARN cutover: certificates refused count=1 errors="key `a` is encrypted""#
        }
    }
}

const REFUSED: &str = r#"WARN cutover: switch refused services="shop; api" by=admin actor="ops" refusal="cutover is shutting down""#;
const ABORTED: &str = r#"WARN cutover: shift aborted service=shop from=blue to=green share=12.5% tenure=7 by=admin actor="ops" reason="errors" barrier_us=80 in_flight=5"#;

fn expected_shift(change: ShiftChange) -> &'static str {
    match change {
        ShiftChange::Began => {
            r#"INFO cutover: shift began service=shop from=blue to=green share=12.5% step=1 ramp=false tenure=7 by=admin actor="ops" reason="release 7""#
        }
        ShiftChange::Restored => {
            "INFO cutover: shift restored service=shop from=blue to=green share=12.5% step=1 ramp=false tenure=7"
        }
        ShiftChange::Stepped => {
            "INFO cutover: shift stepped service=shop from=blue to=green share=12.5% step=1 ramp=false tenure=7"
        }
        ShiftChange::Held => {
            "WARN cutover: shift held service=shop from=blue to=green share=12.5% step=1 tenure=7"
        }
        ShiftChange::Paused => {
            r#"INFO cutover: shift paused service=shop from=blue to=green share=12.5% step=1 tenure=7 by=admin actor="ops""#
        }
        ShiftChange::Resumed => {
            r#"INFO cutover: shift resumed service=shop from=blue to=green share=12.5% step=1 tenure=7 by=admin actor="ops""#
        }
    }
}

/// The series that the notice moves beside `cutover_notices_total` or, where it moves none, one that shows what
/// it is about.
fn expected_series(notice: &Notice) -> &'static str {
    match notice {
        Notice::SwitchWaiting { .. } => r#"switch_waiting{service="shop"} 0"#,
        Notice::GateAnswered(_) => r#"gates_total{gate="check",service="shop",verdict="failed"} 1"#,
        Notice::HookCalled { .. } => {
            r#"hooks_total{at="after_commit",outcome="failed",service="shop"} 1"#
        }
        Notice::SwitchRefused { .. } => {
            r#"switches_total{actor_kind="admin",outcome="refused",service="shop"} 1"#
        }
        Notice::Switched { .. } => r#"barrier_duration_seconds_bucket{le="0.0001"} 1"#,
        Notice::Shift { .. } => r#"traffic_share{service="shop",colour="green"} 0"#,
        Notice::ShiftAborted { .. } => {
            r#"switches_total{actor_kind="admin",outcome="aborted",service="shop"} 1"#
        }
        Notice::Drained { .. } => r#"drain_cut_total{cause="drain_deadline",service="shop"} 2"#,
        Notice::DrainDeadlinePassed { .. } => r#"draining_tenures{service="shop"} 1"#,
        Notice::BarrierMissed { .. } => "barriers_missed_total 1",
        Notice::HealthChanged { .. } => {
            r#"endpoint_healthy{service="shop",colour="green",endpoint="10.0.0.2:80"} 0"#
        }
        Notice::Ejected { .. } => {
            r#"endpoint_ejections_total{colour="blue",endpoint="10.0.0.1:80",service="shop"} 1"#
        }
        Notice::Readmitted { .. } => {
            r#"endpoint_ejected{service="shop",colour="blue",endpoint="10.0.0.1:80"} 0"#
        }
        Notice::Reloaded { .. } => "config_generation 42",
        Notice::ReloadFailed { .. } => r#"reloads_total{result="failed"} 1"#,
        Notice::ServiceAdded { .. } => {
            r#"drain_cut_total{cause="drain_deadline",service="shop"} 0"#
        }
        Notice::ServiceRemoved { .. } => r#"live{service="shop",colour="blue"} 1"#,
        Notice::EndpointsChanged { .. } => {
            r#"endpoint_ready{service="shop",colour="blue",endpoint="10.0.0.1:80"} 1"#
        }
        Notice::EndpointDrained { .. } | Notice::EndpointLeft { .. } => {
            r#"endpoint_drained{service="shop",colour="blue",endpoint="10.0.0.1:80"} 0"#
        }
        Notice::JournalFailed { .. } => "journal_failures_total 1",
        Notice::JournalDamaged { .. } => "journal_damaged_entries_total 2",
        Notice::ListenerOpened { .. } => "workers 2",
        Notice::ListenerClosed { .. } => "workers 2",
        Notice::ResolveFailed { .. } => "resolve_failures_total 1",
        Notice::ProbesLate { .. } => "probes_late_total 7",
        Notice::CertificatesRenewed { .. } => {
            r#"tls_certificate_reloads_total{result="applied"} 1"#
        }
        Notice::CertificatesRefused { .. } => r#"tls_certificate_reloads_total{result="failed"} 1"#,
    }
}

fn notices() -> Vec<Notice> {
    let mut all = switch_notices();
    all.extend(shift_notices());
    all.extend(endpoint_notices());
    all.extend(process_notices());
    all
}

fn switch_notices() -> Vec<Notice> {
    vec![
        Notice::SwitchWaiting {
            service: shop(),
            to: Colour::Green,
            actor: operator(),
            gate: GateKind::MinReady,
            longest: Duration::from_secs(30),
        },
        Notice::GateAnswered(failed_gate(&shop())),
        Notice::HookCalled {
            service: shop(),
            at: HookPoint::AfterCommit,
            hook: "https://hooks.test/a".to_owned(),
            failure: Some("status 500".to_owned()),
        },
        Notice::SwitchRefused {
            services: vec![shop(), ServiceName::new("api")],
            actor: operator(),
            refusal: Refusal::ShuttingDown,
        },
        Notice::Switched {
            receipt: receipt(),
            generation: Generation(42),
        },
        Notice::Drained {
            receipt: receipt(),
            took: Duration::from_millis(1500),
        },
        Notice::DrainDeadlinePassed {
            service: shop(),
            colour: Colour::Blue,
            left: 2,
        },
        Notice::BarrierMissed {
            services: vec![shop()],
            workers: 1,
        },
    ]
}

fn shift_notices() -> Vec<Notice> {
    let share = Share::of_parts(1_250);
    let record = ShiftRecord {
        service: shop(),
        from: Colour::Blue,
        to: Colour::Green,
        tenure: receipt().tenure,
        actor: operator(),
        reason: Some("release 7".to_owned()),
        forced: false,
        requested_at: receipt().requested_at,
        began_at: receipt().requested_at,
        gate_ms: 40,
        gates: Vec::new(),
        plan: ShiftPlan {
            steps: [share].into(),
            every_ms: 1_000,
            ramp_ms: 0,
            key: ShiftKey::Request,
        },
        step: 0,
        paused: false,
        once: None,
    };
    let changes = [
        ShiftChange::Began,
        ShiftChange::Restored,
        ShiftChange::Stepped,
        ShiftChange::Held,
        ShiftChange::Paused,
        ShiftChange::Resumed,
    ];
    let shift = |change| Notice::Shift {
        change,
        share,
        record: Box::new(record.clone()),
        by: None,
    };
    let account = ShiftAccount {
        began_at: record.began_at,
        share,
        requests: 9,
        aborted_by: Some(operator()),
        abort_reason: Some("errors".to_owned()),
        abort_once: None,
    };
    let aborted = Notice::ShiftAborted {
        receipt: Receipt {
            shift: Some(account),
            outcome: Outcome::Aborted,
            ..receipt()
        },
    };
    changes.map(shift).into_iter().chain([aborted]).collect()
}

fn endpoint_notices() -> Vec<Notice> {
    let endpoint = EndpointAddr::new("10.0.0.1:80");
    vec![
        Notice::HealthChanged {
            service: shop(),
            colour: Colour::Green,
            endpoint: EndpointAddr::new("10.0.0.2:80"),
            health: Health::Unhealthy,
            why: "connect refused".to_owned(),
        },
        Notice::Ejected {
            service: shop(),
            colour: Colour::Blue,
            endpoint: endpoint.clone(),
            lasts: Duration::from_secs(1),
            why: "connect failed",
        },
        Notice::Readmitted {
            service: shop(),
            colour: Colour::Blue,
            endpoint: endpoint.clone(),
        },
        Notice::EndpointsChanged {
            service: shop(),
            colour: Colour::Blue,
            endpoint: endpoint.clone(),
            registered: true,
            actor: operator(),
        },
        Notice::EndpointDrained {
            service: shop(),
            colour: Colour::Blue,
            endpoint: endpoint.clone(),
            drained: true,
            actor: operator(),
        },
        Notice::EndpointLeft {
            receipt: left(endpoint),
            took: Duration::from_secs(2),
        },
        Notice::ResolveFailed {
            endpoint: EndpointAddr::new("blue.internal:80"),
            error: "no such host".to_owned(),
        },
        Notice::ProbesLate {
            count: 7,
            behind: Duration::from_millis(900),
        },
    ]
}

fn left(endpoint: EndpointAddr) -> LeaveReceipt {
    LeaveReceipt {
        service: shop(),
        colour: Colour::Blue,
        endpoint,
        cause: LeaveCause::Drained,
        actor: operator(),
        left_at: Timestamp::from_millis(0),
        deadline: None,
        unproven_workers: 0,
        in_flight_at_leaving: 3,
        finished: 2,
        replayed: 0,
        cut: 1,
        ended_at: None,
        outcome: LeaveOutcome::Cut,
    }
}

fn process_notices() -> Vec<Notice> {
    let listener = ListenerName::new("web");
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    vec![
        Notice::CertificatesRenewed {
            files: texts(&["/etc/shop.pem"]),
        },
        Notice::CertificatesRefused {
            errors: texts(&["key `a` is encrypted"]),
        },
        Notice::Reloaded {
            generation: Generation(42),
            changes: texts(&["added service `api`", "removed listener `old`"]),
        },
        Notice::ReloadFailed {
            errors: texts(&["cutover.toml:1:1: wrong"]),
        },
        Notice::ServiceAdded {
            service: shop(),
            live: Colour::Blue,
            restored: true,
        },
        Notice::ServiceRemoved { service: shop() },
        Notice::JournalFailed {
            error: "disk full".to_owned(),
        },
        Notice::JournalDamaged {
            set_aside: "journal.damaged".to_owned(),
            damage: texts(&["line 7: torn", "line 8: torn"]),
        },
        Notice::ListenerOpened {
            listener: listener.clone(),
            addr: ([127, 0, 0, 1], 8080).into(),
        },
        Notice::ListenerClosed { listener },
    ]
}

/// What is logged meanwhile by this thread.
fn captured(format: LogFormat, act: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let filter = EnvFilter::new("info");
    let subscriber = log::subscriber(format, false, filter, move || writer.clone());
    tracing::subscriber::with_default(subscriber, act);
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
