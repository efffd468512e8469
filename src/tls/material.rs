//! What was made of all the files that a configuration names, ready to be put to use.
//!
//! Owns the order: read everything, judge everything, then make. Whatever can fail has failed here, so that putting it
//! to use cannot. What is the same as before is the same object, so that tickets, sessions and whatever else hangs on
//! it live on.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::{CryptoProvider, aws_lc_rs},
};

use super::{
    client,
    clock::unix_seconds,
    fault::Fault,
    file::{Files, Sum},
    keyring::{Keyring, Wanted, upstream},
    server::Server,
};
use crate::{
    config::{
        Config, Problems,
        error::{Places, Problem},
        tls::ListenerTls,
    },
    core::{
        ids::ListenerName,
        tls::{CertificateInUse, UpstreamTls},
    },
};

/// What was made of the files of one configuration.
#[derive(Clone, Debug)]
pub struct Material {
    ring: Keyring,
    pub(super) servers: BTreeMap<ListenerName, (ListenerTls, Server)>,
    pub(super) clients: BTreeMap<Arc<UpstreamTls>, Arc<ClientConfig>>,
}

/// What the same configuration amounts to after some of its files have changed.
#[derive(Debug)]
pub struct Renewal {
    /// Everything, with the old in the place of what is bad now.
    pub material: Material,
    /// What is bad.
    pub faults: Vec<Fault>,
    /// Files whose new content is in use.
    pub renewed: Vec<PathBuf>,
}

impl Material {
    /// Reads the files that `config` names; what has not changed is taken over from `before`.
    ///
    /// # Errors
    /// All that is bad, at the places where it is named.
    pub fn read(config: &Config, places: &Places, before: Option<&Self>) -> Result<Self, Problems> {
        let told = |faults: Vec<Fault>| {
            let problems = faults.into_iter().map(|it| it.into_problem(places));
            Problems(problems.collect())
        };
        let wanted = Wanted::by(config);
        let files = Files::read(&wanted.paths());
        let maker = Maker::new(before);
        let known = before.map(|before| &before.ring);
        let (ring, faults) = Keyring::new(&wanted, &files, known, &maker.provider);
        if !faults.is_empty() {
            return Err(told(faults));
        }
        maker.make(config, ring).map_err(|fault| told(vec![fault]))
    }

    /// Stands for the content of all those files, as it is now.
    #[must_use]
    pub fn look(config: &Config) -> Sum {
        Files::read(&Wanted::by(config).paths()).sum()
    }

    /// Reads the files again; `config` is the one that this was made of.
    #[must_use]
    pub fn renew(&self, config: &Config) -> Renewal {
        let wanted = Wanted::by(config);
        let files = Files::read(&wanted.paths());
        let maker = Maker::new(Some(self));
        let (ring, mut faults) = Keyring::new(&wanted, &files, Some(&self.ring), &maker.provider);
        let sum = ring.sum();
        let renewed = ring.renewed(&self.ring);
        let renewed = renewed.into_iter().map(|path| path.to_owned()).collect();
        match maker.make(config, ring) {
            Ok(material) => Renewal {
                material,
                faults,
                renewed,
            },
            Err(fault) => {
                faults.push(fault);
                let mut material = self.clone();
                material.ring.looked_at(sum);
                Renewal {
                    material,
                    faults,
                    renewed: Vec::new(),
                }
            }
        }
    }

    /// Stands for the content of the files when they were read.
    #[must_use]
    pub const fn sum(&self) -> Sum {
        self.ring.sum()
    }

    /// What is odd about certificates and keys: some expire, some can be read by too many.
    #[must_use]
    pub fn warnings(&self, places: &Places) -> Vec<Problem> {
        let remarks = self.ring.remarks(unix_seconds());
        remarks
            .map(|it| places.problem(it.path, it.text, it.suggestion))
            .collect()
    }

    /// The certificates that listeners show, each once.
    #[must_use]
    pub fn certificates(&self) -> Vec<CertificateInUse> {
        let of = |(listener, (tls, _)): (&ListenerName, &(ListenerTls, Server))| {
            let mut shown: BTreeMap<_, i64> = BTreeMap::new();
            for files in &tls.certificates {
                if let Some(pair) = self.ring.pair(files) {
                    shown.insert(files.cert.display().to_string(), pair.about.not_after);
                }
            }
            let shown = shown.into_iter();
            let listener = listener.clone();
            shown.map(move |(certificate, expires_at)| CertificateInUse {
                listener: listener.clone(),
                certificate,
                expires_at,
            })
        };
        self.servers.iter().flat_map(of).collect()
    }

    /// Every file that was read.
    #[must_use]
    pub fn paths(config: &Config) -> Vec<PathBuf> {
        Wanted::by(config).paths().into_iter().collect()
    }
}

/// Makes handshakes' terms of keys and certificates.
struct Maker<'a> {
    before: Option<&'a Material>,
    provider: Arc<CryptoProvider>,
}

impl<'a> Maker<'a> {
    fn new(before: Option<&'a Material>) -> Self {
        Self {
            before,
            provider: Arc::new(aws_lc_rs::default_provider()),
        }
    }

    fn make(&self, config: &Config, ring: Keyring) -> Result<Material, Fault> {
        let mut servers = BTreeMap::new();
        for listener in &config.listeners {
            if let Some(tls) = &listener.tls {
                let server = self.server(&listener.name, tls, &ring)?;
                servers.insert(listener.name.clone(), (tls.clone(), server));
            }
        }
        let mut clients = BTreeMap::new();
        for tls in upstream(config) {
            clients.insert(Arc::clone(tls), self.client(tls, &ring)?);
        }
        Ok(Material {
            ring,
            servers,
            clients,
        })
    }

    fn server(
        &self,
        name: &ListenerName,
        tls: &ListenerTls,
        ring: &Keyring,
    ) -> Result<Server, Fault> {
        let known = self.before.and_then(|before| {
            let (known, server) = before.servers.get(name)?;
            Some((known, server, &before.ring))
        });
        match known {
            Some((known, server, old)) if known == tls && ring.serves(tls, old) => {
                Ok(server.clone())
            }
            Some((_, server, _)) => Ok(Server::new(tls, ring, &self.provider)?.resuming(server)),
            None => Server::new(tls, ring, &self.provider),
        }
    }

    fn client(&self, tls: &UpstreamTls, ring: &Keyring) -> Result<Arc<ClientConfig>, Fault> {
        let known = self.before.and_then(|before| {
            let known = before.clients.get(tls)?;
            ring.connects(tls, &before.ring).then(|| Arc::clone(known))
        });
        match known {
            Some(known) => Ok(known),
            None => client::config(tls, ring, &self.provider).map(Arc::new),
        }
    }
}
