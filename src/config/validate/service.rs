//! `[service.*]`: routes, pools and policies of one service.

use std::{mem, num::NonZeroUsize, sync::Arc, time::Duration};

use super::{gates, gradual, listener::Listeners, pool, preview, probe, tls};
use crate::{
    config::{
        judge::{At, Judge, shown},
        raw::{
            ROUTES_LIMIT, RawConnections, RawPassive, RawPool, RawService, RawSwitch, RawTimeouts,
            RawUpstreamTls,
        },
        suggest,
        text::Choice as _,
        tree::{Field, Given, List},
        value::{
            duration::{self, Delay, Period},
            http::HostText,
            number::{Count, Percent},
            size::Size,
        },
    },
    core::{
        beside::PreviewSpec,
        ids::{ByColour, Colour, ServiceName},
        proxy_header::ProxyVersion,
        service::{
            AmbiguousPath, BalanceKind, ConnectionsSpec, ForwardedPolicy, HostPolicy,
            ListenerScope, MinReady, OnAllUnhealthy, PassiveSpec, ProbeSpec, Route, ServiceSpec,
            SwitchSpec, Timeouts, UpstreamProtocol,
        },
        share::Share,
        shift::{self, ShiftSpec},
        shift_key::ShiftKey,
        tls::UpstreamTls,
    },
};

/// A service and the places that are needed to judge it beside others.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) spec: Arc<ServiceSpec>,
    /// Where each of its routes stands.
    pub(super) routes_at: Vec<At>,
}

pub(super) fn service(
    name: &Given<String>,
    mut raw: RawService,
    listeners: &Listeners,
    judge: &mut Judge<'_>,
) -> Judged {
    let text = shown(&name.value);
    let live = live(&raw.live);
    let (heard, preview) = heard((&text, name.at), &mut raw, listeners, judge);
    let warm_up_at = gates::warm_up_at(&raw.switch);
    let (switch, min_ready_at) = switch(&text, mem::take(&mut raw.switch), judge);
    let around = pool::Around {
        service: (&text, name.at),
        live,
        min_ready: (switch.min_ready, min_ready_at),
        listeners,
    };
    let upstream_tls = upstream_tls_of(&text, &mut raw, judge);
    let pools = take_pools(&mut raw);
    let introduces = raw.send_proxy_protocol.value();
    let protocol = Speech {
        protocol: raw.protocol,
        upstream_tls: &upstream_tls,
        introduces,
    }
    .judged(&text, judge);
    let spec = ServiceSpec {
        name: ServiceName::new(&name.value),
        routes: heard.routes,
        live: live.unwrap_or(LIVE),
        listeners: heard.scope,
        host: host(raw.host, judge),
        protocol,
        balance: raw.balance.or(BalanceKind::LeastInFlight),
        slow_start: raw.slow_start.or(Delay(Duration::ZERO)).0,
        on_all_unhealthy: raw.on_all_unhealthy.or(OnAllUnhealthy::Try),
        max_request_body: NonZeroUsize::new(raw.max_request_body.or(Size(0)).0),
        ambiguous_path: raw.ambiguous_path.or(AmbiguousPath::Reject),
        forwarded: raw.forwarded.or(ForwardedPolicy::Off),
        pools: pool::pools(pools, around, judge),
        probe: ProbeSpec {
            introduces,
            ..probe::probe(&text, raw.probe, protocol, judge)
        },
        passive: passive(&text, raw.passive, judge),
        switch,
        affinity: gradual::affinity(&name.value, raw.affinity),
        mirror: mirror(raw.mirror, (&text, protocol), judge),
        preview,
        timeouts: timeouts(raw.timeouts),
        connections: connections(raw.connections, introduces),
        upstream_tls,
        vouched_fields: listeners.vouched_fields(),
    };
    gates::can_be_warm(&text, &spec.connections, warm_up_at, judge);
    Judged {
        spec: Arc::new(spec),
        routes_at: heard.routes_at,
    }
}

/// Where a service is heard.
#[derive(Debug)]
struct Heard {
    routes: Vec<Route>,
    routes_at: Vec<At>,
    scope: ListenerScope,
}

/// Where a service is heard, the host of its preview included; and that preview.
fn heard(
    (service, at): (&str, At),
    raw: &mut RawService,
    listeners: &Listeners,
    judge: &mut Judge<'_>,
) -> (Heard, Option<Arc<PreviewSpec>>) {
    let (mut routes_at, mut routes) = routes(service, at, mem::take(&mut raw.routes), judge);
    let scope = listeners.scope(service, mem::take(&mut raw.listeners), judge);
    let around = preview::Around {
        service,
        scope: &scope,
        listeners,
    };
    let (preview, host_at) = preview::preview(mem::take(&mut raw.preview), &around, judge);
    let host = preview.as_ref().and_then(|it| it.host.as_ref());
    if let (Some(host), Some(at)) = (host, host_at) {
        let further = preview::routes(host, &routes);
        routes_at.extend(further.iter().map(|_| at));
        routes.extend(further);
    }
    let heard = Heard {
        routes,
        routes_at,
        scope,
    };
    (heard, preview)
}

