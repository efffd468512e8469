//! Endpoints that leave the traffic.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use super::ENDPOINT;
use crate::{
    admin::rig::{Rig, answers},
    control::{answering::Answers, handle::EndpointChange},
    core::{
        event::{DrainChange, EndpointAnswer, EndpointRefusal, LeaveTerms},
        ids::EndpointAddr,
        switch::WaitFor,
    },
};

#[tokio::test]
async fn endpoints_leave_by_the_terms_of_the_query() {
    let rig = Rig::new(answers()).await;
    let terms = LeaveTerms {
        force: true,
        wait: WaitFor::Drained,
        deadline: Some(Duration::from_secs(90)),
    };
    let (plain, said) = (
        LeaveTerms::default(),
        "?force=true&wait=drained&deadline=1m30s",
    );
    let drain = |terms| EndpointChange::Drain(DrainChange::Drain(terms));
    for (method, call, change) in [
        (
            Method::DELETE,
            String::new(),
            EndpointChange::Deregister(plain),
        ),
        (
            Method::DELETE,
            said.to_owned(),
            EndpointChange::Deregister(terms),
        ),
        (Method::POST, "/drain".to_owned(), drain(plain)),
        (Method::POST, format!("/drain{said}"), drain(terms)),
        (
            Method::POST,
            "/undrain".to_owned(),
            EndpointChange::Drain(DrainChange::Undrain),
        ),
    ] {
        let path = format!("{ENDPOINT}{call}");
        let answer = rig.call(method, &path, &[], "").await;
        assert_eq!(answer.json(), json!({ "changed": true }), "{path}");
        let order = rig.asked.look(|orders| orders.endpoints.remove(0));
        assert_eq!(order.change, change, "{path}");
    }
    for wrong in [
        "?force=perhaps",
        "?wait=baked",
        "?deadline=soon",
        "?grace=1s",
    ] {
        let path = format!("{ENDPOINT}/drain{wrong}");
        let answer = rig.call(Method::POST, &path, &[], "").await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    assert!(rig.asked.look(|orders| orders.endpoints.is_empty()));
}

#[tokio::test]
async fn an_endpoint_that_may_not_leave_is_a_conflict() {
    let addr = EndpointAddr::new("10.0.0.9:80");
    for (refusal, kind) in [
        (
            EndpointRefusal::LastReadyOfLivePool(addr),
            "last-ready-of-live-pool",
        ),
        (EndpointRefusal::TooManyLeaving(256), "too-many-leaving"),
    ] {
        let rig = Rig::new(Answers {
            endpoint: EndpointAnswer::Refused(refusal),
            ..answers()
        })
        .await;
        let path = format!("{ENDPOINT}/drain");
        let problem = rig.call(Method::POST, &path, &[], "").await;
        assert_eq!(problem.status, 409);
        let kind = format!("urn:cutover:problem:{kind}");
        assert_eq!(problem.json()["type"], kind);
    }
}
