//! The file as it was typed: which keys there are and what may stand at each.
//!
//! Owns the names of keys and the type of each value; a value that is wrong by itself (`interval = "soon"`)
//! never gets past here. Must not know defaults, nor what two keys mean for each other: that is `validate`'s.

use super::{
    AccessLogFormat, AccessLogTarget, AdminAddr, ClientFrom, LogFormat, MemoryBound, TracePolicy,
    judge::Judge,
    tls::{ClientAuthMode, TlsVersion},
    tree::{Field, List, Named, Node, Typed, table},
    value::{
        addr::ListenAddr,
        check::{CheckMethod, JsonValues},
        choice::RawProbeKind,
        duration::{Delay, Period},
        flag::Flag,
        hook::HookUrl,
        http::{Expect, GrpcService, Headers, HostText, ProbePath},
        network::Network,
        number::{Count, Percent},
        path::FilePath,
        preview::{CookieName, PreviewField},
        protocol::Protocol,
        size::Size,
        tls::{OwnField, ServerNameText},
    },
};
use crate::core::{
    affinity::AffinityMode,
    event::POOL_LIMIT,
    gate::spec::{CheckScope, HookPoint, OnFailure},
    ids::{Colour, EndpointAddr},
    proxy_header::ProxyVersion,
    service::{
        AmbiguousPath, BalanceKind, ForwardedPolicy, MinReady, OnAllUnhealthy, Route,
        UpstreamProtocol,
    },
    share::Share,
    shift::STEPS_LIMIT,
    shift_key::ShiftKey,
};

table! {
    /// The whole file.
    RawConfig {
        process: RawProcess,
        admin: RawAdmin,
        metrics: RawMetrics,
        traces: RawTraces,
        listener: Named<RawListener, LISTENERS_LIMIT>,
        service: Named<RawService, SERVICES_LIMIT>,
        group: Named<RawGroup, GROUPS_LIMIT>,
    }
}

table! {
    /// `[process]`
    RawProcess {
        workers: Count<0, WORKERS_LIMIT>,
        state: FilePath,
        shutdown_delay: Delay,
        shutdown_deadline: Delay,
        max_buffered: MemoryBound,
        affinity_key_file: FilePath,
        access_log: AccessLogTarget,
        access_log_format: AccessLogFormat,
        log_format: LogFormat,
        resolve_interval: Period,
    }
}

table! {
    /// `[admin]`
    RawAdmin {
        listen: AdminAddr,
        token_file: FilePath,
    }
}

table! {
    /// `[metrics]`
    RawMetrics {
        listen: ListenAddr,
    }
}

table! {
    /// `[traces]`
    RawTraces {
        collector: HookUrl,
        sample: Share,
    }
}

table! {
    /// `[listener.NAME]`
    RawListener {
        listen: ListenAddr,
        header_read_timeout: Period,
        keep_alive: Period,
        max_connections: Count<1, CONNECTIONS_LIMIT>,
        max_connections_per_client: Count<0, CONNECTIONS_LIMIT>,
        max_requests_per_connection: Count<0, REQUESTS_LIMIT>,
        max_header_count: Count<1, 1000>,
        max_header_size: Size<{ 8 * 1024 }, { 1024 * 1024 }>,
        http2: Flag,
        min_body_rate: Size<0, RATE_LIMIT>,
        body_rate_grace: Period,
        upgrades: List<Protocol, UPGRADES_LIMIT>,
        proxy_protocol: List<Network, NETWORKS_LIMIT>,
        trusted_proxies: List<Network, NETWORKS_LIMIT>,
        client_from: ClientFrom,
        trace: TracePolicy,
        tls: RawListenerTls,
        redirect_https: Count<1, 65_535>,
    }
}

table! {
    /// `[listener.NAME.tls]`
    RawListenerTls {
        certificates: List<RawCertificate, CERTIFICATES_LIMIT>,
        client_ca: FilePath,
        client_auth: ClientAuthMode,
        client_subject_header: OwnField,
        client_fingerprint_header: OwnField,
        min_version: TlsVersion,
    }
}

table! {
    /// One of `certificates`.
    RawCertificate {
        cert: FilePath,
        key: FilePath,
    }
}

table! {
    /// `[service.NAME]`
    RawService {
        routes: List<Route, ROUTES_LIMIT>,
        live: Colour,
        listeners: List<String, LISTENERS_LIMIT>,
        host: HostText,
        protocol: UpstreamProtocol,
        balance: BalanceKind,
        slow_start: Delay,
        mirror: Share,
        on_all_unhealthy: OnAllUnhealthy,
        max_request_body: Size<0, BODY_LIMIT>,
        ambiguous_path: AmbiguousPath,
        forwarded: ForwardedPolicy,
        send_proxy_protocol: ProxyVersion,
        blue: RawPool,
        green: RawPool,
        upstream_tls: RawUpstreamTls,
        probe: RawProbe,
        passive: RawPassive,
        switch: RawSwitch,
        affinity: RawAffinity,
        preview: RawPreview,
        timeouts: RawTimeouts,
        connections: RawConnections,
    }
}

table! {
    /// `[group.NAME]`
    RawGroup {
        services: List<String, SERVICES_LIMIT>,
    }
}

