//! The body of a client's request, whatever it came by.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{body::BodyError, protocol::http1::ClientBody};

/// See the module.
#[derive(Debug)]
pub struct Incoming(Source);

#[derive(Debug)]
enum Source {
    None,
    Http1(ClientBody),
    Http2(hyper::body::Incoming),
}

impl Incoming {
    /// There is none.
    pub(crate) const fn none() -> Self {
        Self(Source::None)
    }

    /// Of a connection of HTTP/1.
    pub(crate) const fn http1(body: ClientBody) -> Self {
        Self(Source::Http1(body))
    }

    /// Of a stream of HTTP/2.
    pub(crate) const fn http2(body: hyper::body::Incoming) -> Self {
        Self(Source::Http2(body))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.get_mut().0 {
            Source::None => Poll::Ready(None),
            Source::Http1(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::new),
            Source::Http2(body) => Pin::new(body).poll_frame(cx).map_err(BodyError::new),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::None => true,
            Source::Http1(body) => body.is_end_stream(),
            Source::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::None => SizeHint::with_exact(0),
            Source::Http1(body) => body.size_hint(),
            Source::Http2(body) => body.size_hint(),
        }
    }
}
