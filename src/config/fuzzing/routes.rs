//! Any lines as routes, each of a service of its own, and the last one as what is asked for.

use std::fmt::Write as _;

use super::{file_with, quoted};
use crate::config::text::FromText as _;
use crate::core::{
    host,
    ids::ServiceSlot,
    route::RouteTable,
    routing::{Lead, readers::Reader},
    service::{AmbiguousPath, Route, RouteHost},
};

/// A file is refused exactly if two routes mean the same; a request leads where a look at every route says; and no
/// spelling of its path leads any reader past a route.
pub(crate) fn routes(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (lines, target) = text.rsplit_once('\n').unwrap_or(("", text));
    let routes: Vec<_> = lines
        .split('\n')
        .take(ROUTES_LIMIT)
        .filter_map(accepted)
        .collect();
    are_told_apart(&routes);
    let table = RouteTable::new(routes.iter().zip((0..).map(ServiceSlot)));
    let (asked, path) = target.split_at(target.find('/').unwrap_or(target.len()));
    let Some(host) = host::canonical(asked) else {
        assert!(matches!(
            table.lead(asked, path, |_| AmbiguousPath::Forward),
            Lead::Refused(None, _)
        ));
        return;
    };
    assert_eq!(
        table.find(&host, path).map(|slot| slot.0),
        expected(&routes, &host, path),
        "{host} {path}"
    );
    for policy in [AmbiguousPath::Reject, AmbiguousPath::Normalise] {
        match table.lead(asked, path, |_| policy) {
            Lead::AsSent(slot) => is_read_by_all(&routes, &host, path, slot),
            Lead::Respelt(slot, settled) => {
                assert_eq!(policy, AmbiguousPath::Normalise);
                is_read_by_all(&routes, &host, &settled, slot);
            }
            Lead::Nowhere | Lead::Refused(..) => {}
        }
    }
}

/// The route that `text` is in a file, if a file may have it; it is what is shown of it, too.
fn accepted(text: &str) -> Option<Route> {
    let route = Route::from_text(text).ok()?;
    let again = Route::from_text(&route.to_string());
    assert!(
        again.is_ok_and(|again| again == route),
        "{text:?} is shown as `{route}`"
    );
    Some(route)
}

/// Of two services with one route, the second is refused.
fn are_told_apart(routes: &[Route]) {
    let services = routes
        .iter()
        .enumerate()
        .fold(String::new(), |mut text, (number, route)| {
            let _ = writeln!(text, "{}", service(number, &route.to_string()));
            text
        });
    let has_twins = routes
        .iter()
        .enumerate()
        .any(|(place, route)| routes[..place].contains(route));
    if !routes.is_empty() {
        let loaded = file_with(&services);
        assert_eq!(loaded.is_err(), has_twins, "{services}\n{loaded:?}");
    }
}

fn service(number: usize, route: &str) -> String {
    let pools = "blue.endpoints = [\"10.0.0.1:80\"]\ngreen.endpoints = [\"10.0.0.2:80\"]";
    format!("[service.s{number}]\nroutes = [{}]\n{pools}", quoted(route))
}

/// The most specific host of those that have a prefix for the path, and its longest; found by asking every route.
fn expected(routes: &[Route], host: &str, path: &str) -> Option<u32> {
    let asked: Vec<_> = path.split('/').collect();
    let covering = routes.iter().zip(0..).filter_map(|(route, slot)| {
        let wanted: Vec<_> = route.prefix.trim_end_matches('/').split('/').collect();
        let covers = route.prefix == "/" || asked.starts_with(&wanted);
        let host = specificity(&route.host, host).filter(|_| covers)?;
        Some((host, wanted.len(), std::cmp::Reverse(slot)))
    });
    covering.max().map(|(_, _, slot)| slot.0)
}

/// How specific a route's host is, if it has `host` in it.
fn specificity(route: &RouteHost, host: &str) -> Option<usize> {
    match route {
        RouteHost::Exact(exact) => (exact == host).then_some(usize::MAX),
        RouteHost::Wildcard(suffix) => {
            let labels = host.strip_suffix(suffix.as_str())?.strip_suffix('.')?;
            let last = labels.rsplit('.').next()?;
            let is_a_name = !last.is_empty() && labels.split('.').count() <= MAX_LABELS;
            is_a_name.then_some(suffix.len())
        }
        RouteHost::Any => Some(0),
    }
}

/// Whoever reads the path, with whatever habits, takes it for the same service's.
fn is_read_by_all(routes: &[Route], host: &str, path: &str, slot: ServiceSlot) {
    let mut hosts: Vec<_> = routes
        .iter()
        .filter_map(|route| specificity(&route.host, host))
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    for reader in Reader::all() {
        let under = |wanted: usize| {
            let heard = routes
                .iter()
                .zip(0..)
                .filter(move |(route, _)| specificity(&route.host, host) == Some(wanted));
            reader.finds(
                heard.map(|(route, slot)| (route.prefix.as_str(), slot)),
                path,
            )
        };
        let found = hosts.iter().rev().find_map(|wanted| under(*wanted));
        assert_eq!(found, Some(slot.0), "{host}{path} by {reader:?}");
    }
}

/// Labels before a wildcard's suffix; no name has more (RFC 1035 section 2.3.4).
const MAX_LABELS: usize = 127;
/// Routes of one input.
const ROUTES_LIMIT: usize = 12;
