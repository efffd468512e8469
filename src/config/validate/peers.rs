//! Whom a listener believes.

use super::super::{
    judge::{Judge, shown},
    peers::{ClientFrom, Networks, PeerPolicy, TracePolicy},
    raw::{NETWORKS_LIMIT, RawListener},
    tree::{Field, Given, List},
    value::network::Network,
};

/// What the file says of a listener's peers; takes those keys out of `raw`.
pub(super) fn peers(name: &str, raw: &mut RawListener, judge: &mut Judge<'_>) -> PeerPolicy {
    let trusted_proxies = std::mem::take(&mut raw.trusted_proxies);
    let is_missing = trusted_proxies.is_missing();
    for network in trusted_proxies
        .given()
        .iter()
        .flat_map(|it| &it.value.items)
    {
        if network.value.0.prefix_len() == 0 {
            let text = format!(
                "listener `{}` trusts everybody in `{}`: any client can say who it is",
                shown(name),
                network.value.0
            );
            judge.warn(network.at, text, "name the networks of your proxies");
        }
    }
    if let Field::Given(Given { at, .. }) = raw.client_from
        && is_missing
    {
        let text = format!(
            "`client_from` of listener `{}` changes nothing",
            shown(name)
        );
        judge.warn(at, text, "add `trusted_proxies`, or remove it");
    }
    PeerPolicy {
        trusted: networks(trusted_proxies),
        introducers: networks(std::mem::take(&mut raw.proxy_protocol)).unwrap_or_default(),
        client_from: std::mem::take(&mut raw.client_from).or(ClientFrom::Auto),
        trace: std::mem::take(&mut raw.trace).or(TracePolicy::Pass),
    }
}

/// The networks of a list, if there is one.
fn networks(raw: Field<List<Network, NETWORKS_LIMIT>>) -> Option<Networks> {
    let items = raw.value()?.items.into_iter();
    Some(Networks::new(items.map(|network| network.value.0)))
}
