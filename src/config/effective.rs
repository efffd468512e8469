//! The configuration as it works, for people and programs that ask: every default filled in, no secret.
//!
//! Owns the way back from values to the spelling of the file. Written by hand beside the types: what is not
//! named here is not shown, so that a new key cannot leak a secret.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::Path,
    time::Duration,
};

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

mod gates;

use super::{
    AccessLogTarget, AdminAddr, Config, Http2, ListenerConfig, Networks, ProcessConfig,
    limits::BODY_RATE_GRACE,
    text::Choice,
    tls::ListenerTls,
    value::{duration, memory, size},
};
use crate::core::{
    beside::PreviewSpec,
    ids::{Colour, ListenerName},
    service::{HostPolicy, ListenerScope, MinReady, ProbeKind, ProbeSpec, ServiceSpec},
    tls::{Trust, UpstreamTls},
};

impl Config {
    /// Every key with the value it works with, named and written as in the file. Files of tokens are named,
    /// not read; the values of probe header fields are left out.
    #[must_use]
    pub fn redacted(&self) -> Value {
        let mut whole = json!({
            "process": process(&self.process),
            "admin": {
                "listen": admin_addr(&self.admin.listen),
                "token_file": self.admin.token_file.as_deref().map(path),
            },
            "listener": named(self.listeners.iter().map(|it| (it.name.as_str(), listener(it)))),
            "group": named(self.groups.iter().map(|it| (it.name.as_str(), json!({ "services": it.services })))),
            "service": named(self.services.iter().map(|it| (it.name.as_str(), self.service(it)))),
        });
        if let Some(metrics) = &self.metrics {
            whole["metrics"] = json!({ "listen": metrics.listen.to_string() });
        }
        if let Some(traces) = &self.traces {
            // What follows a `?` may be a secret.
            let collector = traces.collector.split('?').next();
            whole["traces"] =
                json!({ "collector": collector, "sample": traces.sample.to_string() });
        }
        whole
    }

    fn service(&self, spec: &ServiceSpec) -> Value {
        json!({
            "routes": spec.routes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "live": spec.live,
            "listeners": self.heard_on(&spec.listeners),
            "host": host(&spec.host),
            "protocol": spec.protocol.word(),
            "balance": spec.balance.word(),
            "slow_start": time(spec.slow_start),
            "mirror": spec.mirror.to_string(),
            "on_all_unhealthy": spec.on_all_unhealthy.word(),
            "max_request_body": size::write(spec.max_request_body.map_or(0, NonZeroUsize::get)),
            "ambiguous_path": spec.ambiguous_path.word(),
            "forwarded": spec.forwarded.word(),
            "send_proxy_protocol": spec.connections.introduces.map(Choice::word),
            "blue": pool(spec, Colour::Blue),
            "green": pool(spec, Colour::Green),
            "probe": probe(&spec.probe),
            "passive": {
                "eject": time(spec.passive.eject),
                "max_eject": time(spec.passive.max_eject),
                "max_share": percent(spec.passive.max_share_percent),
            },
            "switch": {
                "gate_timeout": time(spec.switch.gate_timeout),
                "min_ready": min_ready(spec.switch.min_ready),
                "drain_deadline": time(spec.switch.drain_deadline),
                "warm_up": spec.switch.gates.warm_up,
                "approve": spec.switch.gates.approval.is_some(),
                "approve_timeout": time(spec.switch.gates.approval.unwrap_or(APPROVE_TIMEOUT)),
                "hook": gates::hooks(&spec.switch.gates),
                "steps": spec.switch.shift.steps,
                "every": time(spec.switch.shift.every),
                "key": spec.switch.shift.key,
                "ramp": time(spec.switch.shift.ramp),
                "check": gates::checks(&spec.switch.gates),
                "keep_standby_for": time(spec.switch.keep_standby_for),
            },
            "affinity": spec.affinity.as_ref().map(|affinity| json!({
                "mode": affinity.mode.word(),
                "cookie": affinity.cookie,
                "deadline": time(affinity.deadline),
            })),
            "preview": spec.preview.as_deref().map(preview),
            "timeouts": {
                "connect": time(spec.timeouts.connect),
                "response": time(spec.timeouts.response),
                "idle": time(spec.timeouts.idle),
            },
            "connections": {
                "max_idle": spec.connections.max_idle,
                "idle_timeout": time(spec.connections.idle_timeout),
            },
        })
    }

    fn heard_on<'a>(&'a self, scope: &'a ListenerScope) -> Vec<&'a str> {
        match scope {
            ListenerScope::All => self.listeners.iter().map(|it| it.name.as_str()).collect(),
            ListenerScope::Named(names) => names.iter().map(|it| it.as_str()).collect(),
        }
    }
}

fn process(process: &ProcessConfig) -> Value {
    json!({
        "workers": process.workers,
        "state": process.state.as_deref().map(path),
        "affinity_key_file": process.affinity_key_file.as_deref().map(path),
        "shutdown_delay": time(process.shutdown_delay),
        "shutdown_deadline": time(process.shutdown_deadline),
        "max_buffered": memory::write(process.max_buffered),
        "access_log": match &process.access_log {
            AccessLogTarget::Off => "off".to_owned(),
            AccessLogTarget::Stdout => "stdout".to_owned(),
            AccessLogTarget::File(file) => path(file),
        },
        "access_log_format": process.access_log_format.word(),
        "log_format": process.log_format.word(),
        "resolve_interval": time(process.resolve_interval),
    })
}

/// A path may hold bytes that are no text, which serde would refuse.
fn path(path: &Path) -> String {
    path.display().to_string()
}

fn admin_addr(addr: &AdminAddr) -> String {
    match addr {
        AdminAddr::Tcp(addr) => addr.to_string(),
        AdminAddr::Unix(socket) => format!("unix:{}", path(socket)),
    }
}

