//! Writes requests to an endpoint's socket: their heads, then their bodies as they come.
//!
//! Owns the framing of what is sent, and the knowledge of whether a byte of it has left (invariant 8). Must not know
//! of responses. Nothing is copied but heads and chunk sizes.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use http::{
    HeaderMap, Method,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
    uri::PathAndQuery,
};
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::response_reader::Broken;
use crate::proxy::{forwarded::Forwarded, outbound::Outgoing, upload::RequestBody};

/// See the module.
#[derive(Debug)]
pub(crate) struct RequestWriter {
    /// A head, or what frames a chunk; how much of it is written.
    text: Vec<u8>,
    written: usize,
    /// A piece of the body, and what ends it.
    data: Bytes,
    tail: &'static [u8],
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
            text: Vec::new(),
            written: 0,
            data: Bytes::new(),
            tail: b"",
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
        self.text = Vec::with_capacity(USUAL_HEAD);
        self.written = 0;
        self.data = Bytes::new();
        self.tail = b"";
        self.chunked = outgoing.head.headers.contains_key(TRANSFER_ENCODING);
        self.stage = match body {
            RequestBody::Empty => Stage::Ended,
            RequestBody::Streaming(_) => Stage::Body,
        };
        self.begun = false;
        write_head(&mut self.text, outgoing, matches!(body, RequestBody::Empty));
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
        let data = std::mem::take(&mut self.data);
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
            if self.stage == Stage::Body && self.data.is_empty() && self.tail.is_empty() {
                self.poll_body(cx)?;
            }
            let written = if self.has_unsent() {
                ready!(self.poll_unsent(socket.as_mut(), cx)).map(|length| self.sent(length))
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
        self.stage != Stage::Deaf
            && (self.written < self.text.len() || !self.data.is_empty() || !self.tail.is_empty())
    }

    fn poll_unsent<S: AsyncWrite>(
        &self,
        socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let text = &self.text[self.written..];
        if self.data.is_empty() && self.tail.is_empty() {
            return socket.poll_write(cx, text);
        }
        let slices = [text, &self.data, self.tail].map(IoSlice::new);
        socket.poll_write_vectored(cx, &slices)
    }

    fn sent(&mut self, mut length: usize) {
        self.unflushed = true;
        self.begun |= length > 0;
        self.progressed |= length > 0;
        let of_text = length.min(self.text.len() - self.written);
        self.written += of_text;
        length -= of_text;
        if self.written == self.text.len() {
            self.written = 0;
            if self.stage == Stage::Ended {
                // A connection that waits for an answer, or is not used, needs no room for it.
                self.text = Vec::new();
            } else {
                self.text.clear();
            }
        }
        let of_data = length.min(self.data.len());
        self.data.advance(of_data);
        self.tail = &self.tail[length - of_data..];
    }

    /// Asks for more of the body; nothing changes while there is none.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        while self.stage == Stage::Body && self.data.is_empty() {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => self.end(None),
                Poll::Ready(Some(Err(_))) => return Err(Broken::Request),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    // An empty chunk would end the body.
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => self.place(data),
                    Err(frame) => self.end(frame.into_trailers().ok()),
                },
            }
        }
        if self.stage == Stage::Body && self.body.is_end_stream() {
            // Together with the last piece, the end costs no write of its own.
            self.stage = Stage::Ended;
            if self.chunked {
                self.tail = b"\r\n0\r\n\r\n";
            }
        }
        Ok(())
    }

    fn place(&mut self, data: Bytes) {
        if self.chunked {
            write_hex(&mut self.text, data.len());
            self.tail = b"\r\n";
        }
        self.data = data;
    }

    fn end(&mut self, trailers: Option<HeaderMap>) {
        self.stage = Stage::Ended;
        if !self.chunked {
            return;
        }
        self.text.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.iter().flatten() {
            write_field(&mut self.text, name.as_str(), value.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
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

fn write_field(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.reserve(name.len() + value.len() + 4);
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b": ");
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n");
}

/// Bytes that most heads fit into.
const USUAL_HEAD: usize = 512;

/// The size line of a chunk.
fn write_hex(text: &mut Vec<u8>, length: usize) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        text.push(b"0123456789ABCDEF"[length >> (4 * place) & 15]);
    }
    text.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_without_leading_zeros() {
        let written = |length| {
            let mut text = Vec::new();
            write_hex(&mut text, length);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(written(0), "0\r\n");
        assert_eq!(written(0x1A0), "1A0\r\n");
        assert_eq!(written(usize::MAX), format!("{:X}\r\n", usize::MAX));
    }
}
