//! The configuration file as a source: noticing that its content has changed, and reading it.
//!
//! Owns the reading; must not apply. What the watch says is only a reason to look: the content is what is compared. A
//! file that is mounted on its own changes without any event in its folder, and going by the kind or the name of an
//! event misses others (traefik#1188, #5589, configmap-reload#190). So any event is a reason to look, and besides one
//! looks every two seconds.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use super::{
    certificates::{Applied, Certificates},
    folders::Folders,
    noticed::Noticed,
    settle::settled,
};
use crate::{
    config::{
        Config, Problems,
        environment::Environment,
        load::{self, Source},
    },
    control::{Running, handle::ReloadAnswer},
    core::switch::Actor,
    machine::apart,
    tls::{Judged, Material, Renewal, Sum},
};

/// Reads the file when it is asked to, or when its content has changed; one reading after the other, so that
/// an older content can never be applied after a newer one.
#[derive(Debug)]
pub struct FileSource {
    asks: mpsc::Sender<Ask>,
    _running: Running,
}

/// What the file is, and what is known of it.
#[derive(Debug)]
pub struct FileSetup {
    /// Where it lies.
    pub path: PathBuf,
    /// Digest of the content that was applied at the start.
    pub digest: [u8; 32],
    /// What stands in for keys of the file.
    pub environment: Environment,
    /// Processors of this machine, for `workers = 0`.
    pub cores: usize,
    /// Whether to look for changes.
    pub watch: bool,
    /// What is applied, with the files of certificates that it names.
    pub applied: watch::Receiver<Option<Arc<Applied>>>,
}

/// Someone who wants the file read.
#[derive(Debug)]
pub struct Ask {
    /// Who.
    pub actor: Actor,
    /// Where the answer goes; nowhere when the file's own change is the cause.
    pub answer: Option<oneshot::Sender<ReloadAnswer>>,
}

/// What was read.
#[derive(Debug)]
pub enum Reading {
    /// The file.
    File {
        /// On whose account.
        ask: Ask,
        /// The file's meaning, or everything that is wrong with it.
        outcome: Result<Box<Judged>, Vec<String>>,
    },
    /// Files of certificates, on their own account.
    Certificates {
        /// What was applied when they were read.
        of: Arc<Applied>,
        /// What it amounts to with them.
        renewal: Box<Renewal>,
    },
}

impl FileSource {
    /// Begins to watch; what is read goes to `readings`.
    #[must_use]
    pub fn start(setup: FileSetup, readings: mpsc::Sender<Reading>) -> Self {
        let (asks, asked) = mpsc::channel(ASKS_LIMIT);
        let reader = Reader {
            path: setup.path,
            environment: setup.environment,
            cores: setup.cores,
            seen: Some(setup.digest),
            certificates: Certificates::new(setup.applied),
            readings,
        };
        Self {
            asks,
            _running: Running::spawn(reader.run(asked, setup.watch)),
        }
    }

    /// Has the file read, changed or not.
    ///
    /// # Errors
    /// Gives `ask` back when too many wait already.
    pub fn ask(&self, ask: Ask) -> Result<(), Ask> {
        self.asks.try_send(ask).map_err(|error| error.into_inner())
    }
}

struct Reader {
    path: PathBuf,
    environment: Environment,
    cores: usize,
    /// Digest of the content that was read last, good or bad; `None` if there was nothing to read.
    seen: Option<[u8; 32]>,
    certificates: Certificates,
    readings: mpsc::Sender<Reading>,
}

