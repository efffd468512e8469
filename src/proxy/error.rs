//! Why cutover answers by itself, whose fault that is, and what the client is told.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{headers::X_REQUEST_ID, protocol::http1::HeadRefusal};
use crate::{core::routing::Unclear, telemetry::limit::Limit};

/// Why a request gets an answer of cutover's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyError {
    /// The request head is not acceptable.
    Refused(HeadRefusal),
    /// The request body is not what its framing promised.
    MalformedBody,
    /// The client stopped sending its body.
    BodyTimeout,
    /// The client sends its body more slowly than the listener asks for.
    BodyTooSlow,
    /// The request body is larger than the service takes.
    BodyTooLarge,
    /// It is unclear which route matches.
    Unclear(Unclear),
    /// No route matches.
    NoRoute,
    /// The client does not say which host it means, and is to be redirected to it.
    NoHost,
    /// The request may go no further than here: its `Max-Forwards` is spent.
    NoHopLeft,
    /// No endpoint may be picked.
    NoReadyEndpoint,
    /// It asks for the standby, and no endpoint of that may be picked.
    NoPreview,
    /// The endpoint's name stands for no address.
    Unresolved,
    /// Buffers held too much, and this request's body for longest.
    BuffersFull,
    /// No descriptor or port is left here for a connection to the endpoint.
    Exhausted,
    /// The endpoint did not accept a connection.
    ConnectRefused,
    /// The endpoint did not accept a connection in time.
    ConnectTimeout,
    /// The TLS handshake with the endpoint failed.
    TlsFailed,
    /// The endpoint's certificate is not trusted.
    Untrusted,
    /// The endpoint closed the connection without an answer.
    Closed,
    /// The endpoint reset the stream without an answer.
    StreamReset,
    /// The endpoint takes no more requests at once.
    Crowded,
    /// The endpoint's answer is not HTTP.
    Malformed,
    /// The endpoint did not answer in time.
    ResponseTimeout,
    /// The client's own deadline has passed (`grpc-timeout`).
    DeadlinePassed,
    /// The pool's drain deadline passed before the endpoint answered.
    CutByDeadline,
    /// The process is stopping.
    CutByShutdown,
}

/// Where something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// With the client.
    Downstream,
    /// With the endpoint.
    Upstream,
    /// Here.
    Internal,
}

