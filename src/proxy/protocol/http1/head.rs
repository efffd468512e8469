//! Judges one request head, byte by byte, before any other parser sees it.
//!
//! Owns the rules of RFC 9112 on which two parsers could differ, which is how requests are smuggled past a proxy; must
//! not build anything from the head: that is [`super::request_head`]'s part.

use super::{fields::Fields, refusal::HeadRefusal, request_line::RequestLine};
use crate::config::ListenerLimits;

/// How the body of a request is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// No body.
    None,
    /// No body, and an upgrade to a protocol that cutover passes is asked for: what follows may not be HTTP.
    Upgrade,
    /// As many bytes.
    Length(u64),
    /// Chunks.
    Chunked,
}

/// A head that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// In bytes, with the empty line.
    pub(super) length: usize,
    pub(super) framing: Framing,
    /// Whether the connection is to end with the answer (RFC 9112 section 9.6), and speaks HTTP until then.
    pub(super) last: bool,
}

/// The length of the head at the start of `bytes`, its empty line included; `scanned` bytes of it were searched
/// before, so that a head that comes in drops is not judged again for each.
pub(super) fn end(bytes: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(3);
    memchr::memchr_iter(b'\n', &bytes[from..]).find_map(|at| match &bytes[from + at + 1..] {
        [b'\n', ..] => Some(from + at + 2),
        [b'\r', b'\n', ..] => Some(from + at + 3),
        _ => None,
    })
}

/// Whether what follows the first `scanned` bytes can change a verdict: the first line ends there, or the head.
pub(super) fn shows_more(bytes: &[u8], scanned: usize) -> bool {
    let (old, new) = bytes.split_at(scanned);
    (memchr::memchr(b'\n', old).is_none() && memchr::memchr(b'\n', new).is_some())
        || end(bytes, scanned).is_some()
}

/// Judges the head at the start of `bytes`: the request line, the fields and the empty line. `None` if its end
/// has not come; otherwise its length and what it says of the body and the connection. What is wrong is told as soon as it shows.
pub(super) fn judge(bytes: &[u8], limits: &ListenerLimits) -> Option<Result<Judged, HeadRefusal>> {
    let mut lines = Lines(bytes);
    let line = match lines.next()?.and_then(RequestLine::read) {
        Ok(line) => line,
        Err(refusal) => return Some(Err(refusal)),
    };
    if bytes.len() - lines.0.len() > limits.max_header_size {
        return Some(Err(HeadRefusal::TargetTooLong));
    }
    let mut fields = Fields::new(&limits.upgrades);
    let mut count = 0;
    loop {
        let field = match lines.next()? {
            Ok(field) => field,
            Err(refusal) => return Some(Err(refusal)),
        };
        let length = bytes.len() - lines.0.len();
        if length > limits.max_header_size {
            return Some(Err(HeadRefusal::TooLarge));
        }
        if field.is_empty() {
            let last = fields.end_connection(&line);
            return Some(fields.framing(&line).map(|framing| Judged {
                length,
                framing,
                last,
            }));
        }
        count += 1;
        if count > limits.max_header_count {
            return Some(Err(HeadRefusal::TooManyFields));
        }
        if let Err(refusal) = fields.read(field) {
            return Some(Err(refusal));
        }
    }
}

/// Those fields of a refused head that say how to answer it, as lines: what the client understands, and the id
/// that it knows the request by. Only where they are short and plain.
pub(super) fn fields_for_answer(head: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    for wanted in [&b"accept"[..], b"x-request-id"] {
        let mut fields = Lines(head)
            .skip(1)
            .map_while(Result::ok)
            .filter_map(|line| split_once(line, b':'));
        let plain = |value: &[u8]| {
            value.len() <= MAX_KEPT_VALUE && value.iter().all(|byte| (b' '..=b'~').contains(byte))
        };
        if let Some((_, value)) = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            && plain(value)
        {
            kept.extend([wanted, b":", value, b"\r\n"].concat());
        }
    }
    kept
}

/// What is wrong with a head that is too long before its first line has ended.
pub(super) fn refusal_of_endless(line: &[u8]) -> HeadRefusal {
    match memchr::memchr2(b' ', b'\n', line) {
        None => HeadRefusal::MethodTooLong,
        Some(_) if memchr::memchr(b'\n', line).is_none() => HeadRefusal::TargetTooLong,
        Some(_) => HeadRefusal::TooLarge,
    }
}

/// Lines ended by CR LF.
pub(super) struct Lines<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], HeadRefusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.0)?;
        let (line, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        Some(
            line.strip_suffix(b"\r")
                .ok_or(HeadRefusal::Malformed("bare line feed")),
        )
    }
}

pub(super) fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let found = memchr::memchr(at, bytes)?;
    Some((&bytes[..found], &bytes[found + 1..]))
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    TOKENS[byte as usize]
}

static TOKENS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Longest field value that a refused head is answered by.
const MAX_KEPT_VALUE: usize = 512;

#[cfg(test)]
mod tests {
    use super::{super::request_line::MAX_TARGET, *};

    fn limits() -> ListenerLimits {
        ListenerLimits {
            max_header_count: 8,
            max_header_size: 1024,
            ..ListenerLimits::default()
        }
    }

    #[track_caller]
    fn judged(head: &str) -> Result<Framing, HeadRefusal> {
        assert_eq!(
            end(head.as_bytes(), 0),
            Some(head.len()),
            "{head:?} is a whole head"
        );
        let judged = judge(head.as_bytes(), &limits()).expect("a whole head is judged")?;
        assert_eq!(judged.length, head.len());
        Ok(judged.framing)
    }

