//! The promise of `/metrics`: what is shown is well formed, true, documented, and never grows by what a client
//! sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/telemetry.rs"]
mod telemetry;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use cutover::{
    config::{AccessLogFormat, AccessLogTarget},
    core::{
        beside::Traffic,
        gate::spec::HookPoint,
        ids::{Colour, EndpointAddr, Generation, ListenerName, ServiceName},
        notice::Notice,
        switch::Refusal,
        tls::CertificateInUse,
    },
    telemetry::{access::AccessLog, records::Records, stats::ConnectFailure},
};
use telemetry::{World, failed_gate, operator, receipt, shop, view, world};

#[test]
fn promtool_has_nothing_to_say() {
    if let Some(said) = promtool(&["check", "metrics"], &busy_world()) {
        assert_eq!(said, "");
    }
}

#[test]
fn rules_and_dashboard_name_what_is_rendered() {
    let text = busy_world();
    for kit in [RULES, include_str!("../deploy/grafana/cutover.json")] {
        let words = kit.split(|char: char| !char.is_ascii_alphanumeric() && !"_:".contains(char));
        let names: BTreeSet<_> = words.filter(|word| word.starts_with("cutover_")).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            let family = name.trim_end_matches("_bucket");
            let rendered = text.contains(&format!("# TYPE {family} "));
            assert!(rendered, "`{name}` is not rendered");
        }
    }
    if let Some(said) = promtool(&["check", "rules", "/dev/stdin"], RULES) {
        assert!(said.contains("SUCCESS: 19 rules found"), "{said}");
    }
}

#[test]
fn every_alert_is_documented_and_leads_to_a_section_of_the_runbook() {
    let page = include_str!("../docs/metrics.md");
    let runbook = include_str!("../docs/runbook.md");
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: BTreeSet<_> = headings
        .map(|it| it.to_lowercase().replace(' ', "-"))
        .collect();
    let mut alerts = 0;
    for alert in RULES.split("- alert: ").skip(1) {
        let name = alert.lines().next().unwrap();
        let value = |key: &str| {
            let (_, rest) = alert.split_once(key).unwrap();
            rest.split(|char: char| " }\n".contains(char))
                .next()
                .unwrap()
        };
        let row = format!("| `{name}` | {} |", value("severity: "));
        assert!(page.contains(&row), "docs/metrics.md lacks {row}");
        let url = value("runbook_url: ");
        let anchor = url.strip_prefix("docs/runbook.md#").unwrap();
        assert!(anchors.contains(anchor), "{name}: no section `{anchor}`");
        alerts += 1;
    }
    assert_eq!(page.matches("| `Cutover").count(), alerts);
}

#[test]
fn every_series_follows_its_help_and_type() {
    let text = busy_world();
    let families = families(&text);
    let names: Vec<_> = families.iter().map(|family| &family.name).collect();
    assert!(names.is_sorted(), "{names:?}");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for family in &families {
        assert!(!family.help.is_empty() && !family.series.is_empty());
        let suffixes: &[&str] = match family.kind.as_str() {
            "histogram" => &["_bucket", "_sum", "_count"],
            "counter" | "gauge" => &[""],
            other => panic!("unexpected type {other}"),
        };
        assert_eq!(family.kind == "counter", family.name.ends_with("_total"));
        for series in family.series.keys() {
            let name = series.split('{').next().unwrap();
            let known = suffixes
                .iter()
                .any(|suffix| name == format!("{}{suffix}", family.name));
            assert!(known, "{series} is not of {}", family.name);
        }
    }
}

#[test]
fn histograms_are_cumulative_and_add_up() {
    let text = busy_world();
    let mut seen = 0;
    for family in families(&text).iter().filter(|it| it.kind == "histogram") {
        let mut buckets: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (series, value) in &family.series {
            if let Some((labels, bound)) = bucket(series) {
                buckets.entry(labels).or_default().push((bound, *value));
            }
        }
        for (labels, mut rows) in buckets {
            rows.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(rows.is_sorted_by(|one, other| one.1 <= other.1), "{rows:?}");
            let last = rows.last().unwrap();
            assert!(last.0.is_infinite());
            let braces = if labels.is_empty() {
                String::new()
            } else {
                format!("{{{labels}}}")
            };
            let count = family.series[&format!("{}_count{braces}", family.name)];
            assert!((last.1 - count).abs() < 0.5, "{labels}: {rows:?}");
            seen += 1;
        }
    }
    // Requests of two services in two colours, two sides of copies of both, the barrier, the drain.
    assert_eq!(seen, 10);
}

