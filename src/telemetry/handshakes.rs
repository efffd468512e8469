//! What a worker counts of TLS handshakes with clients.
//!
//! Owns the names of what can come of one; both lists are short, so that they can be labels.

use super::stats::Counter;

/// One worker's counters of handshakes.
#[derive(Debug, Default)]
pub struct HandshakeStats {
    /// Those that succeeded, by [`HandshakeVersion`] and [`HandshakeKind`].
    pub done: [[Counter; HandshakeKind::ALL.len()]; HandshakeVersion::ALL.len()],
    /// Those that did not, by [`HandshakeFailure`].
    pub failed: [Counter; HandshakeFailure::ALL.len()],
}

impl HandshakeStats {
    /// Counts one that succeeded.
    pub fn succeeded(&self, version: HandshakeVersion, kind: HandshakeKind) {
        self.done[version as usize][kind as usize].add(1);
    }

    /// Counts one that did not.
    pub fn fails(&self, failure: HandshakeFailure) {
        self.failed[failure as usize].add(1);
    }
}

/// The version that was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeVersion {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

impl HandshakeVersion {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// How much of a handshake it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeKind {
    /// All of it.
    Full,
    /// A session was resumed.
    Resumed,
}

impl HandshakeKind {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 2] = [Self::Full, Self::Resumed];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
        }
    }
}

/// Why a handshake did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// Not within the time for a request head.
    Timeout,
    /// The client went away.
    Closed,
    /// The client speaks HTTP in the clear.
    Cleartext,
    /// The client speaks something else, or speaks TLS badly.
    Malformed,
    /// No version, cipher, kind of key or protocol that both know.
    Incompatible,
    /// The client's certificate is missing or not believed.
    ClientCertificate,
    /// The client does not believe the listener's certificate, or says that something else is wrong.
    Rejected,
    /// The process is stopping.
    Shutdown,
}

impl HandshakeFailure {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Closed,
        Self::Cleartext,
        Self::Malformed,
        Self::Incompatible,
        Self::ClientCertificate,
        Self::Rejected,
        Self::Shutdown,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Cleartext => "cleartext",
            Self::Malformed => "malformed",
            Self::Incompatible => "incompatible",
            Self::ClientCertificate => "client_certificate",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
        }
    }
}
