//! Smoke checks: requests that cutover itself sends to the target pool before it takes traffic.
//!
//! Owns what an answer must be like to pass.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use tokio::time::timeout;

use super::exchange::{Answer, Asked, Beginning};
use crate::{
    control::probe::{failure::ProbeFailure, secure::Secure},
    core::{
        gate::{
            inquiry::{CheckQuestion, Manner, Target},
            spec::{CHECKED_AT_ONCE, CheckSpec, JsonValue},
            verdict::{EndpointFault, GateFault},
        },
        ids::EndpointAddr,
    },
    tls::Connectors,
};

/// Makes a check at each of its endpoints.
pub(super) async fn made(
    question: &CheckQuestion,
    connectors: &Arc<Connectors>,
) -> Result<(), GateFault> {
    if question.targets.is_empty() {
        return Err(GateFault {
            why: Some("no endpoint is ready".to_owned()),
            endpoints: Vec::new(),
        });
    }
    // Each is told of in the order of the pool.
    let asked = question.targets.clone().into_iter().map(|target| {
        let (check, manner) = (Arc::clone(&question.check), question.manner.clone());
        asked(target, check, manner, Arc::clone(connectors))
    });
    let asked: Vec<_> = asked.collect();
    let outcomes = stream::iter(asked).buffered(CHECKED_AT_ONCE);
    let faults: Vec<_> = outcomes.filter_map(|it| async { it.err() }).collect().await;
    match faults.is_empty() {
        true => Ok(()),
        false => Err(GateFault {
            why: None,
            endpoints: faults,
        }),
    }
}

/// Makes a check at one endpoint, as often as it is to be repeated.
async fn asked(
    target: Target,
    check: Arc<CheckSpec>,
    manner: Manner,
    connectors: Arc<Connectors>,
) -> Result<(), EndpointFault> {
    let beginning = beginning(&target.addr, &manner, &connectors);
    for time in 1..=check.repeat {
        let once = once(&target, &check, &beginning);
        let failure = match timeout(check.timeout, once).await {
            Ok(Ok(())) => continue,
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => ProbeFailure::NoAnswer(check.timeout).to_string(),
        };
        let why = match check.repeat {
            1 => failure,
            times => format!("{failure} ({time} of {times})"),
        };
        return Err(EndpointFault {
            endpoint: target.addr,
            why,
        });
    }
    Ok(())
}

fn beginning(addr: &EndpointAddr, manner: &Manner, connectors: &Connectors) -> Beginning {
    let tls = manner.tls.as_ref();
    Beginning {
        protocol: manner.protocol,
        introduces: manner.introduces,
        secure: tls.map(|tls| Secure::new(tls, connectors, addr.as_str())),
    }
}

async fn once(target: &Target, check: &CheckSpec, beginning: &Beginning) -> Result<(), Failure> {
    let asked = Asked {
        method: check.method.clone(),
        path: check.path.clone(),
        headers: fields(check, &target.addr),
        body: check.body.clone().map(Bytes::from).unwrap_or_default(),
        wants_body: check.body_contains.is_some() || !check.json.is_empty(),
    };
    let answer = beginning.ask(&target.resolved, asked).await;
    judge(check, &answer.map_err(Failure::Exchange)?)
}

fn fields(check: &CheckSpec, addr: &EndpointAddr) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let own = HeaderValue::from_str(addr.as_str()).ok();
    if let Some(host) = check.host.clone().or(own) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, _) in &check.headers {
        headers.remove(name);
    }
    for (name, value) in &check.headers {
        headers.append(name, value.clone());
    }
    headers
}

fn judge(check: &CheckSpec, answer: &Answer) -> Result<(), Failure> {
    let status = answer.status.as_u16();
    if !check.expect.contains(&status) {
        let expect = check.expect.clone();
        return Err(Failure::Exchange(ProbeFailure::Status { status, expect }));
    }
    for (name, value) in &check.expect_headers {
        let mut found = answer.headers.get_all(name).iter();
        if !found.any(|found| found == value) {
            return Err(Failure::Field(name.to_string()));
        }
    }
    if let Some(text) = &check.body_contains
        && memchr::memmem::find(&answer.body, text.as_bytes()).is_none()
    {
        return Err(Failure::Exchange(ProbeFailure::Body(text.clone())));
    }
    if check.json.is_empty() {
        return Ok(());
    }
    let body: Value = serde_json::from_slice(&answer.body).map_err(|_| Failure::NotJson)?;
    for (pointer, expected) in &check.json {
        let found = body.pointer(pointer);
        if !found.is_some_and(|found| is_same(expected, found)) {
            let is_there = found.is_some();
            return Err(Failure::Json(pointer.clone(), expected.clone(), is_there));
        }
    }
    Ok(())
}

