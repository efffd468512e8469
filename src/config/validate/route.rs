//! Routes of all services side by side: two that are equal, and those that change nothing.
//!
//! The most specific host and then the longest prefix win (`core::route`), so a route is taken away entirely
//! only by an equal one. Owners are looked up by host and prefix, so that a thousand services take a thousand
//! look-ups, not a million comparisons.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    config::judge::{At, Judge},
    core::{
        ids::{ListenerName, ServiceName},
        service::{ListenerScope, Route, RouteHost},
    },
};

/// A route, whose it is, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    pub(super) service: &'a ServiceName,
    pub(super) scope: &'a ListenerScope,
    pub(super) route: &'a Route,
    pub(super) at: At,
}

/// Reports equal routes and warns of routes that change nothing.
pub(super) fn clashes(mut heard: Vec<Heard<'_>>, judge: &mut Judge<'_>) {
    heard.sort_by_key(|it| it.at);
    let mut owners: HashMap<(&RouteHost, &str), Owners<'_>, RandomState> =
        HashMap::with_capacity_and_hasher(heard.len(), RandomState::default());
    let mut kept = Vec::with_capacity(heard.len());
    for it in heard {
        let at = owners
            .entry((&it.route.host, it.route.prefix.as_str()))
            .or_default();
        match at.taken(&it) {
            Some(first) => equal(&it, &first, judge),
            None => {
                at.add(it);
                kept.push(it);
            }
        }
    }
    for it in kept {
        let above =
            ancestors(&it.route.prefix).find_map(|prefix| owners.get(&(&it.route.host, prefix)));
        if let Some(first) = above.and_then(|above| above.only(it.service)) {
            let text = format!(
                "route `{}` of service `{}` changes nothing: `{}` at {} leads to the same service",
                it.route,
                it.service,
                first.route,
                judge.place(first.at)
            );
            judge.warn(it.at, text, "remove one");
        }
    }
}

fn equal(it: &Heard<'_>, first: &Heard<'_>, judge: &mut Judge<'_>) {
    let place = judge.place(first.at);
    let (route, service) = (it.route, it.service);
    if service == first.service {
        let text = format!("route `{route}` is in service `{service}` already at {place}");
        judge.error(it.at, text, "remove one");
    } else {
        let text = format!(
            "route `{route}` of service `{service}` belongs to service `{}` already at {place}",
            first.service
        );
        let suggestion = "change or remove one, or give the services different `listeners`";
        judge.error(it.at, text, suggestion);
    }
}

/// Who has one route, on which listeners.
#[derive(Debug, Default)]
struct Owners<'a> {
    all: Option<Heard<'a>>,
    named: HashMap<&'a ListenerName, Heard<'a>>,
}

impl<'a> Owners<'a> {
    /// Who has the route already on a listener that `it` is heard on.
    fn taken(&self, it: &Heard<'_>) -> Option<Heard<'a>> {
        self.all.or_else(|| match it.scope {
            ListenerScope::All => self.named.values().min_by_key(|it| it.at).copied(),
            ListenerScope::Named(names) => {
                names.iter().find_map(|name| self.named.get(name)).copied()
            }
        })
    }

    fn add(&mut self, it: Heard<'a>) {
        match it.scope {
            ListenerScope::All => self.all = Some(it),
            ListenerScope::Named(names) => {
                self.named.extend(names.iter().map(|name| (name, it)));
            }
        }
    }

    /// The route, if `service` alone has it.
    fn only(&self, service: &ServiceName) -> Option<Heard<'a>> {
        let mut all = self.all.iter().chain(self.named.values());
        let first = all.clone().next()?;
        all.all(|it| it.service == service).then_some(*first)
    }
}

/// Prefixes that cover `prefix`, the longest first.
fn ancestors(prefix: &str) -> impl Iterator<Item = &str> {
    let below_root = prefix.rmatch_indices('/').filter(|(at, _)| *at > 0);
    let root = (prefix != "/").then_some("/");
    below_root
        .map(|(at, _)| &prefix[..at])
        .chain(root)
        .take(ANCESTORS_LIMIT)
}

/// Prefixes above one route that are looked at for the warning.
const ANCESTORS_LIMIT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_above_are_listed_from_below() {
        let above = |prefix| ancestors(prefix).collect::<Vec<_>>();
        assert_eq!(above("/a/b/c"), ["/a/b", "/a", "/"]);
        assert_eq!(above("/a"), ["/"]);
        assert!(above("/").is_empty());
    }
}
