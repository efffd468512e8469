//! `[service.*.switch]`, the part that asks others: what a switch waits for besides `min_ready`.

use super::hook;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::Method;

use crate::{
    config::{
        effective::APPROVE_TIMEOUT,
        judge::{At, Judge},
        raw::{CHECKS_LIMIT, HOOKS_LIMIT, RawCheck, RawHook, RawSwitch},
        tree::{Field, Given, List},
        value::{
            check::{CheckMethod, JsonValues},
            duration::Period,
            flag::Flag,
            http::{Expect, Headers, ProbePath},
            number::Count,
        },
    },
    core::{
        gate::spec::{ANSWER_LIMIT, CheckScope, CheckSpec, GatesSpec},
        service::ConnectionsSpec,
    },
};

/// The keys of `[service.*.switch]` that name gates.
#[derive(Debug)]
pub(super) struct RawGates {
    pub(super) warm_up: Field<Flag>,
    pub(super) approve: Field<Flag>,
    pub(super) approve_timeout: Field<Period>,
    pub(super) check: Field<List<RawCheck, CHECKS_LIMIT>>,
    pub(super) hook: Field<List<RawHook, HOOKS_LIMIT>>,
}

pub(super) fn gates(service: &str, raw: RawGates, judge: &mut Judge<'_>) -> GatesSpec {
    let approve = raw.approve.or(Flag(false)).0;
    let patience = raw.approve_timeout.or(Period(APPROVE_TIMEOUT)).0;
    GatesSpec {
        checks: checks(service, raw.check, judge),
        hooks: hook::hooks(service, raw.hook, judge),
        approval: approve.then_some(patience),
        warm_up: raw.warm_up.or(Flag(false)).0,
    }
}

/// Where `warm_up` is asked for.
pub(super) fn warm_up_at(raw: &Field<RawSwitch>) -> Option<At> {
    let warm_up = raw.given()?.value.warm_up.given()?;
    warm_up.value.0.then_some(warm_up.at)
}

/// What is opened before there is a client must be of use to any, and must be kept.
pub(super) fn can_be_warm(
    service: &str,
    connections: &ConnectionsSpec,
    at: Option<At>,
    judge: &mut Judge<'_>,
) {
    let Some(at) = at else {
        return;
    };
    let (why, other) = if connections.introduces.is_some() {
        let why = "`send_proxy_protocol`, by which each connection is one client's";
        (why, "`send_proxy_protocol`")
    } else if connections.max_idle == 0 {
        let why = "`connections.max_idle` of 0, by which none is kept";
        (why, "`connections.max_idle`")
    } else {
        return;
    };
    let text = format!("service `{service}` has `warm_up`, and {why}");
    judge.error(at, text, format!("remove `warm_up` or {other}"));
}

fn checks(
    service: &str,
    raw: Field<List<RawCheck, CHECKS_LIMIT>>,
    judge: &mut Judge<'_>,
) -> Vec<Arc<CheckSpec>> {
    let raw = raw.value().map(|list| list.items).unwrap_or_default();
    let mut names = Names::default();
    let checks = raw.into_iter().map(|raw| {
        let mut check = check(service, raw, judge);
        check.name = names.unique(check.name);
        Arc::new(check)
    });
    checks.collect()
}

/// Verdicts tell one from the other by its name.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn unique(&mut self, plain: String) -> String {
        let mut name = plain.clone();
        for number in 2.. {
            if self.0.insert(name.clone()) {
                break;
            }
            name = format!("{plain} #{number}");
        }
        name
    }
}

fn check(
    service: &str,
    Given { at, value: raw }: Given<RawCheck>,
    judge: &mut Judge<'_>,
) -> CheckSpec {
    if raw.path.is_missing() {
        let text = format!("a check of service `{service}` has no `path`");
        judge.error(at, text, "add one such as `path = \"/healthz\"`");
    }
    let texts = [("body_contains", &raw.body_contains), ("body", &raw.body)];
    for (key, text) in texts {
        if let Some(text) = text.given()
            && !(1..=ANSWER_LIMIT).contains(&text.value.len())
        {
            let length = text.value.len();
            judge.error(
                text.at,
                format!("`{key}` of a check of service `{service}` has {length} bytes"),
                format!("use 1 to {ANSWER_LIMIT}, or remove it"),
            );
        }
    }
    let wants_body = raw.body_contains.given().map(|it| it.at);
    let wants_body = wants_body.or_else(|| raw.json.given().map(|it| it.at));
    let method = raw.method.or(CheckMethod(Method::GET)).0;
    if let Some(at) = wants_body.filter(|_| method == Method::HEAD) {
        let text = format!("a check of service `{service}` expects a body in the answer to `HEAD`");
        judge.error(at, text, "remove it, or use `method = \"GET\"`");
    }
    let path = raw.path.or(ProbePath("/".to_owned())).0;
    CheckSpec {
        name: format!("{method} {path}"),
        method,
        path,
        host: raw.host.value().map(|host| host.0),
        headers: raw.headers.or(Headers::default()).0,
        body: raw.body.value(),
        expect: raw.expect.or(Expect(200..=299)).0,
        expect_headers: raw.expect_headers.or(Headers::default()).0,
        body_contains: raw.body_contains.value(),
        json: raw.json.or(JsonValues::default()).0,
        on: raw.on.or(CheckScope::Every),
        repeat: raw.repeat.or(Count(1)).0,
        timeout: raw.timeout.or(Period(CHECK_TIMEOUT)).0,
    }
}

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
