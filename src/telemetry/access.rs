//! The access log: one line for each request, if the file asks for it.
//!
//! Owns the queue between the workers and the one thread that formats and writes. A worker only moves the
//! record into the queue: it neither formats nor waits, and when the writer cannot keep up (a slow disk, a full
//! pipe) the line is dropped and counted, because traffic comes before its account. Writing from the worker is
//! the obvious design; one stalled disk would stall every request.

mod format;
mod writer;

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Release},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use http::{HeaderValue, Method, Version};

use crate::{
    config::{AccessLogFormat, AccessLogTarget},
    core::{
        ids::{Colour, EndpointAddr, ServiceName, Tenure},
        time::Timestamp,
    },
};

use writer::{Output, Writer};

/// Takes records; cheap to clone. Dropping the last one closes the log.
#[derive(Clone, Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
}

impl AccessLog {
    /// Opens `target` (a file is appended to and made if need be) and starts the writer; `None` if it is off.
    ///
    /// # Errors
    /// If the file cannot be opened or the thread cannot be started.
    pub fn open(target: &AccessLogTarget, format: AccessLogFormat) -> io::Result<Option<Self>> {
        match Output::open(target)? {
            Some(output) => Self::start(output, format).map(Some),
            None => Ok(None),
        }
    }

    /// Hands a record to the writer and never waits. `false` if the line is dropped: the queue is full or the
    /// log is closed. The caller counts it.
    #[must_use]
    pub fn log(&self, record: AccessRecord) -> bool {
        let open = !self.shared.signals.closing.load(Acquire);
        open && self.shared.queue.try_send(Message::Record(record)).is_ok()
    }

    /// Opens the file anew, for log rotation. Every record that is logged after this call goes to the new file;
    /// if it cannot be opened, the old one stays. Does nothing on standard output.
    pub fn reopen(&self) {
        self.shared.signals.reopen.store(true, Release);
        self.shared.wake();
    }

    /// Writes everything that was logged before and ends the writer; later records are dropped. Waits for
    /// [`CLOSE_TIMEOUT`] at most; `false` if lines were still unwritten then.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// The number of lines that could not be written.
    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.signals.lost)
    }

    fn start(output: Output, format: AccessLogFormat) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE_LIMIT);
        let (ending, ended) = sync_channel(1);
        let signals = Arc::new(Signals::default());
        let writer = Writer::new(records, Arc::clone(&signals), output, format);
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                writer.run();
                // Dropped at the end of the thread, whichever way it comes.
                drop::<SyncSender<()>>(ending);
            })?;
        let ended = Mutex::new(ended);
        Ok(Self {
            shared: Arc::new(Shared {
                queue,
                signals,
                ended,
            }),
        })
    }
}

#[derive(Debug)]
struct Shared {
    queue: SyncSender<Message>,
    signals: Arc<Signals>,
    // Disconnected when the writer has ended. Locked by `close` only.
    ended: Mutex<Receiver<()>>,
}

impl Shared {
    fn close(&self) -> bool {
        self.signals.closing.store(true, Release);
        self.wake();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(CLOSE_TIMEOUT) == Err(RecvTimeoutError::Disconnected)
    }

    fn wake(&self) {
        // A full queue means that the writer is awake and will see the signal behind it.
        let _ = self.queue.try_send(Message::Wake);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the writer looks at between two batches. Each is stored before the wake-up that follows it (`Release`)
/// and loaded after it (`Acquire`), so that none is missed.
#[derive(Debug, Default)]
struct Signals {
    reopen: AtomicBool,
    closing: AtomicBool,
    lost: Arc<AtomicU64>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a record; boxing it would cost each request an allocation"
)]
#[derive(Debug)]
enum Message {
    Record(AccessRecord),
    /// Look at the signals.
    Wake,
}

/// What is known of one request when it has ended.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// When its head had been read.
    pub at: Timestamp,
    /// The client's address.
    pub client: IpAddr,
    /// The request method.
    pub method: Method,
    /// The request target, as sent.
    pub target: String,
    /// The protocol version that the client spoke.
    pub version: Version,
    /// `Host`.
    pub host: Option<HeaderValue>,
    /// The status answered.
    pub status: u16,
    /// The service it was routed to.
    pub service: Option<ServiceName>,
    /// The colour that answered, or would have.
    pub colour: Option<Colour>,
    /// Whether it asked for the standby.
    pub preview: bool,
    /// The endpoint of the last attempt.
    pub endpoint: Option<EndpointAddr>,
    /// The tenure claimed by the last attempt.
    pub tenure: Option<Tenure>,
    /// From the head read to the body ended.
    pub took: Duration,
    /// From the head read to the response head; equals `took` for cutover's own answers.
    pub head_took: Duration,
    /// Bytes of request body read.
    pub bytes_in: u64,
    /// Bytes of response body handed on; both directions of a tunnel are in the two counts.
    pub bytes_out: u64,
    /// Attempts beyond the first.
    pub replays: u32,
    /// The request's id.
    pub request_id: HeaderValue,
    /// The trace it belongs to; sound, if there is one.
    pub traceparent: Option<HeaderValue>,
    /// What went wrong, in constant words such as `connect refused`.
    pub cause: Option<&'static str>,
}

/// Records that may wait for the writer; some tens of milliseconds of a busy proxy.
const QUEUE_LIMIT: usize = 8192;
/// How long `close` waits for the writer. A pipe that nobody reads must not keep the process.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AccessRecord {
        AccessRecord {
            at: Timestamp::from_millis(0),
            client: [127, 0, 0, 1].into(),
            method: Method::GET,
            target: "/".to_owned(),
            version: Version::HTTP_11,
            host: None,
            status: 200,
            service: None,
            colour: None,
            preview: false,
            endpoint: None,
            tenure: None,
            took: Duration::ZERO,
            head_took: Duration::ZERO,
            bytes_in: 0,
            bytes_out: 0,
            replays: 0,
            request_id: HeaderValue::from_static("id"),
            traceparent: None,
            cause: None,
        }
    }

    #[test]
    fn a_writer_that_stands_still_costs_lines_not_time() {
        // No thread takes anything out of the queue.
        let (queue, _stuck) = sync_channel(QUEUE_LIMIT);
        let (ending, ended) = sync_channel(1);
        drop(ending);
        let log = AccessLog {
            shared: Arc::new(Shared {
                queue,
                signals: Arc::default(),
                ended: Mutex::new(ended),
            }),
        };
        let taken = (0..QUEUE_LIMIT + 100).filter(|_| log.log(record())).count();
        assert_eq!(taken, QUEUE_LIMIT);
        log.reopen();
        assert!(log.close());
    }
}