fn is_same(expected: &JsonValue, found: &Value) -> bool {
    match expected {
        JsonValue::Text(text) => found.as_str() == Some(text),
        JsonValue::Number(number) => found.as_i64() == Some(*number),
        JsonValue::Flag(flag) => found.as_bool() == Some(*flag),
    }
}

/// Why a check failed. What an answer said is left out: it may be anybody's.
#[derive(Debug)]
enum Failure {
    Exchange(ProbeFailure),
    Field(String),
    NotJson,
    Json(String, JsonValue, bool),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(failure) => failure.fmt(f),
            Self::Field(name) => write!(f, "header `{name}` is not as expected"),
            Self::NotJson => f.write_str("body is not JSON"),
            Self::Json(pointer, _, false) => write!(f, "body has no `{pointer}`"),
            Self::Json(pointer, expected, true) => {
                write!(f, "`{pointer}` in the body is not ")?;
                match expected {
                    JsonValue::Text(text) => write!(f, "`{text}`"),
                    JsonValue::Number(number) => write!(f, "{number}"),
                    JsonValue::Flag(flag) => write!(f, "{flag}"),
                }
            }
        }
    }
}

/// How cutover names itself to endpoints.
const USER_AGENT: &str = concat!("cutover-check/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, StatusCode};

    use super::*;
    use crate::core::gate::spec::CheckScope;

    fn check() -> CheckSpec {
        CheckSpec {
            name: "GET /".to_owned(),
            method: Method::GET,
            path: "/".to_owned(),
            host: None,
            headers: Vec::new(),
            body: None,
            expect: 200..=299,
            expect_headers: Vec::new(),
            body_contains: None,
            json: Vec::new(),
            on: CheckScope::Every,
            repeat: 1,
            timeout: Duration::from_secs(1),
        }
    }

    fn judged(check: &CheckSpec, status: u16, body: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.append("x-version", HeaderValue::from_static("1"));
        headers.append("x-version", HeaderValue::from_static("2"));
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.as_bytes().to_vec(),
        };
        let verdict = judge(check, &answer);
        verdict.map_or_else(|failure| failure.to_string(), |()| "passed".to_owned())
    }

    #[test]
    fn an_answer_passes_by_status_fields_text_and_values() {
        let plain = check();
        assert_eq!(judged(&plain, 204, ""), "passed");
        assert_eq!(judged(&plain, 302, ""), "status 302, expected 200-299");
        let field = |value: &'static str| CheckSpec {
            expect_headers: vec![(
                header::HeaderName::from_static("x-version"),
                HeaderValue::from_static(value),
            )],
            ..check()
        };
        assert_eq!(judged(&field("2"), 200, ""), "passed");
        let other = "header `x-version` is not as expected";
        assert_eq!(judged(&field("3"), 200, ""), other);
        let text = CheckSpec {
            body_contains: Some("ready".to_owned()),
            ..check()
        };
        assert_eq!(judged(&text, 200, "is ready."), "passed");
        assert_eq!(judged(&text, 200, "is not."), "body lacks `ready`");
    }

    #[test]
    fn values_are_found_by_pointer_and_compared_by_type() {
        let json = |value: JsonValue| CheckSpec {
            json: vec![("/a/0/b".to_owned(), value)],
            ..check()
        };
        let text = json(JsonValue::Text("1".to_owned()));
        let number = json(JsonValue::Number(1));
        let flag = json(JsonValue::Flag(true));
        assert_eq!(judged(&text, 200, r#"{"a":[{"b":"1"}]}"#), "passed");
        assert_eq!(judged(&number, 200, r#"{"a":[{"b":1}]}"#), "passed");
        assert_eq!(judged(&flag, 200, r#"{"a":[{"b":true}]}"#), "passed");
        let other = "`/a/0/b` in the body is not 1";
        assert_eq!(judged(&number, 200, r#"{"a":[{"b":"1"}]}"#), other);
        assert_eq!(judged(&text, 200, r#"{"a":[]}"#), "body has no `/a/0/b`");
        assert_eq!(judged(&text, 200, "{\"a\":"), "body is not JSON");
    }
}
