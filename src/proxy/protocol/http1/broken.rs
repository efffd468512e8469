//! Why a message is not, or not wholly, there; the same for both sides.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection is gone.
    #[error("the connection was closed too early")]
    Closed,
    /// What came is not HTTP.
    #[error("what came is malformed")]
    Malformed,
    /// The client's own body failed, and the exchange with it.
    #[error("the request body failed")]
    Request,
}

/// The peer's words are not HTTP, or can be read in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<Malformed> for Broken {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
