//! Which service a request belongs to, by host and path.
//!
//! Owns matching only; must not know pools or health, nor how a client may spell what is matched (`routing` does).
//! The most specific host wins (exact, then the longest wildcard, then any), and under it the longest prefix; hosts
//! fall back: if no prefix of the exact host matches, a wildcard's or an any-host route may. Prefixes are compared on
//! segment boundaries, byte by byte.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    ids::ServiceSlot,
    service::{Route, RouteHost},
};

/// The routes heard on one listener.
#[derive(Debug, Default)]
pub struct RouteTable {
    exact: HashMap<Box<str>, Prefixes, RandomState>,
    wildcard: HashMap<Box<str>, Prefixes, RandomState>,
    any: Prefixes,
}

impl RouteTable {
    /// Builds a table. Of two equal routes the first wins; `config::validate` refuses them.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a Route, ServiceSlot)>) -> Self {
        let mut table = Self::default();
        for (route, slot) in routes {
            let prefixes = match &route.host {
                RouteHost::Exact(host) => table.exact.entry(host.as_str().into()).or_default(),
                RouteHost::Wildcard(suffix) => {
                    table.wildcard.entry(suffix.as_str().into()).or_default()
                }
                RouteHost::Any => &mut table.any,
            };
            prefixes.insert(&route.prefix, slot);
        }
        table
    }

    /// The service that `host` and `path` belong to, both in the spelling that routes have (see `host::canonical` and
    /// `Spelling::normal`).
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Option<ServiceSlot> {
        self.exact
            .get(host)
            .and_then(|prefixes| prefixes.find(path))
            .or_else(|| self.find_wildcard(host, path))
            .or_else(|| self.any.find(path))
    }

    fn find_wildcard(&self, host: &str, path: &str) -> Option<ServiceSlot> {
        if self.wildcard.is_empty() {
            return None;
        }
        let mut rest = host;
        // At most 127 labels fit into a host name (RFC 1035 section 2.3.4); longer ones match nothing.
        for _ in 0..MAX_LABELS {
            let (label, suffix) = rest.split_once('.')?;
            let found = self
                .wildcard
                .get(suffix)
                .and_then(|prefixes| prefixes.find(path));
            if !label.is_empty() && found.is_some() {
                return found;
            }
            rest = suffix;
        }
        None
    }
}

/// Prefixes under one host.
#[derive(Debug)]
enum Prefixes {
    /// Longest first; a look at each of them is the shortest way.
    Few(Vec<(Box<str>, ServiceSlot)>),
    /// By their text, so that ten thousand services under one host cost no request a look at each of them.
    Many {
        by_text: HashMap<Box<str>, ServiceSlot, RandomState>,
        /// Bytes of the longest.
        longest: usize,
    },
}

impl Default for Prefixes {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Prefixes {
    fn insert(&mut self, prefix: &str, slot: ServiceSlot) {
        let prefix = prefix.trim_end_matches('/');
        match self {
            Self::Few(few) => {
                if few.iter().any(|(known, _)| **known == *prefix) {
                    return;
                }
                let at = few.partition_point(|(known, _)| known.len() >= prefix.len());
                // Most hosts have one, and a vector that grows by itself would have room for four.
                few.reserve_exact(1);
                few.insert(at, (prefix.into(), slot));
                if few.len() > FEW {
                    *self = Self::Many {
                        longest: few[0].0.len(),
                        by_text: few.drain(..).collect(),
                    };
                }
            }
            Self::Many { by_text, longest } => {
                by_text.entry(prefix.into()).or_insert(slot);
                *longest = prefix.len().max(*longest);
            }
        }
    }

    fn find(&self, path: &str) -> Option<ServiceSlot> {
        match self {
            Self::Few(few) => {
                let mut few = few.iter();
                let found = few.find(|(prefix, _)| covers(prefix, path));
                found.map(|(_, slot)| *slot)
            }
            Self::Many { by_text, longest } => {
                let inner = path.match_indices('/').map(|(at, _)| at);
                let ends = std::iter::once(0).chain(inner).chain([path.len()]);
                let ends = ends.take_while(|end| end <= longest);
                let found = ends.filter_map(|end| by_text.get(&path[..end]));
                found.last().copied()
            }
        }
    }
}

/// Whether `prefix` (without trailing slash) covers `path` on a segment boundary.
fn covers(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.is_empty())
}

