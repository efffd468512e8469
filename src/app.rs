//! The application: binds, builds, runs and stops everything, and says where it is bound.
//!
//! Owns the order of beginning and end. Nothing here decides about traffic. Workers have threads of their own;
//! everything else runs on the runtime that calls [`App::start`], so that it can never stall a worker.

mod means;
mod process;
mod signals;
mod supervisor;

use std::{
    collections::BTreeMap, io, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};

pub use self::process::run;
use crate::{
    admin::{self, AdminBound, AdminError, AdminServer, AdminSetup},
    config::{
        Config,
        environment::Environment,
        error::Problems,
        load::{self, Source},
    },
    control::{
        controller::{self, Controller, Setup},
        handle::ControlHandle,
    },
    core::{
        ids::ListenerName,
        switch::{Actor, ActorKind},
    },
    machine::apart,
    mailbox::{ORDERS_LIMIT, Order, REPORTS_LIMIT, Report},
    proxy::{
        resources::Resources,
        worker::{self, WorkerSetup},
    },
    publish::Publisher,
    telemetry::{
        metrics::Metrics,
        notice::Notices,
        records::{Records, RecordsError},
        stats::Stats,
    },
    tls::{Connectors, Judged, Seals},
};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// Whether to apply the file again when it changes.
    pub watch: bool,
    /// What stands in for keys of the file.
    pub environment: Environment,
}

/// A running cutover. To be stopped with [`stop`](Self::stop); dropped, it ends at once and cuts what is in
/// flight.
#[derive(Debug)]
pub struct App {
    config: Arc<Config>,
    handle: ControlHandle,
    controller: JoinHandle<()>,
    admin: AdminServer,
    workers: Vec<mpsc::Sender<Order>>,
    threads: Vec<thread::JoinHandle<()>>,
    records: Records,
    listeners: BTreeMap<ListenerName, SocketAddr>,
}

