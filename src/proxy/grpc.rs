//! What gRPC adds to HTTP/2 that a proxy has to know: the call's deadline, and how one that failed is answered.
//!
//! Owns the translation of cutover's refusals into statuses of gRPC; must not look into messages. A client of gRPC
//! reads its status from trailers and takes any HTTP status but 200 for a proxy's mistake, from which it guesses.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use super::{error::ProxyError, headers::X_REQUEST_ID, protocol::http1::HeadRefusal};

/// A call of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    timeout: Option<Duration>,
}

impl Call {
    /// The call that these fields of a request make, if they make one.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.as_bytes();
        // `application/grpc-web` is HTTP with a body of its own, and ends in no trailers.
        let rest = kind.strip_prefix(b"application/grpc")?;
        matches!(rest, [] | [b'+' | b';', ..]).then(|| Self {
            timeout: headers.get(GRPC_TIMEOUT).and_then(timeout),
        })
    }

    /// How long its client waits for the whole of the answer.
    pub(crate) const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

/// The answer to a call that failed here: a head that is trailers at once.
pub(crate) fn answer(error: ProxyError, id: &HeaderValue) -> Response<Bytes> {
    let shown = id.to_str().unwrap_or("-");
    let message = format!(
        "{} ({}), request {shown}",
        error.cause(),
        error.side().as_str()
    );
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(GRPC_STATUS, HeaderValue::from(status(error)));
    // What is percent-encoded is always a sound field value.
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    headers.insert(X_REQUEST_ID, id.clone());
    response
}

/// The status of gRPC for each of cutover's refusals; the only place that maps. By what the client should make of it:
/// `UNAVAILABLE` may be tried again, because nothing was done.
const fn status(error: ProxyError) -> u16 {
    match error {
        ProxyError::Refused(refusal) => of_head(refusal),
        ProxyError::MalformedBody | ProxyError::Unclear(_) | ProxyError::NoHost => INTERNAL,
        ProxyError::BodyTooLarge | ProxyError::BuffersFull | ProxyError::Crowded => {
            RESOURCE_EXHAUSTED
        }
        ProxyError::NoRoute | ProxyError::NoHopLeft => UNIMPLEMENTED,
        ProxyError::BodyTimeout
        | ProxyError::BodyTooSlow
        | ProxyError::ResponseTimeout
        | ProxyError::DeadlinePassed => DEADLINE_EXCEEDED,
        ProxyError::NoReadyEndpoint
        | ProxyError::NoPreview
        | ProxyError::Unresolved
        | ProxyError::Exhausted
        | ProxyError::ConnectRefused
        | ProxyError::ConnectTimeout
        | ProxyError::TlsFailed
        | ProxyError::Untrusted
        | ProxyError::Closed
        | ProxyError::StreamReset
        | ProxyError::Malformed
        | ProxyError::CutByDeadline
        | ProxyError::CutByShutdown => UNAVAILABLE,
    }
}

const fn of_head(refusal: HeadRefusal) -> u16 {
    match refusal.status() {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE | StatusCode::URI_TOO_LONG => {
            RESOURCE_EXHAUSTED
        }
        _ => INTERNAL,
    }
}

/// `grpc-timeout`: at most eight digits and a unit. What is malformed is the endpoint's to refuse.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    let is_number =
        !digits.is_empty() && digits.len() <= 8 && digits.iter().all(u8::is_ascii_digit);
    let number = is_number.then(|| {
        digits
            .iter()
            .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    })?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// As `grpc-message` is written: printable ASCII but for the per cent sign.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}

const DEADLINE_EXCEEDED: u16 = 4;
const RESOURCE_EXHAUSTED: u16 = 8;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
const UNAVAILABLE: u16 = 14;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: &str, timeout: &str) -> Option<Call> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers.insert(GRPC_TIMEOUT, timeout.parse().unwrap());
        Call::of(&headers)
    }

    #[test]
    fn a_call_is_known_by_its_content_type() {
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;x=y",
        ] {
            assert!(call(kind, "1S").is_some(), "{kind}");
        }
        for kind in [
            "application/grpc-web",
            "application/json",
            "application/grpcx",
        ] {
            assert_eq!(call(kind, "1S"), None, "{kind}");
        }
        assert_eq!(Call::of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_deadline_is_a_short_number_and_a_unit() {
        for (text, expected) in [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("6u", Some(Duration::from_micros(6))),
            ("7n", Some(Duration::from_nanos(7))),
            ("0S", Some(Duration::ZERO)),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("+1S", None),
            ("100000000S", None),
        ] {
            assert_eq!(
                call("application/grpc", text).unwrap().timeout(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_refusal_is_trailers_with_a_status_that_says_whether_to_try_again() {
        let id = HeaderValue::from_static("a%b");
        for (error, status) in [
            (ProxyError::NoReadyEndpoint, "14"),
            (ProxyError::ConnectRefused, "14"),
            (ProxyError::ConnectTimeout, "14"),
            (ProxyError::CutByDeadline, "14"),
            (ProxyError::ResponseTimeout, "4"),
            (ProxyError::DeadlinePassed, "4"),
            (ProxyError::NoRoute, "12"),
            (ProxyError::Refused(HeadRefusal::TooLarge), "8"),
            (ProxyError::Refused(HeadRefusal::Malformed("x")), "13"),
        ] {
            let answer = answer(error, &id);
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["grpc-status"], status, "{error:?}");
            assert!(answer.body().is_empty());
        }
        assert_eq!(
            answer(ProxyError::NoReadyEndpoint, &id).headers()["grpc-message"],
            "no ready endpoint (proxy), request a%25b"
        );
    }
}
