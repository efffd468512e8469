//! Every way to be refused: status, type, and what else a machine is told.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, ENDPOINT, ROLLBACK, SWITCH, TO_GREEN};
use crate::{
    admin::rig::{Rig, answering_switches, answers, gates, loopback, setup, shop},
    control::{
        answering::Answers,
        handle::{ControlHandle, ReloadAnswer},
    },
    core::{
        event::{EndpointAnswer, EndpointRefusal},
        ids::{Colour, EndpointAddr, Tenure},
        switch::{Refusal, SwitchAnswer},
        time::Timestamp,
    },
};

#[track_caller]
fn is_problem(answer: &Answer, status: u16, kind: &str) -> Value {
    let body = answer.json();
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(
        (answer.status.as_u16(), &body["status"], &body["type"]),
        (
            status,
            &json!(status),
            &json!(format!("urn:cutover:problem:{kind}"))
        ),
        "{body}"
    );
    for sentence in ["title", "detail"] {
        let said = body[sentence].as_str().unwrap_or("");
        assert!(!said.is_empty() && !said.ends_with('.'), "{body}");
    }
    body
}

fn switch_refusals() -> Vec<(Refusal, u16, &'static str)> {
    let (service, expected, since) = (shop(), Colour::Blue, Timestamp::from_millis(0));
    vec![
        (
            Refusal::UnknownService("shop".to_owned()),
            404,
            "unknown-service",
        ),
        (
            Refusal::NotExpectedLive {
                service: service.clone(),
                expected,
                live: Colour::Green,
            },
            409,
            "not-expected-live",
        ),
        (
            Refusal::StaleTenure {
                service: service.clone(),
                expected: Tenure(6),
                tenure: Tenure(7),
            },
            412,
            "stale-tenure",
        ),
        (
            Refusal::Busy {
                service: service.clone(),
                to: Colour::Green,
                actor: "bob".to_owned(),
                since,
            },
            409,
            "busy",
        ),
        (gates(), 409, "gate-refused"),
        (
            Refusal::NothingToRollBack(shop()),
            409,
            "nothing-to-roll-back",
        ),
        (
            Refusal::EmptyPool {
                service,
                colour: Colour::Green,
            },
            409,
            "empty-pool",
        ),
        (Refusal::Journal("disk full".to_owned()), 503, "journal"),
        (Refusal::ShuttingDown, 503, "shutting-down"),
    ]
}

