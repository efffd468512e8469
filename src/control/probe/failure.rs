//! Why a probe failed, in the words that people read in `status` and in a refused gate.

use std::{io, ops::RangeInclusive, time::Duration};

use crate::{machine::is_exhausted, tls};

/// What was seen instead of a pass.
#[derive(Debug, thiserror::Error)]
pub(in crate::control) enum ProbeFailure {
    /// The endpoint's name stands for no address yet.
    #[error("name not resolved")]
    Unresolved,
    /// Nothing listens.
    #[error("connect refused")]
    ConnectRefused,
    /// No connection in time.
    #[error("connect timeout")]
    ConnectTimeout,
    /// No descriptor or port was left for a probe, which says nothing of the endpoint.
    #[error("no descriptor or port left")]
    Exhausted,
    /// The system says no.
    #[error("connect failed: {0}")]
    ConnectFailed(io::ErrorKind),
    /// Connected, and no TLS.
    #[error("tls handshake failed: {0}")]
    Handshake(String),
    /// TLS, with a certificate that is not trusted.
    #[error("certificate not trusted: {0}")]
    Untrusted(String),
    /// Connected, and nothing in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    NoAnswer(Duration),
    /// Connected, and reset.
    #[error("connection reset")]
    Reset,
    /// Connected, and closed before the answer was whole.
    #[error("connection closed without an answer")]
    Closed,
    /// Bytes that are no HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Bytes that are no HTTP/2.
    #[error("the answer is not HTTP/2")]
    NotHttp2,
    /// TLS, and not HTTP/2 over it.
    #[error("no HTTP/2 was agreed on in the TLS handshake")]
    NotAgreed,
    /// HTTP/2, and a refusal.
    #[error("refused with {0}")]
    Refused(String),
    /// HTTP/2, and no answer of the health service.
    #[error("the answer is not gRPC")]
    NotGrpc,
    /// The health service does not answer the question.
    #[error("grpc-status {0} ({1})")]
    Call(u16, &'static str),
    /// It does, and says no.
    #[error("health {0}")]
    NotServing(&'static str),
    /// Another status.
    #[error("status {status}, expected {}-{}", .expect.start(), .expect.end())]
    Status {
        /// The one answered.
        status: u16,
        /// Those that pass.
        expect: RangeInclusive<u16>,
    },
    /// Another body.
    #[error("body lacks `{0}`")]
    Body(String),
    /// The probe itself is wrong.
    #[error("the request cannot be made: {0}")]
    Request(String),
}

impl ProbeFailure {
    /// An error of connecting.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the kinds of errors are many, and more with every release"
    )]
    pub(in crate::control) fn connect(error: &io::Error) -> Self {
        if is_exhausted(error) {
            return Self::Exhausted;
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectRefused,
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            kind => Self::ConnectFailed(kind),
        }
    }

    /// An error of the TLS handshake.
    pub(in crate::control) fn handshake(error: &io::Error) -> Self {
        match tls::distrust(error) {
            Some(why) => Self::Untrusted(why),
            None => Self::Handshake(error.to_string()),
        }
    }

    /// An error of the exchange.
    pub(in crate::control) fn exchange(error: &hyper::Error) -> Self {
        if error.is_parse() {
            return Self::NotHttp;
        }
        let source = std::error::Error::source(error);
        let source = source.and_then(|source| source.downcast_ref::<io::Error>());
        // In TLS 1.3 a client learns only after its handshake that its certificate was refused.
        if let Some(cause @ rustls::Error::AlertReceived(_)) = source.and_then(tls::cause) {
            return Self::Handshake(cause.to_string());
        }
        match source.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Self::Reset,
            Some(_) | None => Self::Closed,
        }
    }
}
