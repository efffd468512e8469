//! What a listener answers handshakes with.
//!
//! Owns the place where that is published: a handshake loads one pointer, without a lock, and keeps what it found to
//! its end. So new certificates act for new handshakes and for nobody else.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderName;
use rustls::ServerConfig;

/// What a listener answers handshakes with; replaced while it is in use.
#[derive(Debug)]
pub struct Acceptor(ArcSwap<Terms>);

/// What one handshake goes by.
#[derive(Debug)]
pub struct Terms {
    /// Certificates, versions, and whom to believe.
    pub config: Arc<ServerConfig>,
    /// How endpoints are told of a client's certificate, if clients are asked for one.
    pub fields: Option<ClientFields>,
}

/// The fields that tell endpoints of a client's certificate.
#[derive(Clone, Debug)]
pub struct ClientFields {
    /// Whom it names.
    pub subject: HeaderName,
    /// Its SHA-256.
    pub fingerprint: HeaderName,
}

impl Acceptor {
    /// One that begins with these.
    #[must_use]
    pub fn new(terms: Arc<Terms>) -> Self {
        Self(ArcSwap::new(terms))
    }

    /// What a handshake that begins now goes by.
    #[must_use]
    pub fn current(&self) -> Arc<Terms> {
        self.0.load_full()
    }

    /// Handshakes that begin from now on go by these.
    pub(super) fn replace(&self, terms: Arc<Terms>) {
        self.0.store(terms);
    }
}