fn listener(listener: &ListenerConfig) -> Value {
    let (limits, peers) = (&listener.limits, &listener.peers);
    let unlimited = |limit: Option<NonZeroUsize>| limit.map_or(0, NonZeroUsize::get);
    let requests = limits.max_requests_per_connection;
    let rate = limits.min_body_rate;
    json!({
        "listen": listener.listen.to_string(),
        "header_read_timeout": time(limits.header_read_timeout),
        "keep_alive": time(limits.keep_alive),
        "max_connections": limits.max_connections,
        "max_connections_per_client": unlimited(limits.max_connections_per_client),
        "max_requests_per_connection": requests.map_or(0, NonZeroU64::get),
        "max_header_count": limits.max_header_count,
        "max_header_size": size::write(limits.max_header_size),
        "http2": limits.http2 == Http2::Spoken,
        "proxy_protocol": networks(&peers.introducers),
        "trusted_proxies": peers.trusted.as_ref().map(networks),
        "client_from": peers.client_from.word(),
        "trace": peers.trace.word(),
        "min_body_rate": size::write(rate.map_or(0, |rate| rate.bytes.get())),
        "body_rate_grace": time(rate.map_or(BODY_RATE_GRACE, |rate| rate.grace)),
        "upgrades": limits.upgrades.iter().collect::<Vec<_>>(),
        "tls": listener.tls.as_ref().map(listener_tls),
        "redirect_https": listener.redirect_https,
    })
}

fn listener_tls(tls: &ListenerTls) -> Value {
    let certificates = tls
        .certificates
        .iter()
        .map(|it| json!({ "cert": path(&it.cert), "key": path(&it.key) }));
    let clients = tls.clients.as_ref();
    json!({
        "certificates": certificates.collect::<Vec<_>>(),
        "min_version": tls.min_version.word(),
        "client_ca": clients.map(|it| path(&it.ca)),
        "client_auth": clients.map(|it| it.mode.word()),
        "client_subject_header": clients.map(|it| it.subject_header.as_str()),
        "client_fingerprint_header": clients.map(|it| it.fingerprint_header.as_str()),
    })
}

fn upstream_tls(tls: &UpstreamTls) -> Value {
    let certificate = tls.certificate.as_ref();
    json!({
        "ca": match &tls.trust {
            Trust::Authorities(ca) => Some(path(ca)),
            Trust::System | Trust::Anybody => None,
        },
        "verify": tls.trust != Trust::Anybody,
        "server_name": tls.server_name,
        "cert": certificate.map(|it| path(&it.cert)),
        "key": certificate.map(|it| path(&it.key)),
    })
}

fn preview(spec: &PreviewSpec) -> Value {
    json!({
        "header": spec.header.as_ref().map(HeaderName::as_str),
        "cookie": spec.cookie,
        "host": spec.host,
        "listener": spec.listener.as_ref().map(ListenerName::as_str),
        "secret_file": spec.secret_file.as_deref().map(path),
    })
}

fn networks(networks: &Networks) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}

fn host(host: &HostPolicy) -> String {
    match host {
        HostPolicy::Preserve => "preserve".to_owned(),
        HostPolicy::Endpoint => "endpoint".to_owned(),
        HostPolicy::Literal(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
    }
}

fn pool(spec: &ServiceSpec, colour: Colour) -> Value {
    let written = spec.pools[colour]
        .iter()
        .map(|it| json!({ "addr": it.addr, "weight": it.weight }));
    json!({
        "endpoints": written.collect::<Vec<_>>(),
        "upstream_tls": spec.upstream_tls[colour].as_deref().map(upstream_tls),
    })
}

fn probe(spec: &ProbeSpec) -> Value {
    let mut written = json!({
        "kind": "tcp",
        "interval": time(spec.interval),
        "timeout": time(spec.timeout),
        "rise": spec.rise,
        "fall": spec.fall,
        "jitter": percent(spec.jitter_percent),
    });
    match &spec.kind {
        ProbeKind::Tcp => {}
        ProbeKind::Http(http) => {
            written["kind"] = json!("http");
            written["path"] = json!(http.path);
            written["expect"] = json!(format!("{}-{}", http.expect.start(), http.expect.end()));
            written["body_contains"] = json!(http.body_contains);
            written["host"] = authority(http.host.as_ref());
            written["headers"] = hidden(&http.headers);
        }
        ProbeKind::Grpc(grpc) => {
            written["kind"] = json!("grpc");
            written["grpc_service"] = json!(grpc.service);
            written["host"] = authority(grpc.host.as_ref());
            written["headers"] = hidden(&grpc.headers);
        }
    }
    written
}

fn authority(host: Option<&HeaderValue>) -> Value {
    json!(host.map(|host| String::from_utf8_lossy(host.as_bytes())))
}

/// Fields whose values may be secrets.
fn hidden(headers: &[(HeaderName, HeaderValue)]) -> Value {
    named(
        headers
            .iter()
            .map(|(name, _)| (name.as_str(), json!("(hidden)"))),
    )
}

fn min_ready(min_ready: MinReady) -> Value {
    match min_ready {
        MinReady::Count(count) => json!(count),
        MinReady::Percent(share) => json!(percent(share)),
    }
}

fn named<'a>(entries: impl Iterator<Item = (&'a str, Value)>) -> Value {
    let entries: Map<_, _> = entries
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value::Object(entries)
}

/// How long a second operator may take, if the file does not say it.
pub(super) const APPROVE_TIMEOUT: Duration = Duration::from_secs(600);

fn percent(percent: u8) -> String {
    format!("{percent}%")
}

fn time(duration: Duration) -> String {
    duration::write(duration)
}
