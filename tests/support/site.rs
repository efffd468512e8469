//! A whole cutover in a folder of its own.

use std::{fmt::Write as _, fs, net::SocketAddr, path::Path, path::PathBuf};

use cutover::{
    app::{App, Options},
    config::environment::Environment,
    control::handle::{ReloadAnswer, SwitchOrder},
    core::{
        ids::{Colour, ListenerName, ServiceName},
        shift::Pace,
        switch::{Actor, ActorKind, Receipt, SwitchAnswer, WaitFor, Wish},
        view::{EndpointView, ServiceView},
    },
};
use serde_json::Value;

use super::{client::Raw, eventually, soon};

/// A running cutover, its folder and its file.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    app: App,
}

impl Site {
    /// Starts cutover with this file. `{dir}` in it stands for the folder; where the file names no process,
    /// admin side or listener, there are two workers with a journal, and one listener `web`.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config, false).await
    }

    /// The same, and the file is watched.
    pub(crate) async fn start_watching(config: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), config, true).await
    }

    /// The same in a folder that exists.
    pub(crate) async fn start_in(folder: tempfile::TempDir, config: &str, watch: bool) -> Self {
        let path = folder.path().join("cutover.toml");
        fs::write(&path, complete(config, folder.path())).unwrap();
        let options = Options {
            config: path,
            watch,
            environment: Environment::default(),
        };
        let app = App::start(options).await.unwrap_or_else(|error| {
            panic!("{error}\n{}", complete(config, folder.path()));
        });
        Self { folder, app }
    }

    pub(crate) const fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the file is.
    pub(crate) fn config_path(&self) -> PathBuf {
        self.folder.path().join("cutover.toml")
    }

    /// Where the listener `web` was bound at the start.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.app.listeners()[&ListenerName::new("web")]
    }

    /// Where a listener is bound now.
    pub(crate) async fn addr_of(&self, listener: &str) -> SocketAddr {
        let listeners = self.app.handle().listeners().await.unwrap();
        listeners[&ListenerName::new(listener)]
    }

    /// A new connection to the listener `web`.
    pub(crate) async fn client(&self) -> Raw {
        Raw::connect(self.addr()).await
    }

    /// Where the admin side answers.
    pub(crate) fn admin(&self) -> SocketAddr {
        let url = self.app.admin_url();
        url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// Makes `to` live and waits until it is committed.
    pub(crate) async fn switch(&self, service: &str, to: Colour) -> Receipt {
        done(self.try_switch(order(service, to)).await)
    }

    pub(crate) async fn try_switch(&self, order: SwitchOrder) -> SwitchAnswer {
        soon("a switch", self.app.handle().switch(order))
            .await
            .unwrap()
    }

    pub(crate) async fn rollback(&self, service: &str) -> Receipt {
        let order = SwitchOrder {
            wish: Wish::Rollback(ServiceName::new(service)),
            ..order(service, Colour::Blue)
        };
        done(self.try_switch(order).await)
    }

    /// Writes the file without a word to cutover.
    pub(crate) fn write(&self, config: &str) {
        fs::write(self.config_path(), complete(config, self.folder.path())).unwrap();
    }

    /// Writes the file and has it applied; the sentences about what changed.
    pub(crate) async fn rewrite(&self, config: &str) -> Vec<String> {
        self.write(config);
        match self.reload().await {
            ReloadAnswer::Applied(changes) => changes,
            ReloadAnswer::Refused(reasons) => panic!("{reasons:?}"),
        }
    }

    pub(crate) async fn reload(&self) -> ReloadAnswer {
        soon("a reload", self.app.handle().reload(operator()))
            .await
            .unwrap()
    }

    pub(crate) async fn service(&self, name: &str) -> ServiceView {
        let name = ServiceName::new(name);
        soon("a view", self.app.handle().service(name))
            .await
            .unwrap()
            .expect("there is such a service")
    }

    pub(crate) async fn history(&self, service: &str) -> Vec<Receipt> {
        let name = ServiceName::new(service);
        soon("a history", self.app.handle().history(Some(name)))
            .await
            .unwrap()
    }

    /// One endpoint as an operator sees it.
    pub(crate) async fn endpoint(&self, service: &str, addr: SocketAddr) -> EndpointView {
        let view = self.service(service).await;
        let mut endpoints = view.pools.iter().flat_map(|(_, pool)| &pool.endpoints);
        let addr = addr.to_string();
        endpoints
            .find(|endpoint| endpoint.addr.as_str() == addr)
            .cloned()
            .expect("there is such an endpoint")
    }

    /// Waits until so many endpoints of a pool are ready.
    pub(crate) async fn ready(&self, service: &str, colour: Colour, count: usize) {
        eventually("endpoints are ready", async || {
            self.service(service).await.pools[colour].ready == count
        })
        .await;
    }

    /// What `/metrics` says.
    pub(crate) async fn metrics(&self) -> String {
        let mut client = Raw::connect(self.admin()).await;
        client
            .send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        client.answer().await.text()
    }

    /// The value of one series, such as `cutover_replays_total{service="shop",colour="blue"}`; labels may be
    /// in any order. Zero if there is no such series.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        value_of(&self.metrics().await, series)
    }

    /// Waits until a series has this value: counters of a request move when it has ended, which is after the
    /// client has its last byte.
    pub(crate) async fn counts(&self, series: &str, value: f64) {
        let mut last = f64::NAN;
        let reached = async {
            loop {
                last = self.metric(series).await;
                if (last - value).abs() < f64::EPSILON {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let reached = tokio::time::timeout(super::PATIENCE, reached).await.is_ok();
        assert!(reached, "{series} is {last}, not {value}");
    }

    /// The lines of the access log `{dir}/access.log`, once there are so many.
    pub(crate) async fn access_log(&self, count: usize) -> Vec<Value> {
        let path = self.folder.path().join("access.log");
        let mut lines = Vec::new();
        eventually("lines in the access log", async || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            lines = text
                .split_inclusive('\n')
                .filter(|line| line.ends_with('\n'))
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            lines.len() >= count
        })
        .await;
        lines
    }

    /// Stops cutover in order; the folder stays as long as what is returned.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        soon("a stop", self.app.stop()).await;
        self.folder
    }

    /// Stops cutover and starts it again in the same folder, with this file.
    pub(crate) async fn restart(self, config: &str) -> Self {
        let folder = self.stop().await;
        Self::start_in(folder, config, false).await
    }
}

