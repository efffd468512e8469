//! The durable record of what was meant and what came of it: the live colour is state, and this is where the
//! state outlives the process.
//!
//! Owns the folder: its lock, the file, its repair and its compaction. Must not decide what is written.
//! A folder `state` holds:
//!
//! ```text
//! lock                  locked by the process that uses the folder
//! journal               a header and one entry a line, each with a checksum of its own
//! journal.damaged-TIME  lines that could not be read, set aside when they were found; never deleted
//! ```
//!
//! Rewriting one document at each switch would be simpler; then one bad sector, or one service's entry that
//! a program cannot read, takes all services with it, and each switch costs the size of all.

mod disk;
mod fold;
mod line;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use crate::core::{
    event::{Entry, Restored},
    ids::{Colour, ServiceName},
    time::Timestamp,
};

/// Where entries go. All calls block on the disk: they are made where a thread may wait.
#[derive(Debug)]
pub enum Journal {
    /// Into a folder.
    Kept(Box<disk::Disk>),
    /// Nowhere, because no folder is configured: a restart forgets runtime switches.
    Forgetful,
}

/// A journal that was opened, and what it says of the past.
#[derive(Debug)]
pub struct Opened {
    /// For further entries.
    pub journal: Journal,
    /// What it says.
    pub restored: Restored,
    /// What could not be read.
    pub damage: Option<Damage>,
}

/// What could not be read of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where it was put, or why it could not be put aside; then the journal is left as it is until it can.
    pub set_aside: String,
    /// What is wrong, by line.
    pub lines: Vec<String>,
}

impl Journal {
    /// Opens and locks the journal in `folder`, which is made where it is missing, and reads it. `named` are
    /// the services of the file with the colour it calls live, for what damage may have taken.
    ///
    /// A journal that can be read but not written is opened: cutover serves, and refuses to switch.
    ///
    /// # Errors
    /// If another process holds the lock, the folder cannot be made, the journal cannot be read, or a newer
    /// version has written it.
    pub fn open(
        folder: Option<&Path>,
        named: &BTreeMap<ServiceName, Colour>,
        now: Timestamp,
    ) -> Result<Opened, JournalError> {
        let Some(folder) = folder else {
            return Ok(Opened {
                journal: Self::Forgetful,
                restored: Restored::default(),
                damage: None,
            });
        };
        let (disk, damage) = disk::Disk::open(folder, named, now)?;
        Ok(Opened {
            restored: disk.restored(),
            journal: Self::Kept(Box::new(disk)),
            damage,
        })
    }

    /// Adds entries, with one write, and waits until they are on the disk.
    ///
    /// # Errors
    /// If that cannot be done. Then none of them is in the journal, and none will be found by a restart.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        match self {
            Self::Kept(disk) => disk.append(entries),
            Self::Forgetful => Ok(()),
        }
    }

    /// Rewrites the journal if most of it is of the past. Apart from [`append`](Self::append), so that no
    /// switch waits for it.
    ///
    /// # Errors
    /// If that cannot be done. The journal is as good as before, only longer than it needs to be.
    pub fn tidy(&mut self) -> Result<(), JournalError> {
        match self {
            Self::Kept(disk) => disk.tidy(),
            Self::Forgetful => Ok(()),
        }
    }
}

/// Why a journal cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The lock is taken.
    #[error(
        "journal folder `{0}` is used by another cutover process; stop it, or set another `state`"
    )]
    Locked(PathBuf),
    /// Written by a newer version.
    #[error("journal `{path}` has version {version}, this program knows {known}; use a newer one")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The version of this program.
        known: u32,
    },
    /// The system refused.
    #[error("cannot {doing} `{path}`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// An entry that has no text.
    #[error("an entry cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
}

impl JournalError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// The error with all its causes in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        // An error and the system's answer: causes do not nest deeper here.
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        text
    }
}