table! {
    /// `[service.NAME.COLOUR]`
    RawPool {
        endpoints: List<RawEndpoint, POOL_LIMIT>,
        upstream_tls: RawUpstreamTls,
    }
}

table! {
    /// `upstream_tls` of a service or of one pool.
    RawUpstreamTls {
        ca: FilePath,
        server_name: ServerNameText,
        verify: Flag,
        cert: FilePath,
        key: FilePath,
    }
}

/// `"host:port"` or `{ addr = "host:port", weight = 2 }`.
#[derive(Debug)]
pub(super) struct RawEndpoint {
    pub(super) addr: Option<EndpointAddr>,
    pub(super) weight: Count<1, 1000>,
}

table! {
    /// The long form of an endpoint.
    RawWeighted {
        addr: EndpointAddr,
        weight: Count<1, 1000>,
    }
}

impl Typed for RawEndpoint {
    fn typed(node: Node<'_>, judge: &mut Judge<'_>) -> Option<Self> {
        if !node.value.is_table() {
            return EndpointAddr::typed(node, judge).map(|addr| Self {
                addr: Some(addr),
                weight: Count(1),
            });
        }
        let weighted = RawWeighted::typed(node, judge)?;
        if weighted.addr.is_missing() {
            let text = format!("an endpoint in `{}` has no `addr`", judge.key());
            judge.error(node.at, text, "add one such as `addr = \"10.0.0.1:8080\"`");
        }
        Some(Self {
            addr: weighted.addr.value(),
            weight: weighted.weight.or(Count(1)),
        })
    }
}

table! {
    /// `[service.NAME.probe]`
    RawProbe {
        kind: RawProbeKind,
        path: ProbePath,
        interval: Period,
        timeout: Period,
        rise: Count<1, 100>,
        fall: Count<1, 100>,
        jitter: Percent,
        expect: Expect,
        body_contains: String,
        host: HostText,
        headers: Headers,
        grpc_service: GrpcService,
    }
}

table! {
    /// `[service.NAME.passive]`
    RawPassive {
        eject: Delay,
        max_eject: Delay,
        max_share: Percent,
    }
}

table! {
    /// `[service.NAME.switch]`
    RawSwitch {
        gate_timeout: Delay,
        min_ready: MinReady,
        drain_deadline: Delay,
        steps: List<Share, STEPS_LIMIT>,
        every: Period,
        key: ShiftKey,
        ramp: Delay,
        keep_standby_for: Delay,
        warm_up: Flag,
        approve: Flag,
        approve_timeout: Period,
        check: List<RawCheck, CHECKS_LIMIT>,
        hook: List<RawHook, HOOKS_LIMIT>,
    }
}

table! {
    /// `[[service.NAME.switch.hook]]`
    RawHook {
        at: HookPoint,
        url: HookUrl,
        ca: FilePath,
        token_file: FilePath,
        timeout: Period,
        on_failure: OnFailure,
    }
}

table! {
    /// `[[service.NAME.switch.check]]`
    RawCheck {
        method: CheckMethod,
        path: ProbePath,
        host: HostText,
        headers: Headers,
        body: String,
        expect: Expect,
        expect_headers: Headers,
        body_contains: String,
        json: JsonValues,
        on: CheckScope,
        repeat: Count<1, 100>,
        timeout: Period,
    }
}

table! {
    /// `[service.NAME.affinity]`
    RawAffinity {
        mode: AffinityMode,
        cookie: CookieName,
        deadline: Period,
    }
}

table! {
    /// `[service.NAME.preview]`
    RawPreview {
        header: PreviewField,
        cookie: CookieName,
        host: ServerNameText,
        listener: String,
        secret_file: FilePath,
    }
}

table! {
    /// `[service.NAME.timeouts]`
    RawTimeouts {
        connect: Period,
        response: Period,
        idle: Period,
    }
}

table! {
    /// `[service.NAME.connections]`
    RawConnections {
        max_idle: Count<0, 65_536>,
        idle_timeout: Period,
    }
}

/// Services in one file.
pub(super) const SERVICES_LIMIT: usize = 10_000;
/// Groups in one file.
pub(super) const GROUPS_LIMIT: usize = 1024;
/// Listeners in one file.
pub(super) const LISTENERS_LIMIT: usize = 256;
/// Certificates of one listener.
pub(super) const CERTIFICATES_LIMIT: usize = 1024;
/// Networks in one list.
pub(super) const NETWORKS_LIMIT: usize = 256;
/// Routes of one service.
pub(super) const ROUTES_LIMIT: usize = 256;
/// Data-plane threads.
pub(super) const WORKERS_LIMIT: u32 = 256;
/// Open connections of one listener.
pub(super) const CONNECTIONS_LIMIT: u32 = 1_048_576;
/// Requests on one connection.
pub(super) const REQUESTS_LIMIT: u32 = 1_000_000_000;
/// Bytes a second that a client may be asked for.
pub(super) const RATE_LIMIT: usize = 1 << 30;
/// Hooks of one service.
pub(super) const HOOKS_LIMIT: usize = 32;
/// Checks of one service.
pub(super) const CHECKS_LIMIT: usize = 32;
/// Protocols that one listener passes.
pub(super) const UPGRADES_LIMIT: usize = 16;
/// Bytes of a request's body.
pub(super) const BODY_LIMIT: usize = 1 << 40;
