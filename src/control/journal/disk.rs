//! The journal's folder on the disk.
//!
//! Owns the lock, the open file and its repair; must not know what entries mean beyond folding them. The rule
//! behind every branch: what a failed write may have left behind is removed before anybody can read it, and
//! what cannot be removed is replaced as a whole, by a new file under the old name.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{
    Damage, JournalError,
    fold::Fold,
    line::{self, Flaw, Header},
};
use crate::core::{
    event::{Entry, Restored},
    ids::{Colour, ServiceName},
    time::Timestamp,
};

/// A locked folder with a journal in it.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    path: PathBuf,
    /// Held for its lock.
    lock: File,
    /// `None` while the file's content or its place is in doubt: then it is rewritten before the next entry.
    file: Option<File>,
    /// Bytes of the file that are known to be good.
    good: u64,
    /// Entries in the file.
    entries: usize,
    /// Entries that would do.
    needed: usize,
    fold: Fold,
    /// Damaged lines that are not set aside yet.
    damaged: Vec<u8>,
    opened_at: Timestamp,
}

impl Disk {
    pub(super) fn open(
        folder: &Path,
        named: &BTreeMap<ServiceName, Colour>,
        now: Timestamp,
    ) -> Result<(Self, Option<Damage>), JournalError> {
        fs::create_dir_all(folder).map_err(JournalError::io("make folder", folder))?;
        let mut disk = Self {
            lock: lock(folder)?,
            folder: folder.to_owned(),
            path: folder.join("journal"),
            file: None,
            good: 0,
            entries: 0,
            needed: 0,
            fold: Fold::default(),
            damaged: Vec::new(),
            opened_at: now,
        };
        disk.sweep();
        let flaws = disk.replay()?;
        if flaws.is_empty() && disk.good > 0 {
            // A journal that cannot be written is no reason not to serve; the first switch will say so.
            disk.file = OpenOptions::new().append(true).open(&disk.path).ok();
            return Ok((disk, None));
        }
        if !flaws.is_empty() {
            disk.fold.complete(named, now);
        }
        let rewritten = disk.rewrite();
        let damage = (!flaws.is_empty()).then(|| Damage {
            set_aside: match rewritten {
                Ok(Some(path)) => path.display().to_string(),
                Ok(None) => disk.path.display().to_string(),
                Err(error) => format!("not set aside yet: {}", error.in_full()),
            },
            lines: flaws,
        });
        Ok((disk, damage))
    }

