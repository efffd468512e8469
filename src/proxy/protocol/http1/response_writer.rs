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
    outbox::{Outbox, USUAL_HEAD, write_field},
    request_head::{Asker, has_token},
    response_head::length_of,
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
        let (parts, body) = response.into_parts();
        let exact = match body.is_end_stream() {
            true => Some(0),
            false => body.size_hint().exact(),
        };
        let together = exact.map_or(0, |length| length.min(COPIED as u64) as usize);
        let text = self.outbox.text();
        text.reserve(USUAL_HEAD + together);
        write_status_line(text, &parts, asker.is_old);
        let noted = write_fields(text, &parts);
        let (framing, said) = framing(parts.status, exact, (noted.length, *asker));
        asker.persists &= framing != Framing::UntilClose && !noted.is_last;
        said.write(text);
        self.framing = framing;
        self.announced.clear();
        if framing == Framing::Chunked && noted.has_trailer {
            announce(text, &parts.headers);
            if asker.takes_trailers {
                self.announced.extend(announced(&parts.headers));
            }
        }
        if parts.status != StatusCode::SWITCHING_PROTOCOLS {
            text.extend_from_slice(persistence(*asker));
        }
        if !noted.is_dated {
            text.extend_from_slice(b"date: ");
            date::write(text);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        (framing != Framing::Length(0)).then_some(body)
    }

    /// Tells the client that its body may come (RFC 9110 section 15.2.1).
    pub(super) fn invite(&mut self) {
        let text = self.outbox.text();
        text.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Whether a piece of a body can be placed.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.has_room() && self.outbox.words() < GATHERED
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
        if data.len() <= COPIED && !self.outbox.has_piece() {
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

/// What the fields of an answer say about framing and about the connection.
struct Noted<'a> {
    length: Option<&'a HeaderValue>,
    has_trailer: bool,
    is_dated: bool,
    is_last: bool,
}

/// Writes all fields but those that are of this connection alone, in one pass.
fn write_fields<'a>(text: &mut Vec<u8>, parts: &'a Parts) -> Noted<'a> {
    let mut noted = Noted {
        length: None,
        has_trailer: false,
        is_dated: false,
        is_last: false,
    };
    for (name, value) in &parts.headers {
        // Comparing names of known fields compares two small numbers.
        match *name {
            CONTENT_LENGTH => noted.length = Some(value),
            TRAILER => noted.has_trailer = true,
            TRANSFER_ENCODING => {}
            CONNECTION if parts.status != StatusCode::SWITCHING_PROTOCOLS => {
                noted.is_last |= has_token(value, "close");
            }
            _ => {
                noted.is_dated |= *name == DATE;
                write_field(text, name.as_str(), value.as_bytes());
            }
        }
    }
    noted
}

/// The field that says how an answer is framed.
enum Said<'a> {
    /// The answer's own `Content-Length`.
    Own(&'a HeaderValue),
    Length(u64),
    Chunked,
    Nothing,
}

impl Said<'_> {
    fn write(&self, text: &mut Vec<u8>) {
        match self {
            Self::Own(length) => write_field(text, "content-length", length.as_bytes()),
            Self::Length(0) => text.extend_from_slice(b"content-length: 0\r\n"),
            Self::Length(length) => {
                write_field(text, "content-length", length.to_string().as_bytes());
            }
            Self::Chunked => text.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Self::Nothing => {}
        }
    }
}

/// How an answer is framed whose body has `exact` bytes, if that is known, and which field is to say so. `own` is what it
/// says itself.
fn framing(
    status: StatusCode,
    exact: Option<u64>,
    (own, asker): (Option<&HeaderValue>, Asker),
) -> (Framing, Said<'_>) {
    if asker.wants_head || !has_content(status) {
        // What it would be, had it been asked for.
        let told = own.filter(|_| may_tell_length(status));
        return (Framing::Length(0), told.map_or(Said::Nothing, Said::Own));
    }
    let told = own.and_then(|own| length_of(own.as_bytes()).ok());
    match (exact.or(told), own) {
        (Some(0), _) => (Framing::Length(0), Said::Length(0)),
        (Some(length), Some(own)) if told == Some(length) => {
            (Framing::Length(length), Said::Own(own))
        }
        (Some(length), _) => (Framing::Length(length), Said::Length(length)),
        (None, _) if asker.is_old => (Framing::UntilClose, Said::Nothing),
        (None, _) => (Framing::Chunked, Said::Chunked),
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

/// Says which fields stand behind the body; where there can be none, that would not be true.
fn announce(text: &mut Vec<u8>, headers: &HeaderMap) {
    for value in headers.get_all(TRAILER) {
        write_field(text, "trailer", value.as_bytes());
    }
}

fn announced(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let values = headers.get_all(TRAILER).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

/// Says whether the connection lasts, where that is not what everybody takes for granted.
const fn persistence(asker: Asker) -> &'static [u8] {
    match (asker.persists, asker.is_old) {
        (true, false) => b"",
        (true, true) => b"connection: keep-alive\r\n",
        (false, _) => b"connection: close\r\n",
    }
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

#[cfg(test)]
mod tests;