/// The colour that the file calls live; `None` if what it says is no colour.
fn live(raw: &Field<Colour>) -> Option<Colour> {
    match raw {
        Field::Given(live) => Some(live.value),
        Field::Missing => Some(LIVE),
        Field::Bad => None,
    }
}

fn routes(
    service: &str,
    at: At,
    raw: Field<List<Route, ROUTES_LIMIT>>,
    judge: &mut Judge<'_>,
) -> (Vec<At>, Vec<Route>) {
    let at = raw.given().map_or(at, |routes| routes.at);
    let is_none = match &raw {
        Field::Given(list) => list.value.items.is_empty() && list.value.is_whole,
        Field::Missing => true,
        Field::Bad => false,
    };
    if is_none {
        judge.error(
            at,
            format!("service `{service}` has no routes"),
            "add some such as `routes = [\"shop.example.com/\"]`, or `[\"/\"]` for everything",
        );
    }
    let items = raw.value().map(|list| list.items).unwrap_or_default();
    let (at, mut routes): (_, Vec<_>) = items.into_iter().map(|it| (it.at, it.value)).unzip();
    // They are kept for as long as the service.
    routes.shrink_to_fit();
    (at, routes)
}

fn host(raw: Field<HostText>, judge: &mut Judge<'_>) -> HostPolicy {
    let Field::Given(Given { at, value: host }) = raw else {
        return HostPolicy::Preserve;
    };
    match host.0.to_str().unwrap_or_default() {
        "preserve" => HostPolicy::Preserve,
        "endpoint" => HostPolicy::Endpoint,
        text => {
            // One label alone is a possible host, but rather a slip of one of the two words.
            let near = suggest::nearest(text, ["preserve", "endpoint"].into_iter());
            if let Some(word) = near.filter(|_| !text.contains(['.', ':'])) {
                judge.warn(
                    at,
                    format!("`{text}` is sent upstream as the `Host` itself"),
                    format!("did you mean `{word}`?"),
                );
            }
            HostPolicy::Literal(host.0)
        }
    }
}

fn passive(service: &str, raw: Field<RawPassive>, judge: &mut Judge<'_>) -> PassiveSpec {
    let raw = raw.value().unwrap_or_default();
    let max_at = raw.max_eject.given().map(|max| max.at);
    let eject_is_bad = matches!(raw.eject, Field::Bad);
    let eject = raw.eject.or(Delay(EJECT)).0;
    let max_eject = raw.max_eject.or(Delay(MAX_EJECT.max(eject))).0;
    if let Some(at) = max_at
        && max_eject < eject
        && !eject_is_bad
    {
        let text = format!(
            "`max_eject` of service `{service}` is `{}`, shorter than `eject`, which is `{}`",
            duration::write(max_eject),
            duration::write(eject)
        );
        judge.error(at, text, "raise it or lower `eject`");
    }
    PassiveSpec {
        eject,
        max_eject,
        max_share_percent: raw.max_share.or(Percent(MAX_SHARE)).0,
    }
}

fn switch(service: &str, raw: Field<RawSwitch>, judge: &mut Judge<'_>) -> (SwitchSpec, Option<At>) {
    let raw = raw.value().unwrap_or_default();
    let at = raw.min_ready.given().map(|min_ready| min_ready.at);
    let raw_gates = gates::RawGates {
        warm_up: raw.warm_up,
        approve: raw.approve,
        approve_timeout: raw.approve_timeout,
        check: raw.check,
        hook: raw.hook,
    };
    let spec = SwitchSpec {
        gate_timeout: raw.gate_timeout.or(Delay(GATE_TIMEOUT)).0,
        min_ready: raw.min_ready.or(MinReady::Count(1)),
        drain_deadline: raw.drain_deadline.or(Delay(DRAIN_DEADLINE)).0,
        shift: ShiftSpec {
            steps: gradual::steps(service, raw.steps, judge).into(),
            every: raw.every.or(Period(shift::EVERY)).0,
            key: raw.key.or(ShiftKey::Request),
            ramp: raw.ramp.or(Delay(Duration::ZERO)).0,
        },
        gates: gates::gates(service, raw_gates, judge),
        keep_standby_for: raw.keep_standby_for.or(Delay(Duration::ZERO)).0,
    };
    (spec, at)
}

