//! The writer's thread: collects, formats, writes.
//!
//! Owns the file; must not be seen by a worker. Records are written in batches: one system call for what has
//! come together, and one wake-up, since a sender only pays for waking a writer that sleeps on the queue.

use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering::{AcqRel, Acquire, Relaxed},
        mpsc::Receiver,
    },
    time::{Duration, Instant},
};

use tracing::warn;

use super::{Message, Signals, format};
use crate::config::{AccessLogFormat, AccessLogTarget};

/// The receiving end of the queue.
pub(super) struct Writer {
    queue: Receiver<Message>,
    signals: Arc<Signals>,
    output: Output,
    format: AccessLogFormat,
    batch: Vec<u8>,
    complaint: Complaint,
}

impl Writer {
    /// A writer that has not begun.
    pub(super) fn new(
        queue: Receiver<Message>,
        signals: Arc<Signals>,
        output: Output,
        format: AccessLogFormat,
    ) -> Self {
        Self {
            queue,
            signals,
            output,
            format,
            batch: Vec::new(),
            complaint: Complaint::default(),
        }
    }

    /// Writes until the log is closed.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.queue.recv() {
            if !self.signals.closing.load(Acquire) {
                // Others may join the batch meanwhile without having to wake anybody.
                std::thread::sleep(GATHER);
            }
            // Read before the queue is emptied: whatever was logged before the closing is in it.
            let closing = self.signals.closing.load(Acquire);
            self.take(first);
            while let Ok(message) = self.queue.try_recv() {
                self.take(message);
            }
            self.write();
            if closing {
                return;
            }
        }
    }

    fn take(&mut self, message: Message) {
        let Message::Record(record) = message else {
            return;
        };
        format::line(self.format, &record, &mut self.batch);
        if self.batch.len() >= BATCH_LIMIT {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.signals.reopen.swap(false, AcqRel)
            && let Err(error) = self.output.reopen()
        {
            let error = error.to_string();
            warn!(target: "cutover", error, "access log not reopened");
        }
        if let Err(failure) = self.output.write(&self.batch) {
            self.signals.lost.fetch_add(failure.lost, Relaxed);
            self.complaint.add(&failure);
        }
        self.batch.clear();
    }
}

/// Where lines go.
pub(super) struct Output {
    file: File,
    // `None` for standard output, which cannot be opened anew.
    path: Option<PathBuf>,
    // The last line was written in part only.
    torn: bool,
}

impl Output {
    /// Opens it; `None` if the log is off.
    pub(super) fn open(target: &AccessLogTarget) -> io::Result<Option<Self>> {
        let (file, path) = match target {
            AccessLogTarget::Off => return Ok(None),
            // A descriptor of its own: the standard library's handle would buffer once more, and what it had
            // written when it failed could not be known.
            AccessLogTarget::Stdout => {
                (File::from(io::stdout().as_fd().try_clone_to_owned()?), None)
            }
            AccessLogTarget::File(path) => (append(path)?, Some(path.clone())),
        };
        Ok(Some(Self {
            file,
            path,
            torn: false,
        }))
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.file = append(path)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Writes whole lines. What a failure leaves of a line is ended before the next one begins.
    fn write(&mut self, mut lines: &[u8]) -> Result<(), WriteFailure> {
        if self.torn && !lines.is_empty() {
            let mut end: &[u8] = b"\n";
            let ended = self.write_all(&mut end);
            self.torn = ended.is_err();
            ended.map_err(|error| WriteFailure::new(lines, error))?;
        }
        let whole = lines;
        self.write_all(&mut lines).map_err(|error| {
            let written = whole.len() - lines.len();
            self.torn = written > 0 && whole.get(written - 1) != Some(&b'\n');
            WriteFailure::new(lines, error)
        })
    }

    /// `Write::write_all` that leaves in `bytes` what was not written.
    fn write_all(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => *bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Lines that could not be written, and why.
struct WriteFailure {
    lost: u64,
    error: io::Error,
}

impl WriteFailure {
    fn new(unwritten: &[u8], error: io::Error) -> Self {
        let lost = unwritten.iter().filter(|byte| **byte == b'\n').count() as u64;
        Self { lost, error }
    }
}

/// Tells of failures, but not of each.
#[derive(Default)]
struct Complaint {
    last: Option<Instant>,
    untold: u64,
}

impl Complaint {
    fn add(&mut self, failure: &WriteFailure) {
        self.untold += failure.lost;
        let now = now();
        let recent = |last: Instant| now.duration_since(last) < COMPLAINT_INTERVAL;
        if self.last.is_some_and(recent) {
            return;
        }
        let (lost, error) = (self.untold, failure.error.to_string());
        warn!(target: "cutover", lost, error, "access log lines lost");
        *self = Self {
            last: Some(now),
            untold: 0,
        };
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    // Not for everybody's eyes: clients' addresses are in it.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: only paces complaints about a broken file"
)]
fn now() -> Instant {
    Instant::now()
}

/// How long records gather before they are written; a line is at most so much late.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes after which a batch is written before the queue is empty.
const BATCH_LIMIT: usize = 64 * 1024;
/// From one complaint about lost lines to the next.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Output {
        Output {
            file: OpenOptions::new().write(true).open("/dev/full").unwrap(),
            path: None,
            torn: false,
        }
    }

    #[test]
    fn a_full_disk_loses_lines_by_number_and_complains_once() {
        let mut complaint = Complaint::default();
        for _ in 0..2 {
            let failure = full().write(b"one\ntwo\n").unwrap_err();
            assert_eq!(failure.lost, 2);
            complaint.add(&failure);
        }
        assert!(complaint.last.is_some());
        assert_eq!(complaint.untold, 2);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let mut output = Output::open(&AccessLogTarget::File(path.clone()))
            .unwrap()
            .unwrap();
        output.write_all(&mut b"{\"torn".as_slice()).unwrap();
        output.torn = true;
        assert!(output.write(b"").is_ok() && output.torn);
        assert!(output.write(b"{}\n").is_ok() && !output.torn);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"torn\n{}\n");
    }
}
