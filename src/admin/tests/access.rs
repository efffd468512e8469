//! Who may do what: tokens, roles, foreign sites.

use axum::http::{Method, StatusCode};

use super::{ENDPOINT, ROLLBACK, SWITCH, TO_GREEN};
use crate::admin::rig::{OPERATE, Rig, TOKENS, VIEW, answers, loopback, token_file};

const READS: [&str; 5] = [
    "/v1/services",
    "/v1/services/shop",
    "/v1/history",
    "/v1/config",
    "/metrics",
];
const CHANGES: [(Method, &str, &str); 6] = [
    (Method::POST, SWITCH, TO_GREEN),
    (Method::POST, ROLLBACK, ""),
    (
        Method::POST,
        "/v1/switch",
        r#"{"services":{"shop":"green"}}"#,
    ),
    (Method::POST, "/v1/reload", ""),
    (Method::PUT, ENDPOINT, ""),
    (Method::DELETE, ENDPOINT, ""),
];

fn statuses(token: Option<&str>) -> (u16, u16) {
    match token {
        Some(OPERATE) => (200, 200),
        Some(VIEW) => (200, 403),
        _ => (401, 401),
    }
}

#[tokio::test]
async fn each_role_may_do_what_it_is_for() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    for token in [
        Some(OPERATE),
        Some(VIEW),
        Some("wrong-wrong-wrong-wrong"),
        Some(""),
        None,
    ] {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        let (reads, changes) = statuses(token);
        for path in READS {
            let answer = rig.call(Method::GET, path, &headers, "").await;
            assert_eq!(answer.status.as_u16(), reads, "{token:?} {path}");
        }
        for (method, path, body) in CHANGES {
            let answer = rig.call(method, path, &headers, body).await;
            assert_eq!(answer.status.as_u16(), changes, "{token:?} {path}");
        }
        for path in ["/livez", "/readyz", "/healthz"] {
            let answer = rig.call(Method::GET, path, &headers, "").await;
            assert_eq!(answer.status, StatusCode::OK, "{token:?} {path}");
        }
    }
}

#[tokio::test]
async fn without_a_token_not_even_the_paths_are_told() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    for (method, path) in [(Method::GET, "/nope"), (Method::GET, SWITCH)] {
        let answer = rig.call(method, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer realm=\"cutover\""
        );
    }
    let wrong = [("authorization", "Bearer wrong-wrong-wrong-wrong")];
    let answer = rig.call(Method::GET, "/v1/services", &wrong, "").await;
    assert!(answer.header("www-authenticate").contains("invalid_token"));
    assert!(!answer.text.contains("wrong-wrong"), "{answer:?}");
}

#[tokio::test]
async fn only_one_bearer_token_is_taken() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let (bearer, basic) = (format!("bearer  {OPERATE}"), format!("Basic {OPERATE}"));
    for (headers, status) in [
        (vec![("authorization", bearer.as_str())], StatusCode::OK),
        (
            vec![("authorization", basic.as_str())],
            StatusCode::UNAUTHORIZED,
        ),
        (vec![("authorization", OPERATE)], StatusCode::UNAUTHORIZED),
        (
            vec![
                ("authorization", bearer.as_str()),
                ("authorization", bearer.as_str()),
            ],
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let answer = rig.call(Method::GET, "/v1/services", &headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}

#[tokio::test]
async fn history_keeps_the_tokens_name_and_what_the_caller_adds() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let authorization = format!("Bearer {OPERATE}");
    let token = ("authorization", authorization.as_str());
    rig.call(Method::POST, ROLLBACK, &[token], "").await;
    let headers = [token, ("x-cutover-actor", "deploy 77")];
    rig.call(Method::POST, ROLLBACK, &headers, "").await;
    let names = rig.asked.look(|orders| {
        let names = orders.switches.iter().map(|order| order.actor.name.clone());
        names.collect::<Vec<_>>()
    });
    assert_eq!(names, ["alice", "alice (deploy 77)"]);
}

#[tokio::test]
async fn new_tokens_count_after_a_reload_and_bad_ones_never() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let status = async |token: &str| {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        rig.call(Method::GET, "/v1/services", &headers, "")
            .await
            .status
    };
    std::fs::write(file.path(), "alice operate short\n").unwrap();
    assert!(rig.server.reload_tokens().is_err());
    assert_eq!(status(OPERATE).await, StatusCode::OK);
    std::fs::write(
        file.path(),
        TOKENS.replace("operate-operate", "rotated-rotated"),
    )
    .unwrap();
    assert_eq!(status(OPERATE).await, StatusCode::OK, "not read yet");
    rig.server.reload_tokens().unwrap();
    assert_eq!(status(OPERATE).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status("rotated-rotated-operate").await, StatusCode::OK);
}

#[tokio::test]
async fn the_reload_call_takes_both_files_or_neither() {
    let file = token_file();
    let rig = Rig::listening(answers(), loopback(), Some(file.path().to_owned())).await;
    let authorization = format!("Bearer {OPERATE}");
    let token = ("authorization", authorization.as_str());
    std::fs::write(file.path(), "alice operate short\n").unwrap();
    let refused = rig.call(Method::POST, "/v1/reload", &[token], "").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = refused.json()["errors"][0].as_str().unwrap().to_owned();
    assert!(error.contains(":1: the token is shorter"), "{error}");
    assert_eq!(rig.asked.look(|orders| orders.reloads.len()), 0);
    std::fs::write(
        file.path(),
        TOKENS.replace("operate-operate", "rotated-rotated"),
    )
    .unwrap();
    let applied = rig.call(Method::POST, "/v1/reload", &[token], "").await;
    assert_eq!(applied.status, StatusCode::OK);
    let late = rig.call(Method::POST, "/v1/reload", &[token], "").await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_foreign_site_may_neither_look_nor_change() {
    let rig = Rig::new(answers()).await;
    let (own, address) = (format!("http://{}", rig.addr()), rig.addr().to_string());
    for (headers, kind) in [
        (vec![("host", "evil.example")], "foreign-host"),
        (vec![("origin", "http://evil.example")], "foreign-origin"),
        (vec![("origin", "null")], "foreign-origin"),
        (
            vec![("host", "evil.example"), ("origin", "http://evil.example")],
            "foreign-host",
        ),
        (
            vec![("host", "localhost"), ("origin", own.as_str())],
            "foreign-origin",
        ),
    ] {
        for (method, path) in [(Method::POST, ROLLBACK), (Method::GET, "/v1/config")] {
            let answer = rig.call(method, path, &headers, "").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
            assert_eq!(answer.json()["type"], format!("urn:cutover:problem:{kind}"));
        }
    }
    assert!(rig.asked.look(|orders| orders.switches.is_empty()));
    let own = [("host", address.as_str()), ("origin", own.as_str())];
    assert_eq!(
        rig.call(Method::POST, ROLLBACK, &own, "").await.status,
        StatusCode::OK
    );
}
