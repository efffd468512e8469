//! `[service.*.probe]`: how endpoints are probed.

use std::time::Duration;

use crate::{
    config::{
        judge::{At, Judge},
        raw::RawProbe,
        text::Choice as _,
        tree::Field,
        value::{
            choice::RawProbeKind,
            duration::{self, Period},
            http::{Expect, GrpcService, Headers, ProbePath},
            number::{Count, Percent},
        },
    },
    core::service::{
        GrpcProbe, HttpProbe, PROBE_BODY_LIMIT, ProbeKind, ProbeSpec, UpstreamProtocol,
    },
};

pub(super) fn probe(
    service: &str,
    raw: Field<RawProbe>,
    protocol: UpstreamProtocol,
    judge: &mut Judge<'_>,
) -> ProbeSpec {
    let raw = raw.value().unwrap_or_default();
    let timeout_at = raw.timeout.given().map(|timeout| timeout.at);
    let interval_is_bad = matches!(raw.interval, Field::Bad);
    let interval = raw.interval.or(Period(INTERVAL)).0;
    let timeout = raw.timeout.or(Period(TIMEOUT.min(interval))).0;
    if let Some(at) = timeout_at
        && timeout > interval
        && !interval_is_bad
    {
        let text = format!(
            "probe timeout `{}` of service `{service}` is longer than its interval `{}`",
            duration::write(timeout),
            duration::write(interval)
        );
        judge.error(at, text, "lower `timeout` or raise `interval`");
    }
    let asked = Asked {
        path: raw.path,
        expect: raw.expect,
        body_contains: raw.body_contains,
        grpc_service: raw.grpc_service,
        host: raw.host,
        headers: raw.headers,
    };
    ProbeSpec {
        kind: asked.kind(service, raw.kind, judge),
        protocol,
        interval,
        timeout,
        rise: raw.rise.or(Count(RISE)).0,
        fall: raw.fall.or(Count(FALL)).0,
        jitter_percent: raw.jitter.or(Percent(JITTER)).0,
        introduces: None,
    }
}

/// What is asked, and what passes: keys that mean something for some kinds of probe alone.
#[derive(Debug)]
struct Asked {
    path: Field<ProbePath>,
    expect: Field<Expect>,
    body_contains: Field<String>,
    grpc_service: Field<GrpcService>,
    host: Field<crate::config::value::http::HostText>,
    headers: Field<Headers>,
}

impl Asked {
    fn kind(self, service: &str, kind: Field<RawProbeKind>, judge: &mut Judge<'_>) -> ProbeKind {
        let kind = match kind {
            Field::Given(kind) => kind.value,
            Field::Missing if self.grpc_service.given().is_some() => RawProbeKind::Grpc,
            Field::Missing if self.given().next().is_some() => RawProbeKind::Http,
            Field::Missing => RawProbeKind::Tcp,
            Field::Bad => return ProbeKind::Tcp,
        };
        if let Some((key, at, meant)) = self.given().find(|(_, _, meant)| !meant.contains(&kind)) {
            let (kind, first) = (kind.word(), meant[0].word());
            judge.error(
                at,
                format!("`{key}` means nothing to the {kind} probe of service `{service}`"),
                format!("remove it, or set `kind = \"{first}\"`"),
            );
        }
        match kind {
            RawProbeKind::Tcp => ProbeKind::Tcp,
            RawProbeKind::Http => ProbeKind::Http(Box::new(self.http(service, judge))),
            RawProbeKind::Grpc => ProbeKind::Grpc(Box::new(self.grpc())),
        }
    }

    /// The keys that are given, and the kinds that they mean something to.
    fn given(&self) -> impl Iterator<Item = (&'static str, At, &'static [RawProbeKind])> {
        fn at<T>(field: &Field<T>) -> Option<At> {
            field.given().map(|given| given.at)
        }
        const HTTP: &[RawProbeKind] = &[RawProbeKind::Http];
        const GRPC: &[RawProbeKind] = &[RawProbeKind::Grpc];
        const BOTH: &[RawProbeKind] = &[RawProbeKind::Http, RawProbeKind::Grpc];
        [
            ("path", at(&self.path), HTTP),
            ("expect", at(&self.expect), HTTP),
            ("body_contains", at(&self.body_contains), HTTP),
            ("grpc_service", at(&self.grpc_service), GRPC),
            ("host", at(&self.host), BOTH),
            ("headers", at(&self.headers), BOTH),
        ]
        .into_iter()
        .filter_map(|(key, at, meant)| Some((key, at?, meant)))
    }

    fn grpc(self) -> GrpcProbe {
        GrpcProbe {
            service: self.grpc_service.or(GrpcService(String::new())).0,
            host: self.host.value().map(|host| host.0),
            headers: self.headers.or(Headers::default()).0,
        }
    }

    fn http(self, service: &str, judge: &mut Judge<'_>) -> HttpProbe {
        if let Some(text) = self.body_contains.given() {
            let length = text.value.len();
            if length == 0 || length > PROBE_BODY_LIMIT {
                judge.error(
                    text.at,
                    format!("`body_contains` of service `{service}` has {length} bytes"),
                    format!("use 1 to {PROBE_BODY_LIMIT}, or remove it"),
                );
            }
        }
        HttpProbe {
            path: self.path.or(ProbePath("/".to_owned())).0,
            expect: self.expect.or(Expect(200..=399)).0,
            body_contains: self.body_contains.value(),
            host: self.host.value().map(|host| host.0),
            headers: self.headers.or(Headers::default()).0,
        }
    }
}

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
const RISE: u32 = 2;
const FALL: u32 = 3;
const JITTER: u8 = 10;
