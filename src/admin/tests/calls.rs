//! What each call asks of the controller, and what it answers.

use std::{collections::BTreeMap, num::NonZeroU16};

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{ENDPOINT, ROLLBACK, SWITCH, TO_GREEN};
use crate::{
    admin::rig::{Rig, answering_switches, answers, receipt, shop, unchanged, view},
    control::{answering::Answers, handle::EndpointChange},
    core::{
        ids::{Colour, ServiceName, Tenure},
        switch::{ActorKind, WaitFor, Wish},
    },
};

#[tokio::test]
async fn services_are_listed_and_read_with_their_tenure_as_etag() {
    let rig = Rig::new(answers()).await;
    let all = rig.get("/v1/services").await;
    assert_eq!(all.status, StatusCode::OK);
    assert_eq!(all.json(), json!({ "services": [view()] }));
    let one = rig.get("/v1/services/shop").await;
    assert_eq!(one.header("etag"), "\"7\"");
    assert_eq!(one.json(), serde_json::to_value(view()).unwrap());
}

#[tokio::test]
async fn a_switch_is_asked_for_with_everything_that_was_said() {
    let rig = Rig::new(answers()).await;
    let body = r#"{"to":"green","reason":" new checkout ","force":true,"expect_live":"blue","wait":"drained"}"#;
    let headers = [("if-match", "\"6\""), ("x-cutover-actor", "al\u{ed}ce")];
    let answer = rig.call(Method::POST, SWITCH, &headers, body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("etag"), "\"7\"");
    assert_eq!(
        answer.json(),
        json!({ "changed": true, "receipt": receipt() })
    );
    let order = rig.asked.look(|orders| orders.switches.remove(0));
    let wish = Wish::Switch(BTreeMap::from([(shop(), Colour::Green)]));
    assert_eq!(order.wish, wish);
    assert_eq!(order.actor.kind, ActorKind::Admin);
    assert_eq!(order.actor.name, "al\u{ed}ce");
    assert_eq!(order.reason.as_deref(), Some("new checkout"));
    assert!(order.force);
    assert_eq!(order.expect_live, Some(Colour::Blue));
    assert_eq!(order.expect_tenure, Some(Tenure(6)));
    assert_eq!(order.wait, WaitFor::Drained);
}

#[tokio::test]
async fn a_switch_asks_for_little_when_little_was_said() {
    let rig = Rig::new(answers()).await;
    rig.call(Method::POST, SWITCH, &[], TO_GREEN).await;
    let order = rig.asked.look(|orders| orders.switches.remove(0));
    assert_eq!(order.actor.name, "anonymous");
    assert_eq!((order.reason, order.force), (None, false));
    assert_eq!((order.expect_live, order.expect_tenure), (None, None));
    assert_eq!(order.wait, WaitFor::Committed);
}

#[tokio::test]
async fn a_switch_to_the_live_colour_is_no_error() {
    let rig = Rig::new(answering_switches(unchanged())).await;
    let answer = rig.call(Method::POST, SWITCH, &[], TO_GREEN).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("etag"), "\"7\"");
    let unchanged = json!({ "service": "shop", "live": "green", "tenure": 7 });
    assert_eq!(
        answer.json(),
        json!({ "changed": false, "unchanged": unchanged })
    );
}

#[tokio::test]
async fn a_rollback_needs_no_body() {
    let rig = Rig::new(answers()).await;
    let answer = rig.call(Method::POST, ROLLBACK, &[], "").await;
    assert_eq!(answer.json()["receipt"]["tenure"], 7);
    let body = r#"{"reason":"errors","wait":"drained"}"#;
    rig.call(Method::POST, ROLLBACK, &[], body).await;
    let orders = rig
        .asked
        .look(|orders| std::mem::take(&mut orders.switches));
    assert!(
        orders
            .iter()
            .all(|order| order.wish == Wish::Rollback(shop()))
    );
    assert_eq!(orders[1].reason.as_deref(), Some("errors"));
    assert_eq!(orders[1].wait, WaitFor::Drained);
}

