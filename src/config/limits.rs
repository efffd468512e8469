//! What one listener bears: the bounds of its connections.
//!
//! Owns the values and their defaults; `validate` reads what the file says of them. No limit is `None`, so that
//! nobody compares with a number that stands for something else.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

/// What one listener bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// From the first byte of a request head to its last.
    pub header_read_timeout: Duration,
    /// Without a request, a kept-alive connection is closed.
    pub keep_alive: Duration,
    /// Open connections, over all workers; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// Of those, from one client; further ones are reset.
    pub max_connections_per_client: Option<NonZeroUsize>,
    /// Requests on one connection; the answer to the last says that it closes.
    pub max_requests_per_connection: Option<NonZeroU64>,
    /// Fields in a request head; more are answered 431.
    pub max_header_count: usize,
    /// Bytes of a request head, start line included; more are answered 431.
    pub max_header_size: usize,
    /// How fast a client must send and take bodies.
    pub min_body_rate: Option<BodyRate>,
    /// Protocols that a client may upgrade to.
    pub upgrades: Upgrades,
    /// Whether HTTP/2 is spoken, beside HTTP/1.
    pub http2: Http2,
}

/// Whether a listener speaks HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2 {
    /// With clients that begin with its preface, or ask for it by ALPN.
    Spoken,
    /// With nobody.
    Refused,
}

/// How fast bodies must move while cutover waits for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyRate {
    /// Bytes a second.
    pub bytes: NonZeroUsize,
    /// What a client may be behind.
    pub grace: Duration,
}

/// Memory that buffers of connections may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryBound {
    /// So many per cent of what the process may use at all.
    Share(u8),
    /// So many bytes.
    Size(usize),
}

impl MemoryBound {
    /// Bytes, given what the process may use; `None` is no bound, as zero is.
    #[must_use]
    pub fn of(self, memory: Option<u64>) -> Option<u64> {
        let bytes = match self {
            Self::Share(percent) => memory.map(|it| u128::from(it) * u128::from(percent) / 100),
            Self::Size(size) => Some(size as u128),
        };
        let bytes = bytes.map(|it| u64::try_from(it).unwrap_or(u64::MAX));
        bytes.filter(|bytes| *bytes > 0)
    }
}

/// Names of protocols, in lower case. Shared, because every connection has a copy of the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrades(Arc<[Box<str>]>);

impl Upgrades {
    /// These; `names` are in lower case.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().map(String::into_boxed_str).collect())
    }

    /// Whether `protocol`, as a client wrote it, is one of them.
    #[must_use]
    pub fn contain(&self, protocol: &[u8]) -> bool {
        let is = |name: &str| protocol.eq_ignore_ascii_case(name.as_bytes());
        self.0.iter().any(|name| is(name))
    }

    /// Their names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            keep_alive: Duration::from_secs(75),
            max_connections: 16_384,
            max_connections_per_client: None,
            max_requests_per_connection: None,
            max_header_count: 100,
            max_header_size: 64 * 1024,
            min_body_rate: None,
            upgrades: Upgrades::new(["websocket".to_owned()]),
            http2: Http2::Spoken,
        }
    }
}

/// What a client may be behind, where the file does not say.
pub(super) const BODY_RATE_GRACE: Duration = Duration::from_secs(30);
