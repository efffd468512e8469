//! The one writer (invariant 2): everything that changes what cutover does goes through this task.
//!
//! Owns the loop: one event at a time into core, its effects out again, in order, before the next event. Must
//! not decide, and must not wait for a worker, an endpoint or a client; the only thing it waits for is the
//! journal, because nothing may happen before an intent is on the disk (invariant 7). Locks around shared
//! state would let two switches be half-way at once; a loop cannot.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};

use super::{
    clock,
    drainer::Drainer,
    gate::Inquirer,
    handle::{ControlHandle, Question},
    journal::{Journal, JournalError, Opened},
    listeners::Listeners,
    operations::Operations,
    probe::{Finding, Prober},
    resolver::{Found, Resolver},
    source::{
        certificates::Applied,
        file::{Ask, FileSetup, FileSource, Reading},
    },
    workers::Workers,
};
use crate::{
    config::{Config, environment::Environment, load::Source},
    core::{
        event::Event,
        ids::ServiceName,
        notice::Notice,
        state::State,
        switch::Actor,
        view::{MirrorView, ServiceView},
    },
    mailbox::{Order, Report},
    publish::Publisher,
    telemetry::{notice::Notices, stats::Stats},
    tls::{Connectors, Judged, Seals, Vault},
};

/// What a controller is made of.
#[derive(Debug)]
pub struct Setup {
    /// Where the file lies.
    pub config_path: PathBuf,
    /// What it says, with the files of certificates that it names.
    pub judged: Judged,
    /// Where what connections to endpoints begin with is published.
    pub connectors: Arc<Connectors>,
    /// What the cookies of sessions are sealed with, once there is a service that has some.
    pub seals: Arc<Seals>,
    /// Its content, as it was read for `judged`.
    pub source: Source,
    /// Processors of this machine, for `workers = 0`.
    pub cores: usize,
    /// The writer's end of the snapshot.
    pub publisher: Publisher,
    /// The mailbox of each worker.
    pub workers: Vec<mpsc::Sender<Order>>,
    /// What workers report.
    pub reports: mpsc::Receiver<Report>,
    /// Tells people.
    pub notices: Notices,
    /// Counters of the data plane; services that are gone are taken out of them.
    pub stats: Arc<Stats>,
    /// Whether to look for changes of the file.
    pub watch: bool,
}

/// Where the file lies, and what it depends on.
#[derive(Clone, Debug)]
pub(super) struct OnDisk {
    pub(super) path: PathBuf,
    /// What stands in for keys of the file.
    pub(super) environment: Environment,
    /// What `workers = 0` stands for.
    pub(super) cores: usize,
}

