//! The gRPC probe: the standard health protocol (`grpc.health.v1.Health/Check`), asked once.
//!
//! Owns its two messages, which are written and read by hand: one field each. A code generator would bring a build
//! step and a runtime for a question of twenty bytes.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header, uri};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    failure::ProbeFailure,
    http2::{Answer, Question},
};
use crate::core::{ids::EndpointAddr, service::GrpcProbe};

/// What is sent to one endpoint.
#[derive(Debug)]
pub(super) struct GrpcExchange {
    service: String,
    head: Option<Request<()>>,
}

impl GrpcExchange {
    pub(super) fn new(probe: &GrpcProbe, addr: &EndpointAddr, scheme: uri::Scheme) -> Self {
        Self {
            service: probe.service.clone(),
            head: head(probe, addr, scheme),
        }
    }

    /// Asks once and judges the answer.
    pub(super) async fn run<S>(&self, stream: S) -> Result<(), ProbeFailure>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Some(head) = self.head.clone() else {
            return Err(ProbeFailure::Request("malformed host".to_owned()));
        };
        let question = Question {
            head,
            body: message(&self.service),
            enough: |_: &[u8]| false,
        };
        self.judge(&question.ask(stream).await?)
    }

    fn judge(&self, answer: &Answer) -> Result<(), ProbeFailure> {
        if answer.status != http::StatusCode::OK {
            let status = answer.status.as_u16();
            return Err(ProbeFailure::Status {
                status,
                expect: 200..=200,
            });
        }
        // An answer that is an error at once says so in its head.
        let status = number(&answer.trailers).or_else(|| number(&answer.headers));
        match status {
            Some(OK) => {}
            Some(code) => return Err(ProbeFailure::Call(code, name(code))),
            None => return Err(ProbeFailure::NotGrpc),
        }
        match serving_status(&answer.body) {
            Some(SERVING) => Ok(()),
            Some(status) => Err(ProbeFailure::NotServing(health(status))),
            None => Err(ProbeFailure::NotGrpc),
        }
    }
}

fn head(probe: &GrpcProbe, addr: &EndpointAddr, scheme: uri::Scheme) -> Option<Request<()>> {
    let authority = match &probe.host {
        Some(host) => uri::Authority::try_from(host.as_bytes()),
        None => uri::Authority::try_from(addr.as_str()),
    };
    let mut parts = uri::Parts::default();
    parts.scheme = Some(scheme);
    parts.authority = Some(authority.ok()?);
    parts.path_and_query = Some(uri::PathAndQuery::from_static(CHECK));
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(super::USER_AGENT),
    );
    for (name, value) in &probe.headers {
        headers.insert(name, value.clone());
    }
    Some(request)
}

/// `HealthCheckRequest`: one string, the name of a service, with the prefix of a message.
fn message(service: &str) -> Bytes {
    let mut fields = Vec::new();
    if let Ok(length @ 1..) = u8::try_from(service.len()) {
        fields.push(0x0a);
        // The name is short, so that its length is at most two groups of seven bits.
        if length < 0x80 {
            fields.push(length);
        } else {
            fields.extend([length, 1]);
        }
        fields.extend_from_slice(service.as_bytes());
    }
    let mut message = vec![0, 0, 0];
    let length = u16::try_from(fields.len()).unwrap_or_default();
    message.extend(length.to_be_bytes());
    message.extend(fields);
    message.into()
}

/// The status in a `HealthCheckResponse`: one number, which is left out where it is zero. Other fields, of a later
/// version, are passed over.
fn serving_status(body: &[u8]) -> Option<u64> {
    let (prefix, message) = body.split_first_chunk::<5>()?;
    let [compressed, length @ ..] = *prefix;
    let message = message.get(..u32::from_be_bytes(length) as usize)?;
    let mut rest = (compressed == 0).then_some(message)?;
    let mut status = 0;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match (tag >> 3, tag & 7) {
            (1, 0) => status = varint(&mut rest)?,
            (_, 0) => drop(varint(&mut rest)?),
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn number(fields: &HeaderMap) -> Option<u16> {
    fields.get("grpc-status")?.to_str().ok()?.parse().ok()
}

fn name(status: u16) -> &'static str {
    STATUSES
        .get(usize::from(status))
        .copied()
        .unwrap_or("no known status")
}

const fn health(status: u64) -> &'static str {
    match status {
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "UNKNOWN",
    }
}

/// What the numbers are called.
const STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
const CHECK: &str = "/grpc.health.v1.Health/Check";
const OK: u16 = 0;
const SERVING: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_the_name_of_the_service_or_nothing() {
        assert_eq!(message("").as_ref(), [0, 0, 0, 0, 0]);
        assert_eq!(message("a.B").as_ref(), b"\0\0\0\0\x05\x0a\x03a.B");
        let long = "x".repeat(200);
        let message = message(&long);
        assert_eq!(message[..8], [0, 0, 0, 0, 203, 0x0a, 200, 1]);
        assert_eq!(message.len(), 5 + 3 + 200);
    }

    #[test]
    fn an_answer_is_a_number_among_other_fields() {
        for (message, expected) in [
            (&b"\x08\x01"[..], Some(1)),
            (b"\x08\x02", Some(2)),
            (b"", Some(0)),
            (b"\x12\x02hi\x08\x01", Some(1)),
            (b"\x10\x07\x08\x01", Some(1)),
            (b"\x15\0\0\0\0\x08\x01", Some(1)),
            (b"\x11\0\0\0\0\0\0\0\0\x08\x01", Some(1)),
            (b"\x08", None),
            (b"\x12\x09hi", None),
            (b"\x0b", None),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
        ] {
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let body = [&[0], &length[..], message].concat();
            assert_eq!(serving_status(&body), expected, "{message:?}");
        }
        assert_eq!(serving_status(b"\0\0\0\0\x05\x08\x01"), None, "cut short");
        assert_eq!(
            serving_status(b"\x01\0\0\0\x02\x08\x01"),
            None,
            "compressed"
        );
        assert_eq!(serving_status(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(body: Vec<u8>) {
            let _ = serving_status(&body);
        }
    }
}
