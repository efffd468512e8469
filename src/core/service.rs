//! What the file says of one service, validated: routes, pools and policies.
//!
//! Owns the values that cannot be wrong (`config::validate` makes them); must not hold anything that changes
//! while the file does not: the live colour and health are state.

use std::{
    fmt,
    num::{NonZeroU16, NonZeroUsize},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use http::{HeaderName, HeaderValue};

use super::{
    affinity::AffinitySpec,
    beside::PreviewSpec,
    gate::spec::GatesSpec,
    ids::{ByColour, Colour, EndpointAddr, ListenerName, ServiceName},
    proxy_header::ProxyVersion,
    share::Share,
    shift::ShiftSpec,
    tls::UpstreamTls,
};

/// A named thing with one blue and one green pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// Its name.
    pub name: ServiceName,
    /// Host and path-prefix matches that lead here; never empty.
    pub routes: Vec<Route>,
    /// The colour that the file calls live. State decides; see the authority rule of the design.
    pub live: Colour,
    /// Where its routes are heard.
    pub listeners: ListenerScope,
    /// The `Host` sent upstream.
    pub host: HostPolicy,
    /// What endpoints are spoken to in.
    pub protocol: UpstreamProtocol,
    /// How an endpoint is picked.
    pub balance: BalanceKind,
    /// Over what time a newcomer to a pool gets its share of the requests; zero gives it at once.
    pub slow_start: Duration,
    /// What happens when no endpoint of the live pool is ready.
    pub on_all_unhealthy: OnAllUnhealthy,
    /// Bytes of a request's body; more are answered 413.
    pub max_request_body: Option<NonZeroUsize>,
    /// What happens to a path that could be read in more than one way.
    pub ambiguous_path: AmbiguousPath,
    /// Whether endpoints get a `Forwarded` field.
    pub forwarded: ForwardedPolicy,
    /// Endpoints of each colour; the live pool is never empty.
    pub pools: ByColour<Vec<EndpointSpec>>,
    /// How endpoints are probed.
    pub probe: ProbeSpec,
    /// How endpoints are judged by the traffic itself.
    pub passive: PassiveSpec,
    /// How a switch goes.
    pub switch: SwitchSpec,
    /// Which sessions stay with their colour.
    pub affinity: Option<AffinitySpec>,
    /// The share of safe requests that are copied to the standby; none, where it is none.
    pub mirror: Share,
    /// How a request asks for the standby, if one may.
    pub preview: Option<Arc<PreviewSpec>>,
    /// How long each wait may last.
    pub timeouts: Timeouts,
    /// How upstream connections are kept.
    pub connections: ConnectionsSpec,
    /// TLS towards the endpoints of each colour; `None` is in the clear.
    pub upstream_tls: ByColour<Option<Arc<UpstreamTls>>>,
    /// Fields that a listener sets to what it knows of a client's certificate; from a client itself they are never
    /// passed on. The same for every service.
    pub vouched_fields: Arc<[HeaderName]>,
}

/// One endpoint as the file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    /// `host:port`.
    pub addr: EndpointAddr,
    /// Share of the pool's traffic relative to the others.
    pub weight: NonZeroU16,
}

/// `HOST/PREFIX`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// Which hosts.
    pub host: RouteHost,
    /// Which paths: a prefix on a segment boundary, beginning with `/`. `/shop` matches `/shop` and `/shop/x`,
    /// not `/shopping`; a trailing slash in the file means the same as none.
    pub prefix: String,
}

/// The host part of a route, lower case, without port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteHost {
    /// `shop.example.com`.
    Exact(String),
    /// `*.example.com`, kept as `example.com`: every host with at least one more label.
    Wildcard(String),
    /// No host given.
    Any,
}

/// As a file may have it: there, a star in a path would be taken for a pattern, so the character itself is escaped.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            RouteHost::Exact(host) => f.write_str(host)?,
            RouteHost::Wildcard(suffix) => write!(f, "*.{suffix}")?,
            RouteHost::Any => {}
        }
        for (place, piece) in self.prefix.split('*').enumerate() {
            f.write_str(if place == 0 { "" } else { "%2A" })?;
            f.write_str(piece)?;
        }
        Ok(())
    }
}

/// On which listeners a service is heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenerScope {
    /// On every listener.
    All,
    /// On these.
    Named(Vec<ListenerName>),
}

impl ListenerScope {
    /// Whether `name` is in the scope.
    #[must_use]
    pub fn contains(&self, name: &ListenerName) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// The `Host` field of the request sent upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPolicy {
    /// The client's own.
    Preserve,
    /// The endpoint's `host:port`.
    Endpoint,
    /// This one.
    Literal(HeaderValue),
}

/// What endpoints are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2: endpoints are known to speak it.
    Http2,
    /// What is agreed on by ALPN; only through TLS.
    Auto,
}

