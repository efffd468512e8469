//! `[listener.*]`: where clients connect, and that no two things listen in the same place.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use http::HeaderName;

use super::{limits, peers, tls};
use crate::{
    config::{
        ListenerConfig,
        judge::{At, Judge, shown},
        raw::{LISTENERS_LIMIT, RawListener},
        suggest,
        tree::{Field, Given, List, Named},
        value::number::Count,
    },
    core::{ids::ListenerName, service::ListenerScope},
};

/// The listeners of the file.
#[derive(Debug)]
pub(super) struct Listeners {
    /// Those that have an address, with the place of their name and of that address.
    open: Vec<(ListenerConfig, At, At)>,
    /// Every name, even of those that could not be read otherwise.
    names: BTreeMap<String, ListenerName>,
    /// Whether all names are known.
    is_whole: bool,
}

/// Something that listens.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) what: String,
    pub(super) listen: SocketAddr,
    /// Where its address stands, if it is in the file.
    pub(super) at: Option<At>,
}

impl Listeners {
    pub(super) fn new(
        raw: Field<Named<RawListener, LISTENERS_LIMIT>>,
        judge: &mut Judge<'_>,
    ) -> Self {
        let is_bad = matches!(raw, Field::Bad);
        let raw = raw.or(Named::default());
        if raw.entries.is_empty() && raw.is_whole && !is_bad {
            judge.error(
                At::Byte(0),
                "the file has no listener".to_owned(),
                "add one such as `[listener.web]` with `listen = \"0.0.0.0:8080\"`",
            );
        }
        let names = raw.entries.iter().map(|(name, _)| &name.value);
        let names = names.map(|name| (name.clone(), ListenerName::new(name)));
        Self {
            names: names.collect(),
            is_whole: raw.is_whole && !is_bad,
            open: raw
                .entries
                .into_iter()
                .filter_map(|(name, raw)| listener(&name, raw, judge))
                .collect(),
        }
    }

    /// On which listeners a service is heard.
    pub(super) fn scope(
        &self,
        service: &str,
        raw: Field<List<String, LISTENERS_LIMIT>>,
        judge: &mut Judge<'_>,
    ) -> ListenerScope {
        let Field::Given(Given { at, value: list }) = raw else {
            return ListenerScope::All;
        };
        if list.items.is_empty() && list.is_whole {
            judge.error(
                at,
                format!("service `{service}` is heard on no listener"),
                "name one, or remove `listeners` for all of them",
            );
        }
        let mut first = BTreeMap::new();
        let mut names = Vec::new();
        for item in list.items {
            if let Some(known) = first.insert(item.value.clone(), item.at) {
                let text = format!(
                    "listener `{}` of service `{service}` is named already at {}",
                    shown(&item.value),
                    judge.place(known)
                );
                judge.error(item.at, text, "remove one");
                continue;
            }
            match self.names.get(&item.value) {
                Some(name) => {
                    self.redirects(service, &item, judge);
                    names.push(name.clone());
                }
                None => self.unknown(service, &item, judge),
            }
        }
        ListenerScope::Named(names)
    }

    /// The listener of this name; reports one that is not there.
    pub(super) fn known(
        &self,
        service: &str,
        name: &Given<String>,
        judge: &mut Judge<'_>,
    ) -> Option<ListenerName> {
        let known = self.names.get(&name.value).cloned();
        if known.is_none() {
            self.unknown(service, name, judge);
        }
        known
    }

    /// Warns of a listener that lets no request through to the service.
    fn redirects(&self, service: &str, name: &Given<String>, judge: &mut Judge<'_>) {
        let mut open = self.open.iter().map(|(config, _, _)| config);
        if open.any(|it| it.name.as_str() == name.value && it.redirect_https.is_some()) {
            let text = format!(
                "listener `{}` redirects every request, so service `{service}` is never heard there",
                shown(&name.value)
            );
            judge.warn(name.at, text, "remove it from `listeners`");
        }
    }

    /// The fields by which any listener tells of clients' certificates.
    pub(super) fn vouched_fields(&self) -> Arc<[HeaderName]> {
        let tls = self
            .open
            .iter()
            .filter_map(|(config, _, _)| config.tls.as_ref());
        let clients = tls.filter_map(|tls| tls.clients.as_ref());
        let fields: BTreeSet<_> = clients
            .flat_map(|it| [it.subject_header.as_str(), it.fingerprint_header.as_str()])
            .collect();
        fields
            .into_iter()
            .filter_map(|field| field.parse().ok())
            .collect()
    }

    fn unknown(&self, service: &str, name: &Given<String>, judge: &mut Judge<'_>) {
        // It may be one of those that could not be read.
        if !self.is_whole {
            return;
        }
        let typed = shown(&name.value);
        let text = format!("service `{service}` names an unknown listener `{typed}`");
        let known = self.names.keys().map(String::as_str);
        judge.error(name.at, text, suggest::instead_of(&name.value, known));
    }