/// Why a controller cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal.
    #[error("{}", .0.in_full())]
    Journal(JournalError),
    /// One or more listeners; a line for each.
    #[error("{}", .0.join("\n"))]
    Listeners(Vec<String>),
    /// The key of the cookies of sessions.
    #[error("affinity key file `{path}` cannot be used: {source}")]
    AffinityKey {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The runtime is being shut down.
    #[error("the start was interrupted")]
    Interrupted(#[from] JoinError),
}

/// The one writer.
#[derive(Debug)]
pub struct Controller {
    pub(super) state: State,
    pub(super) config: Arc<Config>,
    pub(super) publisher: Publisher,
    pub(super) published_at: Instant,
    pub(super) workers: Workers,
    pub(super) listeners: Listeners,
    /// Locked by one blocking call at a time, which the loop waits for.
    pub(super) journal: Arc<Mutex<Journal>>,
    pub(super) prober: Prober,
    pub(super) resolver: Resolver,
    pub(super) drainer: Drainer,
    pub(super) inquirer: Inquirer,
    pub(super) source: FileSource,
    /// Where the file lies, and what it depends on.
    pub(super) on_disk: OnDisk,
    pub(super) vault: Vault,
    pub(super) seals: Arc<Seals>,
    /// Where whoever looks at files of certificates learns what is applied.
    pub(super) certificates: watch::Sender<Option<Arc<Applied>>>,
    pub(super) operations: Operations,
    pub(super) notices: Notices,
    pub(super) stats: Arc<Stats>,
    /// What the reload under way has changed, as core tells it.
    pub(super) applied: Vec<String>,
    pub(super) stopping: bool,
    /// Where tasks of the controller's own say that a barrier has passed.
    pub(super) proofs: mpsc::Sender<Event>,
}

/// Everything that the loop listens to. Barriers, drains and gates have a queue of their own, so that no switch
/// waits behind the verdicts of a thousand probes.
#[derive(Debug)]
struct Inbox {
    questions: mpsc::Receiver<Question>,
    reports: mpsc::Receiver<Report>,
    proofs: mpsc::Receiver<Event>,
    findings: mpsc::Receiver<Finding>,
    found: mpsc::Receiver<Found>,
    readings: mpsc::Receiver<Reading>,
}

/// One turn of the loop.
#[derive(Debug)]
enum Input {
    Event(Event),
    Question(Question),
    Finding(Finding),
    Reading(Box<Reading>),
    Notice(Box<Notice>),
    /// A mailbox had room again.
    Flushed,
    /// Nobody can ask any more.
    End,
}

impl Controller {
    /// Opens the journal, binds every listener, applies the file, and runs. Answers when the first snapshot is
    /// published and the workers have been told to accept. The task ends when the last handle is dropped.
    ///
    /// # Errors
    /// If the journal cannot be opened or a listener cannot be bound; nothing is left behind then.
    pub async fn start(setup: Setup) -> Result<(ControlHandle, JoinHandle<()>), StartError> {
        let opened = open_journal(&setup.judged.loaded.config).await?;
        if let Some(file) = &setup.judged.loaded.config.process.affinity_key_file {
            let read = setup.seals.read(file);
            read.map_err(|source| StartError::AffinityKey {
                path: file.display().to_string(),
                source,
            })?;
        }
        let (handle, questions) = ControlHandle::new();
        let (mut controller, inbox, judged) = Self::assemble(setup, opened, questions);
        let applied = controller.apply(judged, Actor::file()).await;
        applied.map_err(StartError::Listeners)?;
        Ok((handle, tokio::spawn(controller.run(inbox))))
    }

    fn assemble(
        setup: Setup,
        opened: Opened,
        questions: mpsc::Receiver<Question>,
    ) -> (Self, Inbox, Judged) {
        let (proofs, proofs_taken) = mpsc::channel(PROOFS_LIMIT);
        let (findings, findings_taken) = mpsc::channel(VERDICTS_LIMIT);
        let (found, found_taken) = mpsc::channel(VERDICTS_LIMIT);
        let (readings, readings_taken) = mpsc::channel(READINGS_LIMIT);
        let (certificates, applied) = watch::channel(None);
        if let Some(damage) = opened.damage {
            setup.notices.tell(&Notice::JournalDamaged {
                set_aside: damage.set_aside,
                damage: damage.lines,
            });
        }
        let source = FileSetup {
            path: setup.config_path,
            digest: setup.source.digest,
            environment: setup.source.environment,
            cores: setup.cores,
            watch: setup.watch,
            applied,
        };
        let config = setup.judged.loaded.config.clone();
        let on_disk = OnDisk {
            path: source.path.clone(),
            environment: source.environment.clone(),
            cores: source.cores,
        };
        let controller = Self {
            state: State::new(setup.workers.len(), opened.restored),
            resolver: Resolver::new(config.process.resolve_interval, found),
            config: Arc::new(config),
            publisher: setup.publisher,
            published_at: Instant::now(),
            workers: Workers::new(setup.workers),
            listeners: Listeners::default(),
            journal: Arc::new(Mutex::new(opened.journal)),
            prober: Prober::new(Arc::clone(&setup.connectors), findings),
            inquirer: Inquirer::new(Arc::clone(&setup.connectors), proofs.clone()),
            drainer: Drainer::new(proofs.clone()),
            source: FileSource::start(source, readings),
            on_disk,
            vault: Vault::new(setup.connectors),
            seals: setup.seals,
            certificates,
            operations: Operations::default(),
            notices: setup.notices,
            stats: setup.stats,
            applied: Vec::new(),
            stopping: false,
            proofs,
        };
        let inbox = Inbox {
            questions,
            reports: setup.reports,
            proofs: proofs_taken,
            findings: findings_taken,
            found: found_taken,
            readings: readings_taken,
        };
        (controller, inbox, setup.judged)
    }

    async fn run(mut self, mut inbox: Inbox) {
        loop {
            match self.next(&mut inbox).await {
                Input::Event(event) => self.feed(event).await,
                Input::Finding(first) => self.take_in(first, &mut inbox.findings).await,
                Input::Question(question) => self.answer(question).await,
                Input::Reading(reading) => self.reload(*reading).await,
                Input::Notice(notice) => self.notices.tell(&notice),
                Input::Flushed => {}
                Input::End => return,
            }
        }
    }

    async fn next(&mut self, inbox: &mut Inbox) -> Input {
        let wake = self.state.next_wake().map(Instant::from_std);
        tokio::select! {
            question = inbox.questions.recv() => question.map_or(Input::End, Input::Question),
            Some(event) = inbox.proofs.recv() => Input::Event(event),
            Some(report) = inbox.reports.recv() => {
                let Report::Failed(endpoint, failure) = report;
                Input::Event(Event::Failed(endpoint, failure))
            }
            Some(finding) = inbox.findings.recv() => Input::Finding(finding),
            Some(found) = inbox.found.recv() => match found {
                Found::Event(event) => Input::Event(event),
                Found::Notice(notice) => Input::Notice(notice),
            },
            Some(reading) = inbox.readings.recv() => Input::Reading(Box::new(reading)),
            () = self.workers.flush() => Input::Flushed,
            () = sleep_until(wake.unwrap_or(self.published_at)), if wake.is_some() => {
                Input::Event(Event::Woke)
            }
        }
    }

    /// Takes in what probes have found out, all that waits as one event: a start, or a network that comes back, is a few
    /// publishes then, and not one for each endpoint.
    async fn take_in(&mut self, first: Finding, findings: &mut mpsc::Receiver<Finding>) {
        let mut verdicts = Vec::new();
        let waiting = std::iter::from_fn(|| findings.try_recv().ok());
        for finding in std::iter::once(first).chain(waiting.take(VERDICTS_AT_ONCE)) {
            match finding {
                Finding::Verdict(id, verdict) => verdicts.push((id, verdict)),
                Finding::Late { count, behind } => {
                    self.notices.tell(&Notice::ProbesLate { count, behind });
                }
            }
        }
        self.feed(Event::Probed(verdicts)).await;
    }

    async fn answer(&mut self, question: Question) {
        match question {
            Question::Switch(order, answer) => self.switch(order, answer).await,
            Question::Steer(order, answer) => self.steer(order, answer).await,
            Question::Plan(order, answer) => self.plan(order, answer),
            Question::Word(order, answer) => self.say(order, answer).await,
            Question::Endpoint(order, answer) => self.endpoint(order, answer).await,
            Question::Reload(actor, answer) => self.ask_source(Ask {
                actor,
                answer: Some(answer),
            }),
            Question::Services(after, answer) => {
                let mut views = self
                    .state
                    .views(after.as_ref(), VIEWS_AT_ONCE, clock::now());
                views.iter_mut().for_each(|view| self.compare(view));
                drop(answer.send(views));
            }
            Question::Service(name, answer) => {
                let mut view = self.state.view(name.as_str(), clock::now());
                view.iter_mut().for_each(|view| self.compare(view));
                drop(answer.send(view));
            }
            Question::SafeToStop(name, colour, answer) => {
                let now = clock::now();
                drop(answer.send(self.state.safe_to_stop(name.as_str(), colour, now)));
            }
            Question::History(service, answer) => {
                let service = service.as_ref().map(|name| name.as_str());
                drop(answer.send(self.state.history(service)));
            }
            Question::OnDisk(answer) => self.read_disk(answer),
            Question::Config(answer) => drop(answer.send(Arc::clone(&self.config))),
            Question::Readiness(answer) => drop(answer.send(self.readiness())),
            Question::Listeners(answer) => drop(answer.send(self.listeners.addresses())),
            Question::ShutDown(answer) => {
                self.stopping = true;
                self.feed(Event::ShuttingDown).await;
                let _ = answer.send(());
            }
        }
    }
}

impl Controller {
    /// Adds what workers have found out about a standby by copies.
    fn compare(&self, view: &mut ServiceView) {
        view.mirror = self.mirrors_of(&view.service);
    }

    /// How the pools of a service have answered copies.
    pub(super) fn mirrors_of(&self, service: &ServiceName) -> Vec<MirrorView> {
        let mirrors = self.stats.mirrors_of(service).into_iter();
        mirrors.map(|(colour, stats)| stats.view(colour)).collect()
    }
}

async fn open_journal(config: &Config) -> Result<Opened, StartError> {
    let named: BTreeMap<_, _> = config
        .services
        .iter()
        .map(|service| (service.name.clone(), service.live))
        .collect();
    let folder = config.process.state.clone();
    let now = clock::now().wall;
    let opened = spawn_blocking(move || Journal::open(folder.as_deref(), &named, now));
    opened.await?.map_err(StartError::Journal)
}

/// Services that are looked at in one turn of the loop, so that no switch waits for a look at ten thousand.
pub(super) const VIEWS_AT_ONCE: usize = 256;
/// Barriers, drains and gates that may wait for the controller.
const PROOFS_LIMIT: usize = 256;
/// Verdicts of probes, and likewise resolved names, that may wait for the controller; then probes wait.
const VERDICTS_LIMIT: usize = 1024;
/// Verdicts that are one event at most, so that a switch does not wait for more than these.
const VERDICTS_AT_ONCE: usize = 256;
/// Readings of the file that may wait for the controller; then the file waits.
const READINGS_LIMIT: usize = 4;
