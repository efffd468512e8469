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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::config::load::{self, Source};

    /// Writes a certificate with its key, as `NAME.pem` and `NAME.key`.
    fn issue(folder: &Path, name: &str) {
        let made = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).unwrap();
        fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).unwrap();
        fs::write(
            folder.join(format!("{name}.key")),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
    }

    /// What is made of a file with these listeners, whose endpoints are believed by this authority.
    fn made(folder: &Path, listeners: &[&str], ca: &str, before: Option<&Material>) -> Material {
        let listeners = listeners.iter().map(|name| {
            format!(
                "[listener.{name}]\nlisten = \"127.0.0.1:0\"\n\
                 tls.certificates = [{{ cert = \"shop.pem\", key = \"shop.key\" }}]\n"
            )
        });
        let service = format!(
            "[service.shop]\nroutes = [\"/\"]\nupstream_tls.ca = \"{ca}.pem\"\n\
             blue.endpoints = [\"127.0.0.1:1\"]\ngreen.endpoints = [\"127.0.0.1:2\"]\n"
        );
        let text = listeners.collect::<String>() + &service;
        let loaded = load::parse(&Source::new(&folder.join("cutover.toml"), text), 1).unwrap();
        Material::read(&loaded.config, &loaded.places, before).unwrap()
    }

    fn stage() -> (tempfile::TempDir, Arc<Connectors>, Vault) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["shop", "one", "two"] {
            issue(folder.path(), name);
        }
        let connectors = Arc::<Connectors>::default();
        let vault = Vault::new(Arc::clone(&connectors));
        (folder, connectors, vault)
    }

    fn adopt(vault: &mut Vault, material: &Material) {
        let acceptors = vault.acceptors(material);
        vault.adopt(acceptors, material);
    }

    fn named(material: &Material) -> Arc<UpstreamTls> {
        Arc::clone(material.clients.keys().next().unwrap())
    }

    #[test]
    fn a_listener_keeps_its_acceptor_and_shows_what_is_new_once_that_is_adopted() {
        let (folder, _, mut vault) = stage();
        let first = made(folder.path(), &["web"], "one", None);
        adopt(&mut vault, &first);
        let web = ListenerName::new("web");
        let acceptor = Arc::clone(&vault.acceptors(&first)[&web]);
        let terms = acceptor.current();
        issue(folder.path(), "shop");
        let second = made(folder.path(), &["web"], "one", Some(&first));
        let acceptors = vault.acceptors(&second);
        assert!(Arc::ptr_eq(&acceptors[&web], &acceptor));
        assert!(
            Arc::ptr_eq(&acceptor.current(), &terms),
            "nothing is adopted yet"
        );
        vault.adopt(acceptors, &second);
        assert!(Arc::ptr_eq(
            &acceptor.current(),
            &second.servers[&web].1.terms
        ));
        assert!(!Arc::ptr_eq(&acceptor.current(), &terms));
    }

    #[test]
    fn a_listener_that_is_new_gets_an_acceptor_and_one_that_is_gone_loses_it() {
        let (folder, _, mut vault) = stage();
        let first = made(folder.path(), &["web", "api"], "one", None);
        adopt(&mut vault, &first);
        let before = vault.acceptors(&first);
        let second = made(folder.path(), &["api", "new"], "one", Some(&first));
        adopt(&mut vault, &second);
        let after = vault.acceptors(&second);
        let names: Vec<_> = after.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["api", "new"]);
        let api = ListenerName::new("api");
        assert!(Arc::ptr_eq(&before[&api], &after[&api]));
        // Come again, a listener begins anew: connections of the old one keep theirs.
        adopt(&mut vault, &first);
        let web = ListenerName::new("web");
        assert!(!Arc::ptr_eq(&vault.acceptors(&first)[&web], &before[&web]));
    }

    #[test]
    fn a_connector_outlives_its_file_by_one() {
        let (folder, connectors, mut vault) = stage();
        let first = made(folder.path(), &["web"], "one", None);
        let second = made(folder.path(), &["web"], "two", Some(&first));
        let (one, two) = (named(&first), named(&second));
        assert!(connectors.of(&one).is_none());
        adopt(&mut vault, &first);
        let connector = connectors.of(&one).unwrap();
        adopt(&mut vault, &second);
        // A worker that still goes by the snapshot before finds what that needs.
        assert!(Arc::ptr_eq(&connectors.of(&one).unwrap(), &connector));
        assert!(connectors.of(&two).is_some());
        adopt(&mut vault, &second);
        assert!(connectors.of(&one).is_none());
    }

    #[test]
    fn a_connector_stays_the_same_and_goes_by_what_was_renewed() {
        let (folder, connectors, mut vault) = stage();
        let first = made(folder.path(), &["web"], "one", None);
        adopt(&mut vault, &first);
        let connector = connectors.of(&named(&first)).unwrap();
        let config = connector.current();
        issue(folder.path(), "one");
        let second = made(folder.path(), &["web"], "one", Some(&first));
        adopt(&mut vault, &second);
        let after = connectors.of(&named(&second)).unwrap();
        assert!(Arc::ptr_eq(&after, &connector));
        assert!(!Arc::ptr_eq(&after.current(), &config));
    }
}
