//! From what was typed to a value that cannot be wrong.
//!
//! Owns the defaults, and what two keys mean for each other; one file for each noun. Goes on after every
//! problem with a stand-in, so that all are found in one pass; the result is thrown away if there was one
//! (`load` sees to that). Must not read files or resolve names: a check must give the same answer everywhere.

mod gates;
mod gradual;
mod group;
mod hook;
mod limits;
mod listener;
mod peers;
mod pool;
mod preview;
mod probe;
mod process;
mod route;
mod service;
mod tls;
mod traces;

use std::path::Path;

use self::{listener::Listeners, route::Heard, service::Judged};
use super::{
    Config,
    judge::{At, Judge},
    raw::{RawConfig, RawService, SERVICES_LIMIT},
    tree::{Field, Given, Node, Typed},
};

/// What a file means depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// The folder of the file.
    pub(super) folder: &'a Path,
    /// What `workers = 0` stands for.
    pub(super) cores: usize,
}

/// Judges a whole file. Services are read from it one by one, each when it is judged.
pub(super) fn config(
    (raw, file): (RawConfig, Node<'_>),
    around: Surroundings<'_>,
    judge: &mut Judge<'_>,
) -> Config {
    let process = process::process(raw.process, around);
    let (admin, admin_taken) = process::admin(raw.admin, around, judge);
    let (metrics, metrics_taken) = process::metrics(raw.metrics);
    let traces = traces::traces(raw.traces, judge);
    let listeners = Listeners::new(raw.listener, judge);
    listeners.clashes(
        admin_taken.into_iter().chain(metrics_taken).collect(),
        judge,
    );
    let services = match raw.service {
        Field::Missing => Vec::new(),
        Field::Bad | Field::Given(_) => services(file, judge),
    };
    if services.is_empty() {
        judge.warn(
            At::Byte(0),
            "the file has no service, so every request is answered 404".to_owned(),
            "add one such as `[service.shop]`",
        );
    }
    let services: Vec<_> = services
        .into_iter()
        .filter_map(|(name, node)| {
            let raw = judge.within(SERVICE, |judge| {
                judge.within(&name.value, |judge| RawService::typed(node, judge))
            })?;
            Some(service::service(&name, raw, &listeners, judge))
        })
        .collect();
    route::clashes(heard(&services), judge);
    listeners.unused(services.iter().map(|it| &it.spec.listeners), judge);
    let groups = group::groups(raw.group, &services, judge);
    let mut specs: Vec<_> = services.into_iter().map(|it| it.spec).collect();
    // Collected in place, they would keep the room of what they came from.
    specs.shrink_to_fit();
    Config {
        process,
        admin,
        metrics,
        traces,
        listeners: listeners.into_configs(),
        groups,
        services: specs,
    }
}

fn services<'a>(file: Node<'a>, judge: &mut Judge<'_>) -> Vec<(Given<String>, Node<'a>)> {
    let services = file.at_key(SERVICE);
    let named = services
        .and_then(|services| judge.within(SERVICE, |judge| services.named(SERVICES_LIMIT, judge)));
    named.unwrap_or_default()
}

fn heard(services: &[Judged]) -> Vec<Heard<'_>> {
    services
        .iter()
        .flat_map(|service| {
            let routes = service.spec.routes.iter().zip(&service.routes_at);
            routes.map(|(route, at)| Heard {
                service: &service.spec.name,
                scope: &service.spec.listeners,
                route,
                at: *at,
            })
        })
        .collect()
}

/// The key under which services are.
const SERVICE: &str = "service";
