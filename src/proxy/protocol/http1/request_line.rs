//! The first line of a request: method, target and version (RFC 9112 section 3).
//!
//! Owns what a target may look like before anything is made of it; must not say where it leads.

use super::{
    head::{is_token, split_once},
    refusal::HeadRefusal,
};

/// `method SP target SP version` (RFC 9112 section 3).
pub(super) struct RequestLine<'a> {
    target: &'a [u8],
    pub(super) http_10: bool,
}

impl<'a> RequestLine<'a> {
    pub(super) fn read(line: &'a [u8]) -> Result<Self, HeadRefusal> {
        let malformed = HeadRefusal::Malformed("malformed request line");
        let (method, rest) = split_once(line, b' ').ok_or(malformed)?;
        let (target, version) = split_once(rest, b' ').ok_or(malformed)?;
        if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
            return Err(malformed);
        }
        let http_10 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                return Err(HeadRefusal::Version);
            }
            _ => return Err(malformed),
        };
        if method == b"CONNECT" {
            return Err(HeadRefusal::Connect);
        }
        check_method(method)?;
        check_target(method, target)?;
        Ok(Self { target, http_10 })
    }

    /// The authority of an absolute-form target.
    pub(super) fn authority(&self) -> Option<&'a [u8]> {
        if self.target.first() == Some(&b'/') {
            return None;
        }
        let rest = after_scheme(self.target)?;
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(rest.len());
        Some(&rest[..end])
    }
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    target.get(scheme.len()..)
}

/// Judges a method, which is a token, by itself (RFC 9110 section 9.1).
pub(crate) fn check_method(method: &[u8]) -> Result<(), HeadRefusal> {
    match method.len() {
        5 if method == b"TRACE" => Err(HeadRefusal::Trace),
        0..=MAX_METHOD => Ok(()),
        _ => Err(HeadRefusal::MethodTooLong),
    }
}

/// Judges a request target by itself (RFC 9112 section 3.2).
pub(crate) fn check_target(method: &[u8], target: &[u8]) -> Result<(), HeadRefusal> {
    let malformed = HeadRefusal::Malformed("malformed request target");
    if target.len() > MAX_TARGET {
        return Err(HeadRefusal::TargetTooLong);
    }
    let known_form = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => after_scheme(target).is_some_and(|rest| !rest.is_empty()),
    };
    // What the `http` crate cannot hold could not be forwarded; it is asked here, where there is an answer to that.
    let fits = || {
        target
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
            && http::Uri::try_from(target).is_ok()
    };
    if !known_form || !(target.iter().all(|byte| USUAL[*byte as usize]) || fits()) {
        return Err(malformed);
    }
    if target[0] != b'/' && http::Uri::try_from(target).is_err() {
        return Err(malformed);
    }
    Ok(())
}

/// Longest method; the longest that is registered has 17 letters.
const MAX_METHOD: usize = 32;
/// Longest request target; browsers and servers agree on about this much.
pub(super) const MAX_TARGET: usize = 16 * 1024;

/// What paths and queries are made of, most often: `pchar` of RFC 3986 section 3.3, a slash, and a question mark.
static USUAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'$'..=b'/' | b':' | b';' | b'=' | b'?' | b'@' | b'_' | b'~'
            );
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};
