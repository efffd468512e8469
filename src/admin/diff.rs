//! `GET /v1/diff`: the file on the disk against what is running.
//!
//! Owns the comparison, of two configurations as `GET /v1/config` shows them: key by key, and no secret. Must not apply
//! anything.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use serde_json::{Map, Value};

use super::{
    call_error::CallError,
    context::Context,
    wire::{DiffAnswer, FileDiff, KeyDiff, RuntimeEndpoint, ServiceDiff},
};
use crate::{
    config::Config,
    core::view::{EndpointSource, ServiceView},
};

/// Compares.
pub(super) async fn all(State(context): State<Context>) -> Result<Json<DiffAnswer>, CallError> {
    let running = context.handle.config().await?;
    let file = match context.handle.on_disk().await? {
        Ok(file) => compared(&running, &file),
        Err(errors) => FileDiff {
            applied: false,
            errors,
            keys: Vec::new(),
            hidden: false,
        },
    };
    let services = context.handle.services().await?;
    let services = services.into_iter().map(service);
    Ok(Json(DiffAnswer {
        file,
        services: services.filter(|it| !it.is_as_filed()).collect(),
    }))
}

fn compared(running: &Config, file: &Config) -> FileDiff {
    let mut keys = Vec::new();
    let (shown, wanted) = (running.redacted(), file.redacted());
    compare(String::new(), Some(&shown), Some(&wanted), &mut keys);
    FileDiff {
        applied: running == file,
        errors: Vec::new(),
        hidden: keys.is_empty() && running != file,
        keys,
    }
}

/// Descends into tables; whatever else differs is told as a whole.
fn compare(key: String, running: Option<&Value>, file: Option<&Value>, keys: &mut Vec<KeyDiff>) {
    if running == file {
        return;
    }
    if let (Some(Value::Object(running)), Some(Value::Object(file))) = (running, file) {
        return tables(&key, (running, file), keys);
    }
    keys.push(KeyDiff {
        key,
        running: running.cloned(),
        file: file.cloned(),
    });
}

fn tables(
    key: &str,
    (running, file): (&Map<String, Value>, &Map<String, Value>),
    keys: &mut Vec<KeyDiff>,
) {
    let names: BTreeSet<_> = running.keys().chain(file.keys()).collect();
    for name in names {
        let inner = match key {
            "" => name.clone(),
            key => format!("{key}.{name}"),
        };
        compare(inner, running.get(name), file.get(name), keys);
    }
}

fn service(view: ServiceView) -> ServiceDiff {
    let mut endpoints = Vec::new();
    for (colour, pool) in view.pools.iter() {
        let odd = pool
            .endpoints
            .iter()
            .filter(|it| it.source == EndpointSource::Runtime || it.drained);
        endpoints.extend(odd.map(|it| RuntimeEndpoint {
            colour,
            addr: it.addr.clone(),
            weight: it.weight,
            registered: it.source == EndpointSource::Runtime,
            drained: it.drained,
        }));
    }
    ServiceDiff {
        service: view.service,
        live: view.live,
        file_live: view.file_live,
        endpoints,
        waiting: view.waiting,
        shift: view.shift,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told_by_key_and_what_is_not_there_as_nothing() {
        let running = json!({ "a": { "b": 1, "c": [1, 2] }, "d": { "e": true } });
        let file = json!({ "a": { "b": 2, "c": [1, 2], "f": "new" } });
        let mut keys = Vec::new();
        compare(String::new(), Some(&running), Some(&file), &mut keys);
        let told: Vec<_> = keys
            .iter()
            .map(|it| (it.key.as_str(), it.running.clone(), it.file.clone()))
            .collect();
        assert_eq!(
            told,
            [
                ("a.b", Some(json!(1)), Some(json!(2))),
                ("a.f", None, Some(json!("new"))),
                ("d", Some(json!({ "e": true })), None),
            ]
        );
    }
}
