//! Writes answers to a client's socket: their heads, then their bodies as they come.
//!
//! Owns how an answer is framed for whoever asked (RFC 9112 sections 6 and 7), and whether the connection lasts. Must not
//! know where answers come from, or wait for them.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING},
    response::Parts,
};
use http_body::{Body, Frame};
use hyper::ext::ReasonPhrase;
use tokio::io::AsyncWrite;

use super::{
    date,
    outbox::{Outbox, write_field},
    request_head::{Asker, has_token},
};

/// See the module.
#[derive(Debug)]
pub(super) struct ResponseWriter {
    outbox: Outbox,
    framing: Framing,
    /// What may stand behind the body: announced, and welcome.
    announced: Vec<HeaderName>,
}

/// How the rest of an answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    UntilClose,
}

/// An answer ended before all of it was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Short;

impl ResponseWriter {
    pub(super) const fn new() -> Self {
        Self {
            outbox: Outbox::new(),
            framing: Framing::Length(0),
            announced: Vec::new(),
        }
    }

    /// Writes an answer's head, and gives back its body if there is to be one. `asker` learns whether the connection
    /// lasts.
    pub(super) fn begin<B: Body>(&mut self, response: Response<B>, asker: &mut Asker) -> Option<B> {
        let (mut parts, body) = response.into_parts();
        let frame = Frames::of(&parts, &body, *asker);
        self.framing = frame.framing;
        self.announced.clear();
        if parts.headers.contains_key(TRAILER) {
            self.announce(&mut parts.headers, *asker);
        }
        asker.persists &= frame.framing != Framing::UntilClose && !is_last(&parts);
        write_head(self.outbox.text(), &parts, &frame, *asker);
        (frame.framing != Framing::Length(0)).then_some(body)
    }

    /// Notes which fields may stand behind the body. A `Trailer` where there can be none says what is not true.
    fn announce(&mut self, headers: &mut HeaderMap, asker: Asker) {
        if self.framing != Framing::Chunked {
            headers.remove(TRAILER);
        } else if asker.takes_trailers {
            let values = headers.get_all(TRAILER).iter();
            let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
            let names = names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok());
            self.announced.extend(names);
        }
    }

    /// Tells the client that its body may come (RFC 9110 section 15.2.1).
    pub(super) fn invite(&mut self) {
        let text = self.outbox.text();
        text.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Whether a piece of a body can be placed.
    pub(super) const fn has_room(&mut self) -> bool {
        !self.outbox.has_piece() && self.outbox.text().len() < GATHERED
    }

    /// Whether nothing more of the body fits into its framing.
    pub(super) fn is_full(&self) -> bool {
        self.framing == Framing::Length(0)
    }

    /// Places a frame of the body; false if it was the last one.
    pub(super) fn place(&mut self, frame: Frame<Bytes>) -> bool {
        match frame.into_data() {
            Ok(data) => {
                self.place_data(data);
                true
            }
            Err(frame) => {
                self.place_trailers(frame.into_trailers().unwrap_or_default());
                false
            }
        }
    }

    fn place_data(&mut self, mut data: Bytes) {
        if let Framing::Length(left) = &mut self.framing {
            data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= data.len() as u64;
        }
        // An empty chunk would end the body.
        if data.is_empty() {
            return;
        }
        let chunked = self.framing == Framing::Chunked;
        if data.len() <= COPIED {
            self.outbox.copy(&data, chunked);
        } else {
            self.outbox.place(data, chunked);
        }
    }

    fn place_trailers(&mut self, mut trailers: HeaderMap) {
        let unannounced = trailers.keys().filter(|it| !self.announced.contains(it));
        let unannounced: Vec<_> = unannounced.cloned().collect();
        for name in unannounced {
            trailers.remove(name);
        }
        if self.framing == Framing::Chunked {
            self.outbox.ends_chunks(Some(&trailers));
            self.framing = Framing::Length(0);
        }
    }

    /// The body has ended.
    ///
    /// # Errors
    /// If it was to be longer.
    pub(super) fn end(&mut self) -> Result<(), Short> {
        match self.framing {
            Framing::Length(0) | Framing::UntilClose => Ok(()),
            Framing::Length(_) => Err(Short),
            Framing::Chunked => {
                self.outbox.ends_chunks(None);
                self.framing = Framing::Length(0);
                Ok(())
            }
        }
    }

    /// Writes all there is, as far as the client takes it.
    pub(super) fn poll_flush<S: AsyncWrite>(
        &mut self,
        mut socket: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            ready!(self.outbox.poll_write(socket.as_mut(), cx))?;
        }
        socket.poll_flush(cx)
    }

    /// A connection without a request needs no room for an answer.
    pub(super) fn rests(&mut self) {
        self.outbox.rests();
    }
}

