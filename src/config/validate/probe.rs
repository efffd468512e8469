//! `[service.*.probe]`: how endpoints are probed.

use std::time::Duration;

use crate::{
    config::{
        judge::{At, Judge},
        raw::RawProbe,
        tree::Field,
        value::{
            choice::RawProbeKind,
            duration::{self, Period},
            http::{Expect, Headers, ProbePath},
            number::{Count, Percent},
        },
    },
    core::service::{HttpProbe, PROBE_BODY_LIMIT, ProbeKind, ProbeSpec},
};

pub(super) fn probe(service: &str, raw: Field<RawProbe>, judge: &mut Judge<'_>) -> ProbeSpec {
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
    let http_only = HttpOnly {
        path: raw.path,
        expect: raw.expect,
        body_contains: raw.body_contains,
        host: raw.host,
        headers: raw.headers,
    };
    ProbeSpec {
        kind: http_only.kind(service, raw.kind, judge),
        interval,
        timeout,
        rise: raw.rise.or(Count(RISE)).0,
        fall: raw.fall.or(Count(FALL)).0,
        jitter_percent: raw.jitter.or(Percent(JITTER)).0,
        introduces: None,
    }
}

/// Keys that mean something for an HTTP probe alone.
#[derive(Debug)]
struct HttpOnly {
    path: Field<ProbePath>,
    expect: Field<Expect>,
    body_contains: Field<String>,
    host: Field<crate::config::value::http::HostText>,
    headers: Field<Headers>,
}

impl HttpOnly {
    fn kind(self, service: &str, kind: Field<RawProbeKind>, judge: &mut Judge<'_>) -> ProbeKind {
        let first = self.first();
        let is_http = match kind {
            Field::Given(kind) => kind.value == RawProbeKind::Http,
            Field::Missing => first.is_some(),
            Field::Bad => return ProbeKind::Tcp,
        };
        if is_http {
            return ProbeKind::Http(Box::new(self.probe(service, judge)));
        }
        if let Some((key, at)) = first {
            judge.error(
                at,
                format!("`{key}` means nothing to the tcp probe of service `{service}`"),
                "remove it, or set `kind = \"http\"`",
            );
        }
        ProbeKind::Tcp
    }

    /// The first of the keys that is given.
    fn first(&self) -> Option<(&'static str, At)> {
        fn at<T>(field: &Field<T>) -> Option<At> {
            field.given().map(|given| given.at)
        }
        [
            ("path", at(&self.path)),
            ("expect", at(&self.expect)),
            ("body_contains", at(&self.body_contains)),
            ("host", at(&self.host)),
            ("headers", at(&self.headers)),
        ]
        .into_iter()
        .find_map(|(key, at)| Some((key, at?)))
    }

    fn probe(self, service: &str, judge: &mut Judge<'_>) -> HttpProbe {
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
