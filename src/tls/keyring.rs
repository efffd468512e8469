//! Every certificate, key and authority that one configuration names, read.
//!
//! Owns what is taken over from before: a file that is bad now leaves what it held when it was good. Each pair and each
//! file of authorities stands for itself, so that one bad pair among a hundred holds up no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::crypto::CryptoProvider;

use super::{
    authorities::Authorities,
    fault::Fault,
    file::{Files, Sum},
    pair::{Pair, Remark},
};
use crate::{
    config::{Config, tls::ListenerTls},
    core::tls::{CertificateFiles, Trust, UpstreamTls},
};

/// What was read.
#[derive(Clone, Debug)]
pub(super) struct Keyring {
    pairs: BTreeMap<CertificateFiles, Arc<Pair>>,
    authorities: BTreeMap<PathBuf, Arc<Authorities>>,
    system: Option<Arc<Authorities>>,
    /// Of all files, as they were when they were looked at last, good or bad.
    sum: Sum,
}

/// What a configuration names.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pairs: BTreeSet<&'a CertificateFiles>,
    authorities: BTreeSet<&'a Path>,
    system: bool,
}

impl<'a> Wanted<'a> {
    pub(super) fn by(config: &'a Config) -> Self {
        let mut wanted = Self::default();
        for tls in config.listeners.iter().filter_map(|it| it.tls.as_ref()) {
            wanted.pairs.extend(&tls.certificates);
            let ca = tls.clients.as_ref().map(|clients| clients.ca.as_path());
            wanted.authorities.extend(ca);
        }
        for tls in upstream(config) {
            wanted.pairs.extend(&tls.certificate);
            match &tls.trust {
                Trust::System => wanted.system = true,
                Trust::Authorities(ca) => drop(wanted.authorities.insert(ca)),
                Trust::Anybody => {}
            }
        }
        wanted
    }

    /// Every file.
    pub(super) fn paths(&self) -> BTreeSet<PathBuf> {
        let pairs = self.pairs.iter().flat_map(|it| [&it.cert, &it.key]);
        let authorities = self.authorities.iter().map(|it| (*it).to_owned());
        pairs.cloned().chain(authorities).collect()
    }
}

/// TLS of every pool and hook of a configuration.
pub(super) fn upstream(config: &Config) -> impl Iterator<Item = &Arc<UpstreamTls>> {
    config.services.iter().flat_map(|service| {
        let pools = [&service.upstream_tls.blue, &service.upstream_tls.green];
        let hooks = service.switch.gates.hooks.iter();
        let hooks = hooks.filter_map(|hook| hook.tls.as_ref());
        pools.into_iter().flatten().chain(hooks)
    })
}

impl Keyring {
    /// Judges what was read. What is bad is taken from `before`, if that has it; all that is bad is told.
    pub(super) fn new(
        wanted: &Wanted<'_>,
        files: &Files,
        before: Option<&Self>,
        provider: &CryptoProvider,
    ) -> (Self, Vec<Fault>) {
        let mut ring = Self {
            pairs: BTreeMap::new(),
            authorities: BTreeMap::new(),
            system: None,
            sum: files.sum(),
        };
        let mut faults = Vec::new();
        for of in &wanted.pairs {
            let known = before.and_then(|ring| ring.pairs.get(*of));
            let read = Pair::read(files, of, provider);
            let pair = newer(read, known, Pair::is, &mut faults);
            ring.pairs.extend(pair.map(|pair| ((*of).clone(), pair)));
        }
        for path in &wanted.authorities {
            let known = before.and_then(|ring| ring.authorities.get(*path));
            let read = Authorities::read(files, path);
            let authorities = newer(read, known, Authorities::are, &mut faults);
            ring.authorities
                .extend(authorities.map(|it| ((*path).to_owned(), it)));
        }
        if wanted.system {
            let known = before.and_then(|ring| ring.system.as_ref());
            // What an operating system trusts does not change while somebody waits for it.
            ring.system = match known {
                Some(known) => Some(Arc::clone(known)),
                None => newer(
                    Authorities::of_the_system(),
                    None,
                    Authorities::are,
                    &mut faults,
                ),
            };
        }
        (ring, faults)
    }

    pub(super) fn pair(&self, of: &CertificateFiles) -> Option<&Arc<Pair>> {
        self.pairs.get(of)
    }

    pub(super) fn authorities(&self, path: &Path) -> Option<&Arc<Authorities>> {
        self.authorities.get(path)
    }

    pub(super) const fn system(&self) -> Option<&Arc<Authorities>> {
        self.system.as_ref()
    }

    /// Whether everything that a listener needs is the same as in `before`.
    pub(super) fn serves(&self, tls: &ListenerTls, before: &Self) -> bool {
        let mut pairs = tls.certificates.iter();
        pairs.all(|of| same(self.pair(of), before.pair(of)))
            && tls.clients.as_ref().is_none_or(|clients| {
                same(
                    self.authorities(&clients.ca),
                    before.authorities(&clients.ca),
                )
            })
    }

    /// Whether everything that connections to endpoints need is the same as in `before`.
    pub(super) fn connects(&self, tls: &UpstreamTls, before: &Self) -> bool {
        let trusts_same = match &tls.trust {
            Trust::System => same(self.system(), before.system()),
            Trust::Authorities(ca) => same(self.authorities(ca), before.authorities(ca)),
            Trust::Anybody => true,
        };
        let mut certificate = tls.certificate.iter();
        trusts_same && certificate.all(|of| same(self.pair(of), before.pair(of)))
    }

    /// Notes that files were looked at and nothing came of it.
    pub(super) const fn looked_at(&mut self, sum: Sum) {
        self.sum = sum;
    }

    pub(super) const fn sum(&self) -> Sum {
        self.sum
    }

    /// What is odd about the certificates and keys at the time `now`.
    pub(super) fn remarks(&self, now: i64) -> impl Iterator<Item = Remark<'_>> {
        let pairs = self.pairs.iter();
        pairs.flat_map(move |(of, pair)| pair.remarks(of, now))
    }

    /// The files that hold something else than in `before`.
    pub(super) fn renewed(&self, before: &Self) -> Vec<&Path> {
        let is_new = |of: &CertificateFiles, pair: &Arc<Pair>| {
            before.pairs.get(of).is_none_or(|it| !Arc::ptr_eq(it, pair))
        };
        let pairs = self.pairs.iter().filter(|(of, pair)| is_new(of, pair));
        let is_other = |path: &PathBuf, it: &Arc<Authorities>| {
            let known = before.authorities.get(path);
            known.is_none_or(|known| !Arc::ptr_eq(known, it))
        };
        let authorities = self
            .authorities
            .iter()
            .filter(|(path, it)| is_other(path, it));
        let pairs = pairs.map(|(of, _)| of.cert.as_path());
        pairs
            .chain(authorities.map(|(path, _)| path.as_path()))
            .collect()
    }
}

fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// What was read now, or `known`, if that is the same or nothing better was read.
fn newer<T>(
    read: Result<T, Fault>,
    known: Option<&Arc<T>>,
    is_same: impl Fn(&T, &T) -> bool,
    faults: &mut Vec<Fault>,
) -> Option<Arc<T>> {
    match read {
        Ok(read) => match known {
            Some(known) if is_same(known, &read) => Some(Arc::clone(known)),
            Some(_) | None => Some(Arc::new(read)),
        },
        Err(fault) => {
            faults.push(fault);
            known.cloned()
        }
    }
}