#[test]
fn counters_are_summed_over_workers() {
    let world = world();
    let stats = world.stats.service(&shop(), Colour::Blue);
    for worker in 0..2 {
        world.stats.worker(worker).accepted.add(3);
        world.stats.worker(worker).closed.add(1);
        let shard = stats.shard(worker);
        shard.request(204, Duration::from_micros(300), 10, 20);
        shard.request(503, Duration::from_secs(60), 0, 1);
        shard.connect_failures[ConnectFailure::Timeout as usize].add(1);
    }
    let text = world.metrics.render(&[view("shop")]).unwrap();
    for line in [
        "cutover_workers 2",
        "cutover_connections_accepted_total 6",
        "cutover_connections_open 4",
        r#"cutover_requests_total{service="shop",colour="blue",class="2xx"} 2"#,
        r#"cutover_requests_total{service="shop",colour="blue",class="5xx"} 2"#,
        r#"cutover_requests_total{service="shop",colour="green",class="2xx"} 0"#,
        r#"cutover_request_bytes_total{service="shop",colour="blue"} 20"#,
        r#"cutover_response_bytes_total{service="shop",colour="blue"} 42"#,
        r#"cutover_request_duration_seconds_bucket{service="shop",colour="blue",le="0.00025"} 0"#,
        r#"cutover_request_duration_seconds_bucket{service="shop",colour="blue",le="0.0005"} 2"#,
        r#"cutover_request_duration_seconds_bucket{service="shop",colour="blue",le="10"} 2"#,
        r#"cutover_request_duration_seconds_bucket{service="shop",colour="blue",le="+Inf"} 4"#,
        r#"cutover_request_duration_seconds_count{service="shop",colour="blue"} 4"#,
        r#"cutover_request_duration_seconds_sum{service="shop",colour="blue"} 120.0006"#,
        r#"cutover_upstream_connect_failures_total{service="shop",colour="blue",reason="timeout"} 2"#,
    ] {
        assert_line(&text, line);
    }
}

#[test]
fn gauges_are_those_of_the_views() {
    let text = world().metrics.render(&[view("shop")]).unwrap();
    for line in [
        r#"cutover_live{service="shop",colour="blue"} 1"#,
        r#"cutover_live{service="shop",colour="green"} 0"#,
        r#"cutover_tenure{service="shop"} 7"#,
        r#"cutover_last_switch_timestamp_seconds{service="shop",colour="green"} 1700000000.04"#,
        r#"cutover_config_drift{service="shop"} 1"#,
        r#"cutover_rollback_possible{service="shop"} 0"#,
        r#"cutover_switch_waiting{service="shop"} 0"#,
        r#"cutover_draining_tenures{service="shop"} 1"#,
        r#"cutover_requests_in_flight{service="shop",colour="blue"} 3"#,
        r#"cutover_tunnels_in_flight{service="shop",colour="blue"} 2"#,
        r#"cutover_ready_endpoints{service="shop",colour="green"} 0"#,
        r#"cutover_endpoint_healthy{service="shop",colour="blue",endpoint="10.0.0.1:80"} 1"#,
        r#"cutover_endpoint_ready{service="shop",colour="green",endpoint="10.0.0.2:80"} 0"#,
        r#"cutover_endpoint_requests_in_flight{service="shop",colour="blue",endpoint="10.0.0.1:80"} 5"#,
        r#"cutover_build_info{version="0.1.0"} 1"#,
    ] {
        assert_line(&text, line);
    }
}

/// `increase` does not see the first step of a series that begins with it.
#[test]
fn switches_of_a_service_are_counted_from_zero() {
    let world = world();
    let series = || -> BTreeMap<String, f64> {
        let text = world.metrics.render(&[view("shop")]).unwrap();
        let counted = |it: &Family| {
            it.name.starts_with("cutover_switches_") || it.name.starts_with("cutover_drain_cut_")
        };
        let families = families(&text).into_iter().filter(counted);
        families.flat_map(|family| family.series).collect()
    };
    let before = series();
    assert_eq!(before.len(), 3 * 2 + 2, "{before:?}");
    assert!(before.values().all(|it| *it == 0.0), "{before:?}");

    world.notices.tell(&Notice::Switched {
        receipt: receipt(),
        generation: Generation(4),
    });
    let after = series();
    assert!(after.keys().eq(before.keys()), "{after:?}");
    let rose: Vec<_> = after.iter().filter(|(_, value)| **value == 1.0).collect();
    let series = r#"cutover_switches_total{actor_kind="admin",outcome="committed",service="shop"}"#;
    assert_eq!(rose, [(&series.to_owned(), &1.0)], "{after:?}");
}