/// Begins a file: one worker, so that all clients share its connections to an endpoint.
pub(crate) const ONE_WORKER: &str = "[process]\nworkers = 1\nstate = \"{dir}/state\"\n";

/// A service `shop` on every path, probed often; `keys` are further lines of its table, dotted where they
/// belong to another (`timeouts.idle = "1s"`).
pub(crate) fn shop(blue: &[SocketAddr], green: &[SocketAddr], keys: &str) -> String {
    service("shop", "/", [blue, green], keys)
}

/// A service of one route.
pub(crate) fn service(name: &str, route: &str, pools: [&[SocketAddr]; 2], keys: &str) -> String {
    let mut text = format!("\n[service.{name}]\nroutes = [\"{route}\"]\n{keys}\n");
    for (colour, pool) in Colour::ALL.into_iter().zip(pools) {
        let addrs: Vec<_> = pool.iter().map(|addr| format!("\"{addr}\"")).collect();
        if !addrs.is_empty() && !keys.contains(&format!("{colour}.endpoints")) {
            writeln!(text, "{colour}.endpoints = [{}]", addrs.join(", ")).unwrap();
        }
    }
    if !keys.contains("probe.") {
        text += "probe = { interval = \"50ms\", rise = 1, fall = 1 }\n";
    }
    text
}

/// An address that refuses connections, and that nobody else is given as long as the process lives.
pub(crate) fn nobody() -> SocketAddr {
    let place = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    place
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    let addr = place.local_addr().unwrap().as_socket().unwrap();
    std::mem::forget(place);
    addr
}

pub(crate) fn order(service: &str, to: Colour) -> SwitchOrder {
    SwitchOrder {
        wish: Wish::Switch([(ServiceName::new(service), to)].into()),
        actor: operator(),
        reason: Some("a test".to_owned()),
        force: false,
        expect_live: None,
        expect_tenure: None,
        pace: Pace::AsFile,
        once: None,
        wait: WaitFor::Committed,
    }
}

pub(crate) fn operator() -> Actor {
    Actor {
        kind: ActorKind::Admin,
        name: "ann".to_owned(),
    }
}

/// The receipt of the one service that was switched.
#[track_caller]
pub(crate) fn done(answer: SwitchAnswer) -> Receipt {
    match answer {
        SwitchAnswer::Done { mut receipts, .. } if receipts.len() == 1 => receipts.remove(0),
        other @ (SwitchAnswer::Done { .. }
        | SwitchAnswer::Shifting(_)
        | SwitchAnswer::Refused(_)) => panic!("{other:?}"),
    }
}

fn complete(config: &str, folder: &Path) -> String {
    let mut text = String::new();
    for (table, default) in [
        (
            "[process]",
            "workers = 2\nstate = \"{dir}/state\"\nshutdown_deadline = \"5s\"",
        ),
        ("[admin]", "listen = \"127.0.0.1:0\""),
        ("[listener.", "listen = \"127.0.0.1:0\""),
    ] {
        if !config.contains(table) {
            let table = if table.ends_with('.') {
                "[listener.web]"
            } else {
                table
            };
            text += &format!("{table}\n{default}\n");
        }
    }
    text += config;
    text.replace("{dir}", &folder.display().to_string())
}

/// The value of a series in what `/metrics` says; zero if it is not there.
pub(crate) fn value_of(metrics: &str, series: &str) -> f64 {
    let wanted = labels(series);
    metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(name, _)| labels(name) == wanted)
        .map_or(0.0, |(_, value)| value.parse().unwrap())
}

/// Name and labels of a series, the labels sorted.
fn labels(series: &str) -> (String, Vec<String>) {
    let (name, rest) = series.split_once('{').unwrap_or((series, ""));
    let inner = rest.trim_end_matches('}');
    let mut labels: Vec<_> = inner
        .split(',')
        .filter(|label| !label.is_empty())
        .map(str::to_owned)
        .collect();
    labels.sort();
    (name.to_owned(), labels)
}