    /// Reports what listens where something else does already; the process's own places come first.
    pub(super) fn clashes(&self, taken: Vec<Taken>, judge: &mut Judge<'_>) {
        let mut open: Vec<_> = self
            .open
            .iter()
            .map(|(config, _, at)| Taken {
                what: format!("listener `{}`", config.name),
                listen: config.listen,
                at: Some(*at),
            })
            .collect();
        open.sort_by_key(|it| it.at);
        let mut seen: Vec<Taken> = Vec::new();
        for it in taken.into_iter().chain(open) {
            if let Some(other) = seen.iter().find(|known| clash(known.listen, it.listen)) {
                clashing(&it, other, judge);
            }
            seen.push(it);
        }
    }

    /// Warns of listeners that no service is heard on.
    pub(super) fn unused<'a>(
        &self,
        scopes: impl Iterator<Item = &'a ListenerScope>,
        judge: &mut Judge<'_>,
    ) {
        let mut used = BTreeSet::new();
        let mut services = 0;
        for scope in scopes {
            services += 1;
            match scope {
                ListenerScope::All => return,
                ListenerScope::Named(names) => used.extend(names),
            }
        }
        // Without any service there is one warning already.
        if services == 0 {
            return;
        }
        for (config, at, _) in &self.open {
            if !used.contains(&config.name) && config.redirect_https.is_none() {
                judge.warn(
                    *at,
                    format!("no service is heard on listener `{}`", config.name),
                    "name it in the `listeners` of a service, or remove it",
                );
            }
        }
    }

    /// The listener that a connection to `addr`, from this machine, arrives at.
    pub(super) fn at(&self, addr: SocketAddr) -> Option<&ListenerName> {
        let arrives = |listen: SocketAddr| {
            listen == addr
                || (listen.port() == addr.port()
                    && listen.ip().is_unspecified()
                    && addr.ip().is_loopback())
        };
        self.open
            .iter()
            .find(|(config, _, _)| arrives(config.listen))
            .map(|(config, _, _)| &config.name)
    }

    pub(super) fn into_configs(self) -> Vec<ListenerConfig> {
        self.open.into_iter().map(|(config, _, _)| config).collect()
    }
}

fn listener(
    name: &Given<String>,
    mut raw: RawListener,
    judge: &mut Judge<'_>,
) -> Option<(ListenerConfig, At, At)> {
    if raw.listen.is_missing() {
        judge.error(
            name.at,
            format!("listener `{}` has no `listen`", shown(&name.value)),
            "add an address such as `listen = \"0.0.0.0:8080\"`",
        );
    }
    let peers = peers::peers(&name.value, &mut raw, judge);
    let at = raw.listen.given()?.at;
    let text = shown(&name.value);
    let limits = limits::limits(&text, &raw, judge);
    let tls = tls::listener(&text, raw.tls, limits.http2, judge);
    let redirect_https = redirect(&text, tls.is_some(), raw.redirect_https, judge);
    let config = ListenerConfig {
        name: ListenerName::new(&name.value),
        limits,
        listen: raw.listen.value()?.0,
        peers,
        tls,
        redirect_https,
    };
    Some((config, name.at, at))
}

fn redirect(
    name: &str,
    has_tls: bool,
    raw: Field<Count<1, 65_535>>,
    judge: &mut Judge<'_>,
) -> Option<u16> {
    let given = raw.given()?;
    if has_tls {
        let text = format!("listener `{name}` has TLS and redirects to `https`");
        judge.error(
            given.at,
            text,
            "remove `redirect_https`, or give it to a listener in the clear",
        );
    }
    u16::try_from(given.value.0).ok()
}

fn clashing(it: &Taken, other: &Taken, judge: &mut Judge<'_>) {
    let place = match other.at {
        Some(at) => format!(" at {}", judge.place(at)),
        None => " by default".to_owned(),
    };
    let text = format!(
        "{} listens on `{}`, as {} does on `{}`{place}",
        it.what, it.listen, other.what, other.listen
    );
    let at = it.at.or(other.at).unwrap_or_default();
    judge.error(at, text, "give one of them another port");
}

/// Whether the kernel would refuse the second of two sockets. Those of different families never meet: a
/// listener on `[::]` is opened for IPv6 alone.
fn clash(one: SocketAddr, other: SocketAddr) -> bool {
    let ips = (one.ip(), other.ip());
    one.port() == other.port()
        && one.port() != 0
        && one.is_ipv4() == other.is_ipv4()
        && (ips.0 == ips.1 || ips.0.is_unspecified() || ips.1.is_unspecified())
}
