//! The gates of a switch, as they work. What is sent along, and what is expected in fields, may be secret.

use serde_json::{Value, json};

use super::{authority, hidden, path, time};
use crate::{
    config::text::Choice as _,
    core::{
        gate::spec::{CheckSpec, GatesSpec, HookSpec, JsonValue},
        tls::Trust,
    },
};

pub(super) fn hooks(gates: &GatesSpec) -> Vec<Value> {
    gates.hooks.iter().map(|it| hook(it)).collect()
}

fn hook(hook: &HookSpec) -> Value {
    let hidden = match hook.path.split_once('?') {
        Some(_) => "?(hidden)",
        None => "",
    };
    let ca = hook.tls.as_ref().map(|tls| match &tls.trust {
        Trust::Authorities(ca) => Some(path(ca)),
        Trust::System | Trust::Anybody => None,
    });
    json!({
        "at": hook.at.word(),
        "url": format!("{}{hidden}", hook.name.split(" #").next().unwrap_or_default()),
        "ca": ca.flatten(),
        "token_file": hook.token_file.as_deref().map(path),
        "timeout": time(hook.timeout),
        "on_failure": hook.on_failure.word(),
    })
}

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