#[tokio::test]
async fn several_services_are_switched_by_one_order() {
    let rig = Rig::new(answers()).await;
    let body = r#"{"services":{"shop":"green","api":"blue"},"reason":"release 7"}"#;
    let answer = rig.call(Method::POST, "/v1/switch", &[], body).await;
    let expected = json!({ "changed": true, "receipts": [receipt()], "unchanged": [] });
    assert_eq!(answer.json(), expected);
    let order = rig.asked.look(|orders| orders.switches.remove(0));
    let colours = [
        (shop(), Colour::Green),
        (ServiceName::new("api"), Colour::Blue),
    ];
    assert_eq!(order.wish, Wish::Switch(BTreeMap::from(colours)));
}

#[tokio::test]
async fn endpoints_are_registered_and_deregistered() {
    let rig = Rig::new(answers()).await;
    for (method, body, change) in [
        (Method::PUT, "", EndpointChange::Register(NonZeroU16::MIN)),
        (
            Method::PUT,
            r#"{"weight":2}"#,
            EndpointChange::Register(NonZeroU16::new(2).unwrap()),
        ),
    ] {
        let answer = rig.call(method, ENDPOINT, &[], body).await;
        assert_eq!(answer.json(), json!({ "changed": true }));
        let order = rig.asked.look(|orders| orders.endpoints.remove(0));
        assert_eq!(order.change, change);
        assert_eq!((order.service, order.colour), (shop(), Colour::Green));
        assert_eq!(order.addr.as_str(), "10.0.0.9:8080");
    }
}

#[tokio::test]
async fn history_is_of_one_or_all_and_bounded() {
    let history = vec![receipt(); 150];
    let rig = Rig::new(Answers {
        history,
        ..answers()
    })
    .await;
    let lengths = [
        ("/v1/history", 100),
        ("/v1/history?limit=3", 3),
        ("/v1/services/shop/history?limit=1000", 150),
    ];
    for (path, length) in lengths {
        let answer = rig.get(path).await;
        let receipts = &answer.json()["receipts"];
        assert_eq!(receipts.as_array().map(Vec::len), Some(length), "{path}");
    }
}

#[tokio::test]
async fn a_reload_answers_with_what_changed() {
    let rig = Rig::new(answers()).await;
    let answer = rig.call(Method::POST, "/v1/reload", &[], "").await;
    let changes = ["service `api` was added"];
    assert_eq!(
        answer.json(),
        json!({ "changed": true, "changes": changes })
    );
    assert_eq!(rig.asked.look(|orders| orders.reloads.len()), 1);
}

#[tokio::test]
async fn the_effective_configuration_is_shown() {
    let rig = Rig::new(answers()).await;
    let answer = rig.get("/v1/config").await;
    assert_eq!(answer.status, StatusCode::OK);
    let patience = &answer.json()["service"]["shop"]["switch"]["gate_timeout"];
    assert_eq!(patience, "20s");
}

#[tokio::test]
async fn metrics_and_probes_answer_in_text() {
    let rig = Rig::new(answers()).await;
    let metrics = rig.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    assert!(metrics.text.contains("cutover_"), "{metrics:?}");
    assert_eq!(rig.get("/livez").await.text, "live\n");
    for path in ["/readyz", "/healthz"] {
        assert_eq!(rig.get(path).await.text, "ready\n");
    }
    let verbose = rig.get("/readyz?verbose").await;
    assert_eq!(verbose.text, "[+] config\n[+] shop\nready\n");
}

#[tokio::test]
async fn readiness_fails_with_its_reason() {
    let conditions = BTreeMap::from([("config".to_owned(), true), ("shop".to_owned(), false)]);
    let rig = Rig::new(Answers {
        conditions,
        ..answers()
    })
    .await;
    let answer = rig.get("/readyz?verbose=1").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text, "[+] config\n[-] shop\nnot ready\n");
    assert_eq!(rig.get("/livez").await.status, StatusCode::OK);
}