#[tokio::test]
async fn every_refused_switch_says_which_and_why() {
    for (refusal, status, kind) in switch_refusals() {
        let detail = refusal.to_string();
        let answer = SwitchAnswer::Refused(refusal);
        let rig = Rig::new(answering_switches(answer)).await;
        for (path, body) in [
            (SWITCH, TO_GREEN),
            (ROLLBACK, ""),
            ("/v1/switch", r#"{"services":{"shop":"green"}}"#),
        ] {
            let answer = rig.call(Method::POST, path, &[], body).await;
            assert_eq!(is_problem(&answer, status, kind)["detail"], detail);
        }
    }
}

#[tokio::test]
async fn refusals_carry_what_a_machine_needs() {
    let members: Vec<Value> = {
        let mut members = Vec::new();
        for (refusal, _, _) in switch_refusals() {
            let rig = Rig::new(answering_switches(SwitchAnswer::Refused(refusal))).await;
            members.push(rig.call(Method::POST, SWITCH, &[], TO_GREEN).await.json());
        }
        members
    };
    let stale = &members[2];
    assert_eq!(
        (&stale["expected"], &stale["tenure"]),
        (&json!(6), &json!(7))
    );
    let busy = &members[3];
    assert_eq!(
        (&busy["to"], &busy["actor"]),
        (&json!("green"), &json!("bob"))
    );
    let gate = &members[4]["gates"][0];
    assert_eq!(gate["why"], "0 of 1 endpoints ready");
    assert_eq!(gate["endpoints"][0]["why"], "connect refused");
}

#[tokio::test]
async fn every_refused_endpoint_says_which_and_why() {
    let (service, addr) = (shop(), EndpointAddr::new("10.0.0.9:8080"));
    let colour = Colour::Green;
    let refusals = [
        (
            EndpointRefusal::UnknownService("shop".to_owned()),
            404,
            "unknown-service",
        ),
        (
            EndpointRefusal::UnknownEndpoint {
                service: service.clone(),
                colour,
                addr: addr.clone(),
            },
            404,
            "unknown-endpoint",
        ),
        (
            EndpointRefusal::NamedByFile(addr.clone()),
            409,
            "named-by-file",
        ),
        (
            EndpointRefusal::LastOfLivePool(addr),
            409,
            "last-of-live-pool",
        ),
        (
            EndpointRefusal::PoolFull {
                service,
                colour,
                limit: 1024,
            },
            409,
            "pool-full",
        ),
        (
            EndpointRefusal::Journal("disk full".to_owned()),
            503,
            "journal",
        ),
    ];
    for (refusal, status, kind) in refusals {
        let endpoint = EndpointAnswer::Refused(refusal);
        let rig = Rig::new(Answers {
            endpoint,
            ..answers()
        })
        .await;
        for method in [Method::PUT, Method::DELETE] {
            let answer = rig.call(method, ENDPOINT, &[], "").await;
            is_problem(&answer, status, kind);
        }
    }
}

#[tokio::test]
async fn a_refused_reload_lists_every_error() {
    let errors = vec![
        "cutover.toml:1:1: one".to_owned(),
        "cutover.toml:2:1: two".to_owned(),
    ];
    let reload = ReloadAnswer::Refused(errors.clone());
    let rig = Rig::new(Answers {
        reload,
        ..answers()
    })
    .await;
    let answer = rig.call(Method::POST, "/v1/reload", &[], "").await;
    let problem = is_problem(&answer, 422, "reload-refused");
    assert_eq!(problem["errors"], json!(errors));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rig = Rig::new(answers()).await;
    for (path, kind) in [
        ("/v1/services/nope", "unknown-service"),
        ("/v1/services/nope/history", "unknown-service"),
        ("/v2/services", "unknown-path"),
        ("/v1/services/%ff", "unknown-path"),
        ("/page/nope.js", "unknown-path"),
    ] {
        is_problem(&rig.get(path).await, 404, kind);
    }
    let red = ENDPOINT.replace("green", "red");
    let answer = rig.call(Method::PUT, &red, &[], "").await;
    is_problem(&answer, 404, "unknown-colour");
}

#[tokio::test]
async fn the_wrong_method_is_answered_with_the_right_ones() {
    let rig = Rig::new(answers()).await;
    for (method, path, allow) in [
        (Method::GET, SWITCH, "POST"),
        (Method::POST, "/v1/services", "GET,HEAD"),
        (Method::PATCH, ENDPOINT, "PUT,DELETE"),
        (Method::POST, "/livez", "GET,HEAD"),
    ] {
        let answer = rig.call(method, path, &[], "").await;
        is_problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), allow, "{path}");
    }
}