/// How an answer's body is framed, and which field is to say so, if the answer has none that does.
struct Frames {
    framing: Framing,
    said: Said,
}

enum Said {
    /// The answer's own `Content-Length`.
    Own(HeaderValue),
    Length(u64),
    Chunked,
    Nothing,
}

impl Frames {
    fn of<B: Body>(parts: &Parts, body: &B, asker: Asker) -> Self {
        let own = parts.headers.get(CONTENT_LENGTH);
        let exact = match body.is_end_stream() {
            true => Some(0),
            false => body.size_hint().exact(),
        };
        if asker.wants_head || !has_content(parts.status) {
            // What it would be, had it been asked for.
            let told = own.filter(|_| may_tell_length(parts.status));
            return Self {
                framing: Framing::Length(0),
                said: told.map_or(Said::Nothing, |own| Said::Own(own.clone())),
            };
        }
        let length = exact.or_else(|| own?.to_str().ok()?.parse().ok());
        match (length, own) {
            (Some(0), _) => Self {
                framing: Framing::Length(0),
                said: Said::Length(0),
            },
            (Some(length), own) => Self {
                framing: Framing::Length(length),
                said: own.map_or(Said::Length(length), |own| Said::Own(own.clone())),
            },
            (None, _) if asker.is_old => Self {
                framing: Framing::UntilClose,
                said: Said::Nothing,
            },
            (None, _) => Self {
                framing: Framing::Chunked,
                said: Said::Chunked,
            },
        }
    }
}

/// Whether such an answer has content where the request is not `HEAD` (RFC 9110 section 6.4.1).
fn has_content(status: StatusCode) -> bool {
    !status.is_informational()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// RFC 9110 section 8.6.
fn may_tell_length(status: StatusCode) -> bool {
    !status.is_informational() && status != StatusCode::NO_CONTENT
}

/// Whether the service ends the connection with it.
fn is_last(parts: &Parts) -> bool {
    let mut values = parts.headers.get_all(CONNECTION).iter();
    values.any(|value| has_token(value, "close"))
}

fn write_head(text: &mut Vec<u8>, parts: &Parts, frames: &Frames, asker: Asker) {
    write_status_line(text, parts, asker.is_old);
    let mut is_dated = false;
    for (name, value) in &parts.headers {
        match *name {
            CONTENT_LENGTH | TRANSFER_ENCODING => continue,
            // What this hop says of itself is said below, but for the change to another protocol.
            CONNECTION if parts.status != StatusCode::SWITCHING_PROTOCOLS => continue,
            DATE => is_dated = true,
            _ => {}
        }
        write_field(text, name.as_str(), value.as_bytes());
    }
    match &frames.said {
        Said::Own(length) => write_field(text, "content-length", length.as_bytes()),
        Said::Length(0) => text.extend_from_slice(b"content-length: 0\r\n"),
        Said::Length(length) => {
            write_field(text, "content-length", length.to_string().as_bytes());
        }
        Said::Chunked => text.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Said::Nothing => {}
    }
    match (asker.persists, asker.is_old) {
        _ if parts.status == StatusCode::SWITCHING_PROTOCOLS => {}
        (true, false) => {}
        (true, true) => text.extend_from_slice(b"connection: keep-alive\r\n"),
        (false, _) => text.extend_from_slice(b"connection: close\r\n"),
    }
    if !is_dated {
        text.extend_from_slice(b"date: ");
        date::write(text);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
}

fn write_status_line(text: &mut Vec<u8>, parts: &Parts, is_old: bool) {
    let reason = parts.extensions.get::<ReasonPhrase>();
    if parts.status == StatusCode::OK && reason.is_none() && !is_old {
        text.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    text.extend_from_slice(if is_old { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    text.extend_from_slice(parts.status.as_str().as_bytes());
    text.push(b' ');
    text.extend_from_slice(match reason {
        Some(reason) => reason.as_bytes(),
        None => parts
            .status
            .canonical_reason()
            .unwrap_or_default()
            .as_bytes(),
    });
    text.extend_from_slice(b"\r\n");
}

/// Bytes up to which a piece of a body is written among the words, so that a head and a small body leave together.
const COPIED: usize = 1024;
/// Bytes of words, and of pieces among them, after which they are written.
const GATHERED: usize = 8 * 1024;