#[test]
fn what_is_removed_vanishes() {
    let world = world();
    work(&world, "shop");
    work(&world, "api");
    let mut shop_view = view("shop");
    let both = [shop_view.clone(), view("api")];
    let before = world.metrics.render(&both).unwrap();
    assert!(before.contains(r#"service="api""#));
    assert!(before.contains(r#"endpoint_ejections_total{colour="blue",endpoint="10.0.0.1:80""#));

    shop_view.pools.blue.endpoints.clear();
    let service = ServiceName::new("api");
    world.notices.tell(&Notice::ServiceRemoved { service });
    assert_eq!(world.stats.services().len(), 1);
    let after = world
        .metrics
        .render(std::slice::from_ref(&shop_view))
        .unwrap();
    assert!(!after.contains(r#""api""#), "{after}");
    assert!(!after.contains("10.0.0.1:80"), "{after}");
    assert!(after.contains(
        r#"cutover_switches_total{actor_kind="admin",outcome="committed",service="shop"} 1"#
    ));

    let empty = world.metrics.render(&[]).unwrap();
    assert!(!empty.contains("service=\"shop\""), "{empty}");
}

#[test]
fn the_name_of_an_unknown_service_is_no_label() {
    let world = world();
    world.notices.tell(&Notice::SwitchRefused {
        services: vec![ServiceName::new("typo"), shop()],
        actor: operator(),
        refusal: Refusal::UnknownService("typo".to_owned()),
    });
    let text = world.metrics.render(&[view("shop")]).unwrap();
    assert!(!text.contains("typo"), "{text}");
    let counted = r#"cutover_switches_total{actor_kind="admin",outcome="refused",service=""} 1"#;
    assert_line(&text, counted);
}

#[test]
fn lines_that_the_access_log_lost_are_counted() {
    let world = world();
    let full = AccessLogTarget::File("/dev/full".into());
    let log = AccessLog::open(&full, AccessLogFormat::Json)
        .unwrap()
        .unwrap();
    world.metrics.attach(&Records::from(log.clone()));
    assert!(log.log(telemetry::record("/")));
    assert!(log.close());
    let text = world.metrics.render(&[]).unwrap();
    assert_line(&text, "cutover_access_log_lost_total 1");
}

#[test]
fn every_metric_is_documented_with_its_type() {
    let page = include_str!("../docs/metrics.md");
    let text = busy_world();
    let rendered = families(&text);
    for family in &rendered {
        let row = format!("| `{}` | {} |", family.name, family.kind);
        assert!(
            page.contains(&row),
            "docs/metrics.md lacks a row that begins {row}"
        );
    }
    let names: BTreeSet<_> = rendered.iter().map(|family| family.name.as_str()).collect();
    let (tables, _) = page.split_once("## Alerts worth having").unwrap();
    for row in tables.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = row.split('`').next().unwrap();
        assert!(
            names.contains(name),
            "docs/metrics.md names `{name}`, which is not rendered"
        );
    }
}

/// What promtool says to `input`; `None` if it is not installed.
fn promtool(args: &[&str], input: &str) -> Option<String> {
    let spawned = Command::new("promtool")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            #[expect(
                clippy::print_stderr,
                reason = "a skipped check must not pass silently"
            )]
            {
                eprintln!("SKIPPED: promtool cannot be run: {error}");
            }
            return None;
        }
    };
    // Dropped at the end of the statement, which ends the input.
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "{said}");
    Some(said)
}

/// Everything that can be rendered.
fn busy_world() -> String {
    let world = world();
    for service in ["shop", "api"] {
        work(&world, service);
    }
    world.notices.certificates(vec![CertificateInUse {
        listener: ListenerName::new("web"),
        certificate: "shop.pem".to_owned(),
        expires_at: 0,
    }]);
    world.metrics.render(&[view("shop"), view("api")]).unwrap()
}

