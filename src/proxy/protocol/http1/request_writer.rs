//! Writes requests to an endpoint's socket: their heads, then their bodies as they come.
//!
//! Owns the framing of what is sent, and the knowledge of whether a byte of it has left (invariant 8). Must not know
//! of responses. Nothing is copied but heads and chunk sizes.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    uri::PathAndQuery,
};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::{
    broken::Broken,
    outbox::{Outbox, write_field},
};
use crate::proxy::{forwarded::Forwarded, outbound::Outgoing, upload::RequestBody};

/// See the module.
#[derive(Debug)]
pub(crate) struct RequestWriter {
    outbox: Outbox,
    body: RequestBody,
    chunked: bool,
    stage: Stage,
    /// Whether a byte of the request has left.
    begun: bool,
    /// Whether bytes have left since this was asked last.
    progressed: bool,
    /// TLS may hold back what a write was given.
    unflushed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// More of the body is to come.
    Body,
    /// Nothing more is to come.
    Ended,
    /// The endpoint takes no more.
    Deaf,
}

impl RequestWriter {
    pub(crate) const fn new() -> Self {
        Self {
            outbox: Outbox::new(),
            body: RequestBody::Empty,
            chunked: false,
            stage: Stage::Ended,
            begun: false,
            progressed: false,
            unflushed: false,
        }
    }

    /// A request is to be written.
    pub(crate) fn begin(&mut self, outgoing: Outgoing<'_>, body: RequestBody) {
        let text = self.outbox.begins();
        write_head(text, outgoing, matches!(body, RequestBody::Empty));
        self.chunked = outgoing.head.headers.contains_key(TRANSFER_ENCODING);
        self.stage = match body {
            RequestBody::Empty => Stage::Ended,
            RequestBody::Streaming(_) => Stage::Body,
        };
        self.begun = false;
        self.body = body;
    }

    /// Whether the whole request has been written.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Ended && !self.has_unsent() && !self.unflushed
    }

    /// Whether bytes have left since this was asked last.
    pub(crate) const fn take_progressed(&mut self) -> bool {
        std::mem::replace(&mut self.progressed, false)
    }

    /// The body, as whole as it was, if not a byte of the request has left.
    pub(crate) fn take_unsent(&mut self) -> Option<RequestBody> {
        let mut body = std::mem::replace(&mut self.body, RequestBody::Empty);
        let data = self.outbox.take_piece();
        (!self.begun && body.takes_back(data)).then_some(body)
    }

    /// Writes what can be written. `Pending` also where the endpoint takes no more: it may have answered before, which
    /// only reading tells.
    pub(crate) fn poll<S: AsyncWrite>(
        &mut self,
        mut socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if self.stage == Stage::Body && !self.outbox.has_piece() {
                self.poll_body(cx)?;
            }
            let written = if self.has_unsent() {
                ready!(self.outbox.poll_write(socket.as_mut(), cx)).map(|_| self.sent())
            } else if self.unflushed {
                ready!(socket.as_mut().poll_flush(cx)).map(|()| self.unflushed = false)
            } else {
                return match self.stage {
                    Stage::Ended => Poll::Ready(Ok(())),
                    Stage::Body | Stage::Deaf => Poll::Pending,
                };
            };
            if let Err(error) = written {
                tracing::debug!(%error, "endpoint takes no more");
                self.unflushed = false;
                self.stage = Stage::Deaf;
            }
        }
    }

    fn has_unsent(&self) -> bool {
        self.stage != Stage::Deaf && !self.outbox.is_empty()
    }

    fn sent(&mut self) {
        self.unflushed = true;
        self.begun = true;
        self.progressed = true;
        if self.stage == Stage::Ended {
            self.outbox.rests();
        }
    }

    /// Asks for more of the body; nothing changes while there is none.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        while self.stage == Stage::Body && !self.outbox.has_piece() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.end(None),
                Poll::Ready(Some(Err(_))) => return Err(Broken::Request),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    // An empty chunk would end the body.
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => self.outbox.place(data, self.chunked),
                    Err(frame) => self.end(frame.into_trailers().ok()),
                },
            }
        }
        if self.stage == Stage::Body && self.body.is_end_stream() {
            self.end(None);
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<HeaderMap>) {
        self.stage = Stage::Ended;
        if self.chunked {
            self.outbox.ends_chunks(trailers.as_ref());
        }
    }
}

pub(super) fn write_head(text: &mut Vec<u8>, outgoing: Outgoing<'_>, bodiless: bool) {
    let head = outgoing.head;
    text.extend_from_slice(head.method.as_str().as_bytes());
    text.push(b' ');
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if target.starts_with('?') {
        // `http://host?query` has an empty path, which is sent as `/` (RFC 9112 section 3.2.1).
        text.push(b'/');
    }
    text.extend_from_slice(target.as_bytes());
    text.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in &head.headers {
        write_field(text, name.as_str(), value.as_bytes());
    }
    for (name, value) in outgoing.forwarded.into_iter().flat_map(Forwarded::fields) {
        write_field(text, name.as_str(), value.as_bytes());
    }
    // RFC 9110 section 8.6: where a method usually has content, its absence is to be said.
    let usual = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    if usual && bodiless && !head.headers.contains_key(CONTENT_LENGTH) {
        write_field(text, "content-length", b"0");
    }
    text.extend_from_slice(b"\r\n");
}
