//! Protocols that clients speak. Each knows how to serve one downstream connection; routing, claims and
//! upstream connections are the same for all of them.

pub(crate) mod authority;
pub(crate) mod http1;
pub(crate) mod http2;
pub(super) mod linger;

use std::rc::Rc;

use http::Response;

use self::{
    http1::{HeadRefusal, Wire},
    http2::Stream,
};
use super::{client::Client, grpc::Call, transport::Transport};

/// What is known of a client's protocol before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negotiated {
    /// Nothing: the connection is in the clear.
    Nothing,
    /// HTTP/1.1, by ALPN or because the client did not ask for anything else.
    Http1,
    /// HTTP/2, by ALPN.
    Http2,
}

/// Serves one connection in the protocol that was agreed on, or else in the one that its first bytes are of.
pub(crate) async fn serve(client: Rc<Client>, socket: Transport, negotiated: Negotiated) {
    let turned = match negotiated {
        Negotiated::Nothing | Negotiated::Http1 => http1::serve(&client, socket).await,
        Negotiated::Http2 => Some((socket, Vec::new())),
    };
    if let Some((socket, held)) = turned {
        // Boxed, so that a connection of HTTP/1 holds no room for it.
        Box::pin(http2::serve(client, socket, held)).await;
    }
}

/// What a request came by.
#[derive(Debug)]
pub(crate) enum Protocol {
    /// A connection whose requests come one after the other.
    Http1(Rc<Wire>),
    /// One stream of a connection that has many.
    Http2(Stream),
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
            Self::Http2(stream) => stream.verdict(),
        }
    }

    /// Says whether something is held back that nobody would look at otherwise.
    pub(super) fn stays_http(&self) -> bool {
        match self {
            Self::Http1(wire) => wire.stays_http(),
            Self::Http2(_) => false,
        }
    }

    /// Nothing but the end of the connection will say that the answer is whole.
    pub(super) fn answers_to_the_end(&self) {
        match self {
            Self::Http1(wire) => wire.answers_to_the_end(),
            Self::Http2(_) => {}
        }
    }

    /// Whether what ends with the request is all there is.
    pub(super) const fn is_connection(&self) -> bool {
        match self {
            Self::Http1(_) => true,
            Self::Http2(_) => false,
        }
    }

    /// Whether all of the response so far has left since this was asked last. A shared connection tells only by asking
    /// for more.
    pub(super) fn take_flushed(&self) -> bool {
        match self {
            Self::Http1(wire) => wire.take_flushed(),
            Self::Http2(_) => true,
        }
    }

    /// Whether the client takes nothing at present, as far as is known.
    pub(super) fn is_stalled(&self) -> bool {
        match self {
            Self::Http1(wire) => wire.is_stalled(),
            Self::Http2(_) => false,
        }
    }

    /// Bytes of a response that may wait for the client before no further piece is asked for.
    pub(super) const fn room(&self) -> u32 {
        match self {
            Self::Http1(_) => http1::MAX_READ as u32,
            Self::Http2(_) => http2::SEND_BUFFER as u32,
        }
    }

    /// Whether the client can be told what an endpoint answered.
    pub(super) fn admits<B>(&self, answer: &Response<B>) -> bool {
        match self {
            Self::Http1(_) => true,
            Self::Http2(stream) => stream.admits(answer),
        }
    }

    /// The gRPC call that the request is, if it is one.
    pub(super) const fn call(&self) -> Option<&Call> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(stream) => stream.call(),
        }
    }
}