/// Why cutover did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file is not valid.
    #[error(transparent)]
    Config(#[from] Problems),
    /// Nobody can be told of requests as the file wants it.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The metrics could not be set up.
    #[error("metrics could not be set up")]
    Metrics(#[from] prometheus::Error),
    /// A thread or a runtime could not be started.
    #[error("the operating system refused a thread or a descriptor")]
    System(#[from] io::Error),
    /// The control plane did not start.
    #[error(transparent)]
    Control(#[from] controller::StartError),
    /// The admin side did not start.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The control plane ended before it had begun.
    #[error("the control plane ended unexpectedly")]
    Gone,
}

impl App {
    /// Reads the file, starts the workers, the controller and the admin side, and returns when traffic flows.
    ///
    /// # Errors
    /// See [`StartError`]; nothing keeps running.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (source, judged) = apart(reading(&options)).await??;
        Self::build(options, source, judged).await
    }

    async fn build(options: Options, source: Source, judged: Judged) -> Result<Self, StartError> {
        let config = Arc::new(judged.loaded.config.clone());
        let count = config.process.workers;
        let stats = Arc::new(Stats::new(count));
        let metrics = Metrics::new(Arc::clone(&stats), env!("CARGO_PKG_VERSION"))?;
        let records = Records::open(&config)?;
        metrics.attach(&records);
        let publisher = Publisher::new();
        let connectors = Arc::<Connectors>::default();
        let seals = Arc::<Seals>::default();
        let (reports, reported) = mpsc::channel(REPORTS_LIMIT);
        let crew = Crew {
            resources: means::resources(&config),
            publisher: &publisher,
            stats: &stats,
            connectors: &connectors,
            seals: &seals,
            records: &records,
            reports,
        };
        let Hired { workers, threads } = crew.hire(count)?;
        let notices = Notices::new(Arc::clone(&metrics));
        let events = Arc::clone(notices.events());
        let setup = Setup {
            config_path: options.config,
            judged,
            connectors,
            seals,
            source,
            cores: cores(),
            publisher,
            workers: workers.clone(),
            reports: reported,
            notices,
            stats,
            watch: options.watch,
        };
        // By a thread that goes on: the allocator keeps what applying a large file leaves behind until the thread makes or
        // frees something again, and the one that has called this may only wait from now on.
        let started = tokio::spawn(Controller::start(setup)).await;
        let (handle, controller) = started.map_err(|_| StartError::Gone)??;
        let listeners = handle.listeners().await.map_err(|_| StartError::Gone)?;
        let admin = admin::serve(AdminSetup {
            config: config.admin.clone(),
            metrics_config: config.metrics.clone(),
            handle: handle.clone(),
            metrics,
            events,
        })
        .await?;
        Ok(Self {
            config,
            handle,
            controller,
            admin,
            workers,
            threads,
            records,
            listeners,
        })
    }

    /// Where each listener was bound at the start.
    #[must_use]
    pub fn listeners(&self) -> BTreeMap<ListenerName, SocketAddr> {
        self.listeners.clone()
    }

    /// Where the admin side answers, as the command line takes it.
    #[must_use]
    pub fn admin_url(&self) -> String {
        match &self.admin.bound {
            AdminBound::Tcp(addr) => format!("http://{addr}"),
            AdminBound::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// Where `/metrics` answers besides the admin side.
    #[must_use]
    pub const fn metrics_addr(&self) -> Option<SocketAddr> {
        self.admin.metrics
    }

    /// The way to the controller.
    #[must_use]
    pub const fn handle(&self) -> &ControlHandle {
        &self.handle
    }

    /// Applies the file again, reads the tokens again, and opens the access log anew (for log rotation).
    pub async fn reload(&self) {
        self.records.reopen();
        if let Err(error) = self.admin.reload_tokens() {
            tracing::warn!(%error, "tokens not reloaded");
        }
        // What became of it, the notice of the reload says.
        let _ = self
            .handle
            .reload(Actor {
                kind: ActorKind::Signal,
                name: "SIGHUP".to_owned(),
            })
            .await;
    }

    /// Stops: readiness fails, after `shutdown_delay` no connection is accepted any more, and what is in flight
    /// has until `shutdown_deadline` to end.
    pub async fn stop(self) {
        self.stop_unless(std::future::pending()).await;
    }

    /// Stops; when `hurry` ends, at once.
    pub async fn stop_unless(self, hurry: impl Future<Output = ()>) {
        tokio::pin!(hurry);
        let _ = self.handle.shut_down().await;
        let process = &self.config.process;
        let orderly = async {
            sleep(process.shutdown_delay).await;
            timeout(process.shutdown_deadline, drain(&self.workers))
                .await
                .is_ok()
        };
        let drained = tokio::select! {
            drained = orderly => drained,
            () = &mut hurry => false,
        };
        if !drained {
            tracing::warn!("shutdown deadline passed, requests in flight were cut");
            cut_all(&self.workers).await;
        }
        // Receipts of drains that ended just now are to reach the journal.
        let _ = timeout(SETTLE_TIME, settled(&self.handle)).await;
        self.admin.stop().await;
        self.controller.abort();
        let _ = self.controller.await;
        drop(self.workers);
        let threads = self.threads;
        let joined =
            spawn_blocking(move || threads.into_iter().for_each(|thread| drop(thread.join())));
        let _ = timeout(SETTLE_TIME, joined).await;
        let _ = spawn_blocking(move || self.records.close()).await;
    }
}

/// What every worker is given.
struct Crew<'a> {
    resources: Arc<Resources>,
    publisher: &'a Publisher,
    stats: &'a Arc<Stats>,
    connectors: &'a Arc<Connectors>,
    seals: &'a Arc<Seals>,
    records: &'a Records,
    reports: mpsc::Sender<Report>,
}

/// The workers, by their mailboxes and by their threads.
struct Hired {
    workers: Vec<mpsc::Sender<Order>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Crew<'_> {
    fn hire(self, count: usize) -> io::Result<Hired> {
        let mut workers = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for index in 0..count {
            let (order, orders) = mpsc::channel(ORDERS_LIMIT);
            threads.push(worker::spawn(WorkerSetup {
                index,
                reader: self.publisher.reader(),
                stats: Arc::clone(self.stats),
                connectors: Arc::clone(self.connectors),
                seals: Arc::clone(self.seals),
                records: self.records.clone(),
                resources: Arc::clone(&self.resources),
                orders,
                reports: self.reports.clone(),
            })?);
            workers.push(order);
        }
        Ok(Hired { workers, threads })
    }
}

fn reading(
    options: &Options,
) -> impl FnOnce() -> Result<(Source, Judged), Problems> + Send + use<> {
    let (path, environment) = (options.config.clone(), options.environment.clone());
    move || {
        let source = load::read(&path)?.under(environment);
        let judged = Judged::read(&source, cores())?;
        Ok((source, judged))
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

async fn drain(workers: &[mpsc::Sender<Order>]) {
    let mut drained = Vec::with_capacity(workers.len());
    for worker in workers {
        let (done, is_done) = oneshot::channel();
        if worker.send(Order::Drain(done)).await.is_ok() {
            drained.push(is_done);
        }
    }
    for is_done in drained {
        let _ = is_done.await;
    }
}

/// Cuts everything, and gives the workers a moment to tell the clients.
async fn cut_all(workers: &[mpsc::Sender<Order>]) {
    for worker in workers {
        let _ = timeout(SETTLE_TIME, worker.send(Order::CutAll)).await;
    }
    let _ = timeout(SETTLE_TIME, drain(workers)).await;
}

/// Waits until no receipt is open.
async fn settled(handle: &ControlHandle) {
    while handle
        .services()
        .await
        .is_ok_and(|views| views.iter().any(|view| !view.draining.is_empty()))
    {
        sleep(SETTLE_PAUSE).await;
    }
}

/// How long the last steps of a stop may take, each.
const SETTLE_TIME: Duration = Duration::from_secs(1);
/// Between looks at the open receipts.
const SETTLE_PAUSE: Duration = Duration::from_millis(10);
