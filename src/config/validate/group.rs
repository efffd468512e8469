//! `[group.*]`: services that are switched as one.

use std::collections::BTreeSet;

use super::service::Judged;
use crate::{
    config::{
        GroupConfig,
        judge::{Judge, shown},
        raw::{GROUPS_LIMIT, RawGroup},
        suggest,
        tree::{Field, Given, Named},
    },
    core::ids::{GroupName, ServiceName},
};

pub(super) fn groups(
    raw: Field<Named<RawGroup, GROUPS_LIMIT>>,
    services: &[Judged],
    judge: &mut Judge<'_>,
) -> Vec<GroupConfig> {
    let entries = raw.or(Named::default()).entries;
    let groups = entries
        .into_iter()
        .map(|(name, raw)| group(name, raw, services, judge));
    groups.collect()
}

fn group(
    name: Given<String>,
    raw: RawGroup,
    services: &[Judged],
    judge: &mut Judge<'_>,
) -> GroupConfig {
    let (text, at) = (shown(&name.value), name.at);
    let is_none = match &raw.services {
        Field::Given(list) => list.value.items.is_empty() && list.value.is_whole,
        Field::Missing => true,
        Field::Bad => false,
    };
    if is_none {
        let complaint = format!("group `{text}` has no services");
        judge.error(
            at,
            complaint,
            "add some such as `services = [\"shop\", \"cart\"]`",
        );
    }
    let mut members = BTreeSet::new();
    let items = raw.services.value().map(|list| list.items);
    for Given { at, value } in items.unwrap_or_default() {
        let mut known = services.iter().map(|it| it.spec.name.as_str());
        if !known.any(|it| it == value) {
            let complaint = format!(
                "group `{text}` names `{}`, which is no service",
                shown(&value)
            );
            let known = services.iter().map(|it| it.spec.name.as_str());
            judge.error(at, complaint, suggest::instead_of(&value, known));
        } else if !members.insert(ServiceName::new(&value)) {
            let complaint = format!("group `{text}` names service `{value}` twice");
            judge.error(at, complaint, "remove one of the two");
        }
    }
    GroupConfig {
        name: GroupName::new(&name.value),
        services: members,
    }
}
