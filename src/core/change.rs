//! What a reload changed, in sentences.
//!
//! Owns the words only; whether something changed is found out in `reconcile.rs`. Long lists are counted, not
//! told: a sentence for each endpoint of a thousand services would be read by nobody.

use super::{
    ids::{Colour, ListenerId, ListenerName, ServiceName},
    pool::PoolChange,
    service::ServiceSpec,
};

/// What is different about the policies of a service; its pools and `live` are told apart.
pub(super) fn spec_change(old: &ServiceSpec, new: &ServiceSpec) -> Option<String> {
    let parts = [
        ("routes", old.routes != new.routes),
        ("listeners", old.listeners != new.listeners),
        ("host", old.host != new.host),
        ("balance", old.balance != new.balance),
        (
            "on_all_unhealthy",
            old.on_all_unhealthy != new.on_all_unhealthy,
        ),
        ("slow_start", old.slow_start != new.slow_start),
        ("probe", old.probe != new.probe),
        ("passive", old.passive != new.passive),
        ("switch", old.switch != new.switch),
        ("affinity", old.affinity != new.affinity),
        ("mirror", old.mirror != new.mirror),
        ("preview", old.preview != new.preview),
        ("timeouts", old.timeouts != new.timeouts),
        ("connections", old.connections != new.connections),
        ("upstream_tls", old.upstream_tls != new.upstream_tls),
    ];
    let changed = parts.iter().filter(|(_, changed)| *changed);
    let changed: Vec<_> = changed.map(|(part, _)| format!("`{part}`")).collect();
    let name = &new.name;
    (!changed.is_empty()).then(|| format!("service `{name}`: {} changed", changed.join(", ")))
}

/// What is different about one pool.
pub(super) fn pool_change(
    (service, colour): (&ServiceName, Colour),
    change: &PoolChange,
) -> Option<String> {
    if change.is_empty() {
        return Some(format!(
            "pool `{colour}` of service `{service}`: order changed"
        ));
    }
    let counts = [
        (change.added, "added"),
        (change.removed.len(), "removed"),
        (change.reweighted, "with another weight"),
        (change.taken_over.len(), "taken over from the operator"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<_> = told
        .map(|(count, what)| format!("{} {what}", endpoints(*count)))
        .collect();
    Some(format!(
        "pool `{colour}` of service `{service}`: {}",
        told.join(", ")
    ))
}

/// Which listeners are new, bound anew, or gone.
pub(super) fn listener_changes(
    old: &[(ListenerId, ListenerName)],
    new: &[(ListenerId, ListenerName)],
) -> Vec<String> {
    let id_in = |list: &[(ListenerId, ListenerName)], name: &ListenerName| {
        list.iter().find(|(_, it)| it == name).map(|(id, _)| *id)
    };
    // A listener may have earlier numbers besides its own, which comes first.
    let own = new
        .iter()
        .filter(|(id, name)| id_in(new, name) == Some(*id));
    let opened = own.filter_map(|(id, name)| match id_in(old, name) {
        None => Some(format!("listener `{name}` added")),
        Some(before) if before != *id => Some(format!("listener `{name}` bound anew")),
        Some(_) => None,
    });
    let gone = old.iter().filter(|(_, name)| id_in(new, name).is_none());
    let closed = gone.map(|(_, name)| format!("listener `{name}` removed"));
    opened.chain(closed).collect()
}

fn endpoints(count: usize) -> String {
    match count {
        1 => "1 endpoint".to_owned(),
        count => format!("{count} endpoints"),
    }
}
