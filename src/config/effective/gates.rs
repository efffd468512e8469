//! The gates of a switch, as they work. What is sent along, and what is expected in fields, may be secret.

use serde_json::{Value, json};

use super::{authority, hidden, time};
use crate::{
    config::text::Choice as _,
    core::gate::spec::{CheckSpec, GatesSpec, JsonValue},
};

pub(super) fn checks(gates: &GatesSpec) -> Vec<Value> {
    gates.checks.iter().map(|it| check(it)).collect()
}

fn check(check: &CheckSpec) -> Value {
    let json: serde_json::Map<_, _> = check.json.iter().map(expected).collect();
    json!({
        "method": check.method.as_str(),
        "path": check.path,
        "host": authority(check.host.as_ref()),
        "headers": hidden(&check.headers),
        "body": check.body.as_ref().map(|_| "(hidden)"),
        "expect": format!("{}-{}", check.expect.start(), check.expect.end()),
        "expect_headers": hidden(&check.expect_headers),
        "body_contains": check.body_contains,
        "json": json,
        "on": check.on.word(),
        "repeat": check.repeat,
        "timeout": time(check.timeout),
    })
}

fn expected((pointer, value): &(String, JsonValue)) -> (String, Value) {
    let value = match value {
        JsonValue::Text(text) => json!(text),
        JsonValue::Number(number) => json!(number),
        JsonValue::Flag(flag) => json!(flag),
    };
    (pointer.clone(), value)
}
