//! What a listener's handshakes go by, made of its keys in the file and of what stands in the files named there.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs::Ticketer},
    server::{
        NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier,
    },
};

use super::{
    acceptor::{ClientFields, Terms},
    alpn,
    fault::{Fault, Flaw, Role},
    keyring::Keyring,
    resolver::Resolver,
};
use crate::config::tls::{ClientAuth, ClientAuthMode, ListenerTls, TlsVersion};

/// The terms of one listener, and whom it believes.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) terms: Arc<Terms>,
    /// Whoever was believed under other conditions must prove himself anew.
    pub(super) belief: Option<Belief>,
}

/// How clients prove who they are, and to what authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Belief {
    mode: ClientAuthMode,
    authorities: [u8; 32],
}

impl Server {
    pub(super) fn new(
        tls: &ListenerTls,
        ring: &Keyring,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Fault> {
        let versions = match tls.min_version {
            TlsVersion::Tls12 => &[&rustls::version::TLS13, &rustls::version::TLS12][..],
            TlsVersion::Tls13 => &[&rustls::version::TLS13],
        };
        let unusable = |error: rustls::Error| {
            let path = tls.certificates.first().map(|it| it.cert.as_path());
            Fault::new(
                Role::Certificate,
                path.unwrap_or(std::path::Path::new("")),
                Flaw::Unusable(error.to_string()),
            )
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_protocol_versions(versions)
            .map_err(unusable)?;
        let builder = match &tls.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(verifier(clients, ring, provider)?),
        };
        let pairs = tls.certificates.iter().filter_map(|it| ring.pair(it));
        let mut config = builder.with_cert_resolver(Arc::new(Resolver::new(pairs.map(|it| &**it))));
        config.alpn_protocols = alpn::taken(tls.http2);
        // Sessions go into tickets, which any worker can read; a store would be a lock that all of them share.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = ticketer(&config);
        let belief = tls.clients.as_ref().and_then(|clients| {
            let authorities = *ring.authorities(&clients.ca)?.digest();
            Some(Belief {
                mode: clients.mode,
                authorities,
            })
        });
        let fields = tls.clients.as_ref().map(|clients| ClientFields {
            subject: clients.subject_header.clone(),
            fingerprint: clients.fingerprint_header.clone(),
        });
        Ok(Self {
            terms: Arc::new(Terms {
                config: Arc::new(config),
                fields,
            }),
            belief,
        })
    }

    /// The same, with the tickets of `before`, so that sessions can be resumed across the change. Not where clients
    /// were believed otherwise: a ticket says that its bearer was believed, and is not asked by whom.
    pub(super) fn resuming(self, before: &Self) -> Self {
        if self.belief != before.belief {
            return self;
        }
        let mut config = ServerConfig::clone(&self.terms.config);
        config.ticketer = Arc::clone(&before.terms.config.ticketer);
        Self {
            terms: Arc::new(Terms {
                config: Arc::new(config),
                fields: self.terms.fields.clone(),
            }),
            ..self
        }
    }
}

fn verifier(
    clients: &ClientAuth,
    ring: &Keyring,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let unusable = |why: String| Fault::new(Role::Authorities, &clients.ca, Flaw::Unusable(why));
    let authorities = ring
        .authorities(&clients.ca)
        .ok_or_else(|| unusable("it was not read".to_owned()))?;
    let roots = Arc::clone(&authorities.roots);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
    let builder = match clients.mode {
        ClientAuthMode::Required => builder,
        ClientAuthMode::Offered => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| unusable(error.to_string()))
}

/// Tickets whose keys rotate by themselves, every six hours. Without random numbers there are none, and every
/// handshake is a whole one.
fn ticketer(config: &ServerConfig) -> Arc<dyn ProducesTickets> {
    Ticketer::new().unwrap_or_else(|_| Arc::clone(&config.ticketer))
}
