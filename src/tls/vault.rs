//! What of all that was made is in use.
//!
//! Owns the acceptors of the listeners and the connectors of the pools, each from the first file that names it to the
//! last: what changes is put into them. Nothing here can fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    acceptor::Acceptor,
    connector::{Connector, Connectors},
    material::Material,
};
use crate::core::{ids::ListenerName, tls::UpstreamTls};

/// What is in use.
#[derive(Debug)]
pub struct Vault {
    acceptors: BTreeMap<ListenerName, Arc<Acceptor>>,
    connectors: Arc<Connectors>,
    /// What the last file named.
    named: BTreeSet<Arc<UpstreamTls>>,
}

impl Vault {
    /// Nothing yet; connectors will be published in `connectors`.
    #[must_use]
    pub const fn new(connectors: Arc<Connectors>) -> Self {
        Self {
            acceptors: BTreeMap::new(),
            connectors,
            named: BTreeSet::new(),
        }
    }

    /// The acceptor of each listener that will have one: its own, or a new one. Changes nothing yet.
    #[must_use]
    pub fn acceptors(&self, material: &Material) -> BTreeMap<ListenerName, Arc<Acceptor>> {
        let servers = material.servers.iter();
        servers
            .map(|(name, (_, server))| {
                let known = self.acceptors.get(name).cloned();
                let new = || Arc::new(Acceptor::new(Arc::clone(&server.terms)));
                (name.clone(), known.unwrap_or_else(new))
            })
            .collect()
    }

    /// Puts it to use; `acceptors` are those that were given for it. To be called before the snapshot that needs it
    /// is published.
    pub fn adopt(&mut self, acceptors: BTreeMap<ListenerName, Arc<Acceptor>>, material: &Material) {
        for (name, acceptor) in &acceptors {
            if let Some((_, server)) = material.servers.get(name) {
                acceptor.replace(Arc::clone(&server.terms));
            }
        }
        self.acceptors = acceptors;
        let known = self.connectors.known();
        // A worker may still go by the snapshot before: what that needs stays for one file longer.
        let before = known.iter().filter(|(tls, _)| self.named.contains(*tls));
        let mut all: BTreeMap<_, _> = before
            .map(|(tls, connector)| (Arc::clone(tls), Arc::clone(connector)))
            .collect();
        for (tls, config) in &material.clients {
            let connector = all.entry(Arc::clone(tls)).or_insert_with(|| {
                let known = known.get(tls).cloned();
                known.unwrap_or_else(|| Arc::new(Connector::new(tls, Arc::clone(config))))
            });
            connector.replace(Arc::clone(config));
        }
        self.named = material.clients.keys().cloned().collect();
        self.connectors.publish(all);
    }
}