/// Copies are sent over HTTP/1.1, which endpoints must speak for them.
fn mirror(
    raw: Field<Share>,
    (service, protocol): (&str, UpstreamProtocol),
    judge: &mut Judge<'_>,
) -> Share {
    let Field::Given(Given { at, value: share }) = raw else {
        return Share::NONE;
    };
    if protocol == UpstreamProtocol::Http2 && share != Share::NONE {
        judge.error(
            at,
            format!("`mirror` of service `{service}` sends copies over HTTP/1.1, which its endpoints do not speak"),
            "remove it, or set `protocol` to `\"http1\"` or `\"auto\"`",
        );
    }
    share
}

fn timeouts(raw: Field<RawTimeouts>) -> Timeouts {
    let raw = raw.value().unwrap_or_default();
    Timeouts {
        connect: raw.connect.or(Period(CONNECT)).0,
        response: raw.response.or(Period(RESPONSE)).0,
        idle: raw.idle.or(Period(IDLE)).0,
    }
}

fn connections(raw: Field<RawConnections>, introduces: Option<ProxyVersion>) -> ConnectionsSpec {
    let raw = raw.value().unwrap_or_default();
    ConnectionsSpec {
        max_idle: raw.max_idle.or(Count(MAX_IDLE)).0 as usize,
        idle_timeout: raw.idle_timeout.or(Period(IDLE_TIMEOUT)).0,
        introduces,
    }
}

fn take_pools(raw: &mut RawService) -> ByColour<Field<RawPool>> {
    ByColour {
        blue: mem::take(&mut raw.blue),
        green: mem::take(&mut raw.green),
    }
}

/// What a pool says of TLS for itself.
fn take_tls(raw: &mut Field<RawPool>) -> Field<RawUpstreamTls> {
    match raw {
        Field::Given(pool) => std::mem::take(&mut pool.value.upstream_tls),
        Field::Missing | Field::Bad => Field::Missing,
    }
}

/// TLS towards each pool: its own, or else that of the service.
fn upstream_tls_of(
    service: &str,
    raw: &mut RawService,
    judge: &mut Judge<'_>,
) -> ByColour<Option<Arc<UpstreamTls>>> {
    let shared = mem::take(&mut raw.upstream_tls);
    let shared = tls::upstream(&format!("service `{service}`"), shared, judge).map(Arc::new);
    let mut of = |colour: Colour, own: Field<RawUpstreamTls>| {
        let pool = format!("pool `{colour}` of service `{service}`");
        let own = tls::upstream(&pool, own, judge).map(Arc::new);
        own.or_else(|| shared.clone())
    };
    ByColour {
        blue: of(Colour::Blue, take_tls(&mut raw.blue)),
        green: of(Colour::Green, take_tls(&mut raw.green)),
    }
}

/// What bears on how endpoints are spoken to.
#[derive(Debug)]
struct Speech<'a> {
    protocol: Field<UpstreamProtocol>,
    upstream_tls: &'a ByColour<Option<Arc<UpstreamTls>>>,
    introduces: Option<ProxyVersion>,
}

impl Speech<'_> {
    /// In the clear there is nothing by which a protocol could be agreed on, and a connection that is introduced is one
    /// client's, while those of HTTP/2 are shared.
    fn judged(self, service: &str, judge: &mut Judge<'_>) -> UpstreamProtocol {
        let Field::Given(Given { at, value }) = self.protocol else {
            return UpstreamProtocol::Http1;
        };
        let clear = Colour::ALL
            .into_iter()
            .find(|colour| self.upstream_tls[*colour].is_none());
        let word = value.word();
        if let (UpstreamProtocol::Auto, Some(colour)) = (value, clear) {
            judge.error(
                at,
                format!("`protocol` of service `{service}` is `{word}`, and pool `{colour}` has no TLS to agree in"),
                "add `upstream_tls`, or set it to `\"http1\"` or `\"h2\"`",
            );
        }
        if value != UpstreamProtocol::Http1 && self.introduces.is_some() {
            judge.error(
                at,
                format!(
                    "service `{service}` has `send_proxy_protocol`, which introduces one client by each connection, and \
                     `protocol` `{word}`, whose connections are shared"
                ),
                "remove one of the two; endpoints read the client from `X-Forwarded-For`, too",
            );
        }
        value
    }
}

const LIVE: Colour = Colour::Blue;
const EJECT: Duration = Duration::from_secs(1);
const MAX_EJECT: Duration = Duration::from_secs(30);
const MAX_SHARE: u8 = 50;
const GATE_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(1);
const RESPONSE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(60);
const MAX_IDLE: u32 = 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
