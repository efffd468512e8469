//! `[service.*.preview]`: how a request asks for the standby.

use std::sync::Arc;

use super::listener::Listeners;
use crate::{
    config::{
        judge::{At, Judge},
        raw::RawPreview,
        tree::{Field, Given},
    },
    core::{
        beside::PreviewSpec,
        ids::ListenerName,
        service::{ListenerScope, Route, RouteHost},
    },
};

/// The preview of a service, and what it is judged beside.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) service: &'a str,
    pub(super) scope: &'a ListenerScope,
    pub(super) listeners: &'a Listeners,
}

/// How requests ask for the standby, and where the host by which they do stands.
pub(super) fn preview(
    raw: Field<RawPreview>,
    around: &Around<'_>,
    judge: &mut Judge<'_>,
) -> (Option<Arc<PreviewSpec>>, Option<At>) {
    let Field::Given(Given { at, value: raw }) = raw else {
        return (None, None);
    };
    let service = around.service;
    let by_value = !raw.header.is_missing() || !raw.cookie.is_missing();
    let by_place = !raw.host.is_missing() || !raw.listener.is_missing();
    if !by_value && !by_place {
        judge.error(
            at,
            format!("`preview` of service `{service}` does not say how a request asks for it"),
            "add `header`, `cookie`, `host` or `listener`",
        );
    }
    if let Some(secret) = raw.secret_file.given()
        && (by_place || !by_value)
    {
        judge.error(
            secret.at,
            format!("`secret_file` of service `{service}` keeps nobody out"),
            "a secret is the value of `header` or `cookie`; remove `host` and `listener`, or the file",
        );
    }
    let host_at = raw.host.given().map(|it| it.at);
    let spec = PreviewSpec {
        header: raw.header.value().map(|it| it.0),
        cookie: raw.cookie.value().map(|it| it.0),
        host: raw.host.value().map(|it| it.0),
        listener: listener(raw.listener, around, judge),
        secret_file: judge.named_file(raw.secret_file),
        secret: None,
    };
    (Some(Arc::new(spec)), host_at)
}

fn listener(
    raw: Field<String>,
    around: &Around<'_>,
    judge: &mut Judge<'_>,
) -> Option<ListenerName> {
    let Field::Given(named) = raw else {
        return None;
    };
    let name = around.listeners.known(around.service, &named, judge)?;
    if !around.scope.contains(&name) {
        let service = around.service;
        let text = format!("service `{service}` is not heard on listener `{name}` of its preview");
        judge.error(named.at, text, "add it to `listeners`");
    }
    Some(name)
}

/// The routes by which the host of a preview leads to the service: the prefixes of the service's own, without those that
/// others cover.
pub(super) fn routes(host: &str, own: &[Route]) -> Vec<Route> {
    let mut prefixes: Vec<_> = own.iter().map(|it| it.prefix.as_str()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    let covers = |above: &str, below: &str| {
        let rest = below.strip_prefix(above.trim_end_matches('/'));
        above != below && rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let host = RouteHost::Exact(host.to_owned());
    let outer = prefixes.iter().filter(|prefix| {
        let mut others = prefixes.iter();
        !others.any(|above| covers(above, prefix))
    });
    outer
        .map(|prefix| Route {
            host: host.clone(),
            prefix: (*prefix).to_owned(),
        })
        .filter(|route| !own.contains(route))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_preview_leads_where_the_service_is() {
        let route = |host: &str, prefix: &str| Route {
            host: match host {
                "" => RouteHost::Any,
                host => RouteHost::Exact(host.to_owned()),
            },
            prefix: prefix.to_owned(),
        };
        let prefixes = |own: &[Route]| {
            let routes = routes("next.test", own);
            routes.into_iter().map(|it| it.prefix).collect::<Vec<_>>()
        };
        assert_eq!(
            prefixes(&[route("a.test", "/"), route("b.test", "/x")]),
            ["/"]
        );
        assert_eq!(
            prefixes(&[route("", "/x"), route("", "/x/y"), route("", "/xy")]),
            ["/x", "/xy"]
        );
        assert!(prefixes(&[route("next.test", "/")]).is_empty());
    }
}
