//! `[traces]`: spans of requests.

use crate::{
    config::{
        TracesConfig,
        judge::{At, Judge},
        raw::RawTraces,
        tree::{Field, Given},
    },
    core::share::Share,
};

pub(super) fn traces(raw: Field<RawTraces>, judge: &mut Judge<'_>) -> Option<TracesConfig> {
    let Field::Given(Given { at, value: raw }) = raw else {
        return None;
    };
    if !cfg!(feature = "otel") {
        judge.error(
            at,
            "this cutover cannot send spans".to_owned(),
            "build it with `--features otel`, or remove `[traces]`",
        );
    }
    let Some(collector) = raw.collector.given() else {
        missing(at, judge);
        return None;
    };
    let url = &collector.value;
    if url.is_https {
        judge.error(
            collector.at,
            format!("`{}` is spoken to in the clear only", url.name),
            "name a collector beside cutover by `http`; it may send on by `https`",
        );
    }
    Some(TracesConfig {
        collector: format!("http://{}{}", url.address, url.path),
        address: url.address.clone(),
        sample: raw.sample.or(SAMPLE),
    })
}

fn missing(at: At, judge: &mut Judge<'_>) {
    judge.error(
        at,
        "`[traces]` has no `collector`".to_owned(),
        "add one such as `collector = \"http://127.0.0.1:4318/v1/traces\"`",
    );
}

/// One of a hundred requests.
const SAMPLE: Share = Share::of_parts(100);
