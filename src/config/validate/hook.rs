//! `[[service.*.switch.hook]]`: whom to call at which point of a switch.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::gates::Names;
use crate::{
    config::{
        judge::Judge,
        raw::{HOOKS_LIMIT, RawHook},
        text::Choice as _,
        tree::{Field, Given, List},
        value::duration::Period,
    },
    core::{
        gate::spec::{HookPoint, HookSpec, OnFailure},
        tls::{Trust, UpstreamTls},
    },
};

pub(super) fn hooks(
    service: &str,
    raw: Field<List<RawHook, HOOKS_LIMIT>>,
    judge: &mut Judge<'_>,
) -> Vec<Arc<HookSpec>> {
    let raw = raw.value().map(|list| list.items).unwrap_or_default();
    let mut names = Names::default();
    let hooks = raw.into_iter().filter_map(|raw| {
        let mut hook = hook(service, raw, judge)?;
        hook.name = names.unique(hook.name);
        Some(Arc::new(hook))
    });
    hooks.collect()
}

fn hook(
    service: &str,
    Given { at, value: raw }: Given<RawHook>,
    judge: &mut Judge<'_>,
) -> Option<HookSpec> {
    let url = "url = \"https://deploys.example.com/cutover\"";
    for (key, is_missing, example) in [
        ("at", raw.at.is_missing(), "at = \"before_switch\""),
        ("url", raw.url.is_missing(), url),
    ] {
        if is_missing {
            let text = format!("a hook of service `{service}` has no `{key}`");
            judge.error(at, text, format!("add one such as `{example}`"));
        }
    }
    let on_failure_at = raw.on_failure.given().map(|it| it.at);
    let ca_at = raw.ca.given().map(|it| it.at);
    let ca = judge.named_file(raw.ca);
    let token_file = judge.named_file(raw.token_file);
    let (point, url) = (raw.at.value(), raw.url.value());
    let (point, url) = (point?, url?);
    let on_failure = raw.on_failure.or(default_of(point));
    if let Some(at) = on_failure_at
        && !possible(point).contains(&on_failure)
    {
        let words = possible(point).iter();
        let words: Vec<_> = words.map(|it| format!("`{}`", it.word())).collect();
        let (word, point) = (on_failure.word(), point.word());
        let text =
            format!("`on_failure` of a hook of service `{service}` at `{point}` is `{word}`");
        judge.error(at, text, format!("use {}", words.join(" or ")));
    }
    if let Some(at) = ca_at.filter(|_| !url.is_https) {
        let text = format!("a hook of service `{service}` has `ca`, and is called in the clear");
        judge.error(at, text, "call it by `https://`, or remove `ca`");
    }
    Some(HookSpec {
        name: url.name,
        at: point,
        address: url.address,
        host: url.host,
        path: url.path,
        tls: url.is_https.then(|| Arc::new(tls(ca))),
        timeout: raw.timeout.or(Period(TIMEOUT)).0,
        on_failure,
        token_file,
    })
}

fn tls(ca: Option<PathBuf>) -> UpstreamTls {
    UpstreamTls {
        trust: ca.map_or(Trust::System, Trust::Authorities),
        server_name: None,
        certificate: None,
    }
}

/// The way back must not depend on somebody else, unless the file says so.
const fn default_of(point: HookPoint) -> OnFailure {
    match point {
        HookPoint::BeforeSwitch => OnFailure::Refuse,
        HookPoint::BeforeRollback
        | HookPoint::AfterCommit
        | HookPoint::AfterDrain
        | HookPoint::AfterRollback => OnFailure::Ignore,
    }
}

/// What a failure can mean at each point: what is done cannot be refused, and what is not cannot be rolled back.
const fn possible(point: HookPoint) -> &'static [OnFailure] {
    match point {
        HookPoint::BeforeSwitch | HookPoint::BeforeRollback => {
            &[OnFailure::Refuse, OnFailure::Ignore]
        }
        HookPoint::AfterCommit | HookPoint::AfterDrain => &[OnFailure::Rollback, OnFailure::Ignore],
        HookPoint::AfterRollback => &[OnFailure::Ignore],
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
