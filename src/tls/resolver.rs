//! Which certificate a client is shown.
//!
//! Owns the choice by the name that the client asks for (SNI) and by what kinds of keys it knows; must not verify. The
//! order is that of the file: exact names, then wildcards, then the first certificate for everybody else.

use std::{collections::HashMap, sync::Arc};

use rustls::{
    SignatureScheme,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::pair::Pair;

/// Certificates by the names they were issued for.
#[derive(Debug)]
pub(super) struct Resolver {
    /// Those of one name differ in the kind of their keys.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`, which stands for one label.
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// All, in the order of the file.
    all: Vec<Arc<CertifiedKey>>,
}

impl Resolver {
    pub(super) fn new<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut resolver = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            all: Vec::new(),
        };
        for pair in pairs {
            for name in &pair.about.names {
                let (names, key) = match name.strip_prefix("*.") {
                    Some(suffix) => (&mut resolver.wildcard, suffix),
                    None => (&mut resolver.exact, name.as_str()),
                };
                let known = names.entry(key.to_owned()).or_default();
                known.push(Arc::clone(&pair.certified));
            }
            resolver.all.push(Arc::clone(&pair.certified));
        }
        resolver
    }

    fn choose(
        &self,
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let exact = self.exact.get(name).and_then(|it| fit(it, schemes));
            exact.or_else(|| {
                let (_, suffix) = name.split_once('.')?;
                fit(self.wildcard.get(suffix)?, schemes)
            })
        });
        // A client that knows no kind of key learns so from the handshake.
        named
            .or_else(|| fit(&self.all, schemes))
            .or_else(|| self.all.first())
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let chosen = match hello.server_name() {
            Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.choose(Some(&name.to_ascii_lowercase()), schemes)
            }
            name => self.choose(name, schemes),
        };
        chosen.cloned()
    }
}

/// The first whose key the client can verify.
fn fit<'a>(
    known: &'a [Arc<CertifiedKey>],
    schemes: &[SignatureScheme],
) -> Option<&'a Arc<CertifiedKey>> {
    known
        .iter()
        .find(|it| it.key.choose_scheme(schemes).is_some())
}
