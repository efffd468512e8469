//! Protocols that clients speak. Each knows how to serve one downstream connection; routing, claims and
//! upstream connections are the same for all of them.

pub(crate) mod authority;
pub(crate) mod http1;

use std::rc::Rc;

use self::http1::{HeadRefusal, Wire};
use super::{client::Client, transport::Transport};

/// What is known of a client's protocol before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// Nothing: the connection is in the clear.
    Nothing,
    /// HTTP/1.1, by ALPN or because the client did not ask for anything else.
    Http1,
}

/// Serves one connection in the protocol that was agreed on.
pub(crate) async fn serve(client: Rc<Client>, socket: Transport, negotiated: Negotiated) {
    match negotiated {
        Negotiated::Nothing | Negotiated::Http1 => http1::serve(client, socket).await,
    }
}

/// What a request came by.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// A connection whose requests come one after the other.
    Http1(Rc<Wire>),
}

/// What a protocol says of one request before it is routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be forwarded.
    Plain,
    /// It may be forwarded, and asks for a protocol that cutover passes.
    Upgrade,
    /// It stands for a head that is refused.
    Refused(HeadRefusal),
}

impl Protocol {
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Http1(wire) => wire.verdict(),
        }
    }

    /// Says whether something is held back that nobody would look at otherwise.
    pub(super) fn stays_http(&self) -> bool {
        match self {
            Self::Http1(wire) => wire.stays_http(),
        }
    }
}
