//! What a client's request, or its connection between two requests, is waiting for.

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// For a request to begin.
    Idle,
    /// For a request head to end.
    Head,
    /// For the response, or for the rest of the request body.
    Response,
    /// For the response to be handed on, or for a tunnel to end.
    Answering,
}
