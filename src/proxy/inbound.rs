//! What an endpoint's response comes by, whichever protocol it was asked in.
//!
//! Owns driving it: while the client takes frames, the connection is read here, and nobody else reads it.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use super::{
    body::BodyError, clock::Tick, downstream::Downstream, trunk::Call, upstream::Upstream,
};

/// See the module.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A connection that is its own, until the response has ended.
    Http1(Incoming, Option<Box<Upstream>>),
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
            Self::Http1(incoming, upstream) => {
                let polled = match look(incoming, upstream.as_deref()) {
                    Poll::Ready(frame) => Poll::Ready(frame),
                    Poll::Pending => {
                        // The other end of hyper's channel is in our own hands: only driving the connection can
                        // make a frame appear, and that wakes us when the socket is ready.
                        if let Some(upstream) = upstream {
                            let _ = upstream.poll(cx);
                        }
                        look(incoming, upstream.as_deref())
                    }
                };
                polled.map_err(|error| BodyError(Box::new(error)))
            }
            Self::Http2(call) => call.poll_frame(cx, downstream),
        }
    }

    /// Whether nothing more will come.
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(incoming, _) => incoming.is_end_stream(),
            Self::Http2(call) => call.is_end_stream(),
        }
    }

    /// How much is to come, as far as is known.
    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(incoming, _) => incoming.size_hint(),
            Self::Http2(call) if call.is_end_stream() => SizeHint::with_exact(0),
            Self::Http2(_) => SizeHint::default(),
        }
    }

    /// The response has ended: its connection may take another request.
    pub(crate) fn come_back(&mut self, now: Tick) {
        match self {
            Self::Http1(_, upstream) => {
                if let Some(upstream) = upstream.take() {
                    upstream.come_back(now);
                }
            }
            Self::Http2(call) => call.come_back(),
        }
    }

    /// The connection is not to be used for another request.
    pub(crate) fn is_last_use(&mut self) {
        match self {
            Self::Http1(_, Some(upstream)) => upstream.is_last_use(),
            Self::Http1(_, None) | Self::Http2(_) => {}
        }
    }

    /// The connection, if it is one that can become a tunnel.
    pub(crate) fn into_upstream(self) -> Option<Box<Upstream>> {
        match self {
            Self::Http1(_, upstream) => upstream,
            Self::Http2(_) => None,
        }
    }
}

fn look(
    incoming: &mut Incoming,
    upstream: Option<&Upstream>,
) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    let look = || Pin::new(incoming).poll_frame(&mut Context::from_waker(Waker::noop()));
    match upstream {
        // Looking tells the connection that there is room, and it is driven next in any case.
        Some(upstream) => upstream.hushed(look),
        None => look(),
    }
}
