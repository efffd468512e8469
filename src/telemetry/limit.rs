//! The bounds of the data plane by name.
//!
//! Owns what `cutover_limited_total` tells apart; must not know what happens at a bound. Where a bound is a key of the
//! file, its name is that of the key.

/// A bound that a client or an endpoint has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A connection waited, because the listener had as many as it may.
    MaxConnections,
    /// A connection waited, because the process might run out of descriptors.
    OpenFiles,
    /// A connection was reset, because its client had as many as it may.
    MaxConnectionsPerClient,
    /// A connection was closed after its last request.
    MaxRequestsPerConnection,
    /// A head had too many fields.
    MaxHeaderCount,
    /// A head was too large.
    MaxHeaderSize,
    /// A request target was too long.
    MaxTargetSize,
    /// A head did not come in time.
    HeaderReadTimeout,
    /// A connection was closed for want of a request.
    KeepAlive,
    /// A request's body was too large.
    MaxRequestBody,
    /// A request's body came too slowly.
    RequestBodyRate,
    /// A response was taken too slowly.
    ResponseBodyRate,
    /// A client sent or took no byte of a body for too long.
    Idle,
    /// What stood in the buffers of a connection for longest was given up, because there was too much of it in all.
    MaxBuffered,
    /// No HTTP/2 connection to an endpoint had room for another request.
    UpstreamStreams,
    /// A connection of HTTP/2 ended, because too many frames came on it that carry nothing.
    Http2ControlFrames,
    /// It ended, because too many requests were taken back.
    Http2Resets,
    /// It ended at another bound of h2's: heads that are far too large or in too many pieces, data in tiny pieces,
    /// requests that break the protocol one after the other.
    Http2Calm,
}

impl Limit {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 18] = [
        Self::MaxConnections,
        Self::OpenFiles,
        Self::MaxConnectionsPerClient,
        Self::MaxRequestsPerConnection,
        Self::MaxHeaderCount,
        Self::MaxHeaderSize,
        Self::MaxTargetSize,
        Self::HeaderReadTimeout,
        Self::KeepAlive,
        Self::MaxRequestBody,
        Self::RequestBodyRate,
        Self::ResponseBodyRate,
        Self::Idle,
        Self::MaxBuffered,
        Self::UpstreamStreams,
        Self::Http2ControlFrames,
        Self::Http2Resets,
        Self::Http2Calm,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MaxConnections => "max_connections",
            Self::OpenFiles => "open_files",
            Self::MaxConnectionsPerClient => "max_connections_per_client",
            Self::MaxRequestsPerConnection => "max_requests_per_connection",
            Self::MaxHeaderCount => "max_header_count",
            Self::MaxHeaderSize => "max_header_size",
            Self::MaxTargetSize => "max_target_size",
            Self::HeaderReadTimeout => "header_read_timeout",
            Self::KeepAlive => "keep_alive",
            Self::MaxRequestBody => "max_request_body",
            Self::RequestBodyRate => "request_body_rate",
            Self::ResponseBodyRate => "response_body_rate",
            Self::Idle => "idle",
            Self::MaxBuffered => "max_buffered",
            Self::UpstreamStreams => "upstream_streams",
            Self::Http2ControlFrames => "http2_control_frames",
            Self::Http2Resets => "http2_resets",
            Self::Http2Calm => "http2_calm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bound_stands_at_its_counter() {
        for (place, limit) in Limit::ALL.into_iter().enumerate() {
            assert_eq!(limit as usize, place, "{limit:?}");
        }
    }
}