impl ProxyError {
    /// The status to answer; the only place that maps.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::MalformedBody | Self::Unclear(_) | Self::NoHost => StatusCode::BAD_REQUEST,
            Self::BodyTimeout | Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoHopLeft => StatusCode::OK,
            Self::NoReadyEndpoint
            | Self::NoPreview
            | Self::BuffersFull
            | Self::Crowded
            | Self::Exhausted
            | Self::CutByDeadline
            | Self::CutByShutdown => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unresolved
            | Self::ConnectRefused
            | Self::TlsFailed
            | Self::Untrusted
            | Self::Closed
            | Self::StreamReset
            | Self::Malformed => StatusCode::BAD_GATEWAY,
            Self::ConnectTimeout | Self::ResponseTimeout | Self::DeadlinePassed => {
                StatusCode::GATEWAY_TIMEOUT
            }
        }
    }

    /// Constant words for people, the access log and alerts.
    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.cause(),
            Self::MalformedBody => "malformed request body",
            Self::BodyTimeout => "request body timeout",
            Self::BodyTooSlow => "request body too slow",
            Self::BodyTooLarge => "request body too large",
            Self::Unclear(unclear) => unclear.cause(),
            Self::NoRoute => "no route",
            Self::NoHost => "no host to redirect to",
            Self::NoHopLeft => "no hop left",
            Self::NoReadyEndpoint => "no ready endpoint",
            Self::NoPreview => "no ready endpoint in the standby pool to preview",
            Self::Unresolved => "endpoint name not resolved",
            Self::BuffersFull => "buffers full",
            Self::Exhausted => "out of descriptors or ports",
            Self::ConnectRefused => "connect refused",
            Self::ConnectTimeout => "connect timeout",
            Self::TlsFailed => "tls handshake failed",
            Self::Untrusted => "certificate not trusted",
            Self::Closed => "connection closed before the response",
            Self::StreamReset => "stream reset before the response",
            Self::Crowded => "no room for another request at the endpoint",
            Self::Malformed => "malformed response",
            Self::ResponseTimeout => "response timeout",
            Self::DeadlinePassed => "the client's deadline passed",
            Self::CutByDeadline => "drain deadline passed",
            Self::CutByShutdown => "shutting down",
        }
    }

    /// Whose fault it is.
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Refused(_)
            | Self::MalformedBody
            | Self::BodyTimeout
            | Self::BodyTooSlow
            | Self::BodyTooLarge
            | Self::Unclear(_)
            | Self::NoHost
            | Self::NoRoute
            | Self::DeadlinePassed => Side::Downstream,
            Self::NoHopLeft
            | Self::NoReadyEndpoint
            | Self::NoPreview
            | Self::BuffersFull
            | Self::Exhausted
            | Self::CutByDeadline
            | Self::CutByShutdown => Side::Internal,
            Self::Unresolved
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::TlsFailed
            | Self::Untrusted
            | Self::Closed
            | Self::StreamReset
            | Self::Crowded
            | Self::Malformed
            | Self::ResponseTimeout => Side::Upstream,
        }
    }

    /// The bound that the client met, if that is why.
    pub(crate) const fn limit(self) -> Option<Limit> {
        match self {
            Self::Refused(refusal) => refusal.limit(),
            Self::BodyTimeout => Some(Limit::Idle),
            Self::BodyTooSlow => Some(Limit::RequestBodyRate),
            Self::BodyTooLarge => Some(Limit::MaxRequestBody),
            Self::BuffersFull => Some(Limit::MaxBuffered),
            Self::Crowded => Some(Limit::UpstreamStreams),
            Self::MalformedBody
            | Self::Unclear(_)
            | Self::NoRoute
            | Self::NoHost
            | Self::NoHopLeft
            | Self::NoReadyEndpoint
            | Self::NoPreview
            | Self::Unresolved
            | Self::Exhausted
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::TlsFailed
            | Self::Untrusted
            | Self::Closed
            | Self::StreamReset
            | Self::Malformed
            | Self::ResponseTimeout
            | Self::DeadlinePassed
            | Self::CutByDeadline
            | Self::CutByShutdown => None,
        }
    }

    /// Whether the downstream connection can be used again: not when its input is in doubt.
    const fn closes(self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::MalformedBody
                | Self::BodyTimeout
                | Self::BodyTooSlow
                | Self::BodyTooLarge
                | Self::BuffersFull
                | Self::CutByShutdown
        )
    }

    /// A short answer, in JSON if `accept` asks for it, otherwise in plain text.
    pub(crate) fn answer(self, accept: Option<&HeaderValue>, id: &HeaderValue) -> Response<Bytes> {
        let (side, cause) = (self.side().as_str(), self.cause());
        let shown = id.to_str().unwrap_or("-");
        let json = accept.is_some_and(wants_json);
        // Ids are graphic ASCII; of those only two would need escaping in JSON.
        let body = if json {
            let shown = shown.replace('\\', "\\\\").replace('"', "\\\"");
            format!(
                "{{\"status\":{},\"error\":\"{cause}\",\"side\":\"{side}\",\"request_id\":\"{shown}\"}}\n",
                self.status().as_u16()
            )
        } else {
            format!("{}: {cause} ({side}), request {shown}\n", self.status())
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status();
        self.fill(response.headers_mut(), json);
        response.headers_mut().insert(X_REQUEST_ID, id.clone());
        response
    }

    fn fill(self, headers: &mut HeaderMap, json: bool) {
        let kind = if json {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.closes() {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status() == StatusCode::METHOD_NOT_ALLOWED || self == Self::NoHopLeft {
            let allowed = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH";
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
    }
}

impl Side {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Downstream => "client",
            Self::Upstream => "endpoint",
            Self::Internal => "proxy",
        }
    }
}

/// Whether JSON is named, and not only after plain text.
fn wants_json(accept: &HeaderValue) -> bool {
    let text = accept.to_str().unwrap_or_default();
    match (text.find("json"), text.find("text/plain")) {
        (Some(json), Some(plain)) => json < plain,
        (json, _) => json.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_failed_on_which_side_in_the_form_asked_for() {
        let id = HeaderValue::from_static("a\"b\\c");
        let json = HeaderValue::from_static("application/json");
        let answer = ProxyError::ConnectRefused.answer(Some(&json), &id);
        assert_eq!(answer.status(), 502);
        let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(body["error"], "connect refused");
        assert_eq!(
            (&body["side"], &body["request_id"]),
            (&"endpoint".into(), &"a\"b\\c".into())
        );
        let plain = ProxyError::NoReadyEndpoint.answer(None, &HeaderValue::from_static("id-1"));
        assert_eq!(
            plain.body(),
            "503 Service Unavailable: no ready endpoint (proxy), request id-1\n"
        );
        assert_eq!(plain.headers()["retry-after"], "1");
    }

    #[test]
    fn doubtful_input_closes_the_connection() {
        let id = HeaderValue::from_static("x");
        let refused = ProxyError::Refused(HeadRefusal::TooLarge).answer(None, &id);
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["connection"]),
            (431, &"close".parse().unwrap())
        );
        assert!(
            !ProxyError::NoRoute
                .answer(None, &id)
                .headers()
                .contains_key("connection")
        );
    }
}
