//! Makes a request of a head that was judged.
//!
//! Owns what the head says of how its body is framed and how it is to be answered; must not judge: [`super::head`] has,
//! and only what passed there comes here.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{
    HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRANSFER_ENCODING},
};

use super::{
    body_reader::Framing,
    broken::Malformed,
    head::{self, Lines, split_once},
    response_head::{field, length_of, map_for},
};

/// The head of a request, read.
#[derive(Debug)]
pub(super) struct RequestHead {
    pub(super) request: Request<()>,
    pub(super) framing: Framing,
    /// Whether the body waits for `100 Continue`.
    pub(super) expects: bool,
    pub(super) asker: Asker,
}

/// What an answer must know of whoever asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asker {
    /// It reads no body, whatever the answer's fields say (`HEAD`).
    pub(super) wants_head: bool,
    /// It speaks HTTP/1.0.
    pub(super) is_old: bool,
    /// It keeps the connection (RFC 9112 section 9.3).
    pub(super) persists: bool,
    /// It takes trailers (RFC 9110 section 10.1.4).
    pub(super) takes_trailers: bool,
}

/// Takes the head at the start of `buf`; `None` if its end has not come yet.
pub(super) fn take(buf: &mut BytesMut) -> Option<Result<RequestHead, Malformed>> {
    // The guard lets a few empty lines pass before a head (RFC 9112 section 2.2).
    while buf.starts_with(b"\r\n") {
        buf.advance(2);
    }
    // A copy, so that all of the buffer is there for the next read: of this client's, or of another's. Where little came,
    // it is the head, and its end is where reading it ends.
    let length = if buf.len() <= SMALL {
        buf.len()
    } else {
        head::end(buf, 0)?
    };
    let bytes = Bytes::copy_from_slice(&buf[..length]);
    let mut lines = Lines(&bytes);
    let head = read(&bytes, &mut lines).transpose()?;
    buf.advance(length - lines.0.len());
    Some(head)
}

/// Reads `lines` of `head` to their empty one; `None` if it has not come.
fn read(head: &Bytes, lines: &mut Lines<'_>) -> Result<Option<RequestHead>, Malformed> {
    let Some(line) = lines.next() else {
        return Ok(None);
    };
    let line = line.map_err(|_| Malformed)?;
    let (method, rest) = split_once(line, b' ').ok_or(Malformed)?;
    let (target, version) = split_once(rest, b' ').ok_or(Malformed)?;
    let method = Method::from_bytes(method).map_err(|_| Malformed)?;
    let target = Uri::from_maybe_shared(head.slice_ref(target)).map_err(|_| Malformed)?;
    let is_old = version == b"HTTP/1.0";
    let mut headers = map_for(head);
    let mut said = Said::new(is_old);
    loop {
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        let line = line.map_err(|_| Malformed)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(head, line)?;
        said.note(&name, &value)?;
        headers.append(name, value);
    }
    let framing = match said.length {
        _ if said.chunked => Framing::Chunked,
        length => Framing::Length(length.unwrap_or(0)),
    };
    let asker = Asker {
        wants_head: method == Method::HEAD,
        is_old,
        persists: said.persists,
        takes_trailers: said.takes_trailers,
    };
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.version_mut() = if is_old {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    *request.headers_mut() = headers;
    Ok(Some(RequestHead {
        request,
        framing,
        expects: said.expects && !is_old && framing != Framing::Length(0),
        asker,
    }))
}

/// What the fields say about framing and about the answer.
struct Said {
    length: Option<u64>,
    chunked: bool,
    expects: bool,
    takes_trailers: bool,
    persists: bool,
}

impl Said {
    const fn new(is_old: bool) -> Self {
        Self {
            length: None,
            chunked: false,
            expects: false,
            takes_trailers: false,
            persists: !is_old,
        }
    }

    /// Comparing names of known fields compares two small numbers.
    fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), Malformed> {
        if *name == CONTENT_LENGTH {
            self.length = Some(length_of(value.as_bytes())?);
        } else if *name == TRANSFER_ENCODING {
            self.chunked = true;
        } else if *name == EXPECT {
            // Anything else was refused.
            self.expects = true;
        } else if *name == TE {
            self.takes_trailers |= has_token(value, "trailers");
        } else if *name == CONNECTION {
            if has_token(value, "close") {
                self.persists = false;
            } else if has_token(value, "keep-alive") {
                self.persists = true;
            }
        }
        Ok(())
    }
}

/// Whether `token` is in a list of such.
pub(super) fn has_token(list: &HeaderValue, token: &str) -> bool {
    let mut tokens = list.as_bytes().split(|byte| *byte == b',');
    tokens.any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Bytes that are copied together, whatever they are.
const SMALL: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(head: &str) -> RequestHead {
        let mut buf = BytesMut::from(head);
        buf.extend_from_slice(b"rest");
        let taken = take(&mut buf).unwrap().unwrap();
        assert_eq!(buf, "rest");
        taken
    }

    fn with(fields: &str) -> RequestHead {
        taken(&format!("PUT /a?b HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn a_request_is_read_as_it_came() {
        let read = taken("\r\n\r\nGET /a?b=c HTTP/1.1\r\nHost: a\r\nX-A: 1 \r\nx-a:\t2\r\n\r\n");
        let request = &read.request;
        assert_eq!(
            (request.method(), request.version()),
            (&Method::GET, Version::HTTP_11)
        );
        assert_eq!(request.uri(), "/a?b=c");
        let values: Vec<_> = request.headers().get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(read.framing, Framing::Length(0));
        assert!(read.asker.persists && !read.asker.wants_head && !read.asker.is_old);
        assert!(taken("HEAD * HTTP/1.0\r\n\r\n").asker.wants_head);
        let mut begun = BytesMut::from("GET / HTTP/1.1\r\n");
        assert!(take(&mut begun).is_none());
    }

    #[test]
    fn the_body_is_framed_as_the_guard_followed_it() {
        assert_eq!(with("Content-Length: 12\r\n").framing, Framing::Length(12));
        assert_eq!(
            with("transfer-encoding: Chunked\r\n").framing,
            Framing::Chunked
        );
        assert!(with("Expect: 100-Continue\r\nContent-Length: 1\r\n").expects);
        assert!(!with("Expect: 100-continue\r\n").expects);
        let old = taken("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        assert!(!old.expects);
    }

    #[test]
    fn whether_the_connection_lasts_is_said_by_version_and_field() {
        let old = |fields: &str| taken(&format!("GET / HTTP/1.0\r\n{fields}\r\n"));
        for (read, expected) in [
            (with(""), true),
            (with("Connection: x, Close\r\n"), false),
            (with("Connection: close\r\nConnection: x\r\n"), false),
            (old(""), false),
            (old("Connection: Keep-Alive\r\n"), true),
        ] {
            assert_eq!(read.asker.persists, expected, "{read:?}");
        }
        assert!(with("TE: gzip, trailers\r\n").asker.takes_trailers);
        assert!(!with("TE: gzip\r\n").asker.takes_trailers);
    }
}
