//! Judges and reads the head of an endpoint's response, in one pass.
//!
//! Owns the rules of RFC 9112 for status lines, fields and framing. What another parser could read differently is
//! refused, as strictly as in requests: an endpoint that is confused, or that was made to repeat what a client sent
//! it, must not be able to put a second response into the first.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
};

use super::{
    body_reader::Framing,
    broken::Malformed,
    head::{self, Lines},
};

/// The head of a response, read.
#[derive(Debug)]
pub(super) struct ResponseHead {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    /// Whether the connection can carry another exchange.
    pub(super) persists: bool,
}

/// Takes the head at the start of `buf`, of which `searched` bytes were looked through before; `None` if its end has
/// not come yet. `bodiless` says that no body follows whatever the head says, as after `HEAD`.
pub(super) fn take(
    buf: &mut BytesMut,
    searched: usize,
    bodiless: bool,
) -> Option<Result<ResponseHead, Malformed>> {
    let Some(length) = head::end(buf, searched) else {
        return (buf.len() >= MAX_HEAD_SIZE).then_some(Err(Malformed));
    };
    if length > MAX_HEAD_SIZE {
        return Some(Err(Malformed));
    }
    // A copy: what keeps a value of it for long, as a table of HTTP/2 does, must not keep all that was read with it.
    let head = Bytes::copy_from_slice(&buf[..length]);
    buf.advance(length);
    Some(read(&head, bodiless))
}

fn read(head: &Bytes, bodiless: bool) -> Result<ResponseHead, Malformed> {
    let mut lines = Lines(head);
    let status_line = lines.next().ok_or(Malformed)?.map_err(|_| Malformed)?;
    let (version, status, reason) = status_line_of(status_line)?;
    let mut headers = map_for(head);
    let mut said = Said::default();
    for line in lines {
        let line = line.map_err(|_| Malformed)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(head, line)?;
        if said.note(&name, &value)? == Passage::Ends {
            continue;
        }
        headers.append(name, value);
        if headers.len() > MAX_FIELDS {
            return Err(Malformed);
        }
    }
    let bodiless = bodiless || status.is_informational() || BODILESS.contains(&status);
    let framing = said.framing(bodiless, version)?;
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = version;
    *response.headers_mut() = headers;
    if let Some(reason) =
        reason.filter(|it| status.canonical_reason().map(str::as_bytes) != Some(it))
    {
        let reason = hyper::ext::ReasonPhrase::try_from(reason).map_err(|_| Malformed)?;
        response.extensions_mut().insert(reason);
    }
    Ok(ResponseHead {
        response,
        framing,
        persists: version == Version::HTTP_11 && !said.close,
    })
}

/// `HTTP/1.x SP 3DIGIT [SP reason]` (RFC 9112 section 4); the space before an empty reason may be missing, because
/// real servers leave it out and nobody reads it differently.
fn status_line_of(line: &[u8]) -> Result<(Version, StatusCode, Option<&[u8]>), Malformed> {
    let (version, rest) = match line {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'1',
            b' ',
            rest @ ..,
        ] => (Version::HTTP_11, rest),
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0',
            b' ',
            rest @ ..,
        ] => (Version::HTTP_10, rest),
        _ => return Err(Malformed),
    };
    let (code, reason) = rest.split_at_checked(3).ok_or(Malformed)?;
    let status = StatusCode::from_bytes(code).map_err(|_| Malformed)?;
    match reason {
        [] => Ok((version, status, None)),
        [b' ', reason @ ..] if reason.iter().all(|byte| is_text(*byte)) => {
            Ok((version, status, (!reason.is_empty()).then_some(reason)))
        }
        _ => Err(Malformed),
    }
}

/// A map with room for the fields of `head`, by a guess at their number.
pub(super) fn map_for(head: &[u8]) -> HeaderMap {
    HeaderMap::with_capacity(head.len() / USUAL_LINE + ADDED_FIELDS)
}

/// A field line as name and value. What the `http` crate accepts is what the RFC allows: a token for the name, which
/// excludes space before the colon and folded lines, and no control characters but tabs in the value.
pub(super) fn field(head: &Bytes, line: &[u8]) -> Result<(HeaderName, HeaderValue), Malformed> {
    // Names are short: a plain search ends before a vectorised one has begun.
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Malformed)?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| Malformed)?;
    let value = head.slice_ref(trimmed(&line[colon + 1..]));
    let value = HeaderValue::from_maybe_shared(value).map_err(|_| Malformed)?;
    Ok((name, value))
}

/// Without the white space that may stand around a value. What the standard library takes for white space has more in
/// it: a CR, above all.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What the fields say about framing and about the connection.
#[derive(Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    close: bool,
}

/// Whether a field goes on to the client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passage {
    GoesOn,
    /// It says nothing but how this connection goes on.
    Ends,
}

impl Said {
    fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<Passage, Malformed> {
        let value = value.as_bytes();
        // Comparing names of known fields compares two small numbers.
        if *name == CONTENT_LENGTH {
            let length = length_of(value)?;
            if self.length.replace(length).is_some() {
                return Err(Malformed);
            }
        } else if *name == TRANSFER_ENCODING {
            let known = value.eq_ignore_ascii_case(b"chunked");
            if !known || std::mem::replace(&mut self.chunked, true) {
                return Err(Malformed);
            }
        } else if *name == CONNECTION {
            // The usual word nominates no field; putting it into the map to take it out again would be work.
            if value.eq_ignore_ascii_case(b"keep-alive") {
                return Ok(Passage::Ends);
            }
            let mut tokens = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.close |= tokens.any(|token| token.eq_ignore_ascii_case(b"close"));
        }
        Ok(Passage::GoesOn)
    }

