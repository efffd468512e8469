//! What the file says of a service.

use super::{
    BODY_LIMIT, LISTENERS_LIMIT, ROUTES_LIMIT,
    pool::{RawPool, RawUpstreamTls},
    probe::{RawPassive, RawProbe},
    session::{RawAffinity, RawPreview},
    switch::RawSwitch,
};
use crate::{
    config::{
        key::{NONE, REQUIRED, SECTION, told},
        tree::{List, table},
        value::{
            duration::{Delay, Period},
            http::HostText,
            number::Count,
            size::Size,
        },
    },
    core::{
        ids::Colour,
        proxy_header::ProxyVersion,
        service::{
            AmbiguousPath, BalanceKind, ForwardedPolicy, OnAllUnhealthy, Route, UpstreamProtocol,
        },
        share::Share,
    },
};

table! {
    /// `[service.NAME]`
    RawService {
        /// what leads here, see below
        routes: List<Route, ROUTES_LIMIT> = REQUIRED,
        /// the colour that is live the first time
        live: Colour = "blue",
        /// names of the listeners on which the routes are heard
        listeners: List<String, LISTENERS_LIMIT> = told("all"),
        /// the `Host` sent upstream: the client's, `"endpoint"` for the endpoint's address, or a literal
        host: HostText = "preserve",
        /// what endpoints are spoken to in: HTTP/1.1, [HTTP/2](http2-grpc.md#endpoints) if `"h2"`, or what is
        /// agreed on in the TLS handshake if `"auto"`, which needs `upstream_tls` for both pools
        protocol: UpstreamProtocol = "http1",
        /// or `"round_robin"`, `"p2c"`
        balance: BalanceKind = "least_in_flight",
        /// over what time a newcomer gets its share of the requests, in nine steps; a newcomer is an endpoint that
        /// comes to a pool which serves already, by a file, by an operator or after a drain. Where all are new,
        /// none is held back
        slow_start: Delay = "0s",
        /// share of safe requests (`GET`, `HEAD`, `OPTIONS`, without body) that are [copied to the
        /// standby](#mirroring)
        mirror: Share = "0%",
        /// when no endpoint is ready: try them all the same, or `"reject"` with 503
        on_all_unhealthy: OnAllUnhealthy = "try",
        /// `"v1"` or `"v2"`: each connection to an endpoint begins with a PROXY header of that version; see [who is
        /// the client](client-identity.md#introducing-clients-to-endpoints)
        send_proxy_protocol: ProxyVersion = NONE,
        /// `"on"`: endpoints are told of the client in `Forwarded` (RFC 7239), too, besides `X-Forwarded-*`
        forwarded: ForwardedPolicy = "off",
        /// size of a request's body, `1024GiB` at most; more is answered 413. `"0B"` is no limit
        max_request_body: Size<0, BODY_LIMIT> = "0B",
        /// a path that could be read in more than one way: 400, `"normalise"` it, or `"forward"` it; see below
        ambiguous_path: AmbiguousPath = "reject",
        /// the blue pool
        blue: RawPool = SECTION,
        /// the green pool
        green: RawPool = SECTION,
        /// TLS towards the endpoints of both colours; in the clear without it
        upstream_tls: RawUpstreamTls = SECTION,
        /// how endpoints of both colours are probed, always on fresh connections
        probe: RawProbe = SECTION,
        /// how an endpoint whose connections fail or are reset is taken out, without waiting for a probe
        passive: RawPassive = SECTION,
        /// what a switch waits for, how gradual it is, and how long it drains
        switch: RawSwitch = SECTION,
        /// sessions that stay with their colour; there are none without this table
        affinity: RawAffinity = SECTION,
        /// how a request asks for the standby before it is live; no table, no preview
        preview: RawPreview = SECTION,
        /// how long endpoints are waited for
        timeouts: RawTimeouts = SECTION,
        /// connections to endpoints; each worker keeps its own
        connections: RawConnections = SECTION,
    }
}

table! {
    /// `[service.NAME.timeouts]`
    RawTimeouts {
        /// opening a connection to an endpoint
        connect: Period = "1s",
        /// from the end of the request to the response head
        response: Period = "60s",
        /// without a byte in either direction
        idle: Period = "60s",
    }
}

table! {
    /// `[service.NAME.connections]`
    RawConnections {
        /// unused connections kept per endpoint and worker, 65536 at most; 0 keeps none
        max_idle: Count<0, 65_536> = 1024,
        /// unused for longer, one is closed; keep it below the endpoint's own keep-alive time
        idle_timeout: Period = "4s",
    }
}
