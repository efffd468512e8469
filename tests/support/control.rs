//! A real controller over real endpoints; its workers answer their orders and serve nobody.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use cutover::{
    config::load,
    control::{
        controller::{Controller, Setup, StartError},
        handle::{ControlHandle, ReloadAnswer, SwitchOrder},
    },
    core::{
        ids::{Colour, ListenerId, ServiceName},
        in_flight::{Ending, TenureCounter},
        shift::Pace,
        switch::{Actor, ActorKind, Receipt, Refusal, SwitchAnswer, WaitFor, Wish},
        view::ServiceView,
    },
    mailbox::{BarrierAnswer, ORDERS_LIMIT, OpenListener, Order, REPORTS_LIMIT, WarmUpAnswer},
    publish::{Publisher, Reader},
    telemetry::{metrics::Metrics, notice::Notices, stats::Stats},
    tls::Judged,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::sleep};

/// Workers of every controller here.
pub(crate) const WORKERS: usize = 2;

/// A controller with its folder.
pub(crate) struct Control {
    pub(crate) handle: ControlHandle,
    pub(crate) stats: Arc<Stats>,
    pub(crate) workers: Arc<Mutex<Seen>>,
    pub(crate) reader: Reader,
    task: JoinHandle<()>,
}

/// What the workers were told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) open: BTreeMap<ListenerId, Arc<OpenListener>>,
    pub(crate) closed: Vec<ListenerId>,
    pub(crate) cut: Vec<(u64, Ending)>,
}

/// A folder with a file and a journal.
pub(crate) struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    pub(crate) fn new(text: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        site.write(text);
        site
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes the file, with the journal's folder put in.
    pub(crate) fn write(&self, text: &str) {
        let text = format!("[process]\nstate = \"{}\"\n{text}", self.state().display());
        fs::write(self.path(), text).unwrap();
    }

    pub(crate) async fn start(&self) -> Control {
        self.try_start(false).await.unwrap()
    }

    pub(crate) async fn try_start(&self, watch: bool) -> Result<Control, StartError> {
        start(&self.path(), watch).await
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cutover.toml")
    }
}

async fn start(path: &Path, watch: bool) -> Result<Control, StartError> {
    let source = load::read(path).unwrap();
    let judged = Judged::read(&source, WORKERS).unwrap_or_else(|problems| panic!("{problems}"));
    let publisher = Publisher::new();
    let workers = Arc::new(Mutex::new(Seen::default()));
    let (_reports, reports) = mpsc::channel(REPORTS_LIMIT);
    let mailboxes = (0..WORKERS).map(|worker| {
        let (tx, orders) = mpsc::channel(ORDERS_LIMIT);
        tokio::spawn(work(
            worker,
            orders,
            publisher.reader(),
            Arc::clone(&workers),
        ));
        tx
    });
    let mailboxes = mailboxes.collect();
    let reader = publisher.reader();
    let stats = Arc::new(Stats::new(WORKERS));
    let setup = Setup {
        config_path: path.to_owned(),
        judged,
        connectors: Arc::default(),
        seals: Arc::default(),
        source,
        cores: WORKERS,
        publisher,
        workers: mailboxes,
        reports,
        notices: Notices::new(Metrics::new(Arc::clone(&stats), "test").unwrap()),
        stats: Arc::clone(&stats),
        watch,
    };
    let (handle, task) = Controller::start(setup).await?;
    Ok(Control {
        handle,
        stats,
        workers,
        reader,
        task,
    })
}

