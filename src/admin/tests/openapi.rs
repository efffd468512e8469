//! The document of the API: that it is complete, that it can be read, and that it agrees with the page for people.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::admin::rig::{Rig, answers};

const VERBS: [&str; 4] = ["get", "post", "put", "delete"];

async fn document() -> Value {
    let rig = Rig::new(answers()).await;
    let answer = rig.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// Calls by method and path.
fn described(document: &Value) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for verb in operations.as_object().unwrap().keys() {
            calls.insert(format!("{} {path}", verb.to_uppercase()));
        }
    }
    calls
}

/// Every text below `value` that stands under `key`.
fn under<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                if name == key {
                    found.extend(inner.as_str());
                    let several = inner.as_array().into_iter().flatten();
                    found.extend(several.filter_map(Value::as_str));
                }
                under(inner, key, found);
            }
        }
        Value::Array(several) => several.iter().for_each(|it| under(it, key, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_page_for_people_lists_the_same_calls() {
    let docs = include_str!("../../../docs/admin-api.md");
    let mut listed = BTreeSet::new();
    for row in docs.lines().filter(|it| it.starts_with("| `")) {
        let calls = row.split('|').nth(1).unwrap_or("");
        for call in calls.split('`').skip(1).step_by(2) {
            let call = call.split('?').next().unwrap_or("");
            if VERBS.iter().any(|it| call.starts_with(&it.to_uppercase())) {
                listed.insert(call.to_owned());
            }
        }
    }
    // The page of operators is no call.
    listed.remove("GET /");
    assert_eq!(described(&document().await), listed);
}

#[tokio::test]
async fn every_problem_is_in_the_document() {
    let document = document().await;
    let mut told = Vec::new();
    under(&document["paths"], "enum", &mut told);
    let told: BTreeSet<_> = told.into_iter().collect();
    let source = include_str!("../problem.rs");
    let classes = source.split("Class::new(").skip(1);
    let kinds = classes.filter_map(|it| it.split('"').nth(1));
    // A call that is described has a path and a method.
    let kinds = kinds.filter(|it| *it != "method-not-allowed");
    let missing: Vec<_> = kinds
        .filter(|it| !told.contains(format!("urn:cutover:problem:{it}").as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn everything_that_is_referred_to_is_there() {
    let document = document().await;
    let mut references = Vec::new();
    under(&document, "$ref", &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let mut ids = Vec::new();
    under(&document["paths"], "operationId", &mut ids);
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
}

#[tokio::test]
async fn headers_are_told_where_they_are_looked_at() {
    let document = document().await;
    let switch = &document["paths"]["/v1/services/{service}/switch"]["post"];
    let named = |parameters: &Value| -> Vec<String> {
        let parameters = parameters.as_array().unwrap().iter();
        let headers = parameters.filter(|it| it["in"] == "header");
        headers
            .map(|it| it["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(named(&switch["parameters"]).contains(&"If-Match".to_owned()));
    assert!(switch["responses"]["200"]["headers"]["ETag"].is_object());
    let events = &document["paths"]["/v1/events"]["get"]["parameters"];
    assert!(named(events).contains(&"Last-Event-ID".to_owned()));
    let refused = &switch["responses"];
    assert!(refused["401"]["headers"]["WWW-Authenticate"].is_object());
    assert!(refused["503"]["headers"]["Retry-After"].is_object());
}