#[tokio::test]
async fn a_wrong_body_is_answered_with_the_field_and_what_it_must_be() {
    let rig = Rig::new(answers()).await;
    let long = format!(r#"{{"to":"green","reason":"{}"}}"#, "x".repeat(513));
    for (path, body, field) in [
        (SWITCH, "", "to"),
        (SWITCH, r#"{"to":"red"}"#, "to"),
        (SWITCH, r#"{"to":"green","wait":"baked"}"#, "wait"),
        (SWITCH, r#"{"to":"green","force":1}"#, "force"),
        (SWITCH, r#"{"to":"green","expect_live":[]}"#, "expect_live"),
        (SWITCH, r#"{"to":"green","reason":"\u001b[2J"}"#, "reason"),
        (SWITCH, &long, "reason"),
        (SWITCH, r#"{"to":"green","because":"x"}"#, "because"),
        (ROLLBACK, r#"{"to":"green"}"#, "to"),
        ("/v1/switch", r#"{"services":{}}"#, "services"),
        ("/v1/switch", r#"{"services":{"shop":"red"}}"#, "services"),
        ("/v1/reload", r#"{"file":"x"}"#, "file"),
    ] {
        let answer = rig.call(Method::POST, path, &[], body).await;
        let problem = is_problem(&answer, 422, "invalid-field");
        assert_eq!(problem["field"], field, "{body}");
        assert!(problem["expected"].is_string(), "{problem}");
    }
    for weight in ["0", "65536", "-1", "\"2\"", "1.5"] {
        let body = format!(r#"{{"weight":{weight}}}"#);
        let answer = rig.call(Method::PUT, ENDPOINT, &[], &body).await;
        assert_eq!(is_problem(&answer, 422, "invalid-field")["field"], "weight");
    }
    for body in ["{", "[]", "nonsense"] {
        let answer = rig.call(Method::POST, SWITCH, &[], body).await;
        is_problem(&answer, 400, "bad-body");
    }
    assert!(rig.asked.look(|orders| orders.switches.is_empty()));
}

#[tokio::test]
async fn a_wrong_address_is_no_endpoint() {
    let rig = Rig::new(answers()).await;
    for addr in [
        "10.0.0.9",
        "10.0.0.9:0",
        "10.0.0.9:70000",
        ":80",
        "a%20b:80",
        "::1:80",
    ] {
        let path = format!("/v1/services/shop/pools/green/endpoints/{addr}");
        let answer = rig.call(Method::PUT, &path, &[], "").await;
        is_problem(&answer, 422, "invalid-field");
    }
    assert!(rig.asked.look(|orders| orders.endpoints.is_empty()));
}

#[tokio::test]
async fn wrong_headers_and_parameters_are_bad_requests() {
    let rig = Rig::new(answers()).await;
    let long = "x".repeat(129);
    for header in [
        ("if-match", "7"),
        ("if-match", "W/\"7\""),
        ("x-cutover-actor", ""),
        ("x-cutover-actor", &long),
    ] {
        let answer = rig.call(Method::POST, SWITCH, &[header], TO_GREEN).await;
        is_problem(&answer, 400, "bad-request");
    }
    let body = r#"{"services":{"shop":"green"}}"#;
    let header = [("if-match", "\"7\"")];
    let answer = rig.call(Method::POST, "/v1/switch", &header, body).await;
    is_problem(&answer, 400, "bad-request");
    for query in ["limit=0", "limit=1001", "limit=x", "newest=1"] {
        let answer = rig.get(&format!("/v1/history?{query}")).await;
        is_problem(&answer, 400, "bad-request");
    }
}

#[tokio::test]
async fn a_stopped_controller_is_told_by_everything() {
    let setup = setup(ControlHandle::gone(), loopback(), None);
    let events = std::sync::Arc::clone(&setup.events);
    let server = crate::admin::serve(setup).await;
    let asked = crate::control::answering::Asked::default();
    let rig = Rig {
        server: server.unwrap(),
        asked,
        events,
    };
    for path in [
        "/v1/services",
        "/v1/services/shop",
        "/v1/history",
        "/v1/config",
        "/metrics",
    ] {
        is_problem(&rig.get(path).await, 503, "shutting-down");
    }
    let answer = rig.call(Method::POST, SWITCH, &[], TO_GREEN).await;
    is_problem(&answer, 503, "shutting-down");
    for path in ["/livez", "/readyz"] {
        assert_eq!(rig.get(path).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_switch_is_waited_for_as_long_as_the_file_lets_it_take() {
    let rig = Rig::new(Answers {
        switch: None,
        ..answers()
    })
    .await;
    for (path, body, seconds) in [
        (SWITCH, TO_GREEN, 20 + 15),
        (SWITCH, r#"{"to":"green","wait":"drained"}"#, 20 + 40 + 15),
        (ROLLBACK, r#"{"wait":"drained"}"#, 20 + 40 + 15),
        (
            "/v1/switch",
            r#"{"services":{"shop":"green","api":"green"}}"#,
            20 + 15,
        ),
        ("/v1/services/nope/switch", TO_GREEN, 15),
    ] {
        let began = tokio::time::Instant::now();
        let answer = rig.call(Method::POST, path, &[], body).await;
        is_problem(&answer, 504, "gave-up-waiting");
        assert_eq!(began.elapsed().as_secs(), seconds, "{path}");
    }
}

#[test]
fn every_problem_is_documented_with_its_status() {
    let source = include_str!("../problem.rs");
    let docs = include_str!("../../../docs/admin-api.md");
    let classes: Vec<_> = source.split("Class::new(").skip(1).collect();
    assert!(classes.len() > 20);
    for class in classes {
        let mut words = class.split([',', '"']).map(str::trim);
        let mut word = || words.find(|it| !it.is_empty()).unwrap_or("");
        let row = format!("| {} | `{}` |", word(), word());
        assert!(docs.contains(&row), "{row}");
    }
}