/// A worker as far as the control plane sees one.
async fn work(
    worker: usize,
    mut orders: mpsc::Receiver<Order>,
    mut reader: Reader,
    seen: Arc<Mutex<Seen>>,
) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Barrier { counters, answer } => {
                reader.load();
                let counts = counters.iter().map(|it| it.counts_of(worker)).collect();
                let _ = answer.send(BarrierAnswer { worker, counts }).await;
            }
            Order::WarmUp { answer, .. } => drop(answer.send(WarmUpAnswer::default()).await),
            Order::CutEndpoint(..) => {}
            Order::Cut(counter, ending) => {
                let tenure = counter.tenure().0;
                seen.lock().unwrap().cut.push((tenure, ending));
            }
            Order::Open(listener) => {
                seen.lock().unwrap().open.insert(listener.id, listener);
            }
            Order::Close(id, _, answer) => {
                let mut seen = seen.lock().unwrap();
                seen.open.remove(&id);
                seen.closed.push(id);
                let _ = answer.send(());
            }
            Order::Drain(answer) => drop(answer.send(())),
            Order::CutAll => {}
        }
    }
}

impl Control {
    /// Ends the controller, as the end of the process would, and waits until its journal is free.
    pub(crate) async fn stop(self) {
        let Self { handle, task, .. } = self;
        drop(handle);
        task.await.unwrap();
    }

    pub(crate) async fn switch(&self, service: &str, to: Colour) -> SwitchAnswer {
        self.handle.switch(order(service, to)).await.unwrap()
    }

    pub(crate) async fn rollback(&self, service: &str) -> SwitchAnswer {
        let wish = Wish::Rollback(ServiceName::new(service));
        let order = SwitchOrder {
            wish,
            ..order(service, Colour::Blue)
        };
        self.handle.switch(order).await.unwrap()
    }

    pub(crate) async fn reload(&self) -> ReloadAnswer {
        self.handle.reload(operator()).await.unwrap()
    }

    pub(crate) async fn service(&self, name: &str) -> ServiceView {
        let view = self.handle.service(ServiceName::new(name)).await.unwrap();
        view.unwrap_or_else(|| panic!("there is no service {name}"))
    }

    /// The counter of the tenure that is live by the published snapshot.
    pub(crate) fn counter(&mut self, service: &str) -> Arc<TenureCounter> {
        let services = &self.reader.load().services;
        let mut services = services.iter();
        let service = services.find(|it| it.name.as_str() == service).unwrap();
        Arc::clone(&service.tenure)
    }
}

/// Asks until it is so, ten seconds at most.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..1_000 {
        if is_so().await {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
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

#[track_caller]
pub(crate) fn done(answer: SwitchAnswer) -> Receipt {
    match answer {
        SwitchAnswer::Done { mut receipts, .. } => {
            assert_eq!(receipts.len(), 1);
            receipts.remove(0)
        }
        SwitchAnswer::Refused(refusal) => panic!("{refusal}"),
        SwitchAnswer::Shifting(shift) => panic!("{shift:?}"),
    }
}

#[track_caller]
pub(crate) fn refused(answer: SwitchAnswer) -> Refusal {
    match answer {
        SwitchAnswer::Refused(refusal) => refusal,
        SwitchAnswer::Done { receipts, .. } => panic!("{receipts:?}"),
        SwitchAnswer::Shifting(shift) => panic!("{shift:?}"),
    }
}

/// An endpoint that accepts connections as long as the runtime lives.
pub(crate) async fn endpoint() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    addr
}

/// An address that refuses connections for as long as the socket lives: it is bound and does not listen, so
/// that nobody else can be given its port.
pub(crate) fn nobody() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    socket.bind(&any.into()).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, addr)
}

/// A service that is probed often.
pub(crate) fn service(name: &str, live: Colour, blue: SocketAddr, green: SocketAddr) -> String {
    format!(
        r#"
[service.{name}]
routes = ["{name}.example.com/"]
live = "{live}"
[service.{name}.blue]
endpoints = ["{blue}"]
[service.{name}.green]
endpoints = ["{green}"]
[service.{name}.probe]
interval = "50ms"
timeout = "50ms"
rise = 1
fall = 1
[service.{name}.switch]
gate_timeout = "400ms"
"#
    )
}

/// A listener.
pub(crate) fn listener(name: &str, listen: &str) -> String {
    format!("[listener.{name}]\nlisten = \"{listen}\"\n")
}
