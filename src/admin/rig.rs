//! A real admin server before a controller that answers by heart, for the tests of the API and of the command
//! line.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{AdminBound, AdminServer, AdminSetup, serve};
use crate::{
    config::{AdminAddr, AdminConfig, Config, MetricsConfig, load},
    control::{
        answering::{Answers, Asked},
        handle::{ControlHandle, ReloadAnswer},
    },
    core::{
        event::EndpointAnswer,
        gate::{
            plan::{Plan, RollbackPlan, ServicePlan, ToDrain},
            verdict::{EndpointFault, GateKind, GateVerdict, Verdict},
            word::Heard,
        },
        health::Health,
        ids::{ByColour, Colour, EndpointAddr, ServiceName, Tenure},
        switch::{
            Actor, ActorKind, Broken, Cut, Outcome, Receipt, Refusal, SwitchAnswer, Unchanged,
        },
        time::Timestamp,
        view::{EndpointSource, EndpointView, PoolView, ServiceView},
    },
    telemetry::{events::Events, metrics::Metrics, stats::Stats},
};

/// A running admin server.
pub(crate) struct Rig {
    pub(crate) server: AdminServer,
    pub(crate) asked: Asked,
    pub(crate) events: Arc<Events>,
}

/// Two tokens, one for each role.
pub(crate) const TOKENS: &str = "alice operate operate-operate-operate\n\
    grafana view view-view-view-view\n";
pub(crate) const OPERATE: &str = "operate-operate-operate";
pub(crate) const VIEW: &str = "view-view-view-view";

impl Rig {
    /// On a loopback port, without tokens.
    pub(crate) async fn new(answers: Answers) -> Self {
        Self::listening(answers, loopback(), None).await
    }

    /// Anywhere, with or without tokens.
    pub(crate) async fn listening(
        answers: Answers,
        listen: AdminAddr,
        token_file: Option<PathBuf>,
    ) -> Self {
        let (handle, asked) = ControlHandle::answering(answers);
        let setup = setup(handle, listen, token_file);
        let events = Arc::clone(&setup.events);
        let server = serve(setup).await.unwrap();
        Self {
            server,
            asked,
            events,
        }
    }

    /// Where it answers.
    pub(crate) fn addr(&self) -> SocketAddr {
        match &self.server.bound {
            AdminBound::Tcp(addr) => *addr,
            AdminBound::Unix(path) => panic!("bound to `{}`", path.display()),
        }
    }
}

pub(crate) fn setup(
    handle: ControlHandle,
    listen: AdminAddr,
    token_file: Option<PathBuf>,
) -> AdminSetup {
    AdminSetup {
        config: AdminConfig { listen, token_file },
        metrics_config: Some(MetricsConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
        }),
        handle,
        metrics: Metrics::new(Arc::new(Stats::new(1)), "0.0.0").unwrap(),
        events: Arc::new(Events::new(Timestamp::from_millis(7))),
    }
}

pub(crate) fn loopback() -> AdminAddr {
    AdminAddr::Tcp("127.0.0.1:0".parse().unwrap())
}

/// A file with [`TOKENS`].
pub(crate) fn token_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), TOKENS).unwrap();
    file
}

/// A controller with one service that is well, and whose switches succeed.
pub(crate) fn answers() -> Answers {
    Answers {
        switch: Some(switched()),
        plan: plan(),
        heard: Ok(heard()),
        endpoint: EndpointAnswer::Done {
            changed: true,
            receipt: None,
        },
        reload: ReloadAnswer::Applied(vec!["service `api` was added".to_owned()]),
        services: vec![view()],
        history: vec![receipt()],
        config: Arc::new(config()),
        conditions: BTreeMap::from([("config".to_owned(), true), ("shop".to_owned(), true)]),
    }
}

/// The same, but for switches.
pub(crate) fn answering_switches(switch: SwitchAnswer) -> Answers {
    Answers {
        switch: Some(switch),
        ..answers()
    }
}

pub(crate) fn switched() -> SwitchAnswer {
    SwitchAnswer::Done {
        receipts: vec![receipt()],
        unchanged: Vec::new(),
    }
}

