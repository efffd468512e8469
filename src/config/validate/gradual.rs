//! Gradual switches, and the sessions that stay with their colour.

use std::time::Duration;

use crate::{
    config::{
        judge::Judge,
        raw::RawAffinity,
        tree::{Field, Given, List},
        value::duration::Period,
    },
    core::{
        affinity::{AffinityMode, AffinitySpec},
        share::Share,
        shift::{self, STEPS_LIMIT},
    },
};

/// There if the table is there, also an empty one.
pub(super) fn affinity(service: &str, raw: Field<RawAffinity>) -> Option<AffinitySpec> {
    let raw = raw.value()?;
    let cookie = raw.cookie.value().map(|name| name.0);
    let cookie = cookie.unwrap_or_else(|| format!("{COOKIE}{service}"));
    Some(AffinitySpec {
        mode: raw.mode.or(AffinityMode::Finish),
        cookie: cookie.into(),
        deadline: raw.deadline.or(Period(AFFINITY_DEADLINE)).0,
    })
}

/// Steps that rise. A last one of the whole is the commit itself.
pub(super) fn steps(
    service: &str,
    raw: Field<List<Share, STEPS_LIMIT>>,
    judge: &mut Judge<'_>,
) -> Vec<Share> {
    let items = raw.value().map(|list| list.items).unwrap_or_default();
    let mut typed = Vec::with_capacity(items.len());
    for Given { at, value } in items {
        typed.push(value);
        if let Err(bad) = shift::steps(&typed) {
            judge.error(
                at,
                format!("`steps` of service `{service}`: {bad}"),
                "list shares that rise, such as `[\"1%\", \"10%\", \"50%\"]`",
            );
            typed.pop();
        }
    }
    shift::steps(&typed).unwrap_or_default()
}

/// What the name of a service is put behind.
const COOKIE: &str = "cutover-";
const AFFINITY_DEADLINE: Duration = Duration::from_secs(30 * 60);
