//! The configuration file as a source: noticing that its content has changed, and reading it.
//!
//! Owns the watch and the reading; must not apply. What the watch says is only a reason to look: the content is
//! what is compared. Editors write in place or rename over, Kubernetes swaps a link two folders away, and a
//! file that is mounted on its own changes without any event in its folder; going by the kind or the name of
//! an event misses one of them each (traefik#1188, #5589, configmap-reload#190). So the folders of the path and of
//! everything it links to are watched, any event is a reason to look, and besides one looks every two seconds.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    config::load::{self, Loaded},
    control::{Running, handle::ReloadAnswer},
    core::switch::Actor,
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
    /// Processors of this machine, for `workers = 0`.
    pub cores: usize,
    /// Whether to look for changes.
    pub watch: bool,
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
pub struct Reading {
    /// On whose account.
    pub ask: Ask,
    /// The file's meaning, or everything that is wrong with it.
    pub outcome: Result<Loaded, Vec<String>>,
}

impl FileSource {
    /// Begins to watch; what is read goes to `readings`.
    #[must_use]
    pub fn start(setup: FileSetup, readings: mpsc::Sender<Reading>) -> Self {
        let (asks, asked) = mpsc::channel(ASKS_LIMIT);
        let reader = Reader {
            path: setup.path,
            cores: setup.cores,
            seen: Some(setup.digest),
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
    cores: usize,
    /// Digest of the content that was read last, good or bad; `None` if there was nothing to read.
    seen: Option<[u8; 32]>,
    readings: mpsc::Sender<Reading>,
}

impl Reader {
    async fn run(mut self, mut asked: mpsc::Receiver<Ask>, watch: bool) {
        let (events, mut noticed) = mpsc::channel(1);
        let mut folders = watch.then(|| Folders::new(events));
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(folders) = &mut folders {
                folders.follow(&self.path);
            }
            let goes_on = tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.read(ask).await,
                    None => false,
                },
                Some(()) = noticed.recv() => self.look().await,
                _ = poll.tick(), if watch => self.look().await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Reads on somebody's account.
    async fn read(&mut self, ask: Ask) -> bool {
        let (path, cores) = (self.path.clone(), self.cores);
        let read = spawn_blocking(move || {
            let read = load::read(&path);
            let seen = read.as_ref().ok().map(|source| source.digest);
            let outcome = read.and_then(|source| load::parse(&source, cores));
            (seen, outcome.map_err(|problems| problems.lines()))
        });
        let outcome = match read.await {
            Ok((seen, outcome)) => {
                self.seen = seen;
                outcome
            }
            Err(error) => Err(vec![format!("the file could not be read: {error}")]),
        };
        self.readings.send(Reading { ask, outcome }).await.is_ok()
    }

    /// Reads on the file's own account, if it says something that was not read before.
    async fn look(&mut self) -> bool {
        let mut digest = self.digest().await;
        // Whoever writes may not have finished. What is still unfinished after this fails to parse, is told,
        // and is read again at its next change.
        for _ in 0..SETTLE_TRIES {
            if digest == self.seen {
                return true;
            }
            sleep(SETTLE).await;
            let again = self.digest().await;
            if again == digest {
                break;
            }
            digest = again;
        }
        if digest == self.seen {
            return true;
        }
        let ask = Ask {
            actor: Actor::file(),
            answer: None,
        };
        self.read(ask).await
    }

    async fn digest(&self) -> Option<[u8; 32]> {
        let path = self.path.clone();
        let read = spawn_blocking(move || load::read(&path).ok().map(|source| source.digest));
        read.await.ok().flatten()
    }
}

/// Watched folders.
struct Folders {
    /// `None` where the system has no watch left to give; the poll remains.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    /// Watches nothing yet; says to `events` that something has happened. One place in the queue is enough:
    /// two events are no more reason to look than one.
    fn new(events: mpsc::Sender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if !matches!(&event, Ok(event) if only_looked(event.kind)) {
                let _ = events.try_send(());
            }
        });
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
        }
    }

    /// Watches the folders that `path` leads through now.
    fn follow(&mut self, path: &Path) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let folders = folders_of(path);
        for gone in self.watched.difference(&folders) {
            let _ = watcher.unwatch(gone);
        }
        let (kept, new) = folders
            .into_iter()
            .partition::<BTreeSet<_>, _>(|folder| self.watched.contains(folder));
        self.watched = kept;
        for folder in new {
            // One that cannot be watched is tried again at the next turn.
            if watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                self.watched.insert(folder);
            }
        }
    }
}

/// Whether an event tells only that somebody has looked at a file, as this reader does itself.
const fn only_looked(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access)
        if !matches!(access, AccessKind::Close(AccessMode::Write)))
}

/// The folders of `path` and of every link on the way to the file, and the folder where it ends.
fn folders_of(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = path.to_owned();
    for _ in 0..LINKS_LIMIT {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        // `..data` is a link itself: the folder that it leads to is watched here, and the one that it lies
        // in with the path that names it.
        folders.insert(fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone()));
        match fs::read_link(&path) {
            Ok(target) => path = folder.join(target),
            Err(_) => break,
        }
    }
    folders
}

/// Asks that may wait.
const ASKS_LIMIT: usize = 64;
/// How often to look without a reason.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// How long a content must stay the same before it is read.
const SETTLE: Duration = Duration::from_millis(30);
/// How often that is tried.
const SETTLE_TRIES: usize = 20;
/// Links that are followed, as the kernel does (`MAXSYMLINKS`).
const LINKS_LIMIT: usize = 40;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_folder_on_the_way_is_watched() {
        let root = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(root.path()).unwrap();
        fs::create_dir_all(root.join("mount/..2024_01")).unwrap();
        fs::write(root.join("mount/..2024_01/cutover.toml"), "").unwrap();
        symlink("..2024_01", root.join("mount/..data")).unwrap();
        symlink("..data/cutover.toml", root.join("mount/cutover.toml")).unwrap();
        symlink("mount/cutover.toml", root.join("link.toml")).unwrap();
        let folders = folders_of(&root.join("link.toml"));
        let expected = [
            root.clone(),
            root.join("mount"),
            root.join("mount/..2024_01"),
        ];
        assert_eq!(folders, BTreeSet::from(expected));
    }

    #[test]
    fn a_link_to_itself_ends() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a");
        symlink("a", &path).unwrap();
        assert_eq!(folders_of(&path).len(), 1);
    }
}
