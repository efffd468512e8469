//! One data-plane thread: its runtime, its accept loops, its orders, its sweep.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    panic::resume_unwind,
    rc::Rc,
    sync::{Arc, mpsc::sync_channel},
    thread,
    time::Duration,
};

use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc, oneshot},
    task::spawn_local,
    time::{MissedTickBehavior, interval},
};

use super::{
    accept::{Stop, accept},
    clock::Clock,
    desk::Desk,
    lifeline::{Lifelines, SWEEP_INTERVAL},
    mirror::Copies,
    request_id::RequestIds,
    resources::Resources,
    trace::Traces,
    warm_up::warm_up,
};
use crate::{
    core::{ids::ListenerId, in_flight::Ending},
    mailbox::{BarrierAnswer, Order, Report, SocketFate},
    publish::Reader,
    telemetry::{
        records::{Ended, Records},
        stats::{Stats, WorkerStats},
    },
    tls::{Connectors, Seals},
};

/// What a worker is given.
#[derive(Debug)]
pub struct WorkerSetup {
    /// Its number, from 0.
    pub index: usize,
    /// Where it reads snapshots.
    pub reader: Reader,
    /// Where it counts.
    pub stats: Arc<Stats>,
    /// What connections to endpoints begin with, where they have TLS.
    pub connectors: Arc<Connectors>,
    /// What the cookies of sessions are sealed with.
    pub seals: Arc<Seals>,
    /// Who is told of requests that have ended.
    pub records: Records,
    /// What it has together with the others.
    pub resources: Arc<Resources>,
    /// What it is told. When the other end is gone, the worker ends.
    pub orders: mpsc::Receiver<Order>,
    /// Whom it tells.
    pub reports: mpsc::Sender<Report>,
}

/// What everything on one worker shares. It never leaves its thread.
#[derive(Debug)]
pub(crate) struct Worker {
    index: usize,
    desk: Desk,
    stats: Arc<Stats>,
    records: Records,
    resources: Arc<Resources>,
    reports: mpsc::Sender<Report>,
    clock: Clock,
    lifelines: Lifelines,
    request_ids: RequestIds,
    traces: Traces,
    copies: Copies,
    tight: Cell<bool>,
    draining: Cell<bool>,
    cutting: Cell<bool>,
    connections: Cell<usize>,
    last_connection_closed: Notify,
    listeners: RefCell<HashMap<ListenerId, Rc<Stop>>>,
}

/// Starts a worker on a thread of its own.
///
/// # Errors
/// The operating system's, if it refuses the thread or the runtime's descriptors.
pub fn spawn(setup: WorkerSetup) -> io::Result<thread::JoinHandle<()>> {
    let (started, has_started) = sync_channel(1);
    let name = format!("worker-{}", setup.index);
    let thread = thread::Builder::new().name(name).spawn(move || {
        // Orders come from another thread; looking for them more often than the default keeps the barrier
        // short while the worker is busy.
        let mut builder = Builder::new_current_thread();
        match builder
            .enable_all()
            .global_queue_interval(8)
            .build_local(LocalOptions::default())
        {
            Ok(runtime) => {
                // There is room for one, and this is the only one.
                let _ = started.send(Ok(()));
                runtime.block_on(run(setup));
            }
            Err(error) => drop(started.send(Err(error))),
        }
    })?;
    has_started.recv().map_err(io::Error::other)??;
    Ok(thread)
}

async fn run(setup: WorkerSetup) {
    let place = (setup.index, setup.stats.workers().len());
    let traces = Traces::new(setup.records.spans(), place);
    let worker = Rc::new(Worker {
        desk: Desk::new(
            setup.index,
            setup.reader,
            Arc::clone(&setup.stats),
            (setup.connectors, setup.seals),
        ),
        index: setup.index,
        stats: setup.stats,
        records: setup.records,
        resources: setup.resources,
        reports: setup.reports,
        clock: Clock::new(),
        lifelines: Lifelines::default(),
        request_ids: RequestIds::new(),
        traces,
        copies: Copies::default(),
        tight: Cell::new(false),
        draining: Cell::new(false),
        cutting: Cell::new(false),
        connections: Cell::new(0),
        last_connection_closed: Notify::new(),
        listeners: RefCell::default(),
    });
    // In a task, not in what the runtime itself waits for: of that, it thinks only after every sixty-one tasks.
    if let Err(error) = spawn_local(worker.looks_after(setup.orders)).await
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}