/// A balancing policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BalanceKind {
    /// The endpoint with the fewest requests in flight for its weight.
    LeastInFlight,
    /// Smooth weighted round robin.
    RoundRobin,
    /// The better of two drawn by weight ("power of two choices", Mitzenmacher 2001).
    P2c,
}

/// What to do when no endpoint of the live pool is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnAllUnhealthy {
    /// Pick among all of them: the probes may be wrong, and a chance beats a certain refusal.
    Try,
    /// Answer 503.
    Reject,
}

/// What to do with a path that could be read in more than one way. The later, the stricter: of several services that
/// its readings lead to, the strictest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AmbiguousPath {
    /// Forward it as it was sent: the endpoint reads it as cutover does.
    Forward,
    /// Forward what its most liberal reader would read.
    Normalise,
    /// Answer 400.
    Reject,
}

/// Whether endpoints are told of the client in a `Forwarded` field (RFC 7239), besides `X-Forwarded-*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedPolicy {
    /// Only if a trusted peer has told it in one.
    Off,
    /// Always.
    On,
}

/// How endpoints are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeSpec {
    /// What one probe does.
    pub kind: ProbeKind,
    /// What the endpoint is spoken to in.
    pub protocol: UpstreamProtocol,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// How long one probe may take, connecting included; at most `interval`.
    pub timeout: Duration,
    /// Passed probes in a row that make an unhealthy endpoint healthy.
    pub rise: u32,
    /// Failed probes in a row that make a healthy endpoint unhealthy.
    pub fall: u32,
    /// Share of `interval`, in per cent, by which each wait is varied at random, so that probes of many
    /// endpoints do not march in step.
    pub jitter_percent: u8,
    /// How each connection begins, where endpoints expect an introduction: with one that introduces nobody.
    pub introduces: Option<ProxyVersion>,
}

/// What one probe does, always on a fresh connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Connects.
    Tcp,
    /// Sends one request and judges the answer.
    Http(Box<HttpProbe>),
    /// Asks the standard health service of gRPC.
    Grpc(Box<GrpcProbe>),
}

/// The request of an HTTP probe and what makes its answer a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// Origin-form target.
    pub path: String,
    /// Status codes that pass.
    pub expect: RangeInclusive<u16>,
    /// A text the body must contain, within its first [`PROBE_BODY_LIMIT`] bytes.
    pub body_contains: Option<String>,
    /// `Host`; the endpoint's `host:port` where not given.
    pub host: Option<HeaderValue>,
    /// Further fields to send.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// The question of a gRPC probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcProbe {
    /// The service that is asked for; empty for the endpoint as a whole.
    pub service: String,
    /// `:authority`; the endpoint's `host:port` where not given.
    pub host: Option<HeaderValue>,
    /// Further fields to send.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Bytes of a probe's answer that are looked at.
pub const PROBE_BODY_LIMIT: usize = 64 * 1024;

/// How endpoints are judged by the traffic itself. An endpoint whose connections fail or are reset is taken
/// out at once, for `eject` the first time, twice as long each time in a row, `max_eject` at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassiveSpec {
    /// First time out; zero turns passive judgement off.
    pub eject: Duration,
    /// Longest time out.
    pub max_eject: Duration,
    /// Share of a pool, in per cent, that may be out for passive reasons at once.
    pub max_share_percent: u8,
}

/// How a switch goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchSpec {
    /// How long a switch waits for its gates before it is refused.
    pub gate_timeout: Duration,
    /// Endpoints of the target pool that must be ready.
    pub min_ready: MinReady,
    /// After it, what still runs on the old pool is cut and counted.
    pub drain_deadline: Duration,
    /// How gradually it goes.
    pub shift: ShiftSpec,
    /// What it waits for besides `min_ready`.
    pub gates: GatesSpec,
    /// How long the pool that was live before is kept ready to return; zero keeps it for no longer than its requests
    /// last.
    pub keep_standby_for: Duration,
}

/// Endpoints of the target pool that must be ready before a switch commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinReady {
    /// This many.
    Count(u32),
    /// This share of the pool, in per cent, rounded up.
    Percent(u8),
}

impl MinReady {
    /// How many of a pool of `size` endpoints must be ready.
    #[must_use]
    pub fn of(self, size: usize) -> usize {
        match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (size * usize::from(percent)).div_ceil(100),
        }
    }
}

/// How long each wait of a request may last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Opening a connection to an endpoint.
    pub connect: Duration,
    /// From the end of the request to the response head.
    pub response: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
}

/// How connections to endpoints are kept. Each worker keeps its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionsSpec {
    /// Unused connections kept per endpoint and worker.
    pub max_idle: usize,
    /// Unused for longer, a connection is closed. Keep it below the endpoint's own keep-alive time
    /// (Node.js: 5 s), so that a request rarely meets a connection that its peer is closing.
    pub idle_timeout: Duration,
    /// How endpoints are introduced to the client at the start of each connection, if they are. It belongs to that
    /// client then.
    pub introduces: Option<ProxyVersion>,
}
