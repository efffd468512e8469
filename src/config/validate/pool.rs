//! The two pools of a service: who is in them, and whether a switch between them can succeed.

use std::{collections::HashMap, net::SocketAddr, num::NonZeroU16};

use foldhash::fast::RandomState;

use super::listener::Listeners;
use crate::{
    config::{
        judge::{At, Judge},
        raw::{RawEndpoint, RawPool},
        tree::{Field, Given},
    },
    core::{
        ids::{ByColour, Colour, EndpointAddr},
        service::{EndpointSpec, MinReady},
    },
};

/// What is judged together with the pools.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    /// The service and the place of its name.
    pub(super) service: (&'a str, At),
    /// The colour that the file calls live; `None` if what it says is no colour.
    pub(super) live: Option<Colour>,
    /// What a switch wants, and where that stands if it is in the file.
    pub(super) min_ready: (MinReady, Option<At>),
    /// To recognize an endpoint that is cutover itself.
    pub(super) listeners: &'a Listeners,
}

pub(super) fn pools(
    raw: ByColour<Field<RawPool>>,
    around: Around<'_>,
    judge: &mut Judge<'_>,
) -> ByColour<Vec<EndpointSpec>> {
    let ByColour { blue, green } = raw;
    let blue = Pool::new(Colour::Blue, blue, around, judge);
    let green = Pool::new(Colour::Green, green, around, judge);
    for (colour, pool, other) in [
        (Colour::Blue, &blue, &green),
        (Colour::Green, &green, &blue),
    ] {
        if pool.endpoints.is_empty() && pool.is_whole {
            empty(colour, (pool, other), around, judge);
        } else if pool.is_whole {
            too_few(colour, pool.endpoints.len(), around, judge);
        }
    }
    in_both(around.service.0, &blue, &green, judge);
    ByColour {
        blue: blue.into_specs(),
        green: green.into_specs(),
    }
}

#[derive(Debug)]
struct Pool {
    /// Where it stands, if it is in the file.
    at: Option<At>,
    endpoints: Vec<(EndpointSpec, At)>,
    /// Whether no endpoint was left out because it was wrong.
    is_whole: bool,
}

impl Pool {
    fn new(colour: Colour, raw: Field<RawPool>, around: Around<'_>, judge: &mut Judge<'_>) -> Self {
        let mut pool = Self {
            at: raw.given().map(|raw| raw.at),
            endpoints: Vec::new(),
            is_whole: !matches!(raw, Field::Bad),
        };
        let list = match raw.value().map(|raw| raw.endpoints) {
            Some(Field::Given(Given { at, value: list })) => {
                pool.at = Some(at);
                list
            }
            Some(Field::Bad) => {
                pool.is_whole = false;
                return pool;
            }
            Some(Field::Missing) | None => return pool,
        };
        pool.is_whole = list.is_whole;
        let mut seen: HashMap<EndpointAddr, At, RandomState> =
            HashMap::with_capacity_and_hasher(list.items.len(), RandomState::default());
        for Given { at, value } in list.items {
            let Some(spec) = endpoint(value) else {
                pool.is_whole = false;
                continue;
            };
            if let Some(first) = seen.get(&spec.addr) {
                twice(colour, (&spec.addr, at, *first), around, judge);
                continue;
            }
            itself(&spec.addr, at, around, judge);
            seen.insert(spec.addr.clone(), at);
            pool.endpoints.push((spec, at));
        }
        pool
    }

    fn into_specs(self) -> Vec<EndpointSpec> {
        let mut specs: Vec<_> = self.endpoints.into_iter().map(|(spec, _)| spec).collect();
        // It has the memory of the pairs until then.
        specs.shrink_to_fit();
        specs
    }
}

fn endpoint(raw: RawEndpoint) -> Option<EndpointSpec> {
    let weight = u16::try_from(raw.weight.0).ok().and_then(NonZeroU16::new);
    Some(EndpointSpec {
        addr: raw.addr?,
        weight: weight.unwrap_or(NonZeroU16::MIN),
    })
}

fn twice(
    colour: Colour,
    (addr, at, first): (&EndpointAddr, At, At),
    around: Around<'_>,
    judge: &mut Judge<'_>,
) {
    let text = format!(
        "endpoint `{addr}` is in pool `{colour}` of service `{}` already at {}",
        around.service.0,
        judge.place(first)
    );
    let suggestion = "remove one; `weight` gives an endpoint a larger share";
    judge.error(at, text, suggestion);
}

fn itself(addr: &EndpointAddr, at: At, around: Around<'_>, judge: &mut Judge<'_>) {
    let Ok(socket) = addr.as_str().parse::<SocketAddr>() else {
        return;
    };
    if let Some(listener) = around.listeners.at(socket) {
        let text = format!(
            "endpoint `{addr}` of service `{}` is listener `{listener}` of cutover itself",
            around.service.0
        );
        judge.warn(
            at,
            text,
            "requests would go round in a circle; use the application's address",
        );
    }
}

fn empty(colour: Colour, pools: (&Pool, &Pool), around: Around<'_>, judge: &mut Judge<'_>) {
    let (pool, other) = pools;
    let has_other = !other.endpoints.is_empty() || !other.is_whole;
    let (service, service_at) = around.service;
    let at = pool.at.unwrap_or(service_at);
    let header = format!("[service.{service}.{colour}]");
    match (around.live == Some(colour), pool.at) {
        (true, _) => {
            let text =
                format!("pool `{colour}` of service `{service}` is live and has no endpoints");
            let suggestion = match has_other {
                true => format!("add one, or set `live = \"{}\"`", colour.other()),
                false => format!("add `endpoints` under `{header}`"),
            };
            judge.error(at, text, suggestion);
        }
        (false, Some(_)) => judge.warn(
            at,
            format!("pool `{colour}` of service `{service}` has no endpoints"),
            "add one or remove the pool",
        ),
        (false, None) if has_other => judge.warn(
            at,
            format!("service `{service}` has no pool `{colour}` to switch to"),
            format!("add `endpoints` under `{header}`, or register them at run time"),
        ),
        // Neither pool has endpoints, and the live one has been reported.
        (false, None) => {}
    }
}

fn too_few(colour: Colour, size: usize, around: Around<'_>, judge: &mut Judge<'_>) {
    let (MinReady::Count(count), Some(at)) = around.min_ready else {
        return;
    };
    if count as usize > size {
        let text = format!(
            "`min_ready` of service `{}` wants {count} endpoints ready, and pool `{colour}` has {size}",
            around.service.0
        );
        let suggestion = "lower it or use `\"100%\"`: no switch to that pool can pass its gate";
        judge.warn(at, text, suggestion);
    }
}

fn in_both(service: &str, blue: &Pool, green: &Pool, judge: &mut Judge<'_>) {
    let in_blue: HashMap<_, _, RandomState> = blue
        .endpoints
        .iter()
        .map(|(spec, at)| (&spec.addr, *at))
        .collect();
    for (spec, at) in &green.endpoints {
        if let Some(first) = in_blue.get(&spec.addr) {
            judge.warn_by(*at, |judge| {
                let text = format!(
                    "endpoint `{}` of service `{service}` is in pool `blue`, too, at {}",
                    spec.addr,
                    judge.place(*first)
                );
                let suggestion = "a switch changes nothing for it; use one address for each colour";
                (text, suggestion.to_owned())
            });
        }
    }
}
