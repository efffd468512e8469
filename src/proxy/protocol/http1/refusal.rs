//! Why a request head is refused, and with what status.

use http::StatusCode;

use crate::telemetry::limit::Limit;

/// Why a request head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadRefusal {
    /// 400, with what is wrong.
    Malformed(&'static str),
    /// 405: `CONNECT` is for forward proxies.
    Connect,
    /// 405: `TRACE` would show the client what is added for the endpoint's eyes only.
    Trace,
    /// 408: the head did not come in time.
    Timeout,
    /// 414.
    TargetTooLong,
    /// 417: an expectation other than `100-continue`.
    Expectation,
    /// 431: too many fields.
    TooManyFields,
    /// 431: too many bytes.
    TooLarge,
    /// 501: chunks of a coding that cutover cannot read.
    Coding,
    /// 501: no method is so long.
    MethodTooLong,
    /// 501: an extended `CONNECT` for anything but a WebSocket.
    Protocol,
    /// 505.
    Version,
}

impl HeadRefusal {
    /// The status to answer.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Connect | Self::Trace => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::TooManyFields | Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Coding | Self::MethodTooLong | Self::Protocol => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        }
    }

    /// The bound that was met, if that is why.
    pub(crate) const fn limit(self) -> Option<Limit> {
        match self {
            Self::Timeout => Some(Limit::HeaderReadTimeout),
            Self::TargetTooLong => Some(Limit::MaxTargetSize),
            Self::TooManyFields => Some(Limit::MaxHeaderCount),
            Self::TooLarge => Some(Limit::MaxHeaderSize),
            Self::Malformed(_)
            | Self::Connect
            | Self::Trace
            | Self::Expectation
            | Self::Coding
            | Self::MethodTooLong
            | Self::Protocol
            | Self::Version => None,
        }
    }

    /// What to tell the client.
    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::Malformed(what) => what,
            Self::Connect => "connect is not allowed",
            Self::Trace => "trace is not allowed",
            Self::Timeout => "request head timeout",
            Self::TargetTooLong => "request target too long",
            Self::Expectation => "unknown expectation",
            Self::TooManyFields => "too many header fields",
            Self::TooLarge => "request head too large",
            Self::Coding => "unknown transfer coding",
            Self::MethodTooLong => "request method too long",
            Self::Protocol => "unknown protocol to connect by",
            Self::Version => "unsupported protocol version",
        }
    }
}
