//! What an endpoint's response comes by, whichever protocol it was asked in.
//!
//! Owns driving it: while the client takes frames, the connection is read here, and nobody else reads it.

use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{
    body::BodyError, clock::Tick, downstream::Downstream, trunk::Call, upstream::Upstream,
};

/// See the module.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A connection that is its own, until the response has ended.
    Http1(Box<Upstream>),
    /// A call on a connection that it shares.
    Http2(Box<Call>),
}

impl Inbound {
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        downstream: &Downstream,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Http1(upstream) => upstream
                .poll_frame(cx)
                .map_err(|broken| BodyError(Box::new(broken))),
            Self::Http2(call) => call.poll_frame(cx, downstream),
        }
    }

    /// Whether nothing more will come.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(upstream) => upstream.is_end_stream(),
            Self::Http2(call) => call.is_end_stream(),
        }
    }

    /// How much is to come, as far as is known.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(upstream) => upstream.size_hint(),
            Self::Http2(call) if call.is_end_stream() => SizeHint::with_exact(0),
            Self::Http2(_) => SizeHint::default(),
        }
    }

    /// The response has ended: its connection may take another request. An endpoint that has said all it had to say
    /// does not want what is left of this one.
    pub(crate) fn come_back(self, now: Tick) {
        match self {
            Self::Http1(upstream) => upstream.come_back(now),
            Self::Http2(call) => drop(call),
        }
    }

    /// The connection, if it is one that can become a tunnel.
    pub(crate) fn into_upstream(self) -> Option<Box<Upstream>> {
        match self {
            Self::Http1(upstream) => Some(upstream),
            Self::Http2(_) => None,
        }
    }
}
