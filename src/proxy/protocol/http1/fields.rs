//! What the fields of a request head say about framing and authority (RFC 9112 sections 3.2 and 6).

use super::{
    head::{Framing, is_token},
    refusal::HeadRefusal,
    request_line::RequestLine,
};
use crate::{config::Upgrades, proxy::protocol::authority::is_authority};

/// What the fields say about framing and authority.
pub(super) struct Fields<'a> {
    /// Protocols that may be upgraded to; any other `Upgrade` is ignored, as RFC 9110 section 7.8 allows.
    upgrades: &'a Upgrades,
    length: Option<u64>,
    coding: Coding,
    host: Option<&'a [u8]>,
    upgrade: Option<bool>,
    connection: Connection,
}

/// Whether there is a control character among these that a field value may not have (RFC 9110 section 5.5). Every byte is
/// looked at, whatever the one before was, so that the compiler can look at many at once.
fn has_control(value: &[u8]) -> bool {
    let is_control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    value
        .iter()
        .fold(false, |any, byte| any | is_control(*byte))
}

/// What `Connection` asks for.
#[derive(Clone, Copy)]
struct Connection {
    upgrade: bool,
    close: bool,
    keep_alive: bool,
}

/// What is to be undone to come by the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    None,
    Chunked,
    /// Chunks of something that cutover cannot read.
    ChunkedUnknown,
    /// Something else: where such a body ends, nobody knows.
    NotChunked,
    /// Chunks, and then something more, be it chunks.
    ChunkedEarly,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(upgrades: &'a Upgrades) -> Self {
        Self {
            upgrades,
            length: None,
            coding: Coding::None,
            host: None,
            upgrade: None,
            connection: Connection {
                upgrade: false,
                close: false,
                keep_alive: false,
            },
        }
    }

    pub(super) fn read(&mut self, field: &'a [u8]) -> Result<(), HeadRefusal> {
        if matches!(field[0], b' ' | b'\t') {
            return Err(HeadRefusal::Malformed("folded header field"));
        }
        // One look at each byte of the name finds its end and judges it.
        let end = field.iter().position(|byte| !is_token(*byte));
        let (name, value) = match end.map(|end| field.split_at(end)) {
            Some((name, [b':', value @ ..])) if !name.is_empty() => (name, value),
            Some(_) if field.contains(&b':') => {
                return Err(HeadRefusal::Malformed("malformed header field name"));
            }
            Some(_) | None => return Err(HeadRefusal::Malformed("header field without colon")),
        };
        if has_control(value) {
            return Err(HeadRefusal::Malformed("control character in header field"));
        }
        self.note(name, value.trim_ascii())
    }

    /// Only these few fields decide about framing; their lengths sort out all others at once.
    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), HeadRefusal> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.note_host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => {
                let known = value.eq_ignore_ascii_case(b"100-continue");
                if known {
                    Ok(())
                } else {
                    Err(HeadRefusal::Expectation)
                }
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                match self.upgrade.replace(self.upgrades.contain(value)) {
                    None => Ok(()),
                    Some(_) => Err(HeadRefusal::Malformed("repeated upgrade field")),
                }
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.connection.note(token);
                }
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.note_coding(value);
                Ok(())
            }
            // What is behind some endpoints is told of both in the same letters.
            14 if name.eq_ignore_ascii_case(b"content_length") => Err(UNDERSCORE),
            17 if name.eq_ignore_ascii_case(b"transfer_encoding") => Err(UNDERSCORE),
            _ => Ok(()),
        }
    }

    fn note_host(&mut self, value: &'a [u8]) -> Result<(), HeadRefusal> {
        if !is_authority(value) {
            return Err(HeadRefusal::Malformed("malformed host field"));
        }
        match self.host.replace(value) {
            None => Ok(()),
            Some(_) => Err(HeadRefusal::Malformed("repeated host field")),
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadRefusal> {
        let malformed = HeadRefusal::Malformed("malformed content-length");
        if value.is_empty()
            || value.len() > MAX_LENGTH_DIGITS
            || !value.iter().all(u8::is_ascii_digit)
        {
            return Err(malformed);
        }
        let length = value
            .iter()
            .fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
        match self.length.replace(length) {
            None => Ok(()),
            Some(_) => Err(HeadRefusal::Malformed("repeated content-length")),
        }
    }

    /// RFC 9112 section 6.1: chunks come last, and once.
    fn note_coding(&mut self, value: &[u8]) {
        for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            let chunked = coding.eq_ignore_ascii_case(b"chunked");
            self.coding = match (self.coding, chunked) {
                (Coding::None, true) => Coding::Chunked,
                (Coding::NotChunked, true) => Coding::ChunkedUnknown,
                (Coding::None | Coding::NotChunked, false) => Coding::NotChunked,
                (Coding::Chunked | Coding::ChunkedUnknown | Coding::ChunkedEarly, _) => {
                    Coding::ChunkedEarly
                }
            };
        }
    }

    pub(super) fn framing(self, line: &RequestLine<'_>) -> Result<Framing, HeadRefusal> {
        match (self.host, line.authority()) {
            (_, Some(authority)) if !is_authority(authority) => {
                return Err(HeadRefusal::Malformed("malformed request target"));
            }
            (None, _) if !line.http_10 => return Err(HeadRefusal::Malformed("missing host field")),
            (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority) => {
                return Err(HeadRefusal::Malformed(
                    "host field and request target disagree",
                ));
            }
            _ => {}
        }
        match (self.length, self.coding) {
            (length, Coding::None) => Ok(self.unchunked(length.unwrap_or(0), line)),
            (Some(_), _) => Err(HeadRefusal::Malformed(
                "both content-length and transfer-encoding",
            )),
            (None, _) if line.http_10 => {
                Err(HeadRefusal::Malformed("transfer-encoding in HTTP/1.0"))
            }
            (None, Coding::Chunked) => Ok(Framing::Chunked),
            (None, Coding::ChunkedUnknown) => Err(HeadRefusal::Coding),
            (None, Coding::NotChunked) => Err(HeadRefusal::Malformed(
                "transfer-encoding does not end in chunked",
            )),
            (None, Coding::ChunkedEarly) => Err(HeadRefusal::Malformed(
                "chunked is not the last transfer coding",
            )),
        }
    }

    /// Whether the connection is to end with the answer (RFC 9112 section 9.3), and is nothing but HTTP until then.
    pub(super) const fn end_connection(&self, line: &RequestLine<'_>) -> bool {
        let Connection {
            upgrade,
            close,
            keep_alive,
        } = self.connection;
        !upgrade && (close || (line.http_10 && !keep_alive))
    }

    fn unchunked(&self, length: u64, line: &RequestLine<'_>) -> Framing {
        match length {
            0 if self.upgrade == Some(true) && self.connection.upgrade && !line.http_10 => {
                Framing::Upgrade
            }
            0 => Framing::None,
            length => Framing::Length(length),
        }
    }
}

impl Connection {
    /// One option; their lengths sort out all others at once.
    const fn note(&mut self, option: &[u8]) {
        match option.len() {
            5 => self.close |= option.eq_ignore_ascii_case(b"close"),
            7 => self.upgrade |= option.eq_ignore_ascii_case(b"upgrade"),
            10 => self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive"),
            _ => {}
        }
    }
}

/// What is said of a field that some applications are told of as one that frames.
pub(crate) const UNDERSCORE: HeadRefusal =
    HeadRefusal::Malformed("framing field spelt with underscores");
/// Enough for 999 PB, and never too large for 64 bits.
pub(crate) const MAX_LENGTH_DIGITS: usize = 18;
