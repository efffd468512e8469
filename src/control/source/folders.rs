//! The folders on the way to some files, watched.
//!
//! Owns what is watched and which events are a reason to look; must not read. Editors write in place or rename over,
//! Kubernetes swaps a link two folders away: so the folders of each path and of everything it links to are watched, and
//! any event is a reason to look.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};
use tokio::sync::mpsc;

/// Watched folders.
pub(super) struct Folders {
    /// `None` where the system has no watch left to give; the poll remains.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    /// Watches nothing yet; says to `events` that something has happened. One place in the queue is enough:
    /// two events are no more reason to look than one.
    pub(super) fn new(events: mpsc::Sender<()>) -> Self {
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

    /// Watches the folders that these paths lead through now.
    pub(super) fn follow<'a>(&mut self, paths: impl Iterator<Item = &'a Path>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let folders: BTreeSet<_> = paths.flat_map(folders_of).collect();
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