/// What a switch of the one service back to blue would do: nothing, for a check fails.
pub(crate) fn plan() -> Plan {
    let gate = |gate, name: Option<&str>, verdict, why: &str| GateVerdict {
        gate,
        name: name.map(str::to_owned),
        service: shop(),
        colour: Colour::Blue,
        verdict,
        why: Some(why.to_owned()),
        endpoints: Vec::new(),
    };
    let name = Some("GET /smoke");
    Plan {
        possible: false,
        refusal: None,
        services: vec![ServicePlan {
            service: shop(),
            from: Colour::Green,
            to: Colour::Blue,
            tenure: Tenure(8),
            gates: vec![
                gate(
                    GateKind::MinReady,
                    None,
                    Verdict::Passed,
                    "1 ready, 1 needed",
                ),
                gate(
                    GateKind::Check,
                    name,
                    Verdict::Failed,
                    "no endpoint is ready",
                ),
            ],
            to_drain: ToDrain {
                in_flight: 12,
                tunnels: 2,
                draining: 1,
                deadline_ms: 40_000,
            },
            shift: None,
            file_live: Colour::Blue,
            drift: false,
            rollback: RollbackPlan {
                possible: true,
                why: None,
            },
            mirror: None,
        }],
        unchanged: Vec::new(),
    }
}

pub(crate) fn heard() -> Heard {
    Heard {
        services: BTreeMap::from([(shop(), Colour::Green)]),
        asked_by: receipt().actor,
    }
}

pub(crate) fn unchanged() -> SwitchAnswer {
    SwitchAnswer::Done {
        receipts: Vec::new(),
        unchanged: vec![Unchanged {
            service: shop(),
            live: Colour::Green,
            tenure: Tenure(7),
        }],
    }
}

/// A gate that did not open.
pub(crate) fn gates() -> Refusal {
    Refusal::Gates(vec![GateVerdict {
        gate: GateKind::MinReady,
        name: None,
        service: shop(),
        colour: Colour::Green,
        verdict: Verdict::Failed,
        why: Some("0 of 1 endpoints ready".to_owned()),
        endpoints: vec![EndpointFault {
            endpoint: EndpointAddr::new("10.0.0.1:80"),
            why: "connect refused".to_owned(),
        }],
    }])
}

pub(crate) fn shop() -> ServiceName {
    ServiceName::new("shop")
}

pub(crate) fn receipt() -> Receipt {
    Receipt {
        service: shop(),
        from: Colour::Blue,
        to: Colour::Green,
        tenure: Tenure(7),
        actor: Actor {
            kind: ActorKind::Admin,
            name: "alice".to_owned(),
        },
        reason: Some("new checkout".to_owned()),
        rollback: false,
        forced: false,
        group: None,
        once: None,
        requested_at: Timestamp::from_millis(1_700_000_000_000),
        committed_at: Some(Timestamp::from_millis(1_700_000_000_004)),
        gate_ms: 3,
        gates: Vec::new(),
        barrier_us: Some(240),
        unproven_workers: 0,
        in_flight_at_commit: 12,
        finished: 11,
        replayed: 1,
        cut: Cut::default(),
        broken: Broken::default(),
        drained_at: Some(Timestamp::from_millis(1_700_000_001_204)),
        outcome: Outcome::Drained,
        shift: None,
        affinity: None,
    }
}

pub(crate) fn view() -> ServiceView {
    ServiceView {
        service: shop(),
        live: Colour::Green,
        tenure: Tenure(7),
        routes: vec!["shop.example.com/".to_owned()],
        file_live: Colour::Blue,
        drift: true,
        rollback_to: Some(Colour::Blue),
        rollback_possible: false,
        rollback_why: "pool `blue` of service `shop` has 0 of 1 endpoints ready".to_owned(),
        standby_kept_until: None,
        waiting: None,
        shift: None,
        finishing: None,
        pools: ByColour::from_fn(pool),
        mirror: Vec::new(),
        leaving: Vec::new(),
        draining: Vec::new(),
        last_switch: Some(receipt()),
    }
}

fn pool(colour: Colour) -> PoolView {
    let well = colour == Colour::Green;
    PoolView {
        ready: usize::from(well),
        in_flight: 3,
        tunnels: 1,
        previews: 0,
        safe_to_stop: false,
        endpoints: vec![EndpointView {
            addr: EndpointAddr::new("10.0.0.1:80"),
            weight: 1,
            source: EndpointSource::File,
            health: if well {
                Health::Healthy
            } else {
                Health::Unhealthy
            },
            health_since: None,
            ready: well,
            drained: false,
            slow_start_percent: None,
            ejected_for_ms: None,
            why: (!well).then(|| "connect refused".to_owned()),
            in_flight: 3,
        }],
    }
}

fn config() -> Config {
    let source = load::Source::new(Path::new("cutover.toml"), CONFIG.to_owned());
    load::parse(&source, 1).unwrap().config
}

/// Gates may take 20 s, drains 40 s.
const CONFIG: &str = r#"
[listener.web]
listen = "127.0.0.1:8080"

[service.shop]
routes = ["shop.example.com/"]
live = "blue"

[service.shop.blue]
endpoints = ["10.0.0.1:80"]

[service.shop.green]
endpoints = ["10.0.0.2:80"]

[service.shop.switch]
gate_timeout = "20s"
drain_deadline = "40s"
"#;
