//! What connections to endpoints begin with.
//!
//! Owns the place where that is published: by what the file says of TLS, so that a snapshot, which holds just that,
//! always leads to what was made of it, whichever of the two was published first. A connection loads one pointer.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{ClientConfig, pki_types::ServerName};

use crate::core::tls::UpstreamTls;

/// What handshakes with the endpoints of some pools go by; replaced while it is in use.
#[derive(Debug)]
pub struct Connector {
    config: ArcSwap<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    pub(super) fn new(tls: &UpstreamTls, config: Arc<ClientConfig>) -> Self {
        // A name that the file gives was judged there.
        let given = tls.server_name.clone();
        let server_name = given.and_then(|name| ServerName::try_from(name).ok());
        Self {
            config: ArcSwap::new(config),
            server_name,
        }
    }

    /// What a handshake that begins now goes by.
    #[must_use]
    pub fn current(&self) -> Arc<ClientConfig> {
        self.config.load_full()
    }

    /// The name that the certificate of an endpoint at `addr` must be issued for; `None` if nothing can be.
    #[must_use]
    pub fn server_name(&self, addr: &str) -> Option<ServerName<'static>> {
        self.server_name.clone().or_else(|| {
            let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
            let host = host.trim_matches(['[', ']']).to_owned();
            ServerName::try_from(host).ok()
        })
    }

    pub(super) fn replace(&self, config: Arc<ClientConfig>) {
        self.config.store(config);
    }
}

/// Every connector, by what the file says.
#[derive(Debug, Default)]
pub struct Connectors(ArcSwap<BTreeMap<Arc<UpstreamTls>, Arc<Connector>>>);

impl Connectors {
    /// What was made of `tls`. There always is something: a file is applied only after it was made.
    #[must_use]
    pub fn of(&self, tls: &UpstreamTls) -> Option<Arc<Connector>> {
        self.0.load().get(tls).cloned()
    }

    pub(super) fn known(&self) -> Arc<BTreeMap<Arc<UpstreamTls>, Arc<Connector>>> {
        self.0.load_full()
    }

    pub(super) fn publish(&self, all: BTreeMap<Arc<UpstreamTls>, Arc<Connector>>) {
        self.0.store(Arc::new(all));
    }
}