    fn framing(&self, bodiless: bool, version: Version) -> Result<Framing, Malformed> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Malformed),
            (None, true) if version == Version::HTTP_10 => Err(Malformed),
            _ if bodiless => Ok(Framing::Length(0)),
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, false) => Ok(Framing::UntilClose),
        }
    }
}

pub(super) fn length_of(value: &[u8]) -> Result<u64, Malformed> {
    let sound =
        (1..=MAX_LENGTH_DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    sound
        .then(|| {
            value
                .iter()
                .fold(0, |length, digit| length * 10 + u64::from(digit - b'0'))
        })
        .ok_or(Malformed)
}

const fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Answers that have no body, whatever their fields say.
const BODILESS: [StatusCode; 2] = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
/// Largest response head.
pub(super) const MAX_HEAD_SIZE: usize = 256 * 1024;
/// Fields of a response head, and of what stands behind a body.
pub(super) const MAX_FIELDS: usize = 256;
/// Length of a usual field line, for a guess at their number.
const USUAL_LINE: usize = 32;
/// Fields that are added on the way; room for them is made at once.
const ADDED_FIELDS: usize = 2;
/// Enough for 999 PB, and never too large for 64 bits.
const MAX_LENGTH_DIGITS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(head: &str) -> Result<ResponseHead, Malformed> {
        let mut buf = BytesMut::from(head);
        let taken = take(&mut buf, 0, false).expect("a whole head is judged");
        assert!(buf.is_empty() || taken.is_err());
        taken
    }

    fn with(fields: &str) -> Result<Framing, Malformed> {
        taken(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).map(|head| head.framing)
    }

    #[test]
    fn usual_heads_are_read() {
        let head =
            taken("HTTP/1.1 404 Gone Fishing\r\nX-A: 1 \r\nx-a:\t2\r\nContent-Length: 3\r\n\r\n")
                .unwrap();
        assert_eq!(head.response.status(), 404);
        let values: Vec<_> = head.response.headers().get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!((head.framing, head.persists), (Framing::Length(3), true));
        let reason = head
            .response
            .extensions()
            .get::<hyper::ext::ReasonPhrase>()
            .unwrap();
        assert_eq!(reason.as_bytes(), b"Gone Fishing");
        assert!(taken("HTTP/1.1 200\r\n\r\n").is_ok());
        assert!(
            taken("HTTP/1.1 200 OK\r\n\r\n")
                .unwrap()
                .response
                .extensions()
                .is_empty()
        );
    }

    #[test]
    fn the_body_is_framed_by_the_rfc() {
        assert_eq!(with(""), Ok(Framing::UntilClose));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        let bodiless = |status: u16| {
            let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 9\r\n\r\n");
            taken(&head).unwrap().framing
        };
        assert_eq!(
            [bodiless(204), bodiless(304), bodiless(103)],
            [Framing::Length(0); 3]
        );
        assert_eq!(bodiless(200), Framing::Length(9));
        let mut head = BytesMut::from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(
            take(&mut head, 0, true).unwrap().unwrap().framing,
            Framing::Length(0)
        );
    }

    #[test]
    fn a_connection_persists_unless_one_side_says_otherwise() {
        assert!(
            !taken("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n")
                .unwrap()
                .persists
        );
        assert!(
            !taken("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n")
                .unwrap()
                .persists
        );
    }

    #[test]
    fn what_parsers_read_differently_is_malformed() {
        for fields in [
            "Content-Length: 5, 5\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "a: b\nc: d\r\n",
            "a: b\rc: d\r\n",
            "a: b\r\n folded\r\n",
            "a: nul\0\r\n",
            "a: b\r\r\n",
            "a:\u{c}b\r\n",
            "Content-Length: 5\r\r\n",
            "no colon\r\n",
            ": no name\r\n",
        ] {
            assert!(with(fields).is_err(), "{fields:?}");
        }
        for line in [
            "HTTP/1.1  200 OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/2.0 200 OK",
            "http/1.1 200 OK",
            "HTTP/1.1 200OK",
            "HTTP/1.1 099 x",
            "HTTP/1.1 200 a\0b",
            " HTTP/1.1 200 OK",
            "",
        ] {
            assert!(taken(&format!("{line}\r\n\r\n")).is_err(), "{line:?}");
        }
        assert!(taken("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn a_head_has_bounds() {
        assert!(with(&"a: b\r\n".repeat(MAX_FIELDS)).is_ok());
        assert!(with(&"a: b\r\n".repeat(MAX_FIELDS + 1)).is_err());
        let mut endless = BytesMut::from(&[b'x'; MAX_HEAD_SIZE][..]);
        assert!(take(&mut endless, 0, false).unwrap().is_err());
        let mut begun = BytesMut::from("HTTP/1.1 200 OK\r\n");
        assert!(take(&mut begun, 0, false).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let head = [b"HTTP/1.1 200 OK\r\n", &bytes[..], b"\r\n\r\n"].concat();
            let _ = take(&mut BytesMut::from(&head[..]), 0, false);
        }
    }
}