    fn with(fields: &str) -> Result<Framing, HeadRefusal> {
        judged(&format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
    }

    #[test]
    fn usual_requests_pass() {
        assert_eq!(with(""), Ok(Framing::None));
        assert_eq!(with("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
        assert_eq!(with("content-length:0\r\n"), Ok(Framing::None));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(
            with("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"),
            Ok(Framing::Upgrade)
        );
        assert_eq!(
            with("Upgrade: h2c\r\nConnection: upgrade\r\n"),
            Ok(Framing::None)
        );
        assert_eq!(judged("GET / HTTP/1.0\r\n\r\n"), Ok(Framing::None));
        assert_eq!(
            judged("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            Ok(Framing::None)
        );
        assert_eq!(
            judged("GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n"),
            Ok(Framing::None)
        );
        assert_eq!(
            judged("GET /{a}?q=[b]|c HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
            Ok(Framing::None)
        );
    }

    #[test]
    fn a_request_may_be_the_last() {
        let last = |line: &str, fields: &str| {
            let head = format!("GET / {line}\r\nHost: a\r\n{fields}\r\n");
            judge(head.as_bytes(), &limits()).unwrap().unwrap().last
        };
        for (line, fields, expected) in [
            ("HTTP/1.1", "", false),
            ("HTTP/1.1", "Connection: keep-alive\r\n", false),
            ("HTTP/1.1", "Connection: x, Close\r\n", true),
            ("HTTP/1.1", "Connection: x\r\nConnection: close\r\n", true),
            ("HTTP/1.0", "", true),
            ("HTTP/1.0", "Connection: Keep-Alive\r\n", false),
            // It may become a tunnel, or look as if it did.
            (
                "HTTP/1.1",
                "Connection: close, upgrade\r\nUpgrade: websocket\r\n",
                false,
            ),
            (
                "HTTP/1.1",
                "Connection: close, upgrade\r\nUpgrade: h2c\r\n",
                false,
            ),
        ] {
            assert_eq!(last(line, fields), expected, "{line} {fields}");
        }
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_refused() {
        let malformed = |head: &str| matches!(judged(head), Err(HeadRefusal::Malformed(_)));
        for fields in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked, gzip\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer_Encoding: chunked\r\n",
            "content_length: 1\r\n",
            "Content-Length : 1\r\n",
            " folded: 1\r\n",
            "A: 1\r\n\tfolded\r\n",
            "no colon\r\n",
            ": no name\r\n",
            "A: bare\rreturn\r\n",
            "A: nul\0\r\n",
            "A: bare\nLine: feed\r\n",
            "Host: b\r\n",
            "Upgrade: h2c\r\nUpgrade: websocket\r\n",
        ] {
            assert!(
                matches!(with(fields), Err(HeadRefusal::Malformed(_))),
                "{fields:?}: {:?}",
                with(fields)
            );
        }
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert!(malformed(head), "{head:?}: {:?}", judged(head));
        }
    }

    #[test]
    fn other_refusals_have_a_status_of_their_own() {
        assert_eq!(
            with("Transfer-Encoding: gzip, chunked\r\n"),
            Err(HeadRefusal::Coding)
        );
        assert_eq!(
            judged("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
            Err(HeadRefusal::Trace)
        );
        assert_eq!(
            judged(&format!("{} / HTTP/1.1\r\n\r\n", "A".repeat(33))),
            Err(HeadRefusal::MethodTooLong)
        );
        assert_eq!(with("Expect: 200-ok\r\n"), Err(HeadRefusal::Expectation));
        assert_eq!(with(&"A: b\r\n".repeat(8)), Err(HeadRefusal::TooManyFields));
        assert_eq!(
            with(&format!("A: {}\r\n", "b".repeat(1024))),
            Err(HeadRefusal::TooLarge)
        );
        assert_eq!(
            judged("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
            Err(HeadRefusal::Connect)
        );
        assert_eq!(judged("PRI * HTTP/2.0\r\n\r\n"), Err(HeadRefusal::Version));
        let long = ListenerLimits {
            max_header_size: 64 * 1024,
            ..limits()
        };
        let head = format!(
            "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
            "a".repeat(MAX_TARGET)
        );
        assert_eq!(
            judge(head.as_bytes(), &long),
            Some(Err(HeadRefusal::TargetTooLong))
        );
    }

    #[test]
    fn the_end_is_found_wherever_the_search_goes_on() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for scanned in 0..27 {
            assert_eq!(end(head, scanned), Some(27), "{scanned}");
            assert_eq!(end(&head[..scanned], 0), None, "{scanned}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
            head.extend(&bytes);
            head.extend(b"\r\n\r\n");
            let _ = judge(&bytes, &limits());
            let _ = judge(&head, &limits());
        }

        #[test]
        fn whatever_passes_here_can_be_held(target in "[!-~]{1,20}", value in "[ -~\t]{0,20}") {
            let head = format!("GET /{target} HTTP/1.1\r\nHost: a\r\nx: {value}\r\n\r\n");
            if judge(head.as_bytes(), &limits()).is_some_and(|judged| judged.is_ok()) {
                let uri = format!("/{target}");
                proptest::prop_assert!(http::Uri::try_from(uri.as_bytes()).is_ok());
                proptest::prop_assert!(http::HeaderValue::from_str(&value).is_ok());
            }
        }
    }
}