impl Reader {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>, watch: bool) {
        let (events, noticed) = mpsc::channel(1);
        let mut noticed = Noticed::new(noticed);
        let mut folders = watch.then(|| Folders::new(events));
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(folders) = &mut folders {
                let others = self.certificates.paths();
                let others = others.iter().map(PathBuf::as_path);
                folders.follow(std::iter::once(self.path.as_path()).chain(others));
            }
            let goes_on = tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.read(ask).await,
                    None => false,
                },
                Some(()) = noticed.next() => self.look(&mut asked).await,
                _ = poll.tick(), if watch => self.look(&mut asked).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Reads on somebody's account.
    async fn read(&mut self, ask: Ask) -> bool {
        let (path, cores) = (self.path.clone(), self.cores);
        let environment = self.environment.clone();
        let applied = self.certificates.applied();
        let read = apart(move || {
            let source = load::read(&path).map(|source| source.under(environment));
            Read::from(source, cores, applied.as_deref())
        });
        let outcome = match read.await {
            Ok(read) => {
                self.seen = read.seen;
                self.certificates.refuse(read.refused);
                read.outcome
            }
            Err(error) => Err(vec![format!("the file could not be read: {error}")]),
        };
        let reading = Reading::File { ask, outcome };
        self.readings.send(reading).await.is_ok()
    }

    /// Reads on the files' own account, if one says something that was not read before. Whoever asks says that the files
    /// are finished, so that no ask waits until they seem to be.
    async fn look(&mut self, asked: &mut mpsc::Receiver<Ask>) -> bool {
        let changed = tokio::select! {
            ask = asked.recv() => return match ask {
                Some(ask) => self.read(ask).await,
                None => false,
            },
            changed = self.changed() => changed,
        };
        match changed {
            Some(Changed::File) => {
                let ask = Ask {
                    actor: Actor::file(),
                    answer: None,
                };
                self.read(ask).await
            }
            Some(Changed::Certificates { of, renewal }) => {
                let reading = Reading::Certificates { of, renewal };
                self.readings.send(reading).await.is_ok()
            }
            None => true,
        }
    }

    /// Looks until it is clear what has changed. Whoever gives up waiting finds the same at the next look.
    async fn changed(&mut self) -> Option<Changed> {
        let changed = settled(|| digest(&self.path), |now| *now == self.seen).await;
        if changed.is_some() || self.certificates.may_be_better().await {
            return Some(Changed::File);
        }
        let (of, renewal) = self.certificates.look().await?;
        let renewal = Box::new(renewal);
        Some(Changed::Certificates { of, renewal })
    }
}

/// What says something that was not read before.
enum Changed {
    File,
    Certificates {
        of: Arc<Applied>,
        renewal: Box<Renewal>,
    },
}

fn digest(path: &Path) -> impl Future<Output = Option<[u8; 32]>> + use<> {
    let path = path.to_owned();
    let read = move || load::read(&path).ok().map(|source| source.digest);
    async { spawn_blocking(read).await.ok().flatten() }
}

/// One reading of the file.
struct Read {
    /// Digest of its content.
    seen: Option<[u8; 32]>,
    outcome: Result<Box<Judged>, Vec<String>>,
    /// The configuration that is refused because of files that it names, and their sum.
    refused: Option<(Arc<Config>, Sum)>,
}

impl Read {
    fn from(read: Result<Source, Problems>, cores: usize, applied: Option<&Applied>) -> Self {
        let refused = |problems: Problems| Self {
            seen: None,
            outcome: Err(problems.lines()),
            refused: None,
        };
        let source = match read {
            Ok(source) => source,
            Err(problems) => return refused(problems),
        };
        let seen = Some(source.digest);
        match load::parse(&source, cores) {
            Err(problems) => Self {
                seen,
                ..refused(problems)
            },
            Ok(loaded) => {
                let config = Arc::new(loaded.config.clone());
                // Before they are read: what changes in between is one more reason to look.
                let sum = Material::look(&config);
                match Judged::of(loaded, applied.map(|applied| &applied.material)) {
                    Ok(mut judged) => {
                        if let Some(applied) = applied {
                            judged.loaded.config.share_services(&applied.config);
                        }
                        Self {
                            seen,
                            outcome: Ok(Box::new(judged)),
                            refused: None,
                        }
                    }
                    Err(problems) => Self {
                        seen,
                        refused: Some((config, sum)),
                        ..refused(problems)
                    },
                }
            }
        }
    }
}

/// Asks that may wait.
const ASKS_LIMIT: usize = 64;
/// How often to look without a reason.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