impl Worker {
    /// Obeys, and looks at what is due, until nobody gives orders any more.
    async fn looks_after(self: Rc<Self>, mut orders: mpsc::Receiver<Order>) {
        let mut sweep = interval(SWEEP_INTERVAL);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut parts = (0..PRUNE_PARTS).cycle();
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                _ = sweep.tick() => {
                    self.sweep();
                    let part = parts.next().unwrap_or(0);
                    self.desk.prune(self.clock.coarse(), (part, PRUNE_PARTS));
                }
            }
        }
    }

    fn obey(self: &Rc<Self>, order: Order) {
        match order {
            Order::Barrier { counters, answer } => {
                self.desk.sync();
                let counts = counters
                    .iter()
                    .map(|counter| counter.counts_of(self.index))
                    .collect();
                // There is room for one answer of each worker; who asked may have given up.
                let _ = answer.try_send(BarrierAnswer {
                    worker: self.index,
                    counts,
                });
                // Where the controller has no other core, it is to learn of it now, not when this slice of time ends.
                thread::yield_now();
            }
            Order::WarmUp { pool, answer } => {
                let worker = Rc::clone(self);
                spawn_local(async move {
                    let account = warm_up(worker, &pool).await;
                    // There is room for one answer of each worker; who asked may have given up.
                    let _ = answer.try_send(account);
                });
            }
            Order::Cut(tenure, ending) => self.lifelines.cut(&tenure, ending),
            Order::CutEndpoint(endpoint, ending) => self.lifelines.cut_endpoint(endpoint, ending),
            Order::Open(listener) => {
                let stop = Rc::new(Stop::default());
                self.listeners
                    .borrow_mut()
                    .insert(listener.id, Rc::clone(&stop));
                spawn_local(accept(Rc::clone(self), listener, stop));
            }
            Order::Close(id, fate, done) => {
                let stop = self.listeners.borrow_mut().remove(&id);
                spawn_local(async move {
                    if let Some(stop) = stop {
                        stop.stop(fate).await;
                    }
                    let _ = done.send(());
                });
            }
            Order::Drain(done) => {
                spawn_local(Rc::clone(self).drain(done));
            }
            Order::CutAll => {
                self.cutting.set(true);
                self.lifelines.cut_all(Ending::CutByShutdown);
            }
        }
    }

    /// Looks at every deadline, and at what all connections hold. Each worker gives up its share of what is too much.
    fn sweep(&self) {
        self.clock.read();
        let now = self.clock.coarse();
        let held = self.lifelines.sweep(now);
        self.stats().buffered.set(held);
        let all = self
            .stats
            .workers()
            .iter()
            .map(|it| it.buffered.value())
            .sum();
        self.tight.set(self.resources.is_tight(all));
        if let Some(excess) = self.resources.excess(all) {
            let latest = now.before(excess.patience());
            let given_up = self.lifelines.shed(excess.of(held, all), latest);
            // At once, so that the others do not give up theirs for it as well.
            self.stats().buffered.set(held - given_up);
        }
    }

    /// Closes every listener, then lets the connections finish.
    async fn drain(self: Rc<Self>, done: oneshot::Sender<()>) {
        let stops: Vec<_> = self.listeners.take().into_values().collect();
        for stop in stops {
            stop.stop(SocketFate::Closes).await;
        }
        self.draining.set(true);
        self.lifelines.wake_all();
        while self.connections.get() > 0 {
            self.last_connection_closed.notified().await;
        }
        let _ = done.send(());
    }

    /// Counts a connection until the guard is dropped.
    pub(crate) fn admit(self: &Rc<Self>) -> Admitted {
        self.connections.set(self.connections.get() + 1);
        self.stats().accepted.add(1);
        Admitted(Rc::clone(self))
    }

    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    /// Copies of live requests that it has under way.
    pub(crate) const fn copies(&self) -> &Copies {
        &self.copies
    }

    pub(crate) const fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(crate) const fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) const fn lifelines(&self) -> &Lifelines {
        &self.lifelines
    }

    pub(crate) const fn request_ids(&self) -> &RequestIds {
        &self.request_ids
    }

    pub(crate) const fn resources(&self) -> &Arc<Resources> {
        &self.resources
    }

    pub(crate) const fn traces(&self) -> &Traces {
        &self.traces
    }

    pub(crate) fn stats(&self) -> &WorkerStats {
        self.stats.worker(self.index)
    }

    /// Whether buffers must not grow as they like.
    pub(crate) const fn is_tight(&self) -> bool {
        self.tight.get()
    }

    /// Whether the process is stopping: connections are to be closed after their present request.
    pub(crate) const fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Whether the time to finish is over: nothing begins any more, nothing is waited for.
    pub(crate) const fn is_cutting(&self) -> bool {
        self.cutting.get()
    }

    /// Who is told of requests that have ended.
    pub(crate) const fn records(&self) -> &Records {
        &self.records
    }

    /// Tells of a request; counts it where the access log cannot keep up.
    pub(crate) fn tell(&self, ended: Ended) {
        if !self.records.tell(ended) {
            self.stats().access_dropped.add(1);
        }
    }

    /// Tells the controller, if it has room to listen.
    pub(crate) fn report(&self, report: Report) {
        if self.reports.try_send(report).is_err() {
            self.stats().reports_dropped.add(1);
        }
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub(crate) struct Admitted(Rc<Worker>);

impl Drop for Admitted {
    fn drop(&mut self) {
        let worker = &self.0;
        worker.stats().closed.add(1);
        worker.connections.set(worker.connections.get() - 1);
        if worker.connections.get() == 0 {
            worker.last_connection_closed.notify_one();
        }
    }
}

/// Upstream connections are looked through once a second, a part of them at each sweep.
const PRUNE_PARTS: usize = 10;
const _: () =
    assert!(SWEEP_INTERVAL.as_millis() * PRUNE_PARTS as u128 == Duration::from_secs(1).as_millis());