/// Prefixes that are few.
const FEW: usize = 8;
/// Labels in the longest host name.
const MAX_LABELS: usize = 127;

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: RouteHost, prefix: &str) -> Route {
        Route {
            host,
            prefix: prefix.to_owned(),
        }
    }

    fn table() -> RouteTable {
        let exact = |host: &str| RouteHost::Exact(host.to_owned());
        let wildcard = |host: &str| RouteHost::Wildcard(host.to_owned());
        let routes = [
            route(exact("shop.example.com"), "/"),
            route(exact("shop.example.com"), "/api"),
            route(wildcard("example.com"), "/api/"),
            route(wildcard("eu.example.com"), "/"),
            route(RouteHost::Any, "/legacy"),
        ];
        RouteTable::new(routes.iter().zip((0..).map(ServiceSlot)))
    }

    #[track_caller]
    fn leads(host: &str, path: &str, to: Option<u32>) {
        assert_eq!(
            table().find(host, path),
            to.map(ServiceSlot),
            "{host}{path}"
        );
    }

    #[test]
    fn the_most_specific_host_wins_and_then_the_longest_prefix() {
        leads("shop.example.com", "/", Some(0));
        leads("shop.example.com", "/cart", Some(0));
        leads("shop.example.com", "/api", Some(1));
        leads("shop.example.com", "/api/v1", Some(1));
        leads("other.example.com", "/api/v1", Some(2));
        leads("a.b.example.com", "/api", Some(2));
        leads("a.eu.example.com", "/api", Some(3));
    }

    #[test]
    fn a_prefix_ends_on_a_segment_boundary() {
        leads("any", "/legacy", Some(4));
        leads("any", "/legacy/", Some(4));
        leads("any", "/legacy/x", Some(4));
        leads("any", "/legacyx", None);
        leads("shop.example.com", "/apis", Some(0));
    }

    #[test]
    fn a_host_falls_back_to_less_specific_routes() {
        leads("other.example.com", "/legacy", Some(4));
        leads("other.example.com", "/elsewhere", None);
    }

    #[test]
    fn a_wildcard_wants_at_least_one_more_label() {
        leads("example.com", "/api", None);
        leads(".example.com", "/api", None);
    }

    /// Among many prefixes each path leads where a look at all of them finds the longest that covers it.
    #[test]
    fn many_prefixes_lead_where_few_would() {
        let segments = [
            "", "/a", "/b", "/a/a", "/a/b", "/b/a", "/a/a/a", "/a/a/b", "/c", "/d/e", "/a-b",
        ];
        assert!(segments.len() > FEW);
        let slots = || (0..).map(ServiceSlot);
        let mut many = Prefixes::default();
        for (prefix, slot) in segments.iter().zip(slots()) {
            many.insert(prefix, slot);
            many.insert(prefix, ServiceSlot(99));
        }
        assert!(matches!(many, Prefixes::Many { .. }));
        for path in [
            "/", "", "*", "/a", "/a/", "/a//", "/ab", "/a-b", "/a-b/c", "/a/a/a/a", "/a/a/ab",
            "/a/b/c", "/b/b", "/b/a", "/d", "/d/e", "/d/e/f", "/d/ef", "//a", "/c/", "/e/é/x",
        ] {
            let all = segments.iter().zip(slots());
            let covering = all.filter(|(prefix, _)| covers(prefix, path));
            let longest = covering.max_by_key(|(prefix, _)| prefix.len());
            assert_eq!(many.find(path), longest.map(|(_, slot)| slot), "{path}");
        }
    }

    #[test]
    fn odd_hosts_do_not_panic() {
        for host in ["", ":", "[::1]", "[::1]:80", "::1", ".", "..", "a:b:c"] {
            let _ = table().find(host, "/");
        }
    }
}
