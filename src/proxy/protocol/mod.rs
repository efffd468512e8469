//! Protocols that clients speak. Each knows how to serve one downstream connection; routing, claims and
//! upstream connections are the same for all of them.

pub(crate) mod http1;

use std::rc::Rc;

use super::{downstream::Downstream, transport::Transport};

/// What is known of a client's protocol before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// Nothing: the connection is in the clear.
    Nothing,
    /// HTTP/1.1, by ALPN or because the client did not ask for anything else.
    Http1,
}

/// Serves one connection in the protocol that was agreed on.
pub(crate) async fn serve(downstream: Rc<Downstream>, socket: Transport, negotiated: Negotiated) {
    match negotiated {
        Negotiated::Nothing | Negotiated::Http1 => http1::serve(downstream, socket).await,
    }
}
