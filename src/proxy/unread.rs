//! Why a connection is ended under an answer that is there for its client.

use crate::telemetry::limit::Limit;

/// How a client fails to take an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Slower than the listener asks for.
    Slowly,
    /// For longest, when buffers held too much.
    Longest,
    /// Not a byte, for the idle timeout.
    NotAtAll,
}

impl Unread {
    /// The bound that it meets.
    pub(crate) const fn limit(self) -> Limit {
        match self {
            Self::Slowly => Limit::ResponseBodyRate,
            Self::Longest => Limit::MaxBuffered,
            Self::NotAtAll => Limit::Idle,
        }
    }

    /// Constant words for people and the access log.
    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::Slowly => "response taken too slowly",
            Self::Longest => "buffers full",
            Self::NotAtAll => "response not taken",
        }
    }
}