fn work(world: &World, service: &str) {
    let name = ServiceName::new(service);
    for worker in 0..2 {
        let previews = world.stats.pool(&name, Colour::Green, Traffic::Preview);
        previews.shard(worker).request(200, Duration::ZERO, 0, 0);
        let mirror = world.stats.mirror(&name, Colour::Green);
        mirror.shard(worker).live.add(Duration::from_millis(1));
        let stats = world.stats.service(&name, Colour::Blue);
        for ms in [0, 1, 20, 400, 9_000, 11_000] {
            let took = Duration::from_millis(ms);
            stats.shard(worker).request(200, took, 1, 1);
        }
    }
    let mut receipt = receipt();
    receipt.service = name.clone();
    receipt.rollback = true;
    let notices = [
        Notice::ServiceAdded {
            service: name.clone(),
            live: Colour::Blue,
            restored: false,
        },
        Notice::GateAnswered(failed_gate(&name)),
        Notice::HookCalled {
            service: name.clone(),
            at: HookPoint::AfterDrain,
            hook: "http://hooks.test/".to_owned(),
            failure: None,
        },
        Notice::Reloaded {
            generation: Generation(3),
            changes: Vec::new(),
        },
        Notice::Switched {
            receipt: receipt.clone(),
            generation: Generation(4),
        },
        Notice::Ejected {
            service: name,
            colour: Colour::Blue,
            endpoint: EndpointAddr::new("10.0.0.1:80"),
            lasts: Duration::from_secs(1),
            why: "connect failed",
        },
    ];
    for notice in &notices {
        world.notices.tell(notice);
    }
    if service == "shop" {
        let took = Duration::from_secs(2);
        world.notices.tell(&Notice::Drained { receipt, took });
    }
}

const RULES: &str = include_str!("../deploy/prometheus/cutover.rules.yml");

struct Family {
    name: String,
    help: String,
    kind: String,
    series: BTreeMap<String, f64>,
}

/// Reads the text format, and is strict about its order.
fn families(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            families.push(Family {
                name: name.to_owned(),
                help: help.to_owned(),
                kind: String::new(),
                series: BTreeMap::new(),
            });
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let family = families.last_mut().unwrap();
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(family.name, name);
            kind.clone_into(&mut family.kind);
        } else {
            let family = families.last_mut().unwrap();
            assert!(!family.kind.is_empty(), "{line}");
            let (series, value) = line.rsplit_once(' ').unwrap();
            let old = family
                .series
                .insert(series.to_owned(), value.parse().unwrap());
            assert_eq!(old, None, "{series} is there twice");
        }
    }
    families
}

/// The other labels and the bound of a bucket's series.
fn bucket(series: &str) -> Option<(String, f64)> {
    let (_, labels) = series.strip_suffix("\"}")?.split_once("_bucket{")?;
    let (others, bound) = labels.split_once("le=\"")?;
    Some((others.trim_end_matches(',').to_owned(), bound.parse().ok()?))
}

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(
        text.lines().any(|it| it == line),
        "no line `{line}` in\n{text}"
    );
}

#[test]
fn a_scrape_of_many_services_leaves_out_zeros_that_say_nothing_and_says_so() {
    let world = world();
    let views: Vec<_> = (0..1_001).map(|it| view(&format!("s{it}"))).collect();
    let shown = |views: &[_], name: &str| -> Vec<String> {
        let text = world.metrics.render(views).unwrap();
        let of_first = |line: &&str| line.starts_with(name) && line.contains(r#"service="s0""#);
        let lines = text.lines().filter(of_first);
        lines
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect()
    };
    let abridged = |views: &[_]| {
        let text = world.metrics.render(views).unwrap();
        text.contains("\ncutover_metrics_abridged 1\n")
    };
    let (few, many) = (&views[..1_000], &views[..]);
    assert_eq!((abridged(few), abridged(many)), (false, true));
    for (name, whole, rest) in [
        ("cutover_live{", &["1", "0"][..], &["1"][..]),
        ("cutover_ready_endpoints{", &["1", "0"], &["1", "0"]),
        ("cutover_rollback_possible{", &["0"], &["0"]),
        ("cutover_replays_total{", &["0", "0"], &[]),
    ] {
        assert_eq!(shown(few, name), whole, "{name}");
        assert_eq!(shown(many, name), rest, "{name}");
    }
    // No worker has met a pool so far; what one has met is shown whole.
    let stats = world.stats.service(&ServiceName::new("s0"), Colour::Green);
    stats.shard(0).replays.add(1);
    assert_eq!(shown(many, "cutover_replays_total{"), ["1"]);
    let buckets = shown(many, "cutover_request_duration_seconds_bucket{");
    assert_eq!(buckets.len(), 19);
}
