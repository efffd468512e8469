//! `[service.*.switch]`, the part that asks others: what a switch waits for besides `min_ready`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::Method;

use crate::{
    config::{
        judge::Judge,
        raw::{CHECKS_LIMIT, RawCheck},
        tree::{Field, Given, List},
        value::{
            check::{CheckMethod, JsonValues},
            duration::Period,
            http::{Expect, Headers, ProbePath},
            number::Count,
        },
    },
    core::gate::spec::{ANSWER_LIMIT, CheckScope, CheckSpec, GatesSpec},
};

pub(super) fn gates(
    service: &str,
    raw: Field<List<RawCheck, CHECKS_LIMIT>>,
    judge: &mut Judge<'_>,
) -> GatesSpec {
    let raw = raw.value().map(|list| list.items).unwrap_or_default();
    let mut names = BTreeSet::new();
    let checks = raw.into_iter().map(|raw| {
        let mut check = check(service, raw, judge);
        // Verdicts tell one from the other by its name.
        let plain = check.name.clone();
        for number in 2.. {
            if names.insert(check.name.clone()) {
                break;
            }
            check.name = format!("{plain} #{number}");
        }
        Arc::new(check)
    });
    GatesSpec {
        checks: checks.collect(),
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