    pub(super) fn restored(&self) -> Restored {
        self.fold.restored()
    }

    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let lines: Vec<_> = entries.iter().map(line::encode).collect::<Result<_, _>>()?;
        let lines = lines.concat();
        if !self.is_in_place() {
            self.rewrite()?;
        }
        let Some(file) = &mut self.file else {
            return Err(self.gone());
        };
        let written = file
            .write_all(&lines)
            .map_err(JournalError::io("write to", &self.path))
            .and_then(|()| {
                file.sync_data()
                    .map_err(JournalError::io("sync", &self.path))
            });
        if let Err(error) = written {
            self.take_back();
            return Err(error);
        }
        self.good += lines.len() as u64;
        self.entries += entries.len();
        entries.iter().for_each(|entry| self.fold.apply(entry));
        Ok(())
    }

    pub(super) fn tidy(&mut self) -> Result<(), JournalError> {
        if self.entries <= COMPACT_FACTOR * self.needed + COMPACT_SLACK {
            return Ok(());
        }
        let tidied = self.rewrite();
        if tidied.is_err() {
            // Not again before it has doubled: each attempt writes all of it.
            self.needed = self.entries;
        }
        tidied.map(|_| ())
    }

    /// Removes what a failed write may have left, so that no restart takes it for an entry.
    fn take_back(&mut self) {
        let taken_back = self.file.as_ref().is_some_and(|file| {
            file.set_len(self.good)
                .and_then(|()| file.sync_data())
                .is_ok()
        });
        if !taken_back {
            self.file = None;
            // If this fails, too, the next entry tries it again before anything is written.
            let _ = self.rewrite();
        }
    }

    /// Whether the path still leads to the file that is open. A journal that somebody has removed would take
    /// entries without complaint, and no restart would ever see them.
    fn is_in_place(&self) -> bool {
        self.file
            .as_ref()
            .is_some_and(|file| is_same(file, &self.path))
    }

    fn gone(&self) -> JournalError {
        JournalError::io("open", &self.path)(io::ErrorKind::NotFound.into())
    }

    /// Reads the whole file into the fold; says what is wrong with it, by line.
    fn replay(&mut self) -> Result<Vec<String>, JournalError> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(JournalError::io("read", &self.path)(error)),
        };
        let mut lines = BufReader::new(file);
        let mut flaws = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let read = lines.read_until(b'\n', &mut line);
            let length = read.map_err(JournalError::io("read", &self.path))?;
            if length == 0 {
                break;
            }
            self.good += length as u64;
            if let Err(flaw) = self.take(number, &line)? {
                flaws.push(format!("line {number}: {flaw}"));
                self.damaged.extend_from_slice(&line);
            }
        }
        self.needed = self.fold.entries().count();
        Ok(flaws)
    }

    fn take(&mut self, number: usize, line: &[u8]) -> Result<Result<(), Flaw>, JournalError> {
        let Some(line) = line.strip_suffix(b"\n") else {
            return Ok(Err(Flaw::Unfinished));
        };
        if number == 1 {
            return match line::decode::<Header>(line) {
                Ok(header) => self.judge(&header).map(Ok),
                // The header is what is damaged, unless the line is an entry and the header is lost.
                Err(flaw) => Ok(self.take_entry(line).or(Err(flaw))),
            };
        }
        Ok(self.take_entry(line))
    }

    fn judge(&self, header: &Header) -> Result<(), JournalError> {
        if *header == Header::CURRENT {
            return Ok(());
        }
        Err(JournalError::Version {
            path: self.path.clone(),
            version: header.journal,
            known: Header::CURRENT.journal,
        })
    }

    fn take_entry(&mut self, line: &[u8]) -> Result<(), Flaw> {
        let entry = line::decode::<Entry>(line)?;
        self.entries += 1;
        self.fold.apply(&entry);
        Ok(())
    }

    /// Replaces the file by the fewest entries that say the same, as a whole: whoever reads the path sees the
    /// old file or the new one. Damage is set aside before; says where.
    fn rewrite(&mut self) -> Result<Option<PathBuf>, JournalError> {
        if !is_same(&self.lock, &self.folder.join("lock")) {
            self.lock = lock(&self.folder)?;
        }
        let set_aside = self.set_aside()?;
        let mut temporary = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .append(true)
            .tempfile_in(&self.folder)
            .map_err(JournalError::io("make a file in", &self.folder))?;
        let entries = write_all(temporary.as_file_mut(), &self.fold)
            .map_err(JournalError::io("write to", temporary.path()))?;
        // From the rename on, and until the folder is synced, it is open which of the two a crash leaves.
        self.file = None;
        let file = temporary
            .persist(&self.path)
            .map_err(|error| JournalError::io("replace", &self.path)(error.error))?;
        sync_folder(&self.folder)?;
        self.good = file
            .metadata()
            .map_err(JournalError::io("look at", &self.path))?
            .len();
        self.file = Some(file);
        (self.entries, self.needed) = (entries, entries);
        Ok(set_aside)
    }

    fn set_aside(&mut self) -> Result<Option<PathBuf>, JournalError> {
        if self.damaged.is_empty() {
            return Ok(None);
        }
        let name = format!("journal.damaged-{}", self.opened_at).replace(':', "-");
        let path = self.folder.join(name);
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(&self.damaged)?;
                file.sync_data()
            });
        written.map_err(JournalError::io("set damage aside into", &path))?;
        sync_folder(&self.folder)?;
        self.damaged.clear();
        Ok(Some(path))
    }

    /// Removes what a rewrite left behind when it was killed. Best effort: a leftover does no harm.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(TEMPORARY.as_bytes())
            {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Locks the folder until the file is dropped, or the process ends in whatever way.
fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        // On a disk that has become read-only, the lock of an earlier run will do.
        .or_else(|error| File::open(&path).map_err(|_| error))
        .map_err(JournalError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(JournalError::io("lock", &path)(error)),
    }
}

/// Whether `path` leads to `file`.
fn is_same(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!(
        (file.metadata().map(identity), fs::metadata(path).map(identity)),
        (Ok(open), Ok(there)) if open == there
    )
}

/// Writes header and entries; answers with the number of entries.
fn write_all(file: &mut File, fold: &Fold) -> io::Result<usize> {
    let mut writer = BufWriter::new(&mut *file);
    writer.write_all(&line::encode(&Header::CURRENT).map_err(io::Error::other)?)?;
    let mut entries = 0;
    for entry in fold.entries() {
        writer.write_all(&line::encode(&entry).map_err(io::Error::other)?)?;
        entries += 1;
    }
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    Ok(entries)
}

/// Makes names in the folder durable, not only the files.
fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(JournalError::io("sync folder", folder))
}

/// Beginning of the names of files that are being written.
const TEMPORARY: &str = ".journal-";
/// The journal is rewritten when it has more than this many times the entries it needs,
const COMPACT_FACTOR: usize = 2;
/// and this many besides.
const COMPACT_SLACK: usize = 1024;
