//! Everything that a tour needs, running in this process: four apps, the proxy, the load.
//!
//! Owns the temporary folder and the order of coming and going; must not switch anything. Ports are the
//! kernel's choice, so that a tour can run beside whatever else does.

use std::{io, net::SocketAddr, path::Path, time::Duration};

use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use super::{
    colour_app::ColourApp,
    load::{Load, LoadPlan, Target},
    operator::{CallError, Operator},
    outcome::DemoOutcome,
};
use crate::{
    app::{App, Options, StartError},
    core::{
        ids::{ByColour, Colour},
        view::ServiceView,
    },
};

/// A tour's running parts.
pub(super) struct Stage {
    /// Asks the admin API.
    pub(super) operator: Operator,
    /// Sends requests.
    pub(super) load: Load,
    /// Where clients go, as a URL.
    pub(super) proxy: String,
    /// Where operators go, as a URL.
    pub(super) admin: String,
    begun: Instant,
    app: App,
    colour_apps: Vec<ColourApp>,
    /// Removed when the stage is dropped.
    _folder: TempDir,
}

/// Why a tour could not be given.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file, a socket or the terminal.
    #[error("the demo has no {what}: {source}")]
    Io {
        /// What there was none of.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The proxy did not start.
    #[error("the demo's proxy did not start: {0}")]
    Start(#[from] StartError),
    /// It has no listener `web`.
    #[error("the demo's proxy does not listen")]
    Deaf,
    /// The admin API did not do what it was asked for.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The pools did not become ready.
    #[error("the demo's endpoints were not ready within {READY_TIMEOUT:?}")]
    NotReady,
}

impl Stage {
    /// Starts everything, and the load last, when both pools are ready.
    pub(super) async fn set(plan: &LoadPlan) -> Result<Self, DemoError> {
        let folder = tempfile::Builder::new().prefix("cutover-demo-").tempdir();
        let folder = folder.map_err(no("temporary folder"))?;
        let mut colour_apps = Vec::with_capacity(2 * ENDPOINTS);
        for colour in [Colour::Blue, Colour::Green] {
            for _ in 0..ENDPOINTS {
                let app = ColourApp::start(colour, ANY_PORT).await;
                colour_apps.push(app.map_err(no("port"))?);
            }
        }
        let config = folder.path().join("cutover.toml");
        let text = config_text(folder.path(), &colour_apps);
        std::fs::write(&config, text).map_err(no("configuration file"))?;
        let app = App::start(Options {
            config,
            watch: true,
            // A tour is the same everywhere.
            environment: Default::default(),
        });
        let app = Box::pin(app).await?;
        let listeners = app.listeners();
        let addr = *listeners.get(LISTENER).ok_or(DemoError::Deaf)?;
        let admin = app.admin_url();
        let operator = Operator::new(&admin, SERVICE);
        both_ready(&operator).await?;
        Ok(Self {
            load: Load::start(&Target::from(addr), plan),
            proxy: format!("http://{addr}"),
            begun: Instant::now(),
            operator,
            admin,
            app,
            colour_apps,
            _folder: folder,
        })
    }

    /// Ends the load, waits until every switch has its full receipt, ends everything else, and gives the account.
    pub(super) async fn clear(self) -> Result<DemoOutcome, DemoError> {
        let totals = self.load.stop().await;
        let elapsed = self.begun.elapsed();
        // Receipts that stay open are the account's to tell, as is an admin API that does not answer.
        let _ = timeout(SETTLE_TIMEOUT, settled(&self.operator)).await;
        let receipts = self.operator.history().await?;
        self.app.stop().await;
        for colour_app in self.colour_apps {
            colour_app.stop().await;
        }
        Ok(DemoOutcome {
            totals,
            receipts,
            elapsed,
        })
    }
}

fn config_text(folder: &Path, colour_apps: &[ColourApp]) -> String {
    let endpoints = ByColour::from_fn(|colour| {
        let of_colour = colour_apps.iter().filter(|app| app.colour() == colour);
        let addrs = of_colour.map(|app| app.addr().to_string());
        addrs.collect::<Vec<_>>()
    });
    let state = folder.join("state").display().to_string();
    format!(
        r#"[process]
state = {state:?}

[admin]
listen = "127.0.0.1:0"

[listener.{LISTENER}]
listen = "127.0.0.1:0"

[service.{SERVICE}]
routes = ["/"]
live = "blue"

[service.{SERVICE}.blue]
endpoints = {:?}

[service.{SERVICE}.green]
endpoints = {:?}

[service.{SERVICE}.probe]
kind = "http"
path = "/healthz"
interval = "500ms"
timeout = "400ms"
"#,
        endpoints.blue, endpoints.green
    )
}

/// Waits until every endpoint of both pools may be picked.
async fn both_ready(operator: &Operator) -> Result<(), DemoError> {
    let all = |view: &ServiceView| view.pools.iter().all(|(_, pool)| pool.ready == ENDPOINTS);
    let look = async {
        while !all(&operator.service().await?) {
            sleep(LOOK_PAUSE).await;
        }
        Ok(())
    };
    let in_time = timeout(READY_TIMEOUT, look).await;
    in_time.unwrap_or(Err(DemoError::NotReady))
}

/// Waits until no old tenure has requests left.
async fn settled(operator: &Operator) -> Result<(), CallError> {
    while !operator.service().await?.draining.is_empty() {
        sleep(LOOK_PAUSE).await;
    }
    Ok(())
}

/// What there is none of.
pub(super) fn no(what: &'static str) -> impl FnOnce(io::Error) -> DemoError {
    move |source| DemoError::Io { what, source }
}

/// The service of the tour.
pub(super) const SERVICE: &str = "shop";
const LISTENER: &str = "web";
/// Endpoints of each colour.
const ENDPOINTS: usize = 2;
const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// For all probes to pass.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// For the last drains, once no client has a request in flight.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(25);
